"""What each feature is called: IBSI's tag and permanent code, our title, other programs' names.

``names.csv`` beside this module holds a line a feature. Codes and tags are IBSI's; LIFEx's names
are those of its exported tables, without the unit that some versions append in brackets;
PyRadiomics' are its feature names. A blank is a feature that the other program lacks or defines
otherwise: ``OTHERWISE`` says which.

References
----------
.. [1] IBSI reference manual, arXiv:1612.07003.
.. [2] van Griethuysen et al., Cancer Res 77:e104, 2017 (PyRadiomics).
.. [3] Nioche et al., Cancer Res 78:4786, 2018 (LIFEx).
.. [4] Zwanenburg et al., J Open Source Softw 9:6413, 2024 (MIRP).
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from types import MappingProxyType
from typing import Final

from operandi.imaging.radiomics.settings import Dimension, FixedBinNumber, RadiomicsSettings


class FeatureFamily(StrEnum):
    """Families of features (IBSI chapter 3), by the prefix of their tags."""

    MORPHOLOGY = "morph"
    LOCAL_INTENSITY = "loc"
    STATISTICS = "stat"
    INTENSITY_HISTOGRAM = "ih"
    INTENSITY_VOLUME_HISTOGRAM = "ivh"
    COOCCURRENCE = "cm"
    RUN_LENGTH = "rlm"
    SIZE_ZONE = "szm"
    DISTANCE_ZONE = "dzm"
    NEIGHBORHOOD_DIFFERENCE = "ngt"
    NEIGHBORHOOD_DEPENDENCE = "ngl"

    @property
    def term(self) -> str:
        """The family in the field's words."""
        return _TERMS[self]


_TERMS: Final = {
    FeatureFamily.MORPHOLOGY: "morphology",
    FeatureFamily.LOCAL_INTENSITY: "local intensity",
    FeatureFamily.STATISTICS: "intensity statistics",
    FeatureFamily.INTENSITY_HISTOGRAM: "intensity histogram",
    FeatureFamily.INTENSITY_VOLUME_HISTOGRAM: "intensity-volume histogram",
    FeatureFamily.COOCCURRENCE: "gray level co-occurrence (GLCM)",
    FeatureFamily.RUN_LENGTH: "gray level run length (GLRLM)",
    FeatureFamily.SIZE_ZONE: "gray level size zone (GLSZM)",
    FeatureFamily.DISTANCE_ZONE: "gray level distance zone (GLDZM)",
    FeatureFamily.NEIGHBORHOOD_DIFFERENCE: "neighborhood gray tone difference (NGTDM)",
    FeatureFamily.NEIGHBORHOOD_DEPENDENCE: "neighboring gray level dependence (NGLDM)",
}

TEXTURE: Final = frozenset(
    {
        FeatureFamily.COOCCURRENCE,
        FeatureFamily.RUN_LENGTH,
        FeatureFamily.SIZE_ZONE,
        FeatureFamily.DISTANCE_ZONE,
        FeatureFamily.NEIGHBORHOOD_DIFFERENCE,
        FeatureFamily.NEIGHBORHOOD_DEPENDENCE,
    }
)
"""Families computed from matrices."""

DIRECTIONAL: Final = frozenset({FeatureFamily.COOCCURRENCE, FeatureFamily.RUN_LENGTH})
"""Families with a matrix a direction, that merged and averaged dimensions treat apart."""


class Like(StrEnum):
    """Whose names a table bears."""

    IBSI = "ibsi"
    PYRADIOMICS = "pyradiomics"
    MIRP = "mirp"
    LIFEX = "lifex"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureName:
    """A feature of the standard.

    Parameters
    ----------
    tag : str
        IBSI's short tag, aggregation apart: ``"cm_joint_max"``.
    code : str
        IBSI's permanent code of four characters: ``"GYBY"``. The points of a histogram share one.
    title : str
        In the field's terms.
    unit : str
        ``"1"``, or made of mm and ``intensity``, which stands for the image's unit.
    pyradiomics, lifex : str
        The other program's name; blank where it has none for the same definition.
    """

    tag: str
    code: str
    title: str
    unit: str
    pyradiomics: str
    lifex: str

    @property
    def family(self) -> FeatureFamily:
        """The family, from the tag's prefix."""
        return FeatureFamily(self.tag.partition("_")[0])

    def unit_in(self, intensity: str) -> str:
        """Write the unit out for an image whose values are in *intensity*.

        >>> FEATURE_NAMES["stat_energy"].unit_in("HU")
        'HU2'
        >>> FEATURE_NAMES["morph_integ_int"].unit_in("g/mL")
        '(g/mL).mm3'
        """
        if "intensity" not in self.unit:
            return self.unit
        if intensity == "1":
            return (
                self.unit.replace("intensity.", "")
                .replace("intensity2", "1")
                .replace("intensity", "1")
            )
        compound = self.unit != "intensity" and not intensity.isalnum()
        return self.unit.replace("intensity", f"({intensity})" if compound else intensity)


def _read() -> Mapping[str, FeatureName]:
    text = (resources.files("operandi.imaging.radiomics") / "names.csv").read_text("utf-8")
    names = (FeatureName(**row) for row in csv.DictReader(text.splitlines()))
    return MappingProxyType({name.tag: name for name in names})


FEATURE_NAMES: Final = _read()
"""All features, by tag, in IBSI's order."""

OTHERWISE: Final = MappingProxyType(
    {
        (Like.PYRADIOMICS, "stat_kurt"): "PyRadiomics' Kurtosis is not in excess: 3 higher",
        (Like.PYRADIOMICS, "cm_sum_var"): "withdrawn by PyRadiomics: equals ClusterTendency",
        (Like.PYRADIOMICS, "cm_dissimilarity"): "withdrawn by PyRadiomics: DifferenceAverage",
        (Like.PYRADIOMICS, "ngl_glnu_norm"): "withdrawn by PyRadiomics: firstorder_Uniformity",
        (Like.PYRADIOMICS, "ngl_dc_perc"): "withdrawn by PyRadiomics: always 1",
        (Like.LIFEX, "ivh_auc"): "LIFEx' AreaUnderCurveCIVH is not IBSI's",
    }
)
"""Why a name is blank although the other program has, or had, something of that name."""

_IBSI_SUFFIX: Final = {
    Dimension.SLICES_AVERAGED: ("2D", "avg"),
    Dimension.SLICES_MERGED: ("2D", "comb"),
    Dimension.DIRECTIONS_MERGED: ("2_5D", "avg"),
    Dimension.MERGED: ("2_5D", "comb"),
    Dimension.VOLUME_AVERAGED: ("3D", "avg"),
    Dimension.VOLUME: ("3D", "comb"),
}
_MIRP_SUFFIX: Final = {
    Dimension.SLICES_AVERAGED: ("2d", "2d_avg"),
    Dimension.SLICES_MERGED: ("2d", "2d_s_mrg"),
    Dimension.DIRECTIONS_MERGED: ("2.5d", "2.5d_d_mrg"),
    Dimension.MERGED: ("2.5d", "2.5d_v_mrg"),
    Dimension.VOLUME_AVERAGED: ("3d", "3d_avg"),
    Dimension.VOLUME: ("3d", "3d_v_mrg"),
}


def aggregated_tag(tag: str, dimension: Dimension) -> str:
    """Return the tag with IBSI's suffix of how texture was aggregated.

    >>> aggregated_tag("cm_contrast", Dimension.VOLUME), aggregated_tag("szm_sze", Dimension.VOLUME)
    ('cm_contrast_3D_comb', 'szm_sze_3D')
    >>> aggregated_tag("stat_mean", Dimension.VOLUME)
    'stat_mean'
    """
    family = FEATURE_NAMES[tag].family
    if family not in TEXTURE:
        return tag
    extent, merging = _IBSI_SUFFIX[dimension]
    return f"{tag}_{extent}_{merging}" if family in DIRECTIONAL else f"{tag}_{extent}"


def exported_name(
    tag: str, like: Like, settings: RadiomicsSettings, *, image: Mapping[Like, str] | None = None
) -> str:
    """Return what a feature is called in a table that looks like another program's.

    Parameters
    ----------
    tag : str
        IBSI's tag.
    like : Like
        Whose names.
    settings : RadiomicsSettings
        IBSI's and MIRP's names say how texture was aggregated, MIRP's how it was discretized too.
    image : mapping, optional
        What each program calls the filtered image, see
        :func:`~.response_names.response_names`; None for the image as it is.

    Returns
    -------
    str
        Blank where the other program has no such feature, or another of that name.

    """
    name = FEATURE_NAMES[tag]
    prefix = f"{image[like]}_" if image else ""
    match like:
        case Like.IBSI:
            plain = aggregated_tag(tag, settings.dimension)
        case Like.MIRP:
            plain = _mirp(name, settings)
        case Like.PYRADIOMICS:
            plain, prefix = name.pyradiomics, prefix or "original_"
        case Like.LIFEX:
            plain = name.lifex
    nameless = not plain or (image is not None and not image[like])
    return "" if nameless else prefix + plain


def _mirp(name: FeatureName, settings: RadiomicsSettings) -> str:
    parts = [name.tag]
    family = name.family
    if family is FeatureFamily.COOCCURRENCE:
        parts.append(f"d{settings.distance}")
    if family is FeatureFamily.NEIGHBORHOOD_DEPENDENCE:
        parts.append(f"d{settings.distance}_a{float(settings.dependence_coarseness)}")
    if family in TEXTURE:
        parts.append(_MIRP_SUFFIX[settings.dimension][family in DIRECTIONAL])
    if family in TEXTURE or family is FeatureFamily.INTENSITY_HISTOGRAM:
        binning = settings.discretization
        parts.append(
            f"fbn_n{binning.bins}"
            if isinstance(binning, FixedBinNumber)
            else f"fbs_w{float(binning.width)}"
        )
    return "_".join(parts)
