"""How well the outline of a region is known, and what that does to the counts inside it.

A sphere of the same volume stands for the region. Its edge is uncertain by the voxels it was drawn
on and the resolution of the image it was drawn in.

References
----------
.. [1] Gear et al., Eur J Nucl Med Mol Imaging 45:2456, 2018 (EANM guidance). The two variances of
   the diameter are those of the guidance; all formulas are derived in decision 0020, because the
   text of the guidance was not at hand.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.integrate import quad

from operandi.quantities.errors import DataError


def sphere_diameter_mm(volume_ml: float) -> float:
    """Diameter of a sphere of *volume_ml*, mm.

    >>> round(sphere_diameter_mm(1.0), 4)
    12.407

    Raises
    ------
    DataError
        If the volume is not positive.
    """
    if not (math.isfinite(volume_ml) and volume_ml > 0):
        raise DataError(f"The volume of the region is {volume_ml:g} mL; needed > 0.")
    return float((6.0e3 * volume_ml / math.pi) ** (1.0 / 3.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeUncertainty:
    """Standard uncertainty of a delineated volume, by what is new in each outline and what is not.

    Parameters
    ----------
    voxel_ml : float, >= 0
        From the voxels it was drawn on, mL: independent between outlines drawn anew.
    resolution_ml : float, >= 0
        From the blur of the image, mL: the same for all outlines drawn in images of one kind.
    """

    voxel_ml: float
    resolution_ml: float

    @property
    def total_ml(self) -> float:
        """Of one outline, mL."""
        return math.hypot(self.voxel_ml, self.resolution_ml)


def volume_uncertainty(
    volume_ml: float, *, voxel_mm: Sequence[float], outline_fwhm_mm: float
) -> VolumeUncertainty:
    """Standard uncertainty of a delineated volume, in its two parts.

    ``u(v) = 3 v u(d) / d`` with ``u(d)^2 = a^2 / 6 + w^2 / (4 ln 2)``: each of the two ends of a
    diameter *d* lies anywhere within a voxel *a* (variance ``a^2 / 12``) and is blurred by a
    Gaussian of full width *w* (variance ``w^2 / (8 ln 2)``). Where an edge falls within a voxel
    differs from outline to outline; how far blur misleads the eye does not.

    Parameters
    ----------
    volume_ml : float, > 0
        *v*.
    voxel_mm : three floats, > 0
        Voxel that the outline was drawn on; *a* is their root mean square.
    outline_fwhm_mm : float, >= 0
        *w*, the resolution of the image the outline was drawn in: of the CT for an outline from
        CT.

    Raises
    ------
    DataError
        If the volume or a voxel is not positive, or the resolution negative.
    """
    if len(voxel_mm) != 3 or not all(side > 0 for side in voxel_mm) or not outline_fwhm_mm >= 0:
        raise DataError(
            f"The outline's uncertainty needs three voxel sides > 0 and a resolution >= 0: got "
            f"{tuple(voxel_mm)} mm and {outline_fwhm_mm:g} mm.",
            remedy="Supply the resolution (full width at half maximum) of the image drawn on.",
        )
    square_mm2 = math.fsum(side * side for side in voxel_mm) / 3.0
    per_mm = 3.0 * volume_ml / sphere_diameter_mm(volume_ml)
    return VolumeUncertainty(
        voxel_ml=per_mm * math.sqrt(square_mm2 / 6.0),
        resolution_ml=per_mm * outline_fwhm_mm / math.sqrt(4.0 * math.log(2.0)),
    )


def density_at(radius_mm: float, *, sphere_mm: float, fwhm_mm: float) -> float:
    """Count density of a uniform sphere seen through a Gaussian, as a share of its own.

    ``(erf((r - x) / s) + erf((r + x) / s)) / 2
    - s / (2 x sqrt(pi)) (exp(-((r - x) / s)^2) - exp(-((r + x) / s)^2))``
    with ``s = sqrt(2) sigma``, *r* the sphere's radius and *x* the place.

    Parameters
    ----------
    radius_mm : float, >= 0
        *x*, from the center.
    sphere_mm : float, > 0
        *r*.
    fwhm_mm : float, > 0
        Full width at half maximum of the Gaussian.
    """
    s = fwhm_mm / (2.0 * math.sqrt(math.log(2.0)))
    if radius_mm < 1e-6 * s:
        q = sphere_mm / s
        return math.erf(q) - 2.0 * q * math.exp(-q * q) / math.sqrt(math.pi)
    inner, outer = (sphere_mm - radius_mm) / s, (sphere_mm + radius_mm) / s
    spread = math.exp(-inner * inner) - math.exp(-outer * outer)
    return 0.5 * (math.erf(inner) + math.erf(outer)) - s * spread / (
        2.0 * radius_mm * math.sqrt(math.pi)
    )


def blurred_share(volume_ml: float, *, fwhm_mm: float) -> float:
    """Share of a uniform sphere's counts that a Gaussian blur leaves within its own outline.

    The recovery coefficient without background and without a fit: 1 without blur.
    """
    radius = sphere_diameter_mm(volume_ml) / 2.0
    if fwhm_mm == 0:
        return 1.0
    counts, _ = quad(
        lambda x: density_at(x, sphere_mm=radius, fwhm_mm=fwhm_mm) * x * x, 0.0, radius
    )
    return float(3.0 * counts / radius**3)


def edge_sensitivity(volume_ml: float, *, fwhm_mm: float, recovery: float) -> float:
    """How counts in a region follow its outline: ``d ln C / d ln v``, a pure number.

    ``phi / (2 R)``, with ``phi / 2`` the count density at the edge of a blurred sphere relative to
    that of the sphere, and *R* the share of the counts that the outline holds. About 1/2 for a
    large region: the density falls to half at the edge. A smaller outline loses fewer counts than
    volume.

    Parameters
    ----------
    volume_ml : float, > 0
        *v* of the region.
    fwhm_mm : float, >= 0
        Resolution of the reconstructed SPECT.
    recovery : float, > 0
        *R*.
    """
    radius = sphere_diameter_mm(volume_ml) / 2.0
    if fwhm_mm < 0 or not recovery > 0:
        raise DataError(
            f"Needed a resolution >= 0 mm and a recovery > 0, got {fwhm_mm:g} mm and {recovery:g}."
        )
    edge = 0.5 if fwhm_mm == 0 else density_at(radius, sphere_mm=radius, fwhm_mm=fwhm_mm)
    return edge / recovery
