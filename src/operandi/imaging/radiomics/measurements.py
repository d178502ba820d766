"""Features as measurements: with subject, unit, uncertainty and the settings they came from.

A kind a feature and map, made from the registry of names: its unit follows from the map's, so that
a mean SUV and a mean ADC are different kinds, in the one unit of each.
"""

import functools
from collections.abc import Mapping
from typing import Final

from operandi.domain.identity import Digest, TimepointCode
from operandi.domain.measurement import Measurement, Subject, Uncertainty
from operandi.imaging.radiomics.extract import Extraction, Recipe
from operandi.imaging.radiomics.filters.apply import Filter
from operandi.imaging.radiomics.names import FEATURE_NAMES, aggregated_tag
from operandi.imaging.radiomics.response_names import response_name
from operandi.imaging.radiomics.settings import Dimension, FixedBinNumber
from operandi.quantities.kinds import Kind

UNKNOWN: Final = Uncertainty(None, "repeatability not determined")
"""Until a test-retest or perturbation says how far the feature moves."""

VERSION: Final = "1"
"""Raised where the same settings would give other numbers."""


_AT_VOLUME: Final = frozenset(("ivh_i10", "ivh_i90", "ivh_diff_i10_i90"))
"""Intensities of the intensity-volume histogram: levels, where that has a fixed bin number."""


def unit_of(tag: str, intensity: str, recipe: Recipe) -> str:
    """Return the unit of a feature by a recipe, of a map in a unit.

    A response has none (``"1"``): what a filter leaves of the map's unit depends on its kernel.
    Nor have the levels that a histogram with a fixed bin number gives in place of intensities.

    Parameters
    ----------
    tag : str
        IBSI's tag.
    intensity : str
        The map's unit.
    recipe : Recipe
        How the feature was made.
    """
    without = recipe.filter is not None or gives_levels(tag, recipe)
    return FEATURE_NAMES[tag].unit_in("1" if without else intensity)


def gives_levels(tag: str, recipe: Recipe) -> bool:
    """Whether a feature is a level's number and no intensity, so that it bears no unit."""
    return tag in _AT_VOLUME and isinstance(recipe.settings.volume_histogram, FixedBinNumber)


@functools.lru_cache(maxsize=65536)
def kind_of(
    tag: str,
    image: Kind,
    *,
    dimension: Dimension,
    filter_: Filter | None = None,
    levels: bool = False,
) -> Kind:
    """Return the kind of a feature of a map.

    Parameters
    ----------
    tag : str
        IBSI's tag.
    image : Kind
        Of the map; its unit stands in the feature's.
    dimension : Dimension
        A texture feature is another number in another dimension.
    filter_ : Filter, optional
        Of a filtered map; its responses have no unit.
    levels : bool
        Of the intensity-volume histogram: a level and no intensity.

    Examples
    --------
    >>> from operandi.quantities.kinds import SUV_BODY_WEIGHT
    >>> kind_of("cm_contrast", SUV_BODY_WEIGHT, dimension=Dimension.VOLUME).name
    'RADIOMICS_SUV_BODY_WEIGHT_CM_CONTRAST_3D_COMB'
    >>> kind_of("stat_var", SUV_BODY_WEIGHT, dimension=Dimension.VOLUME).unit
    '(g/mL)2'
    """
    name = FEATURE_NAMES[tag]
    parts = ["RADIOMICS", image.name, aggregated_tag(tag, dimension)]
    title = f"{name.family.term}: {name.title}"
    if filter_ is not None:
        response = response_name(filter_)
        parts.insert(2, response)
        title = f"{title}, {response}"
    if levels:
        parts.append("level")
        title = f"{title}, as a level"
    unit = "1" if levels or filter_ is not None else image.unit
    code = "_".join(parts).upper().replace(".", "_").replace("-", "_")
    return Kind(code, title, name.unit_in(unit))


def as_measurements(
    extraction: Extraction,
    *,
    subject: Subject,
    timepoint: TimepointCode,
    image: Kind,
    inputs: tuple[Digest, ...],
    uncertainties: Mapping[str, Uncertainty] | None = None,
) -> tuple[Measurement, ...]:
    """Turn an extraction into measurements.

    Parameters
    ----------
    extraction : Extraction
    subject, timepoint
        Whose lesion, and when.
    image : Kind
        Of the map.
    inputs : tuple of Digest
        Of image and mask.
    uncertainties : mapping of tag to Uncertainty, optional
        From repetition or perturbation; a feature that has none there is of unknown repeatability.

    Returns
    -------
    tuple of Measurement
        One a feature; the method names the digest of the settings, so that two settings never
        give the same id.
    """
    recipe = extraction.recipe
    known = uncertainties or {}
    return tuple(
        Measurement(
            subject=subject,
            timepoint=timepoint,
            kind=kind_of(
                feature.tag,
                image,
                dimension=recipe.settings.dimension,
                filter_=recipe.filter,
                levels=gives_levels(feature.tag, recipe),
            ),
            value=feature.value,
            absent=feature.absent,
            uncertainty=known.get(feature.tag, UNKNOWN),
            method=f"radiomics, settings {recipe.digest[:12]}",
            version=VERSION,
            inputs=inputs,
        )
        for feature in extraction.features
    )
