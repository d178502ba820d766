"""What a series is follows from its tags, and the tags are named."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from operandi.imaging.dicom.classify import Classification, SeriesType, b_values_of, classify
from tests.imaging.dicom import dicom_files as made
from tests.imaging.dicom.assembling import series_in

Kind = SeriesType


def what_is(folder: Path, datasets: Sequence[Dataset]) -> Classification:
    return series_in(folder, datasets).classification


def an_mr(**attributes: Any) -> list[Dataset]:
    return [made.a_slice(**{"EchoTime": "40", "RepetitionTime": "1200", **attributes})]


@pytest.mark.parametrize(
    ("sop_class", "expected"),
    [
        ("1.2.840.10008.5.1.4.1.1.66.4", Kind.SEGMENTATION),
        ("1.2.840.10008.5.1.4.1.1.66.7", Kind.SEGMENTATION),
        ("1.2.840.10008.5.1.4.1.1.481.3", Kind.STRUCTURE_SET),
        ("1.2.840.10008.5.1.4.1.1.88.33", Kind.STRUCTURED_REPORT),
        ("1.2.840.10008.5.1.4.1.1.67", Kind.REAL_WORLD_VALUE_MAPPING),
        ("1.2.840.10008.5.1.4.1.1.30", Kind.PARAMETRIC_MAP),
        ("1.2.840.10008.5.1.4.1.1.7", Kind.SECONDARY_CAPTURE),
        ("1.2.840.10008.5.1.4.1.1.7.4", Kind.SECONDARY_CAPTURE),
        ("1.2.840.10008.5.1.4.1.1.20", Kind.NUCLEAR_MEDICINE),
    ],
)
def test_the_sop_class_says_what_is_no_image(
    sop_class: str, expected: Kind, tmp_path: Path
) -> None:
    found = what_is(tmp_path, [made.a_slice(SOPClassUID=sop_class)])

    assert found == Classification(expected, (f"SOPClassUID {sop_class}",))


def test_ct_is_ct(tmp_path: Path) -> None:
    assert what_is(tmp_path, made.a_series(modality="CT")).type is Kind.CT


@pytest.mark.parametrize("modality", ["RTDOSE", ""])
def test_what_is_not_known_is_other(modality: str, tmp_path: Path) -> None:
    found = what_is(tmp_path, [made.a_slice(Modality=modality)])

    assert found == Classification(Kind.OTHER, (f"Modality {modality or 'not stated'}",))


# --- PET --------------------------------------------------------------------------------------


def test_pet_is_attenuation_corrected_if_it_says_so(tmp_path: Path) -> None:
    found = what_is(tmp_path, made.a_series(modality="PT"))

    assert found.type is Kind.PET_ATTENUATION_CORRECTED
    assert found.evidence == ("Modality PT, CorrectedImage ATTN, DECY, DTIM, NORM, RAN, SCAT",)


@pytest.mark.parametrize(
    ("corrected", "stated"), [(["NORM", "DECY"], "DECY, NORM"), ([], "not stated")]
)
def test_pet_without_the_word_is_not_attenuation_corrected(
    corrected: list[str], stated: str, tmp_path: Path
) -> None:
    found = what_is(tmp_path, made.a_series(modality="PT", CorrectedImage=corrected))

    assert found.type is Kind.PET_NOT_ATTENUATION_CORRECTED
    assert found.evidence == (f"Modality PT, CorrectedImage {stated}",)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("YES", Kind.PET_ATTENUATION_CORRECTED), ("NO", Kind.PET_NOT_ATTENUATION_CORRECTED)],
)
def test_enhanced_pet_says_it_in_a_word(stated: str, expected: Kind, tmp_path: Path) -> None:
    dataset = made.changed(made.enhanced("PT"), AttenuationCorrected=stated, CorrectedImage=None)

    found = what_is(tmp_path, [dataset])

    assert found == Classification(expected, (f"Modality PT, AttenuationCorrected {stated}",))


@pytest.mark.parametrize(
    ("meaning", "expected"),
    [
        ("177 Lutetium", Kind.SPECT),
        ("^99m^Technetium", Kind.SPECT),
        ("^111^Indium", Kind.SPECT),
        ("^68^Gallium", Kind.PET_ATTENUATION_CORRECTED),
        ("^18^Fluorine", Kind.PET_ATTENUATION_CORRECTED),
        ("^64^Copper", Kind.PET_ATTENUATION_CORRECTED),
        ("^124^Iodine", Kind.PET_ATTENUATION_CORRECTED),
    ],
)
def test_the_radionuclide_tells_spect_stored_as_pet(
    meaning: str, expected: Kind, tmp_path: Path
) -> None:
    dataset = made.a_slice(modality="PT")
    (tracer,) = dataset.RadiopharmaceuticalInformationSequence
    tracer.RadionuclideCodeSequence = made.a_code("X", "SRT", meaning)

    assert what_is(tmp_path, [dataset]).type is expected


@pytest.mark.parametrize(
    ("code", "scheme", "drug", "expected"),
    [
        ("C-101ED", "SRT", "", Kind.SPECT),
        ("447553000", "SCT", "", Kind.SPECT),
        ("C-163A8", "SRT", "DOTATOC", Kind.SPECT),
        ("", "", "177Lu-DOTATATE", Kind.SPECT),
        ("", "", "[177Lu]Lu-PSMA-617", Kind.SPECT),
        ("L-1", "99HOME", "Lu-177 DOTATATE", Kind.SPECT),
        ("", "", "Technetium 99m sestamibi", Kind.SPECT),
        ("", "", "I-123 MIBG", Kind.SPECT),
        ("C-131A3", "SRT", "177Lu-DOTATATE follows", Kind.PET_ATTENUATION_CORRECTED),
        ("C-131A3", "SRT", "", Kind.PET_ATTENUATION_CORRECTED),
        ("", "", "[68Ga]Ga-DOTATATE", Kind.PET_ATTENUATION_CORRECTED),
        ("", "", "18F-PSMA-1007", Kind.PET_ATTENUATION_CORRECTED),
        ("", "", "124I-MIBG", Kind.PET_ATTENUATION_CORRECTED),
        ("", "", "68Ga-FAPI 67", Kind.PET_ATTENUATION_CORRECTED),
        ("", "", "", Kind.PET_ATTENUATION_CORRECTED),
    ],
)
def test_a_code_without_meaning_and_the_name_of_the_drug_tell_spect_too(
    code: str, scheme: str, drug: str, expected: Kind, tmp_path: Path
) -> None:
    dataset = made.a_slice(modality="PT")
    (tracer,) = dataset.RadiopharmaceuticalInformationSequence
    tracer.RadionuclideCodeSequence = made.a_code(code, scheme, "") if code else []
    tracer.Radiopharmaceutical = drug

    assert what_is(tmp_path, [dataset]).type is expected


def test_the_meaning_of_the_radionuclide_decides_before_code_and_drug(tmp_path: Path) -> None:
    dataset = made.a_slice(modality="PT")
    (tracer,) = dataset.RadiopharmaceuticalInformationSequence
    tracer.RadionuclideCodeSequence = made.a_code("C-101ED", "SRT", "^68^Gallium")
    tracer.Radiopharmaceutical = "DOTATATE before 177Lu therapy"

    assert what_is(tmp_path, [dataset]).type is Kind.PET_ATTENUATION_CORRECTED


# --- MR ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "expected", "evidence"),
    [
        ({"SeriesDescription": "LOCALIZER 3 plane"}, Kind.MR_LOCALIZER, "LOCALIZER"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, Kind.MR_LOCALIZER, "LOCALIZER"),
        ({"ImageType": ["DERIVED", "PRIMARY", "ADC"]}, Kind.MR_DIFFUSION_MAP, "ADC in ImageType"),
        ({"SeriesDescription": "ep2d_diff_ADC"}, Kind.MR_DIFFUSION_MAP, "ADC in Series"),
        ({"DiffusionBValue": 800.0}, Kind.MR_DIFFUSION, "b-values 800 s/mm2"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "DIFFUSION"]}, Kind.MR_DIFFUSION, "diffusion"),
        ({"SeriesDescription": "DWI liver"}, Kind.MR_DIFFUSION, "diffusion"),
        ({"SeriesDescription": "Head_MRAC_UMAP"}, Kind.MR_ATTENUATION_MAP, "UMAP"),
        ({"SeriesDescription": "MRE liver"}, Kind.MR_ELASTOGRAPHY, "MRE"),
        ({"SeriesDescription": "gre_mre_stiffness"}, Kind.MR_ELASTOGRAPHY, "MRE"),
        ({"ProtocolName": "Elastography 60Hz"}, Kind.MR_ELASTOGRAPHY, "ELASTO"),
        ({"ImageType": ["DERIVED", "PRIMARY", "DIXON", "WATER"]}, Kind.MR_DIXON_WATER, "ImageType"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "W", "W"]}, Kind.MR_DIXON_WATER, "ImageType"),
        ({"ImageType": ["DERIVED", "PRIMARY", "FAT"]}, Kind.MR_DIXON_FAT, "ImageType"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "IP"]}, Kind.MR_DIXON_IN_PHASE, "ImageType"),
        (
            {"ImageType": ["ORIGINAL", "PRIMARY", "OPP_PHASE"]},
            Kind.MR_DIXON_OPPOSED_PHASE,
            "ImageType",
        ),
        ({"SeriesDescription": "t1_vibe_dixon_tra_W"}, Kind.MR_DIXON_WATER, "SeriesDescription"),
        ({"SeriesDescription": "t1_vibe_dixon_tra_F"}, Kind.MR_DIXON_FAT, "SeriesDescription"),
        ({"SeriesDescription": "t1_vibe_dixon_in"}, Kind.MR_DIXON_IN_PHASE, "SeriesDescription"),
        (
            {"SeriesDescription": "t1_vibe_dixon_opp"},
            Kind.MR_DIXON_OPPOSED_PHASE,
            "SeriesDescription",
        ),
        ({"SeriesDescription": "LAVA-FLEX: WATER"}, Kind.MR_DIXON_WATER, "SeriesDescription"),
        ({"SeriesDescription": "mDIXON all"}, Kind.MR_DIXON, "DIXON"),
        ({"NumberOfTemporalPositions": 30}, Kind.MR_DYNAMIC, "NumberOfTemporalPositions 30"),
        ({"ImageType": ["DERIVED", "PRIMARY", "T2MAP"]}, Kind.MR_DERIVED, "DERIVED"),
        ({"SeriesDescription": "ax T1 fs"}, Kind.MR_T1, "T1 in the name"),
        ({"SeriesDescription": "T2_HASTE"}, Kind.MR_T2, "T2 in the name"),
        ({"SeriesDescription": "cor HASTE"}, Kind.MR_T2, "HASTE in the name"),
        ({"EchoTime": "2.5", "RepetitionTime": "5"}, Kind.MR_T1, "EchoTime 2.5 ms, Repetition"),
        ({"EchoTime": "95", "RepetitionTime": "4000"}, Kind.MR_T2, "EchoTime 95 ms, Repetition"),
        ({}, Kind.MR_OTHER, "EchoTime 40 ms, RepetitionTime 1200 ms"),
        ({"SeriesDescription": "T2* map"}, Kind.MR_OTHER, "EchoTime 40 ms"),
        ({"SeriesDescription": "T2 star"}, Kind.MR_OTHER, "EchoTime 40 ms"),
        ({"SeriesDescription": "T1rho"}, Kind.MR_OTHER, "EchoTime 40 ms"),
        ({"EchoTime": None}, Kind.MR_OTHER, "no evidence of the contrast"),
    ],
)
def test_mr_is_told_by_its_tags(
    attributes: dict[str, Any], expected: Kind, evidence: str, tmp_path: Path
) -> None:
    found = what_is(tmp_path, an_mr(**attributes))

    assert found.type is expected
    assert evidence in "; ".join(found.evidence)


@pytest.mark.parametrize("by_name", [True, False])
def test_dixon_phases_in_one_series_are_several_contrasts(by_name: object, tmp_path: Path) -> None:
    assert what_is(tmp_path, made.dixon(by_name=bool(by_name))).type is Kind.MR_DIXON


@pytest.mark.parametrize("maker", ["standard", "Siemens", "GE", "Philips"])
def test_diffusion_names_the_b_values_of_every_maker(maker: str, tmp_path: Path) -> None:
    assert what_is(tmp_path, made.diffusion(maker)) == Classification(
        Kind.MR_DIFFUSION, ("b-values 0, 50, 800 s/mm2",)
    )


@pytest.mark.parametrize("timing", made.TIMINGS)
def test_positions_imaged_again_and_again_are_dynamic(timing: str, tmp_path: Path) -> None:
    assert what_is(tmp_path, made.dynamic(timing)) == Classification(
        Kind.MR_DYNAMIC, ("every position imaged 3 times with one contrast",)
    )


def test_frames_of_several_times_are_dynamic(tmp_path: Path) -> None:
    assert what_is(tmp_path, [made.enhanced("MR")]) == Classification(
        Kind.MR_DYNAMIC, ("TemporalPositionIndex of the frames: 2",)
    )


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("EchoTime", ["2.46", "4.92"]),
        ("FlipAngle", ["2", "15"]),
        ("ImageType", [["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"]]),
    ],
)
def test_positions_imaged_with_several_contrasts_are_not_dynamic(
    keyword: str, values: list[Any], tmp_path: Path
) -> None:
    datasets = [
        made.changed(made.a_slice(2 * v + k + 1, k=k), **{keyword: value})
        for v, value in enumerate(values)
        for k in range(2)
    ]

    assert what_is(tmp_path, datasets).type is not Kind.MR_DYNAMIC


def test_b_values_are_empty_where_none_is_stated() -> None:
    assert b_values_of({}) == ()
    assert b_values_of({"DiffusionBValue": "800"}) == ()
    assert b_values_of({"GEBValue": (1_000_000_050, 0, 0, 0)}) == (50.0,)


def test_classifies_headers_of_nothing_but_a_modality() -> None:
    assert classify([{"Modality": "MR"}]).type is Kind.MR_OTHER
