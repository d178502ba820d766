"""Bladder and womb or prostate. Sizes other than the bladder's are assumed."""

from operandi.simulation.anatomy.frame import Frame
from operandi.simulation.scenes.scene import Ellipsoid, Part, Shape


def bladder_parts(frame: Frame) -> tuple[Part, ...]:
    """Behind the pubic bones, full of urine."""
    shape = Shape(
        parts=(
            frame.ellipsoid(
                (0.0, -22.0, -228.0), (36.0, 30.0, 32.0), exponent=2.2, of="urinary_bladder"
            ),
        )
    )
    return (Part(name="urinary_bladder", organ="urinary_bladder", tissue="urine", shape=shape),)


def pelvic_organ_parts(frame: Frame) -> tuple[Part, ...]:
    """Womb with ovaries, or prostate with seminal vesicles."""
    if frame.female:
        pieces: tuple[Ellipsoid, ...] = (
            frame.ellipsoid((0.0, 8.0, -208.0), (24.0, 18.0, 30.0), long=(0.0, -0.55, 0.84)),
            frame.ellipsoid((0.0, 18.0, -242.0), (13.0, 13.0, 18.0)),
            frame.ellipsoid((44.0, 14.0, -196.0), (14.0, 10.0, 12.0)),
            frame.ellipsoid((-44.0, 14.0, -196.0), (14.0, 10.0, 12.0)),
        )
    else:
        pieces = (
            frame.ellipsoid((0.0, 4.0, -270.0), (23.0, 16.0, 19.0)),
            frame.ellipsoid((17.0, 18.0, -246.0), (15.0, 6.0, 7.0)),
            frame.ellipsoid((-17.0, 18.0, -246.0), (15.0, 6.0, 7.0)),
        )
    shape = Shape(parts=pieces, blend_mm=3.0)
    return (Part(name="pelvic_organ", organ="pelvic_organ", tissue="pelvic_organ", shape=shape),)
