"""Lungs, heart, airways and gullet, and the great vessels from the arch to the groin.

The vena cava measures 16.3 by 25.8 mm at the renal veins (Cureus 14:e31845, 2022): drawn round, of
the same area. The aorta narrows from about 25 mm at the diaphragm to 19 mm at its fork (recalled).
"""

from operandi.simulation.anatomy.frame import Frame
from operandi.simulation.scenes.scene import Ellipsoid, Part, Shape

_SIDES = (("left", 1.0), ("right", -1.0))


def lung_parts(frame: Frame) -> dict[str, tuple[Part, ...]]:
    """Each lung, above the domes of the diaphragm and beside the mediastinum."""
    domes = (
        frame.ellipsoid((-66.0, -4.0, 15.0), (76.0, 87.0, 104.0), exponent=2.3),
        frame.ellipsoid((62.0, 0.0, 8.0), (76.0, 88.0, 102.0), exponent=2.3),
        frame.tube((0.0, 10.0, 60.0, 30.0), (0.0, 10.0, 340.0, 18.0)),
    )
    lungs: dict[str, tuple[Part, ...]] = {}
    for side, x in _SIDES:
        shape = Shape(
            parts=(
                frame.ellipsoid((x * 70.0, 3.0, 128.0), (62.0, 85.0, 128.0), exponent=2.2),
                frame.ellipsoid((x * 56.0, 6.0, 240.0), (50.0, 64, 92.0), exponent=2.2),
            ),
            without=domes,
            blend_mm=20.0,
        )
        lungs[f"lung_{side}"] = (
            Part(name=f"lung_{side}", organ=f"lung_{side}", tissue="lung", shape=shape),
        )
    return lungs


def airway_parts(frame: Frame) -> tuple[Part, ...]:
    """Gullet, windpipe and main bronchi."""
    gullet = frame.tube(
        (0.0, 22.0, 345.0, 7.0),
        (2.0, 30.0, 250.0, 7.0),
        (8.0, 26.0, 150.0, 8.0),
        (30.0, 12.0, 92.0, 8.0),
    )
    airway = (
        frame.tube((0.0, 6.0, 400.0, 8.5), (0.0, 14.0, 245.0, 8.5)),
        frame.tube((0.0, 14.0, 245.0, 7.0), (-32.0, 16.0, 215.0, 6.0)),
        frame.tube((0.0, 14.0, 245.0, 6.5), (38.0, 18.0, 212.0, 5.5)),
    )
    return (
        Part(name="esophagus", organ="esophagus", tissue="muscle", shape=Shape(parts=(gullet,))),
        Part(
            name="trachea", organ="trachea", tissue="gas", shape=Shape(parts=airway, blend_mm=3.0)
        ),
    )


def heart_parts(frame: Frame) -> tuple[Part, ...]:
    """Muscle of both ventricles and thin atria, then their blood; all of it is the heart."""
    of = "heart"
    axis = (-0.62, 0.52, 0.59)  # from the apex to the base
    muscle = Shape(
        parts=(
            frame.ellipsoid((32.0, -27.0, 154.0), (37.0, 37.0, 55.0), long=axis, of=of),
            frame.ellipsoid((0.0, -43.0, 153.0), (31.0, 33.0, 52.0), long=axis, of=of),
            frame.ellipsoid((-32.0, -20.0, 172.0), (26.0, 29.0, 33.0), of=of),
            frame.ellipsoid((6.0, 4.0, 184.0), (34.0, 22.0, 25.0), of=of),
        ),
        within=(behind_sternum(frame),),
        blend_mm=10.0,
    )
    blood = Shape(
        parts=(
            frame.ellipsoid((31.0, -26.0, 155.0), (25.0, 25.0, 42.0), long=axis, of=of),
            frame.ellipsoid((-2.0, -43.0, 154.0), (27.0, 29.0, 46.0), long=axis, of=of),
            frame.ellipsoid((-32.0, -20.0, 172.0), (23.5, 26.5, 30.5), of=of),
            frame.ellipsoid((6.0, 4.0, 184.0), (31.5, 19.5, 22.5), of=of),
        ),
        within=(behind_sternum(frame),),
    )
    septum = Shape(
        parts=(frame.ellipsoid((14.0, -36.0, 153.0), (5.0, 29.0, 42.0), long=axis, of=of),)
    )
    return (
        Part(name="heart", organ="heart", tissue="myocardium", shape=muscle),
        Part(name="heart_blood", organ="heart", tissue="blood", shape=blood),
        Part(name="heart_septum", organ="heart", tissue="myocardium", shape=septum),
    )


def behind_sternum(frame: Frame) -> Ellipsoid:
    """What ribs and sternum leave to the heart."""
    return frame.ellipsoid((0.0, 0.0, 120.0), (126.0, 82.0, 210.0), exponent=2.6)


def great_vessel_parts(frame: Frame) -> tuple[Part, ...]:
    """Aorta with its fork, both cavae, pulmonary trunk; arteries and veins to the groin."""
    aorta = (
        frame.tube(
            (4.0, -16.0, 192.0, 14.0),
            (-12.0, -20.0, 222.0, 15.0),
            (-4.0, -10.0, 252.0, 14.5),
            (12.0, 8.0, 264.0, 13.0),
            (24.0, 26.0, 248.0, 12.5),
            (24.0, 32.0, 180.0, 12.0),
            (16.0, 24.0, 100.0, 11.5),
            (10.0, 12.0, 50.0, 11.0),
            (8.0, 6.0, 0.0, 10.0),
            (7.0, 4.0, -60.0, 9.5),
            (3.0, 6.0, -92.0, 9.0),
        ),
    )
    cava = (
        frame.tube(
            (-16.0, 14.0, -112.0, 10.0),
            (-20.0, 6.0, -55.0, 10.0),
            (-22.0, 5.0, 0.0, 10.3),
            (-24.0, 8.0, 50.0, 10.5),
            (-24.0, 2.0, 100.0, 11.0),
            (-28.0, -12.0, 140.0, 12.0),
        ),
        frame.tube(
            (-31.0, -18.0, 190.0, 10.0), (-33.0, -12.0, 225.0, 9.5), (-30.0, -12.0, 275.0, 9.0)
        ),
    )
    arteries, veins = [], []
    for _, x in _SIDES:
        arteries.append(
            frame.tube(
                (3.0, 6.0, -90.0, 6.5),
                (x * 36.0, 20.0, -140.0, 5.5),
                (x * 62.0, 2.0, -190.0, 4.8),
                (x * 74.0, -48.0, -245.0, 4.5),
                (x * 84.0, -40.0, -420.0, 4.0),
            )
        )
        veins.append(
            frame.tube(
                (-16.0, 14.0, -110.0, 7.5),
                (x * 36.0, 30.0, -146.0, 7.0),
                (x * 58.0, 12.0, -192.0, 6.0),
                (x * 64, -44.0, -248.0, 5.5),
                (x * 78.0, -30.0, -420.0, 5.0),
            )
        )
    lungs = (
        frame.tube(
            (14.0, -36.0, 190.0, 13.0), (12.0, -16.0, 224.0, 12.5), (-42.0, 6.0, 216.0, 8.0)
        ),
        frame.tube((12.0, -16.0, 224.0, 11.0), (48.0, 14.0, 224.0, 8.0)),
    )
    return (
        _blood("pulmonary_trunk", "pulmonary_trunk", Shape(parts=lungs, blend_mm=3.0)),
        _blood("vena_cava", "vena_cava", Shape(parts=cava)),
        _blood("aorta", "aorta", Shape(parts=aorta)),
        _blood("iliac_veins", "iliac_vessels", Shape(parts=tuple(veins))),
        _blood("iliac_arteries", "iliac_vessels", Shape(parts=tuple(arteries))),
    )


def _blood(name: str, organ: str, shape: Shape) -> Part:
    return Part(name=name, organ=organ, tissue="blood", shape=shape)
