"""The marrow after a cycle: what is computed from what, and what is said where that is missing."""

import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from operandi.domain.identity import NOT_A_VISIT, Pseudonym
from operandi.domain.measurement import Measurement
from operandi.imaging.dicom.files import FileRef
from operandi.pipeline.step_settings import MarrowFacts, MarrowSettings, Visit
from operandi.pipeline.steps.dose import VERTEBRAE, organ_called
from operandi.pipeline.steps.dose_marrow import MarrowDoses, marrow_doses, measured_marrow
from operandi.pipeline.steps.dose_measured import measured_dose
from operandi.quantities.kinds import ABSORBED_DOSE, ABSORBED_DOSE_PER_ACTIVITY
from tests.pipeline.cycle_doses import GIVEN_BQ, HOUR_S, KIDNEYS, a_cycle, a_region_dose

S_SELF, S_KIDNEY = 1.495e-14, 4.0e-17
"""Made up, of the size of OLINDA's, Gy/(Bq s)."""
TABLE = """\
source,target,S [mGy/MBq.s],target mass [g]
red marrow,red marrow,1.495e-5,900
left kidney,red marrow,4.0e-8,900
right kidney,red marrow,4.0e-8,900
"""
HOURS = (0.5, 1.0, 2.0, 4.0, 8.0, 24.0, 48.0, 72.0)
VISIT = Visit(participant=Pseudonym("P-014"), timepoint=NOT_A_VISIT, inputs=())
SETTINGS = MarrowSettings(
    reference="ICRP 89 adult female",
    mass_relative_uncertainty=0.2,
    blood_density_g_ml=1.06,
    marrow_to_blood=(1.0, 0.2, "Forrer 2009; uncertainty ours"),
)
SHARE = (0.067, 0.01, "Hindorf 2010")


def blood_bq_ml(hours: float) -> float:
    """200 kBq/mL that leave with 1.5 h, and a tail of 25 h."""
    return 200e3 * float(2 ** (-hours / 1.5)) + 5e3 * float(2 ** (-hours / 25.0))


FACTS = MarrowFacts(
    settings=SETTINGS,
    samples=tuple((h * HOUR_S, blood_bq_ml(h), 0.03 * blood_bq_ml(h)) for h in HOURS),
    no_samples="",
    sex="F",
    body_mass_kg=66.0,
    weighed_on=date(2026, 1, 5),
    organ_s_phantom="made up, female",
    organ_s_unit="",
)
VERTEBRAL = a_region_dose(VERTEBRAE, start_bq=4e6, half_life_h=60.0)
NO_SAMPLES = replace(FACTS, samples=(), no_samples="No blood sample after the cycle.")


@pytest.fixture
def table(tmp_path: Path) -> tuple[FileRef, ...]:
    (tmp_path / "s.csv").write_text(TABLE, "utf-8")
    return (FileRef(str(tmp_path), "s.csv"),)


def reported(doses: MarrowDoses) -> Measurement:
    [found] = [
        one for one in measured_marrow(doses, VISIT).measurements if one.kind is ABSORBED_DOSE
    ]
    return found


def test_blood_gives_self_dose_by_concentration_and_kidneys_shine_on_it(
    table: tuple[FileRef, ...],
) -> None:
    """By hand: (200e3 x 1.5 h + 5e3 x 25 h) / ln 2 Bq s/mL, over 1.06 g/mL, by 900 g x S."""
    [found] = marrow_doses(a_cycle(), table, FACTS).methods

    integral = (200e3 * 1.5 + 5e3 * 25.0) * HOUR_S / math.log(2)
    kidneys = sum(one.course.integral for one in KIDNEYS)
    assert found.dose.self_gy == pytest.approx(integral / 1.06 * 900 * S_SELF, rel=0.01)
    assert found.dose.cross_gy == pytest.approx(kidneys * S_KIDNEY, rel=1e-9)
    # 900 g of a body of 60 kg become 990 g of 66 kg.
    assert found.course.integral == pytest.approx(integral / 1.06 * 990, rel=0.01)


def test_the_measurement_is_of_the_tier_measured_and_says_what_was_taken_for_granted(
    table: tuple[FileRef, ...],
) -> None:
    doses = marrow_doses(a_cycle(), table, FACTS)

    dose, per_activity = measured_marrow(doses, VISIT).measurements
    assert dose.method == "measured: blood-based"
    assert dose.value is not None
    assert dose.uncertainty.standard is not None
    assert 0.1 * dose.value < dose.uncertainty.standard < 0.3 * dose.value
    assert "Forrer 2009" in dose.uncertainty.basis
    assert "8 blood samples" in dose.uncertainty.basis
    assert per_activity.kind is ABSORBED_DOSE_PER_ACTIVITY
    assert per_activity.value == pytest.approx(dose.value / (GIVEN_BQ / 1e9))


def test_vertebrae_stand_beside_blood_with_how_far_they_lie_apart(
    table: tuple[FileRef, ...],
) -> None:
    facts = replace(FACTS, settings=replace(SETTINGS, vertebral_share=SHARE))

    doses = marrow_doses(a_cycle(*KIDNEYS, VERTEBRAL), table, facts)

    blood, image = (one.dose for one in doses.methods)
    basis = reported(doses).uncertainty.basis
    apart = max(blood.dose_gy, image.dose_gy) / min(blood.dose_gy, image.dose_gy) - 1
    assert reported(doses).value == blood.dose_gy
    assert "image-based, share of the marrow" in basis
    assert f"the methods differ by {100 * apart:.0f} %" in basis
    # All marrow holds 1/0.067 of what the vertebrae do; the vertebrae themselves do not shine.
    integral = VERTEBRAL.course.integral
    assert image.self_gy == pytest.approx(integral / 0.067 / 990 * 900 * S_SELF, rel=1e-9)
    assert image.cross_gy == pytest.approx(blood.cross_gy)


def test_vertebrae_alone_are_reported_where_there_is_no_blood(table: tuple[FileRef, ...]) -> None:
    facts = replace(NO_SAMPLES, settings=replace(SETTINGS, vertebral_share=SHARE))

    doses = marrow_doses(a_cycle(*KIDNEYS, VERTEBRAL), table, facts)

    assert reported(doses).method == "measured: image-based, share of the marrow"
    assert "the other method: No blood sample" in reported(doses).uncertainty.basis


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (replace(FACTS, settings=None), r"study\.toml does not say how"),
        (replace(FACTS, samples=FACTS.samples[:3]), "needs 4 samples or more.*found 3"),
        (NO_SAMPLES, "No blood sample after the cycle"),
        (replace(FACTS, sex="M"), "ICRP 89 adult female; the participant is male"),
        (replace(FACTS, body_mass_kg=None), "No body mass was measured before the cycle"),
        (
            replace(FACTS, samples=((-60.0, 1e3, 50.0), *FACTS.samples)),
            "times after administration",
        ),
    ],
)
def test_what_is_missing_is_said_in_place_of_the_dose(
    table: tuple[FileRef, ...], facts: MarrowFacts, why: str
) -> None:
    absent = reported(marrow_doses(a_cycle(), table, facts))

    assert absent.value is None
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(absent.absent)


def test_a_sexless_phantom_fits_everybody(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(TABLE.replace(",900", ",1120"), "utf-8")
    files = (FileRef(str(tmp_path), "s.csv"),)
    facts = replace(FACTS, settings=replace(SETTINGS, reference="MIRD adult"), sex="O")

    assert marrow_doses(a_cycle(), files, facts).methods


def test_a_table_of_another_phantom_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(TABLE.replace(",900", ",1170"), "utf-8")
    files = (FileRef(str(tmp_path), "s.csv"),)

    assert "1170 g of red marrow" in reported(marrow_doses(a_cycle(), files, FACTS)).absent


def test_without_a_table_that_knows_the_marrow_there_is_no_dose(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(
        "source,target,S [mGy/MBq.s]\nliver,liver,1e-5\n", encoding="utf-8"
    )
    files = (FileRef(str(tmp_path), "s.csv"),)

    assert "no table of organ S values" in reported(marrow_doses(a_cycle(), None, FACTS)).absent
    assert "red marrow" in reported(marrow_doses(a_cycle(), files, FACTS)).absent


def test_vertebrae_that_were_refused_say_why(table: tuple[FileRef, ...]) -> None:
    cycle = a_cycle(refused=((VERTEBRAE, False, "It was scanned 3 time(s)."),))
    facts = replace(NO_SAMPLES, settings=replace(SETTINGS, vertebral_share=SHARE))

    assert "scanned 3 time(s)" in reported(marrow_doses(cycle, table, facts)).absent


@pytest.mark.parametrize("label", ["L2-L4", "L2 - L4", "l2 to l4", "Vertebrae L2-L4", "L2_L4"])
def test_a_region_called_l2_to_l4_is_no_lesion(label: str) -> None:
    assert organ_called(label, "") == VERTEBRAE


@pytest.mark.parametrize("label", ["L2", "L24", "OP-001-L2", "L2-L4 met"])
def test_a_lesion_is_not_taken_for_the_vertebrae(label: str) -> None:
    assert organ_called(label, "") != VERTEBRAE


def test_the_vertebrae_themselves_have_no_dose_in_the_table() -> None:
    cycle = a_cycle(*KIDNEYS, VERTEBRAL)

    names = {one.subject.name for one in measured_dose(cycle, VISIT).measurements}

    assert names == {"left kidney", "right kidney"}


def test_a_metastasis_in_the_vertebrae_is_none_of_the_marrow(table: tuple[FileRef, ...]) -> None:
    facts = replace(NO_SAMPLES, settings=replace(SETTINGS, vertebral_share=SHARE))

    found = marrow_doses(a_cycle(*KIDNEYS, replace(VERTEBRAL, held=("L4 met",))), table, facts)

    assert any("holds L4 met" in reason for reason in found.absent)
    assert not found.methods
