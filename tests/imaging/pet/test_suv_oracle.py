"""The oracle proves itself on published answers before it judges Operandi."""

import io
import json
import math
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pydicom
import pytest

from tests.imaging.pet import suv_oracle
from tests.imaging.pet.suv_cases import CASES, CASES_BY_SUBJECT, RELATIVE_TOLERANCE, Case

_DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "pet_dicom"
_REFERENCE_OBJECTS = _DATA / "ibsi_suv_dro.tar.xz"
_COMPUTED = tuple(case for case in CASES if case.expected_factor is not None)
_FROM_HEADER_ALONE = tuple(case for case in _COMPUTED if not (case.recorded or case.declared))


def _json(name: str) -> Any:
    path = _DATA / name
    if not path.exists():
        pytest.skip(f"published data are absent: {name}")
    return json.loads(path.read_text(encoding="utf-8"))


def _as_header(flat: Mapping[str, Any]) -> dict[str, object]:
    """Sort calculate-suv's flat metadata into the levels of a DICOM header."""
    philips = flat["PhilipsPETPrivateGroup"]
    return {
        **flat,
        "RadiopharmaceuticalInformationSequence": (flat,),
        "PhilipsSUVScaleFactor": philips.get("SUVScaleFactor"),
        "PhilipsActivityConcentrationScaleFactor": philips.get("ActivityConcentrationScaleFactor"),
    }


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name",
    [
        "CPS_AND_BQML_AC_DT_-_S_DT",
        "PHILIPS_BQML",
        "PHILIPS_CNTS_AND_BQML_SUV",
        "RADIOPHARM_DATETIME_UNDEFINED",
        "SIEMENS",
    ],
)
def test_oracle_reproduces_the_published_factors_of_calculate_suv(name: str) -> None:
    published = _json("suv_metadata_cases/expected_suvbw_factor.json")["expected"][name]
    headers = [_as_header(flat) for flat in _json(f"suv_metadata_cases/{name}.json")]

    assert suv_oracle.suvbw_factors(headers)[0] == pytest.approx(published, rel=0.0, abs=1e-6)


@pytest.mark.real_data
def test_oracle_reproduces_the_factor_of_a_real_ge_series() -> None:
    published = _json("sts_001_suv_reference.json")
    header = published["header"]
    elapsed = suv_oracle.instant("20000907", header["series_time"]) - suv_oracle.instant(
        "20000907", header["injection"]
    )

    left_bq = suv_oracle.activity_left_bq(
        header["dose_Bq"], elapsed_s=elapsed.total_seconds(), half_life_s=header["half_life_s"]
    )
    factor = suv_oracle.suvbw_per_bq_ml(mass_kg=header["weight_kg"], activity_bq=left_bq)

    assert factor == pytest.approx(published["suv_bw_factor_per_Bq_mL"], rel=1e-12)


@pytest.mark.real_data
def test_oracle_reproduces_the_body_sizes_of_a_real_patient() -> None:
    """The published SUV differ by body size alone, so their ratios are the body sizes."""
    published = _json("sts_001_suv_reference.json")
    suv = published["closed_form_for_stored_max"]
    kg, m, sex = (published["header"][key] for key in ("weight_kg", "height_m", "sex"))

    def size(key: str) -> float:
        return float(kg * suv[key] / suv["suv_bw_g_mL"])

    assert suv_oracle.lean_body_mass_kg(
        "LBMJAMES128", sex=sex, mass_kg=kg, height_m=m
    ) == pytest.approx(size("suv_lbm_james"), rel=1e-12)
    assert suv_oracle.lean_body_mass_kg(
        "LBMJANMA", sex=sex, mass_kg=kg, height_m=m
    ) == pytest.approx(size("suv_lbm_janmahasatian"), rel=1e-12)
    assert suv_oracle.ideal_body_mass_kg("robinson", sex=sex, height_m=m) == pytest.approx(
        size("suv_ibw"), rel=1e-12
    )
    assert suv_oracle.body_surface_cm2(mass_kg=kg, height_m=m) == pytest.approx(
        1000.0 * size("suv_bsa_cm2_mL (Du Bois)"), rel=1e-12
    )


@pytest.mark.parametrize(
    ("formula", "sex", "kg"),
    [
        # 172.4 cm is 20.4 cm above 152 cm; 177.8 cm is 70 in, ten above five feet.
        ("sugawara", "M", 48.0 + 1.06 * 20.4),
        ("sugawara", "F", 45.5 + 0.91 * 20.4),
        ("robinson", "M", 51.65 + 18.5),
        ("robinson", "F", 48.67 + 16.5),
    ],
)
def test_ideal_body_mass_by_hand(formula: str, sex: str, kg: float) -> None:
    height_m = {"sugawara": 1.724, "robinson": 1.778}[formula]

    ideal_kg = suv_oracle.ideal_body_mass_kg(formula, sex=sex, height_m=height_m)

    assert ideal_kg == pytest.approx(kg, rel=1e-12)


def _series_of_reference_objects() -> Iterator[tuple[str, pydicom.Dataset]]:
    with tarfile.open(_REFERENCE_OBJECTS) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.name.endswith(".dcm") else None
            if content is not None:
                yield Path(member.name).parts[-3], pydicom.dcmread(io.BytesIO(content.read()))


def _as_plain(dataset: pydicom.Dataset) -> dict[str, object]:
    plain: dict[str, object] = {
        element.keyword: tuple(map(_as_plain, element.value))
        if element.VR == "SQ"
        else element.value
        for element in dataset
        if element.keyword and element.keyword != "PixelData"
    }
    if (0x7053, 0x1000) in dataset:
        plain["PhilipsSUVScaleFactor"] = dataset[0x7053, 0x1000].value
    return plain


@pytest.fixture(scope="module")
def reference_objects() -> dict[str, list[pydicom.Dataset]]:
    if not _REFERENCE_OBJECTS.exists():
        pytest.skip("published data are absent: the IBSI-SUV reference objects")
    series: dict[str, list[pydicom.Dataset]] = {}
    for name, dataset in _series_of_reference_objects():
        series.setdefault(name, []).append(dataset)
    return series


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name",
    [
        "DRO_0_0",
        "DRO_1_0",
        "DRO_2_0",
        "DRO_2_1",
        "DRO_2_3",
        "DRO_2_4",
        "DRO_3_0",
        "DRO_3_1",
        "DRO_3_2",
        "DRO_3_4",
        "DRO_4_0",
        "DRO_4_2",
        "DRO_5_0",
    ],
)
def test_oracle_reads_suv_1_and_4_in_every_slice_of_an_ibsi_reference_object(
    name: str, reference_objects: dict[str, list[pydicom.Dataset]]
) -> None:
    """Each slice that is not air has the published median 1.00 or maximum 4.00 as its maximum."""
    slices = reference_objects[name]
    factors = suv_oracle.suvbw_factors([_as_plain(dataset) for dataset in slices])

    maxima = []
    for dataset, factor in zip(slices, factors, strict=True):
        one_level = float(dataset.RescaleSlope) * factor
        maximum = float(dataset.pixel_array.max()) * one_level
        maxima.append(round(maximum, 1))
        assert min(abs(maximum - suv) for suv in (0.0, 1.0, 4.0)) <= one_level
    assert {1.0, 4.0} <= set(maxima)


@pytest.mark.parametrize("half_life_s", [122.2, 4069.8, 6586.2])
@pytest.mark.parametrize("duration_s", [15.0, 300.0, 1200.0])
def test_mean_count_rate_instant_has_the_mean_activity_of_the_frame(
    duration_s: float, half_life_s: float
) -> None:
    """By the midpoint rule over 20 000 steps, without the closed form."""
    steps = 20_000
    mean = (
        math.fsum(
            2.0 ** (-(step + 0.5) / steps * duration_s / half_life_s) for step in range(steps)
        )
        / steps
    )

    at = suv_oracle.mean_count_rate_instant_s(duration_s, half_life_s=half_life_s)

    assert 2.0 ** (-at / half_life_s) == pytest.approx(mean, rel=1e-8)
    assert at < duration_s / 2.0


@pytest.mark.parametrize("case", _FROM_HEADER_ALONE, ids=lambda case: case.name)
def test_oracle_walks_the_header_to_the_factor_counted_by_hand(case: Case) -> None:
    assert suv_oracle.suvbw_factors(case.headers) == pytest.approx(
        case.expected_factor, rel=RELATIVE_TOLERANCE
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_has_one_answer_and_a_source(case: Case) -> None:
    assert (case.expected_factor is None) != (case.refused is None)
    assert case.headers
    assert case.source
    if case.expected_factor is not None:
        assert len(case.expected_factor) == len(case.headers)
        assert all(math.isfinite(factor) and factor > 0.0 for factor in case.expected_factor)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.refused], ids=lambda case: case.name
)
def test_every_refusal_must_name_a_tag_or_a_field(case: Case) -> None:
    """A message that names nothing must not pass, and one that names the culprit must."""
    assert case.refused is not None
    assert re.search(case.refused, "The data cannot be used. Correct the input.") is None
    assert any(re.search(case.refused, name) for name in _names(case.headers) | _RECORD_FIELDS)


_RECORD_FIELDS = {"body_mass_kg", "net_activity_bq", "injected_at", "decay_corrected_to"}
# A tag that a case removed is still the one to name.
_REMOVABLE = {
    "AcquisitionTime",
    "ActualFrameDuration",
    "CorrectedImage",
    "DecayCorrection",
    "PatientSex",
    "PatientSize",
    "PatientWeight",
    "RadionuclideHalfLife",
    "RadionuclideTotalDose",
    "RadiopharmaceuticalInformationSequence",
    "RadiopharmaceuticalStartTime",
    "SUVType",
    "Units",
}


def _names(headers: Sequence[Mapping[str, object]]) -> set[str]:
    return _REMOVABLE | {keyword for header in headers for keyword in header}


def test_case_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


def test_subjects_hold_every_case_once() -> None:
    assert sum(len(cases) for cases in CASES_BY_SUBJECT.values()) == len(CASES)
    assert all(CASES_BY_SUBJECT.values())


@pytest.mark.parametrize(
    "bug",
    [
        "PETDICOMExtension #28",
        "horos #653",
        "MOOSE #230",
        "OHIF/Viewers #3805",
        "Weasis #399",
        "DICOMAnonymizer #20",
        "dicom-anonymizer #70",
        "OHIF/Viewers #2898",
    ],
)
def test_every_public_suv_bug_has_a_case(bug: str) -> None:
    assert any(bug in case.source for case in CASES)
