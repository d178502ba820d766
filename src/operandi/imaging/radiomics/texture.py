"""All texture features of a region: six matrices, counted once, in the dimension asked for.

Zone and neighborhood families know 2D, 2.5D and 3D only: for them the two 2D dimensions are the
same, and so are the two 2.5D and the two 3D ones.
"""

from collections.abc import Iterable
from typing import Final

from operandi.imaging.radiomics.cooccurrence import COOCCURRENCE
from operandi.imaging.radiomics.distance_zone import DISTANCE_ZONE
from operandi.imaging.radiomics.family import Family
from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.lattice import Flags, Lattice, lattice
from operandi.imaging.radiomics.matrices import Positions, TextureMatrices, texture_matrices
from operandi.imaging.radiomics.neighborhood_dependence import NEIGHBORHOOD_DEPENDENCE
from operandi.imaging.radiomics.neighborhood_difference import NEIGHBORHOOD_DIFFERENCE
from operandi.imaging.radiomics.region import Levels
from operandi.imaging.radiomics.run_length import RUN_LENGTH
from operandi.imaging.radiomics.settings import Dimension, RadiomicsSettings
from operandi.imaging.radiomics.size_zone import SIZE_ZONE
from operandi.quantities.errors import DataError

FAMILIES: Final[tuple[Family, ...]] = (
    COOCCURRENCE,
    RUN_LENGTH,
    SIZE_ZONE,
    DISTANCE_ZONE,
    NEIGHBORHOOD_DIFFERENCE,
    NEIGHBORHOOD_DEPENDENCE,
)

MOST_CELLS: Final = 1 << 25
"""Co-occurrence cells held at a time, 128 MB: slices of many levels are counted in portions."""

_ABSENT: Final = tuple(
    Feature(tag, None, "re-segmentation leaves no voxel")
    for family in FAMILIES
    for tag in family.tags
)

_VOLUME: Final = frozenset({Dimension.VOLUME_AVERAGED, Dimension.VOLUME})
_BY_SLICE: Final = frozenset({Dimension.SLICES_AVERAGED, Dimension.SLICES_MERGED})
_BY_DIRECTION: Final = frozenset(
    {Dimension.SLICES_AVERAGED, Dimension.DIRECTIONS_MERGED, Dimension.VOLUME_AVERAGED}
)


def texture_features(
    levels: Levels, morphology: Flags, settings: RadiomicsSettings
) -> tuple[Feature, ...]:
    """Compute the 95 texture features of IBSI 1 in the dimension of the settings.

    Parameters
    ----------
    levels : Levels, (i, j, k)
        Discretized intensities; slices are planes of constant k.
    morphology : bool array, (i, j, k)
        The morphological mask; distance zones are measured from its edge.
    settings : RadiomicsSettings
        ``dimension``, ``distance`` and ``dependence_coarseness`` matter here.

    Returns
    -------
    tuple of Feature
        Co-occurrence (25), run length (16), size zone (16), distance zone (16), neighborhood
        difference (5) and dependence (17), in this order; all absent where ``levels.count`` is 0.

    Raises
    ------
    DataError
        If levels and mask do not fit one another, a setting is out of its range, or more levels
        occur than matrices can be counted for.

    References
    ----------
    .. [1] IBSI reference manual, arXiv:1612.07003, sections 3.6 to 3.11.
    """
    if levels.count == 0:
        return _ABSENT
    region = _laid_out(levels, morphology, settings)
    dimension = settings.dimension
    portions = _portions(region) if dimension in _BY_SLICE else [region.slices[[0, -1]]]
    planar = dimension not in _VOLUME
    return _features(
        _as_in(dimension, _counted(region, portion, settings, planar=planar))
        for portion in portions
    )


def texture_features_all_dimensions(
    levels: Levels, morphology: Flags, settings: RadiomicsSettings
) -> dict[Dimension, tuple[Feature, ...]]:
    """Compute the texture features in all six dimensions from two counts: by slice, and in space.

    As :func:`texture_features`, whatever ``settings.dimension`` says; 2D and 2.5D share the count
    by slice, and the averaged and the merged dimensions share theirs.
    """
    if levels.count == 0:
        return dict.fromkeys(Dimension, _ABSENT)
    region = _laid_out(levels, morphology, settings)
    whole = region.slices[[0, -1]]
    features = {}
    portions = _portions(region)
    if len(portions) == 1:
        by_slice = _counted(region, portions[0], settings, planar=True)
        merged = by_slice.merged_slices()
    else:
        merged = _counted(region, whole, settings, planar=True)
    volume = _counted(region, whole, settings, planar=False)
    for dimension in Dimension:
        counted: Iterable[TextureMatrices]
        if dimension in _VOLUME:
            counted = [volume]
        elif dimension not in _BY_SLICE:
            counted = [merged]
        elif len(portions) == 1:
            counted = [by_slice]
        else:
            counted = (_counted(region, portion, settings, planar=True) for portion in portions)
        features[dimension] = _features(_as_in(dimension, matrices) for matrices in counted)
    return features


def _laid_out(levels: Levels, morphology: Flags, settings: RadiomicsSettings) -> Lattice:
    if settings.distance < 1 or settings.dependence_coarseness < 0:
        raise DataError(
            "Texture needs a distance of at least 1 voxel and a dependence coarseness of at least "
            f"0, got {settings.distance} and {settings.dependence_coarseness}."
        )
    return lattice(levels, morphology, margin=settings.distance)


def _portions(region: Lattice) -> list[Positions]:
    """Slices in portions whose matrices fit in memory together; neighbors share a bound."""
    number = len(region.slices) - 1
    at_once = max(1, MOST_CELLS // (4 * len(region.gray) ** 2))
    return [region.slices[s : s + at_once + 1] for s in range(0, number, at_once)]


def _counted(
    region: Lattice, groups: Positions, settings: RadiomicsSettings, *, planar: bool
) -> TextureMatrices:
    return texture_matrices(
        region,
        groups,
        planar=planar,
        distance=settings.distance,
        dependence_coarseness=settings.dependence_coarseness,
    )


def _as_in(dimension: Dimension, matrices: TextureMatrices) -> TextureMatrices:
    return matrices if dimension in _BY_DIRECTION else matrices.merged_directions()


def _features(portions: Iterable[TextureMatrices]) -> tuple[Feature, ...]:
    """Features of portions that are counted one after another, then averaged together."""
    values = [[family.values(matrices) for family in FAMILIES] for matrices in portions]
    return tuple(
        feature
        for family, parts in zip(FAMILIES, zip(*values, strict=True), strict=True)
        for feature in family.averaged(parts)
    )
