"""Solid organs of the abdomen, bile and the vessels between them.

The portal vein is 15.5 mm wide in healthy donors (CT, 191 donors); other vessels as recalled.
"""

import numpy as np

from operandi.simulation.anatomy.frame import Frame
from operandi.simulation.scenes.scene import Ellipsoid, HalfSpace, Part, Point, Shape, Tube

_SIDES = (("left", 1.0), ("right", -1.0))


def liver_parts(frame: Frame) -> tuple[Part, ...]:
    """Right lobe beneath the dome, wedge of the left lobe, flat visceral face."""
    of = "liver"
    shape = Shape(
        parts=(
            frame.ellipsoid((-68, 0.0, 48.0), (62.0, 80.0, 78.0), exponent=2.4, of=of),
            frame.ellipsoid((-90.0, 10.0, -12.0), (36.0, 54.0, 62.0), of=of),
            frame.ellipsoid((-2.0, -40.0, 55.0), (50.0, 40.0, 46.0), of=of),
            frame.ellipsoid(
                (42.0, -50.0, 66.0), (26.0, 22.0, 48.0), long=(0.95, -0.05, 0.22), of=of
            ),
        ),
        without=(
            HalfSpace(point=frame.at((-14.0, 4.0, 16.0), of=of), normal=(-0.52, -0.36, 0.775)),
            # Bed of the spine and the crura.
            frame.tube((2.0, 44.0, -80.0, 42.0), (4.0, 48.0, 140.0, 46.0), of=of),
        ),
        within=(beneath_ribs(frame),),
        blend_mm=14.0,
    )
    return (Part(name="liver", organ="liver", tissue="liver", shape=shape),)


def beneath_ribs(frame: Frame) -> Ellipsoid:
    """What the ribs leave to the organs beneath them."""
    return frame.ellipsoid((0.0, 0.0, 60.0), (131.0, 81.0, 260.0), exponent=2.5)


def gallbladder_parts(frame: Frame) -> tuple[Part, ...]:
    """Gallbladder beneath the liver and the common bile duct."""
    of = "liver"
    bladder = frame.tube(
        (-38.0, -26.0, 14.0, 5.0), (-47.0, -40.0, 0.0, 10.0), (-54.0, -54.0, -20.0, 14.0), of=of
    )
    duct = frame.tube((-36.0, -14.0, 28.0, 2.6), (-30.0, -4.0, 0.0, 2.6), (-38.0, -4.0, -28.0, 2.4))
    return (
        Part(name="gallbladder", organ="gallbladder", tissue="bile", shape=Shape(parts=(bladder,))),
        Part(name="bile_duct", organ="bile_duct", tissue="bile", shape=Shape(parts=(duct,))),
    )


def spleen_parts(frame: Frame) -> tuple[Part, ...]:
    """Along the tenth rib at the left back, hollow towards the stomach."""
    of = "spleen"
    shape = Shape(
        parts=(
            frame.ellipsoid((99.0, 36.0, 58.0), (24.0, 40.0, 58.0), long=(0.1, -0.42, -0.9), of=of),
        ),
        within=(beneath_ribs(frame),),
        without=(frame.ellipsoid((56.0, -2.0, 62.0), (36.0, 46.0, 62.0), of=of),),
    )
    return (Part(name="spleen", organ="spleen", tissue="spleen", shape=shape),)


def kidney_parts(frame: Frame, *, side: str) -> tuple[Part, ...]:
    """Cortex, pyramids of medulla, fat of the sinus and the pelvis with urine."""
    x = 1.0 if side == "left" else -1.0
    of = f"kidney_{side}"
    center = (x * 60.0, 36.0, -4.0 if side == "left" else -19.0)
    long = (-x * 0.24, 0.2, 0.95)
    upright = frame.ellipsoid(center, (26.0, 26.0, 56.0), long=long, of=of)
    first, second, third = (np.array(axis) for axis in upright.axes)
    medial = -x * first

    def near(inward: float, forward: float, up: float) -> Point:
        at = np.array(upright.center) + frame.size * (
            inward * medial - forward * second + up * third
        )
        return float(at[0]), float(at[1]), float(at[2])

    def blob(at: Point, *semi: float) -> Ellipsoid:
        a, b, c = (frame.size * one for one in semi)
        return Ellipsoid(center=at, semi_axes=(a, b, c), axes=upright.axes)

    pyramids = [
        blob(near(-4.0 + 0.05 * abs(up), forward, up), 8.5, 6.5, 7.5)
        for up in (-28.0, -10.0, 10.0, 28.0)
        for forward in (-12.0, 12.0)
    ]
    pyramids += [blob(near(-13.0, 0.0, up), 6.0, 8.0, 7.5) for up in (-19.0, 0.0, 19.0)]
    pyramids += [blob(near(2.0, 0.0, up), 8.0, 8.0, 8.0) for up in (-38.0, 38.0)]
    notch = blob(near(34.0, 10.0, 0.0), 18.0, 14.0, 20.0)
    return (
        _part(f"kidney_{side}", of, "kidney_cortex", Shape(parts=(upright,), without=(notch,))),
        _part(f"kidney_{side}_medulla", of, "kidney_medulla", Shape(parts=tuple(pyramids))),
        _part(
            f"kidney_{side}_sinus",
            "fat",
            "fat",
            Shape(
                parts=(
                    blob(near(7.0, 2.0, 0.0), 9.0, 8.0, 25.0),
                    blob(near(18.0, 5.0, 0.0), 10.0, 9.0, 14.0),
                ),
                blend_mm=5.0,
            ),
        ),
        _part(
            f"kidney_{side}_pelvis",
            f"renal_pelvis_{side}",
            "urine",
            Shape(parts=(blob(near(12.0, 4.0, -2.0), 8.0, 4.0, 9.0),)),
        ),
    )


def adrenal_parts(frame: Frame, *, side: str) -> tuple[Part, ...]:
    """A body with two limbs, above and before the kidney."""
    if side == "left":
        limbs = (
            frame.tube((31.0, 14.0, 46.0, 4.2), (34.0, 22.0, 31.0, 3.8), (38.0, 26.0, 28.0, 2.8)),
            frame.tube((31.0, 14.0, 46.0, 4.2), (29.0, 26.0, 33.0, 3.6), (27.0, 34.0, 28.0, 2.8)),
        )
    else:
        limbs = (
            frame.tube((-30.0, 28.0, 64, 4.2), (-36.0, 33.0, 46.0, 3.8), (-40.0, 38.0, 44.0, 2.8)),
            frame.tube((-30.0, 28.0, 64, 4.2), (-31.0, 37.0, 46.0, 3.6), (-31.0, 45.0, 44.0, 2.8)),
        )
    name = f"adrenal_{side}"
    return (_part(name, name, "adrenal", Shape(parts=limbs, blend_mm=1.0)),)


def pancreas_parts(frame: Frame) -> tuple[Part, ...]:
    """Head in the duodenum, neck before the portal vein, body over the spine, tail to spleen."""
    of = "pancreas"
    gland = frame.tube(
        (-34.0, -12.0, -36.0, 10.0),
        (-33.0, -14.0, -20.0, 14.0),
        (-24.0, -20.0, -4.0, 12.5),
        (-8.0, -27.0, 4.0, 8.5),
        (12.0, -25.0, 12.0, 9.5),
        (34.0, -14.0, 18.0, 9.5),
        (56.0, 4.0, 26.0, 9.5),
        (76.0, 20.0, 36.0, 8.5),
        of=of,
    )
    hook = frame.tube(
        (-30.0, -8.0, -30.0, 10.0), (-18.0, -6.0, -34.0, 8.0), (-5.0, -5.0, -34.0, 5.0), of=of
    )
    return (
        _part("pancreas", "pancreas", "pancreas", Shape(parts=(gland,))),
        _part("pancreas_uncinate", "pancreas", "pancreas_uncinate", Shape(parts=(hook,))),
    )


def abdominal_vessel_parts(frame: Frame) -> tuple[Part, ...]:
    """Portal, splenic and mesenteric veins, hepatic veins, visceral arteries, renal vessels."""
    of = "pancreas"
    portal = (
        frame.tube(
            (-8.0, -18.0, -80.0, 4.5),
            (-9.0, -18.0, -20.0, 5.5),
            (-11.0, -17.0, 0.0, 6.5),
            (-22.0, -12.0, 20.0, 7.0),
            (-34.0, -10.0, 34.0, 6.5),
            of=of,
        ),
        frame.tube(
            (-11.0, -17.0, 0.0, 4.5),
            (14.0, -15.0, 10.0, 4.2),
            (36.0, -3.0, 17.0, 4.0),
            (58.0, 13.0, 25.0, 4.0),
            (84.0, 30.0, 42.0, 3.5),
            of=of,
        ),
    )
    branches = (
        frame.tube(
            (-34.0, -10.0, 34.0, 6.0), (-62.0, -6.0, 42.0, 5.0), (-92.0, 6.0, 40.0, 3.0), of="liver"
        ),
        frame.tube((-62.0, -6.0, 42.0, 4.0), (-78.0, -30.0, 62.0, 2.5), of="liver"),
        frame.tube(
            (-34.0, -10.0, 34.0, 5.0),
            (-14.0, -26.0, 46.0, 4.0),
            (10.0, -44.0, 54.0, 2.8),
            of="liver",
        ),
    )
    arteries = (
        frame.tube((8.0, -4.0, 18.0, 3.2), (2.0, -12.0, 16.0, 3.0), (-22.0, -20.0, 22.0, 2.4)),
        frame.tube((8.0, -4.0, 4.0, 3.5), (2.0, -13.0, -20.0, 3.2), (-2.0, -15.0, -90.0, 2.6)),
    )
    renal = [
        frame.tube(
            (x * 6.0, 2.0, -8.0, 4.0), (x * 22.0, 12.0, -10.0, 3.5), (x * 40.0, 26.0, -12.0, 3.0)
        )
        for _, x in _SIDES
    ]
    return (
        _part("hepatic_veins", "hepatic_veins", "blood", Shape(parts=hepatic_veins(frame))),
        _part("portal_branches", "portal_vein", "blood", Shape(parts=branches)),
        _part("portal_vein", "portal_vein", "blood", Shape(parts=portal)),
        _part("visceral_arteries", "visceral_arteries", "blood", Shape(parts=arteries)),
        _part("renal_vessels", "renal_vessels", "blood", Shape(parts=tuple(renal))),
    )


def hepatic_veins(frame: Frame) -> tuple[Tube, ...]:
    """Right, middle and left hepatic vein, from the cava outwards."""
    of = "liver"
    return (
        frame.tube(
            (-26.0, 4.0, 98.0, 5.5), (-66.0, 22.0, 76.0, 4.5), (-92.0, 24.0, 34.0, 3.0), of=of
        ),
        frame.tube(
            (-26.0, 0.0, 98.0, 5.0), (-42.0, -28.0, 76.0, 4.0), (-52.0, -48.0, 36.0, 2.8), of=of
        ),
        frame.tube(
            (-22.0, -2.0, 98.0, 5.0), (-4.0, -28.0, 84.0, 4.0), (16.0, -50.0, 66.0, 2.8), of=of
        ),
    )


def _part(name: str, organ: str, tissue: str, shape: Shape) -> Part:
    return Part(name=name, organ=organ, tissue=tissue, shape=shape)
