"""From an image and a mask to features, everything that recipes share computed once.

Recipes that prepare alike share interpolation, re-segmentation, morphology, local intensity and
statistics; those that differ in dimension only share the counting of texture matrices; filtered
images share the preparation, and sub-bands of one wavelet their passes. Only the lesion's box,
and as much around it as a filter reaches, is ever touched.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.filters.apply import (
    Filter,
    filter_digest,
    reach_voxels,
    response,
    responses,
)
from operandi.imaging.radiomics.intensity_histogram import intensity_histogram_features
from operandi.imaging.radiomics.intensity_volume_histogram import intensity_volume_features
from operandi.imaging.radiomics.local_intensity import local_intensity_features
from operandi.imaging.radiomics.morphology import morphological_features
from operandi.imaging.radiomics.names import FEATURE_NAMES, TEXTURE, FeatureFamily
from operandi.imaging.radiomics.prepare import (
    PEAK_RADIUS_MM,
    PLANAR,
    Image,
    box_of,
    discretize,
    prepare,
)
from operandi.imaging.radiomics.region import Levels, Region
from operandi.imaging.radiomics.settings import (
    Dimension,
    FixedBinNumber,
    FixedBinSize,
    RadiomicsSettings,
)
from operandi.imaging.radiomics.statistics import intensity_statistics
from operandi.imaging.radiomics.texture import texture_features, texture_features_all_dimensions
from operandi.quantities.errors import DataError

Families: TypeAlias = Collection[FeatureFamily]

ALL_FAMILIES: Final = frozenset(FeatureFamily)
RESPONSE_FAMILIES: Final = ALL_FAMILIES - {FeatureFamily.MORPHOLOGY}
"""Of a filtered image: its morphology is the lesion's, whatever the filter."""

_ORDER: Final = {tag: place for place, tag in enumerate(FEATURE_NAMES)}
_NEAR_MM: Final[float] = PEAK_RADIUS_MM
_WHOLE_IMAGE_MM: Final[float] = 1e9
_NO_VOXELS: Final = "re-segmentation left no voxel"
_ARBITRARY: Final = (
    "a filtered image has no unit: its intensity-volume histogram needs a fixed bin number"
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one set of features is made.

    Parameters
    ----------
    settings : RadiomicsSettings
        Of a filtered image, ``discretization`` and ``volume_histogram`` are of the response; the
        rest is of the image before the filter, re-segmentation included (IBSI 2).
    filter : Filter or None
        None for the image as it is.
    """

    settings: RadiomicsSettings
    filter: Filter | None = None

    def __post_init__(self) -> None:
        binning = self.settings.discretization
        if (
            self.filter is not None
            and isinstance(binning, FixedBinSize)
            and binning.start is None
            and not binning.from_minimum
        ):
            raise DataError(
                "A fixed bin size of a filtered image needs a start of its own: the re-segmentation"
                " range is that of the image before the filter.",
                remedy="Discretize responses to a fixed bin number, or give the start.",
            )

    @property
    def digest(self) -> str:
        """SHA-256 of settings and filter."""
        if self.filter is None:
            return self.settings.digest
        text = f"{self.settings.digest} {filter_digest(self.filter)}"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """What the features were computed from.

    Parameters
    ----------
    spacing_mm : tuple of float
        Voxels after interpolation (i, j, k), mm.
    morphology_voxels, intensity_voxels : int
        In the mask as drawn and after re-segmentation.
    mean, minimum, maximum : float or None
        In the intensity mask; None where it is empty.
    levels : int
        Ng; 0 where the intensity mask is empty.
    """

    spacing_mm: tuple[float, float, float]
    morphology_voxels: int
    intensity_voxels: int
    mean: float | None
    minimum: float | None
    maximum: float | None
    levels: int


@dataclass(frozen=True, slots=True)
class Extraction:
    """Features of one region by one recipe.

    Parameters
    ----------
    features : tuple of Feature
        In IBSI's order; of the families asked for.
    recipe : Recipe
        How they were made.
    diagnostics : Diagnostics or None
        None where the filter refused the image.
    """

    features: tuple[Feature, ...]
    recipe: Recipe
    diagnostics: Diagnostics | None

    def value(self, tag: str) -> float | None:
        """Return a feature's value, or None where it is absent.

        Raises
        ------
        KeyError
            If it was not asked for.
        """
        for feature in self.features:
            if feature.tag == tag:
                return feature.value
        raise KeyError(tag)


def extract(
    image: Image,
    mask: Mask | npt.NDArray[np.bool_],
    settings: RadiomicsSettings,
    *,
    families: Families | None = None,
) -> Extraction:
    """Compute the features of a lesion (IBSI 1).

    Parameters
    ----------
    image : Volume, or pair of array (i, j, k) and spacing (i, j, k) in mm
    mask : Mask, or bool array (i, j, k)
        On the same grid.
    settings : RadiomicsSettings
    families : collection of FeatureFamily, optional
        All, if None.

    Returns
    -------
    Extraction
        A feature that cannot be computed is absent with its reason.

    Raises
    ------
    GridMismatchError, DataError, UnsupportedError
        As :func:`~.prepare.prepare` and :func:`~.prepare.discretize` say.

    References
    ----------
    .. [1] IBSI reference manual, arXiv:1612.07003.
    """
    return extract_recipes(image, mask, [Recipe(settings)], families=families)[0]


def extract_filtered(
    image: Image,
    mask: Mask | npt.NDArray[np.bool_],
    settings: RadiomicsSettings,
    filters: Sequence[Filter],
    *,
    families: Families | None = None,
) -> tuple[Extraction, ...]:
    """Compute the features of a lesion in filtered images, which share their preparation (IBSI 2).

    As :func:`extract`, an extraction a filter. Where a filter refuses the image (its voxels are
    not isotropic, values around the lesion not finite) its features are absent for that reason.
    """
    recipes = [Recipe(settings, each) for each in filters]
    return extract_recipes(image, mask, recipes, families=families)


def extract_recipes(
    image: Image,
    mask: Mask | npt.NDArray[np.bool_],
    recipes: Sequence[Recipe],
    *,
    families: Families | None = None,
) -> tuple[Extraction, ...]:
    """Compute features of a lesion by several recipes, in their order; see :func:`extract`."""
    wanted = ALL_FAMILIES if families is None else frozenset(families)
    together: dict[RadiomicsSettings, list[int]] = {}
    for number, recipe in enumerate(recipes):
        together.setdefault(_preparation(recipe.settings), []).append(number)
    found: dict[int, Extraction] = {}
    for preparation, numbers in together.items():
        chosen = [recipes[n] for n in numbers]
        margin_mm = max(_margin_mm(image, recipe) for recipe in chosen)
        region = prepare(image, mask, preparation, margin_mm=margin_mm)
        found.update(zip(numbers, _of_region(region, chosen, wanted), strict=True))
    return tuple(found[n] for n in range(len(recipes)))


def _preparation(settings: RadiomicsSettings) -> RadiomicsSettings:
    """Return the settings less what does not touch the region."""
    planar = settings.dimension in PLANAR
    return replace(
        settings,
        dimension=Dimension.MERGED if planar else Dimension.VOLUME,
        discretization=FixedBinNumber(bins=2),
        volume_histogram=None,
        distance=1,
        dependence_coarseness=0,
    )


def _margin_mm(image: Image, recipe: Recipe) -> float:
    """How much around the mask a recipe needs."""
    if recipe.filter is None:
        return _NEAR_MM
    i, j, k = image.grid.spacing_mm if isinstance(image, Volume) else map(float, image[1])
    target = recipe.settings.spacing_mm
    if target is not None:
        i, j = target[:2]
        k = k if recipe.settings.dimension in PLANAR else target[2]
    try:
        reach = reach_voxels(recipe.filter, spacing_mm=(i, j, k))
    except DataError:  # the filter will refuse the image with the same words
        return _NEAR_MM
    if reach is None:
        return _WHOLE_IMAGE_MM
    # The peak is looked for in the response, so its reach comes on top.
    farthest_mm = max(reach[0] * i, reach[1] * j, reach[2] * k)
    return farthest_mm + _NEAR_MM + max(i, j, k)


def _of_region(
    region: Region, recipes: Sequence[Recipe], wanted: frozenset[FeatureFamily]
) -> list[Extraction]:
    near, box = _near(region)
    plain = [recipe for recipe in recipes if recipe.filter is None]
    found = dict(zip(map(id, plain), _of_values(near, plain, wanted), strict=True))
    by_filter: dict[Filter, list[Recipe]] = {}
    for recipe in recipes:
        if recipe.filter is not None:
            by_filter.setdefault(recipe.filter, []).append(recipe)
    wanted &= RESPONSE_FAMILIES
    for filter_, values in _responses(region, tuple(by_filter), box):
        of_it = by_filter[filter_]
        if isinstance(values, str):
            absent = tuple(
                Feature(tag, None, values)
                for tag, name in FEATURE_NAMES.items()
                if name.family in wanted
            )
            extractions = [Extraction(absent, recipe, None) for recipe in of_it]
        else:
            filtered = Region(values, near.morphology, near.intensity, near.spacing_mm)
            extractions = _of_values(filtered, of_it, wanted)
        found |= dict(zip(map(id, of_it), extractions, strict=True))
    return [found[id(recipe)] for recipe in recipes]


def _near(region: Region) -> tuple[Region, tuple[slice, slice, slice]]:
    """Cut a region down to its mask and the reach of local intensity."""
    tight = box_of(region.morphology)
    if tight is None:
        raise ValueError("a prepared region has voxels")
    i, j, k = (
        slice(max(t.start - m, 0), min(t.stop + m, n))
        for t, n, m in zip(
            tight,
            region.values.shape,
            (int(PEAK_RADIUS_MM / s) + 1 for s in region.spacing_mm),
            strict=True,
        )
    )
    box = (i, j, k)
    near = Region(
        np.ascontiguousarray(region.values[box]),
        np.ascontiguousarray(region.morphology[box]),
        np.ascontiguousarray(region.intensity[box]),
        region.spacing_mm,
    )
    return near, box


def _responses(
    region: Region, filters: Sequence[Filter], box: tuple[slice, slice, slice]
) -> list[tuple[Filter, npt.NDArray[np.float64] | str]]:
    """Filter the region; where a filter refuses, its reason stands for the response."""
    if not filters:
        return []
    i, j, k = ((b.start, b.stop) for b in box)
    bounds = (i, j, k)
    try:
        together = responses(region.values, region.spacing_mm, filters, box=bounds)
        return list(zip(filters, together, strict=True))
    except DataError:
        found: list[tuple[Filter, npt.NDArray[np.float64] | str]] = []
        for each in filters:
            try:
                values = response(region.values, region.spacing_mm, each, box=bounds)
            except DataError as error:
                found.append((each, str(error)))
            else:
                found.append((each, values))
        return found


def _of_values(
    region: Region, recipes: Sequence[Recipe], wanted: frozenset[FeatureFamily]
) -> list[Extraction]:
    """Features of one region by recipes that differ in discretization and texture only."""
    if not recipes:
        return []
    once: tuple[tuple[FeatureFamily, Callable[[Region], tuple[Feature, ...]]], ...] = (
        (FeatureFamily.MORPHOLOGY, morphological_features),
        (FeatureFamily.LOCAL_INTENSITY, local_intensity_features),
        (FeatureFamily.STATISTICS, intensity_statistics),
    )
    shared = tuple(f for family, compute in once if family in wanted for f in compute(region))
    inside = region.intensity if region.intensity.any() else None
    found = region.values[inside] if inside is not None else None
    textures = _Textures(region, recipes)
    extractions = []
    for recipe in recipes:
        settings = _of_response(recipe)
        features = list(shared)
        levels = textures.levels_of(settings)
        if FeatureFamily.INTENSITY_HISTOGRAM in wanted:
            features += intensity_histogram_features(levels)
        if FeatureFamily.INTENSITY_VOLUME_HISTOGRAM in wanted:
            features += _intensity_volume(region, recipe, settings)
        if wanted & TEXTURE:
            of_texture = textures.features_of(settings)
            if not wanted >= TEXTURE:
                of_texture = tuple(f for f in of_texture if FEATURE_NAMES[f.tag].family in wanted)
            features += of_texture
        diagnostics = Diagnostics(
            spacing_mm=region.spacing_mm,
            morphology_voxels=int(np.count_nonzero(region.morphology)),
            intensity_voxels=0 if found is None else found.size,
            mean=None if found is None else float(found.mean()),
            minimum=None if found is None else float(found.min()),
            maximum=None if found is None else float(found.max()),
            levels=levels.count,
        )
        features.sort(key=_in_order)
        extractions.append(Extraction(tuple(features), recipe, diagnostics))
    return extractions


def _in_order(feature: Feature) -> int:
    return _ORDER[feature.tag]


def _of_response(recipe: Recipe) -> RadiomicsSettings:
    """Settings for the values at hand: a response knows nothing of the image's range."""
    if recipe.filter is None:
        return recipe.settings
    return replace(recipe.settings, lower=None, upper=None, outlier_sigmas=None)


def _intensity_volume(
    region: Region, recipe: Recipe, settings: RadiomicsSettings
) -> tuple[Feature, ...]:
    if recipe.filter is not None and not isinstance(settings.volume_histogram, FixedBinNumber):
        return tuple(
            Feature(tag, None, _ARBITRARY)
            for tag, name in FEATURE_NAMES.items()
            if name.family is FeatureFamily.INTENSITY_VOLUME_HISTOGRAM
        )
    return intensity_volume_features(region, settings)


class _Textures:
    """Levels and texture of one region, each computed once."""

    def __init__(self, region: Region, recipes: Sequence[Recipe]) -> None:
        self._region = region
        self._levels: dict[FixedBinNumber | FixedBinSize, Levels] = {}
        self._texture: dict[RadiomicsSettings, tuple[Feature, ...]] = {}
        self._dimensions: dict[RadiomicsSettings, set[Dimension]] = {}
        for recipe in recipes:
            settings = _of_response(recipe)
            self._dimensions.setdefault(_counting(settings), set()).add(settings.dimension)

    def levels_of(self, settings: RadiomicsSettings) -> Levels:
        """Return the levels after the discretization."""
        binning = settings.discretization
        if binning not in self._levels:
            self._levels[binning] = discretize(self._region, settings)
        return self._levels[binning]

    def features_of(self, settings: RadiomicsSettings) -> tuple[Feature, ...]:
        """Return the texture features in the settings' dimension."""
        key = replace(settings, volume_histogram=None)
        if key not in self._texture:
            self._compute(key)
        return self._texture[key]

    def _compute(self, settings: RadiomicsSettings) -> None:
        levels, mask = self.levels_of(settings), self._region.morphology
        if not levels.count:
            self._texture[settings] = tuple(
                Feature(tag, None, _NO_VOXELS)
                for tag, name in FEATURE_NAMES.items()
                if name.family in TEXTURE
            )
        elif len(self._dimensions[_counting(settings)]) == 1:
            self._texture[settings] = texture_features(levels, mask, settings)
        else:
            everywhere = texture_features_all_dimensions(levels, mask, settings)
            for dimension, features in everywhere.items():
                self._texture[replace(settings, dimension=dimension)] = features


def _counting(settings: RadiomicsSettings) -> RadiomicsSettings:
    """Return the settings less what one count of texture matrices serves."""
    return replace(settings, dimension=Dimension.VOLUME, volume_histogram=None)
