"""What lies in the scanner: shapes, each of one tissue, painted in order onto any grid.

``Shape`` is geometry alone, ``Tissue`` what scanners see of a material, ``Scene`` a person in one
position on one day. ``paint`` (``painting.py``) tells how much of each voxel is which tissue;
every signal is a sum of those shares times the signal of the tissue.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Point = tuple[float, float, float]
"""Patient LPS, mm. The origin lies in the body's axis at the disc between L1 and L2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """An ellipsoid; ``exponent`` above 2 makes it boxier.

    Parameters
    ----------
    center, semi_axes : Point
        mm.
    axes : three Point, optional
        Unit vectors of the semi-axes, right-handed; along x, y, z by default.
    exponent : float, 2 to 6
    """

    center: Point
    semi_axes: Point
    axes: tuple[Point, Point, Point] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    exponent: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """A chain of round cones: vessels, gut, ribs, arms.

    Parameters
    ----------
    points : tuple of Point, at least 2
        Along the middle.
    radii : tuple of float
        One a point, mm.
    """

    points: tuple[Point, ...]
    radii: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfSpace:
    """All that lies on the side of ``point`` that ``normal`` points away from."""

    point: Point
    normal: Point


Primitive = Ellipsoid | Tube | HalfSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Union of ``parts``, within every one of ``within``, outside every one of ``without``.

    Parameters
    ----------
    parts : tuple of Primitive, at least 1
        Ellipsoids and tubes.
    within, without : tuple of Primitive
    blend_mm : float, >= 0
        Over what distance the union of parts is smooth.
    lobulation : float, 0 to 0.3
        Relative amplitude of a smooth random bulging of the surface of an ellipsoid (lesions).
    lobulation_seed : int
    """

    parts: tuple[Primitive, ...]
    within: tuple[Primitive, ...] = ()
    without: tuple[Primitive, ...] = ()
    blend_mm: float = 0.0
    lobulation: float = 0.0
    lobulation_seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """What scanners see of a material; each value in the unit of its name.

    Parameters
    ----------
    suv : float
        68Ga-DOTATOC an hour after injection, by body weight, g/mL.
    mu_per_cm : float
        Linear attenuation at 511 keV.
    proton_density : float
        Relative to water.
    t1_ms, t2_ms, t2_star_ms : float
        Of water, at 3 T.
    fat_fraction : float, 0 to 1
        Of the protons.
    adc_mm2_s, perfusion_fraction, pseudo_diffusion_mm2_s : float
        IVIM: ``(1 - f) exp(-b D) + f exp(-b D*)``.
    ktrans_per_min, ve, vp : float
        Extended Tofts.
    stiffness_kpa : float
        Magnitude of the complex shear modulus at 60 Hz.
    loss_angle_rad : float
        Its phase.
    susceptibility_ppm : float
        Relative to water.
    """

    suv: float
    mu_per_cm: float
    proton_density: float
    t1_ms: float
    t2_ms: float
    t2_star_ms: float
    fat_fraction: float
    adc_mm2_s: float
    perfusion_fraction: float
    pseudo_diffusion_mm2_s: float
    ktrans_per_min: float
    ve: float
    vp: float
    stiffness_kpa: float
    loss_angle_rad: float
    susceptibility_ppm: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """A correlated random field of mean 1 that multiplies the uptake of a part.

    Parameters
    ----------
    cv : float
        Coefficient of variation.
    correlation_mm : float
    seed : int
    """

    cv: float
    correlation_mm: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A shape of one tissue.

    Parameters
    ----------
    name : str
        Unique in a scene: ``"liver"``, ``"rib_left_7"``, ``"OP-001-L2"``.
    organ : str
        What it counts to in label maps; equal for parts of one organ.
    tissue : str
        Key into ``Scene.tissues``.
    shape : Shape
    texture : Texture, optional
    """

    name: str
    organ: str
    tissue: str
    shape: Shape
    texture: Texture | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """How far a person's organs move.

    Parameters
    ----------
    diaphragm_mm : float, >= 0
        From end-expiration to end-inspiration, downwards, at the dome of the liver.
    forward_mm : float, >= 0
        The same, of the abdominal wall to the front.
    heart_mm : float, >= 0
        Inward motion of the ventricles' wall from end-diastole to end-systole.
    heart_center : Point
        Of the ventricles.
    heart_radius_mm : float
        Of the ventricles' wall; the heart's own motion ends at twice this.
    chest_mm : (float, float)
        Half width and half depth of the rib cage's inside at the domes; there organs slide.
    spine_y_mm : float
        Of the middle of the vertebral bodies, behind the origin.
    """

    diaphragm_mm: float
    forward_mm: float
    heart_mm: float
    heart_center: Point = (25.0, -35.0, 185.0)
    heart_radius_mm: float = 40.0
    chest_mm: tuple[float, float] = (145.0, 100.0)
    spine_y_mm: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How a person lies today, as a rigid motion of the body about the origin.

    Parameters
    ----------
    shift_mm : Point
        Of the body, along x, y and z.
    turn_degree : Point
        About x, y and z, in this order.
    """

    shift_mm: Point = (0.0, 0.0, 0.0)
    turn_degree: Point = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A person in one position on one day.

    Parameters
    ----------
    parts : tuple of Part
        Where two overlap, the later one fills the voxel.
    tissues : mapping of str to Tissue
    motion : Motion
        All shapes are those of end-expiration and end-diastole.
    pose : Pose
        Applied to all shapes when they are painted.
    """

    parts: tuple[Part, ...]
    tissues: Mapping[str, Tissue]
    motion: Motion
    pose: Pose
