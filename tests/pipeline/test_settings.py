import copy
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from operandi.imaging.lesions.segmentation.settings import DelineationMethod
from operandi.imaging.pet.declaration import Declaration
from operandi.imaging.radiomics.aggregation import Aggregation
from operandi.pipeline.settings import parse_declaration, parse_settings, read_settings
from operandi.quantities.errors import DataError
from operandi.therapy.limits import limits_from

COMPLETE: dict[str, Any] = {
    "study": {
        "title": "A study",
        "protocol": "NCT06256705",
        "timezone": "Europe/Paris",
        "data_cut": date(2026, 1, 31),
    },
    "timepoint": [
        {
            "code": "BASELINE",
            "title": "Before cycle 1",
            "anchor": "cycle 1",
            "window_days": [-31, -1],
        }
    ],
    "site": {"SITE-A": {"name": "Department A"}},
    "lesions": {
        "pet_resolution_mm": 6.0,
        "minimum_volume_ml": 0.5,
        "uptake_window_min": [45, 90],
        "uptake_difference_min": 15,
    },
}


def changed(path: str, value: object) -> dict[str, Any]:
    content = copy.deepcopy(COMPLETE)
    *parents, last = path.split(".")
    place: Any = content
    for name in parents:
        place = place[int(name)] if name.isdigit() else place.setdefault(name, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return content


def test_reads_everything_a_study_file_says() -> None:
    settings = parse_settings(COMPLETE)

    assert settings.title == "A study"
    assert settings.zone.key == "Europe/Paris"
    assert settings.sites == (("SITE-A", "Department A"),)
    assert settings.timepoints[0].window_days == (-31, -1)
    assert settings.lesions.uptake_window_min == (45.0, 90.0)
    assert settings.lesions.segmentation_at("SITE-A").fwhm_mm == 6.0
    assert settings.lesions.method is DelineationMethod.HALF_MEAN
    assert settings.declaration_at("P-1", "BASELINE") == Declaration()


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("study.timezone", "Paris", r"study\.timezone.*no time zone is named 'Paris'"),
        ("lesions.minimum_volume_ml", True, r"minimum_volume_ml.*found True"),
        ("lesions.minimum_volume_ml", "0.5", r"minimum_volume_ml.*found '0.5'"),
        ("timepoint.0.window_days", [-99999999, -1], r"window_days.*found -99999999"),
        ("timepoint.0.window_days", [True, 1], r"window_days.*found True"),
        ("declare.nuclide", "99Zz", r"declare\.nuclide.*99Zz"),
        ("study.data_cut", "soon", r"study\.data_cut"),
        ("study.title", "", r"study\.title"),
        ("timepoint.0.anchor", "cycle one", r"timepoint\.0\.anchor"),
        ("timepoint.0.window_days", [3, 1], "first day of a window must not be after its last"),
        ("lesions.minimum_volume_ml", 0, "minimum_volume_ml"),
        ("lesions.pet_resolution_mm", None, "pet_resolution_mm: is missing"),
        ("lesions.pet_resolution_mm", -6.0, r"pet_resolution_mm.*found -6"),
        ("lesions.pet_resolution_mm", float("nan"), r"pet_resolution_mm.*found nan"),
        ("lesions.resolution", 6, "resolution: is no key"),
        ("lesions.uptake_window_min", None, "uptake_window_min: is missing"),
        ("lesions.uptake_window_min", [90, 45], "earliest uptake time must lie before"),
        ("lesions.uptake_difference_min", None, "uptake_difference_min: is missing"),
        ("lesions.method", "watershed", "no such method; known are .*half-mean"),
        ("lesions.method", "fixed-suv", "fixed_suv goes with"),
        ("lesions.fixed_suv", 4.0, "fixed_suv goes with"),
        ("lesions.borrow", [{"coefficient": "fdg", "because": "x"}], "no such published"),
        ("lesions.borrow", [{"coefficient": "fdg-suv-review"}], "because: is missing"),
        (
            "lesions.borrow",
            [{"coefficient": "fdg-suv-review", "because": " "}],
            "another tracer needs a reason",
        ),
        (
            "lesions.borrow",
            [{"coefficient": "adc-liver-lesion", "because": "x"}],
            "is not followed here",
        ),
        ("lesions.adc_unit", "um2/ms", r"adc_unit.*found 'um2/ms'"),
        ("declare.half_life", 4069.8, r"declare\.half_life: is no key"),
        ("declare.activity_unit", "GBq", r"declare\.activity_unit"),
        ("radiomics.pet", [], r"radiomics\.pet"),
        ("radiomics.pet", "lesions", r"radiomics\.pet.*found 'lesions'"),
        ("radiomics.pet", ["liver"], r"radiomics\.pet\.0.*found 'liver'"),
        ("radiomics.settings_file", "r.toml", r"radiomics\.pet: is missing"),
        ("radiomics.mr", ["lesions"], r"radiomics\.mr: is no key"),
    ],
)
def test_refuses_a_fault_and_names_its_key(path: str, value: object, named: str) -> None:
    with pytest.raises(DataError, match=named):
        parse_settings(changed(path, value))


def test_refuses_all_faults_at_once() -> None:
    content = changed("study.timezone", "Paris")
    content["lesions"] = {"uptake_window_min": [45, 90], "uptake_difference_min": 15}
    with pytest.raises(DataError, match=r"3 fault\(s\).*timezone.*pet_resol.*minimum_volume"):
        parse_settings(content)


def test_refuses_the_former_table_and_says_what_to_write_instead() -> None:
    former = {"minimum_lesion_volume_ml": 0.7, "organ_margin_mm": 8.0}

    with pytest.raises(DataError, match=r"\[settings\], whose place the table \[lesions\]") as told:
        parse_settings(COMPLETE | {"settings": former})

    for words in ("minimum_volume_ml = 0.7", "pet_resolution_mm", "uptake_window_min"):
        assert words in told.value.remedy


def test_a_site_may_have_another_resolution() -> None:
    content = changed("lesions.site", {"SITE-A": {"pet_resolution_mm": 4.5}})
    content["site"]["SITE-B"] = {"name": "Department B"}

    lesions = parse_settings(content).lesions

    assert lesions.segmentation_at("SITE-A").fwhm_mm == 4.5
    assert lesions.segmentation_at("SITE-B").fwhm_mm == 6.0


def test_refuses_a_resolution_of_a_site_that_is_none() -> None:
    content = changed("lesions.site", {"SITE-X": {"pet_resolution_mm": 4.5}})
    with pytest.raises(DataError, match="SITE-X, which is no site of the study"):
        parse_settings(content)


def test_a_borrowed_coefficient_keeps_its_reason() -> None:
    borrow = [{"coefficient": "fdg-suv-review", "because": " like scans "}]

    (named,) = parse_settings(changed("lesions.borrow", borrow)).lesions.borrowed

    assert (named.key, named.borrowed_because) == ("fdg-suv-review", "like scans")


def test_refuses_two_coefficients_of_one_quantity() -> None:
    borrow = [
        {"coefficient": key, "because": "x"} for key in ("dcfpyl-suvmax", "psma11-suvmax-bone")
    ]
    with pytest.raises(DataError, match="are both of SUV_MAXIMUM; borrow one"):
        parse_settings(changed("lesions.borrow", borrow))


def test_refuses_a_declaration_for_a_timepoint_that_is_none() -> None:
    visit = {"participant": "P-1", "timepoint": "BASELIN", "body_mass_from": "records"}
    with pytest.raises(DataError, match=r"timepoint 'BASELIN' of P-1, which is none of BASELINE"):
        parse_settings(changed("declare.visit", [visit]))


def test_refuses_a_timepoint_declared_twice() -> None:
    content = copy.deepcopy(COMPLETE)
    content["timepoint"] *= 2
    with pytest.raises(DataError, match="declares a timepoint twice: BASELINE, BASELINE"):
        parse_settings(content)


def test_a_visits_declaration_wins_field_by_field_over_the_studys() -> None:
    content = changed("declare.activity_unit", "MBq")
    content["declare"]["half_life_s"] = 4100.0
    content["declare"]["visit"] = [
        {"participant": "P-1", "timepoint": "BASELINE", "half_life_s": 4050.0},
        {"participant": "P-2", "pet_series_uid": "1.2.3"},
    ]
    settings = parse_settings(content)

    here = settings.declaration_at("P-1", "BASELINE")
    assert (here.activity_unit, here.half_life_s) == ("MBq", 4050.0)
    assert settings.declaration_at("P-1", "YEAR_1").half_life_s == 4100.0
    assert settings.pet_series_at("P-2", "YEAR_1") == "1.2.3"
    assert settings.pet_series_at("P-1", "BASELINE") == ""


def test_radiomics_is_what_the_study_file_asks_for_and_else_nothing() -> None:
    content = changed("radiomics.pet", ["lesions", "contours", "lesions"])
    content["radiomics"]["patient"] = ["volume-weighted mean", "largest lesion"]

    asked = parse_settings(content).radiomics

    assert asked is not None
    assert asked.pet == ("contours", "lesions")
    assert asked.patient == (Aggregation.LARGEST_LESION, Aggregation.VOLUME_WEIGHTED_MEAN)
    assert parse_settings(COMPLETE).radiomics is None


def test_refuses_a_way_to_the_patient_that_is_none() -> None:
    content = changed("radiomics.pet", ["lesions"])
    content["radiomics"]["patient"] = ["median"]
    with pytest.raises(DataError, match=r"radiomics\.patient\.0.*'median'"):
        parse_settings(content)


def test_refuses_a_faulty_declaration_of_the_command_line() -> None:
    with pytest.raises(DataError, match="decay_corrected_to"):
        parse_declaration({"decay_corrected_to": "sometime"})


def test_refuses_a_folder_that_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no study folder"):
        read_settings(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"holds no study\.toml"):
        read_settings(tmp_path)
    (tmp_path / "study.toml").write_text("[study\ntitle = 1")
    with pytest.raises(DataError, match="is no TOML"):
        read_settings(tmp_path)


DOSIMETRY: dict[str, Any] = {
    "tissue_density_g_cm3": 1.04,
    "spatial_resolution_mm": 9.0,
    "predicted": True,
}
LIMIT: dict[str, Any] = {
    "organ": "kidneys",
    "kind": "BIOLOGICALLY_EFFECTIVE_DOSE",
    "limit_gy": 35.0,
    "applies_to": "all",
    "source": "protocol, section 7",
}


def test_a_study_may_name_its_own_numbers_beside_the_sums() -> None:
    read = parse_settings(changed("dosimetry", {**DOSIMETRY, "limit": [LIMIT]})).dosimetry

    assert read is not None
    [limit] = limits_from(read.limit)
    assert (limit.organ, limit.limit_gy) == ("kidneys", 35.0)


@pytest.mark.parametrize(
    "fault", [{"organ": "heart"}, {"kind": "EFFECTIVE_DOSE"}, {"limit_gy": 0}, {"source": ""}]
)
def test_refuses_a_limit_that_says_nothing(fault: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=next(iter(fault))):
        parse_settings(changed("dosimetry", {**DOSIMETRY, "limit": [{**LIMIT, **fault}]}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("spatial_resolution_mm", 0.001),
        ("spatial_resolution_mm", float("nan")),
        ("tissue_density_g_cm3", 0.2),
        ("tissue_density_g_cm3", 2.4),
    ],
)
def test_refuses_a_resolution_or_density_that_nothing_has(key: str, value: float) -> None:
    with pytest.raises(DataError, match=rf"dosimetry\.{key}: .*\(found {value}\)"):
        parse_settings(COMPLETE | {"dosimetry": DOSIMETRY | {key: value}})


def test_a_fault_of_a_whole_table_names_its_keys_and_none_of_pydantics_words() -> None:
    with pytest.raises(DataError) as refusal:
        parse_settings(COMPLETE | {"dosimetry": DOSIMETRY | {"organ_s_values": "x.csv"}})

    assert "dosimetry: organ_s_values and organ_s_phantom need one another" in refusal.value.what
    assert "found the keys tissue_density_g_cm3, spatial_resolution_mm" in refusal.value.what
