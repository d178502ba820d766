"""The registry of features: complete, and true to the names that others write."""

from dataclasses import asdict, replace

import pytest

from operandi.imaging.radiomics.filters.boundary import Boundary
from operandi.imaging.radiomics.filters.extent import Extent
from operandi.imaging.radiomics.filters.laplacian_of_gaussian import LaplacianOfGaussianFilter
from operandi.imaging.radiomics.filters.published import FEATURE_FILTERS, RESPONSE_MAPS
from operandi.imaging.radiomics.filters.wavelets import WaveletFilter
from operandi.imaging.radiomics.names import (
    FEATURE_NAMES,
    OTHERWISE,
    FeatureFamily,
    Like,
    aggregated_tag,
    exported_name,
)
from operandi.imaging.radiomics.reference_settings import DIGITAL_PHANTOM
from operandi.imaging.radiomics.response_names import response_name, response_names
from operandi.imaging.radiomics.settings import Dimension, FixedBinNumber, FixedBinSize
from operandi.imaging.radiomics.verify import family_of

LOG = LaplacianOfGaussianFilter(extent=Extent.VOLUME, sigma_mm=3.0, boundary=Boundary.MIRROR)
BINS_32 = replace(DIGITAL_PHANTOM, discretization=FixedBinNumber(bins=32))


def test_there_are_174_features_in_eleven_families() -> None:
    """IBSI reference manual, chapter 3, less what has no tag in its tables of values."""
    numbers = dict.fromkeys(FeatureFamily, 0)
    for name in FEATURE_NAMES.values():
        numbers[name.family] += 1

    assert list(numbers.values()) == [29, 2, 18, 23, 7, 25, 16, 16, 16, 5, 17]


def test_codes_have_four_characters_and_only_points_of_a_histogram_share_one() -> None:
    codes = [name.code for name in FEATURE_NAMES.values()]
    shared = sorted({code for code in codes if codes.count(code) > 1})

    assert all(len(code) == 4 and code == code.upper() for code in codes)
    assert shared == ["BC2M", "GBPN"]


def test_lifex_names_bear_the_code_of_the_feature() -> None:
    for name in FEATURE_NAMES.values():
        assert not name.lifex or name.lifex.endswith(f"(IBSI:{name.code})")


@pytest.mark.parametrize(
    ("dimension", "glcm", "glszm"),
    [
        (Dimension.SLICES_AVERAGED, "cm_energy_2D_avg", "szm_sze_2D"),
        (Dimension.SLICES_MERGED, "cm_energy_2D_comb", "szm_sze_2D"),
        (Dimension.DIRECTIONS_MERGED, "cm_energy_2_5D_avg", "szm_sze_2_5D"),
        (Dimension.MERGED, "cm_energy_2_5D_comb", "szm_sze_2_5D"),
        (Dimension.VOLUME_AVERAGED, "cm_energy_3D_avg", "szm_sze_3D"),
        (Dimension.VOLUME, "cm_energy_3D_comb", "szm_sze_3D"),
    ],
)
def test_aggregation_stands_behind_the_tag(dimension: Dimension, glcm: str, glszm: str) -> None:
    assert aggregated_tag("cm_energy", dimension) == glcm
    assert aggregated_tag("szm_sze", dimension) == glszm


@pytest.mark.parametrize("tag", ["cm_energy_2_5D_comb", "szm_sze_2D", "ngl_lde_3D", "stat_mean"])
def test_the_family_of_an_aggregated_tag_is_known(tag: str) -> None:
    assert family_of(tag) == FeatureFamily(tag.partition("_")[0]).term


@pytest.mark.parametrize(
    ("tag", "like", "name"),
    [
        # MIRP 2.7.0, PyRadiomics 3.0.1: what they print. LIFEx 7: headers of published tables.
        ("cm_joint_max", Like.MIRP, "cm_joint_max_d1_3d_v_mrg_fbn_n32"),
        ("rlm_sre", Like.MIRP, "rlm_sre_3d_v_mrg_fbn_n32"),
        ("szm_sze", Like.MIRP, "szm_sze_3d_fbn_n32"),
        ("ngl_lde", Like.MIRP, "ngl_lde_d1_a0.0_3d_fbn_n32"),
        ("ih_mean", Like.MIRP, "ih_mean_fbn_n32"),
        ("stat_mean", Like.MIRP, "stat_mean"),
        ("morph_volume", Like.PYRADIOMICS, "original_shape_MeshVolume"),
        ("cm_joint_var", Like.PYRADIOMICS, "original_glcm_SumSquares"),
        ("ngl_lde", Like.PYRADIOMICS, "original_gldm_SmallDependenceEmphasis"),
        ("stat_kurt", Like.PYRADIOMICS, ""),
        ("dzm_sde", Like.PYRADIOMICS, ""),
        ("stat_mean", Like.LIFEX, "INTENSITY-BASED_MeanIntensity(IBSI:Q4LE)"),
        ("cm_energy", Like.LIFEX, "GLCM_AngularSecondMoment(IBSI:8ZQL)"),
        ("rlm_rl_entr", Like.LIFEX, ""),
        ("cm_energy", Like.IBSI, "cm_energy_3D_comb"),
    ],
)
def test_other_programs_names_are_theirs(tag: str, like: Like, name: str) -> None:
    assert exported_name(tag, like, BINS_32) == name


def test_mirp_writes_the_width_of_a_bin() -> None:
    quarter = replace(BINS_32, discretization=FixedBinSize(width=0.25, start=0.0))

    assert exported_name("ih_mean", Like.MIRP, quarter) == "ih_mean_fbs_w0.25"


def test_a_blank_that_needs_a_word_has_one() -> None:
    for like, tag in OTHERWISE:
        assert not exported_name(tag, like, BINS_32)


def test_mirp_names_filtered_images() -> None:
    """As MIRP 2.7.0 prints them."""
    wavelet = WaveletFilter(
        extent=Extent.VOLUME,
        family="db3",
        band="LLH",
        boundary=Boundary.MIRROR,
        level=1,
        pooling=None,
    )
    names = [
        exported_name("stat_mean", Like.MIRP, BINS_32, image=response_names(each))
        for each in (LOG, wavelet)
    ]

    assert names == ["log_s_3.0_stat_mean", "wavelet_db3_llh_level_1_stat_mean"]


def test_pyradiomics_and_lifex_have_no_name_for_our_filtered_images() -> None:
    image = response_names(LOG)

    assert exported_name("stat_mean", Like.PYRADIOMICS, BINS_32, image=image) == ""
    assert exported_name("stat_mean", Like.LIFEX, BINS_32, image=image) == ""
    assert exported_name("stat_mean", Like.IBSI, BINS_32, image=image) == "log_3mm_stat_mean"


def test_every_filter_has_a_name_of_its_own() -> None:
    filters = {*FEATURE_FILTERS.values(), *(each for _, each in RESPONSE_MAPS.values())} - {None}
    names: dict[str, set[object]] = {}
    for each in filters:
        if each is not None:
            # Of the same filter with other edges, names are the same: the digest is not.
            settings = {**asdict(each), "boundary": None, "of": None}
            names.setdefault(response_name(each), set()).add(str(settings))

    assert {name: len(found) for name, found in names.items() if len(found) > 1} == {}
