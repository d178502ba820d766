"""Doses, dates and a drug joined: what is repeated, what is shown and what is refused."""

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.identity import Pseudonym
from operandi.pipeline import potentiator_plan
from operandi.pipeline.drug_choice import Drug, DrugChoice, chosen_schedule
from operandi.pipeline.potentiator_page import best_starts, cohort_page, notes_of_all
from operandi.pipeline.potentiator_plan import (
    Answer,
    Question,
    answer,
    cycles_of,
    everyone,
    potentiated,
)
from operandi.pipeline.potentiator_tissues import PlannedCycle, StatedMarrow, stated_marrow
from operandi.pipeline.steps.dose_cycle import CycleDoses
from operandi.pipeline.study import Options
from operandi.pipeline.therapy_results import ParticipantDoses
from operandi.pipeline.what_if import whom_to_ask
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import LU177
from operandi.records.rows_clinical import TumorHistologyRow
from operandi.records.tables import Cycle
from operandi.therapy.pet_baseline import TumorGrade
from operandi.therapy.potentiator_presets import Recombination
from tests.pipeline.measured_doses import A_PATIENT, a_region, cycle_doses

DAY = date(2025, 1, 7)
CUT = date(2025, 6, 1)
DRUGS: tuple[Drug, ...] = ("olaparib", "captem")
CYCLES = tuple(
    PlannedCycle(number=n + 1, on=DAY + timedelta(days=56 * n), activity_bq=7.4e9, given=True)
    for n in range(4)
)


def a_choice(drug: Drug = "olaparib", **days: int) -> DrugChoice:
    return DrugChoice(
        drug=drug,
        schedule=chosen_schedule(drug, None, **days),
        recombination=Recombination.UNKNOWN,
    )


def a_question(**changes: Any) -> Question:
    question = Question(
        choice=a_choice(), grade=TumorGrade.G2, marrow=None, samples=200, compare_starts=False
    )
    return replace(question, **changes)


def asked(
    doses: CycleDoses | None = None, cycles: tuple[PlannedCycle, ...] = CYCLES, **changes: Any
) -> Answer:
    return answer(
        "P-014",
        doses or cycle_doses(),
        a_question(**changes),
        measured_cycle=1,
        cycles=cycles,
    )


# --- tissues and doses ---------------------------------------------------------------------------


def test_the_lesions_with_the_smallest_and_the_largest_dose_are_shown() -> None:
    names = [one.name for one in asked().tissues]

    assert names == ["L3", "L1", "kidneys"]


def test_one_lesion_is_shown_once() -> None:
    lesion = a_region("L1", dose_gy=30.0, is_lesion=True)

    found = asked(cycle_doses(*A_PATIENT[:2], lesion))

    assert [one.label for one in found.tissues] == [
        "L1 (the only lesion)",
        "kidneys (mean by mass)",
    ]


def test_kidneys_are_the_mean_of_both_by_mass_over_all_cycles() -> None:
    kidneys = asked().tissues[-1]

    assert kidneys.dose_gy == pytest.approx(4 * (4.0 * 200 + 5.0 * 100) / 300)
    assert kidneys.dose_rate_gy_per_s.integral == pytest.approx((4.0 * 200 + 5.0 * 100) / 300)


def test_each_cycle_gives_dose_in_proportion_to_its_activity() -> None:
    halved = (CYCLES[0], replace(CYCLES[1], activity_bq=3.7e9))

    found = asked(cycles=halved)

    first, second = (one.dose_rate_gy_per_s["L3"].integral for one in found.therapy)
    assert (first, second) == pytest.approx((10.0, 5.0))
    assert found.tissues[0].dose_gy == pytest.approx(15.0)


def test_days_count_from_the_first_cycle() -> None:
    assert [one.day for one in asked().therapy] == [0.0, 56.0, 112.0, 168.0]


def test_bed_without_drugs_is_at_least_the_dose() -> None:
    found = asked()

    for tissue, outcome in zip(found.tissues, found.outcome.tissues, strict=True):
        assert outcome.bed_gy.low > tissue.dose_gy


def test_marrow_is_compared_only_where_it_has_a_dose() -> None:
    without = asked()
    measured = asked(cycle_doses(*A_PATIENT, a_region("Bone marrow", dose_gy=0.2)))
    stated = asked(marrow=StatedMarrow(gy_per_gbq=0.03, half_life_h=40.0))

    assert any("No marrow dose" in note for note in without.notes)
    assert measured.tissues[-1].dose_gy == pytest.approx(0.8)
    assert stated.tissues[-1].dose_gy == pytest.approx(4 * 7.4 * 0.03)
    for found in (measured, stated):
        assert {one.normal for one in found.outcome.advantages} == {"kidneys", "marrow"}
        assert not any("No marrow dose" in note for note in found.notes)


def test_a_single_kidney_is_said() -> None:
    found = asked(cycle_doses(*A_PATIENT[1:]))

    assert found.tissues[-1].dose_gy == pytest.approx(20.0)
    assert any(
        "Kidneys: the right kidney stands for both kidneys. The left kidney has no dose: It was "
        "not drawn." in note
        for note in found.notes
    )


@settings(max_examples=10, deadline=None)
@given(st.permutations(A_PATIENT))
def test_the_order_of_regions_changes_nothing(regions: list[Any]) -> None:
    found = asked(cycle_doses(*regions))

    assert found.outcome.advantages[0].ratio.median == pytest.approx(
        asked().outcome.advantages[0].ratio.median, rel=1e-12
    )


# --- what is found -------------------------------------------------------------------------------


def test_a_repair_inhibitor_does_not_establish_a_difference_in_a_proficient_grade_1_tumor() -> None:
    choice = replace(a_choice(), recombination=Recombination.PROFICIENT)

    found = asked(choice=choice, grade=TumorGrade.G1)

    assert all("alike" in one.words or "No enh" in one.words for one in found.outcome.advantages)
    assert not found.foregone


def test_that_captem_raises_the_tumor_more_than_kidneys_is_said_to_be_put_in() -> None:
    marrow = StatedMarrow(gy_per_gbq=0.03, half_life_h=40.0)

    found = asked(choice=a_choice("captem"), marrow=marrow)

    assert found.foregone == {("L3", "kidneys"), ("L1", "kidneys")}
    assert found.notes[-1].startswith("Put in, not found")


def test_a_deficient_grade_3_tumor_outdoes_kidneys_by_its_priors_alone_and_not_marrow() -> None:
    choice = replace(a_choice(), recombination=Recombination.DEFICIENT)
    marrow = StatedMarrow(gy_per_gbq=0.03, half_life_h=40.0)

    found = asked(choice=choice, grade=TumorGrade.G3, marrow=marrow)

    assert found.foregone == {("L3", "kidneys"), ("L1", "kidneys")}


def test_the_median_ratio_lies_between_those_of_the_ends_of_the_doses() -> None:
    found = asked(samples=1000)

    for one in found.outcome.advantages:
        low, high = found.by_dose[one.tumor, one.normal]
        assert low <= one.ratio.median <= high


def test_starts_are_compared_on_every_day_and_agree_with_the_schedule_itself() -> None:
    found = asked(compare_starts=True)

    of_one = [one for one in found.by_start if (one.tumor, one.normal) == ("L3", "kidneys")]
    assert [one.first_day for one in of_one] == list(range(-3, 11))
    [itself] = [one for one in of_one if one.first_day == -2]
    assert itself.ratio.median == pytest.approx(found.outcome.advantages[0].ratio.median, rel=1e-12)
    assert len(best_starts(found)) == 2


def test_every_prior_is_listed_once_with_a_source() -> None:
    names = [one.name for one in asked().priors()]

    assert len(names) == len(set(names)) > 10
    assert not any("marrow" in name for name in names)


def test_no_cycle_no_lesion_and_no_normal_tissue_are_refused() -> None:
    with pytest.raises(DataError, match="no cycle"):
        asked(cycles=())
    with pytest.raises(DataError, match="No lesion"):
        asked(cycle_doses(*A_PATIENT[:2]))
    with pytest.raises(DataError, match="Neither kidneys nor marrow"):
        asked(cycle_doses(*A_PATIENT[2:]))


@pytest.mark.parametrize(("per_gbq", "half_life"), [(0.03, None), (None, 40.0), (-1.0, 40.0)])
def test_half_a_marrow_dose_is_refused(per_gbq: float | None, half_life: float | None) -> None:
    with pytest.raises(DataError):
        stated_marrow(gy_per_gbq=per_gbq, half_life_h=half_life)
    assert stated_marrow(gy_per_gbq=None, half_life_h=None) is None


def test_a_marrow_dose_rate_that_outlives_its_nuclide_is_refused() -> None:
    with pytest.raises(DataError, match=r"177Lu itself decays with 159\.5 h"):
        asked(marrow=StatedMarrow(gy_per_gbq=0.03, half_life_h=300.0))
    assert asked(marrow=StatedMarrow(gy_per_gbq=0.03, half_life_h=159.0)).tissues


def test_a_marrow_dose_in_another_unit_is_refused() -> None:
    with pytest.raises(DataError, match="35 Gy/GBq was stated") as refused:
        StatedMarrow(gy_per_gbq=35.0, half_life_h=40.0)
    assert "35 mGy/GBq is 0.035" in refused.value.remedy


# --- schedules -----------------------------------------------------------------------------------


@pytest.mark.parametrize("drug", DRUGS)
def test_an_unknown_schedule_lists_those_there_are(drug: Drug) -> None:
    with pytest.raises(DataError, match=r"There are: \S+ \(.*\); \S+ \("):
        chosen_schedule(drug, "nowhere")


def test_days_that_a_publication_does_not_state_are_asked_for() -> None:
    with pytest.raises(DataError, match="--first-day and --last-day"):
        chosen_schedule("olaparib", "gothenburg")
    with pytest.raises(DataError, match="--administration-day"):
        chosen_schedule("captem", "perth")

    assert chosen_schedule("olaparib", "gothenburg", first_day=2, last_day=9).window.end_day == 10
    assert chosen_schedule("captem", "perth", administration_day=10).window.start_day == -9


def test_days_of_the_user_replace_those_of_olaparib_and_say_so() -> None:
    moved = chosen_schedule("olaparib", "nci", first_day=1, last_day=14)

    assert (moved.window.start_day, moved.window.end_day) == (1, 15)
    assert "given by the user" in moved.source
    with pytest.raises(DataError, match="both days"):
        chosen_schedule("olaparib", "nci", first_day=1)


@pytest.mark.parametrize(("first", "last"), [(200, 210), (-400, 3), (2, 900), (9, 2)])
def test_days_far_from_an_administration_are_refused(first: int, last: int) -> None:
    with pytest.raises(DataError, match="days of a cycle run from -28 to 55"):
        chosen_schedule("olaparib", "gothenburg", first_day=first, last_day=last)


def test_days_that_a_drug_cannot_use_are_refused() -> None:
    with pytest.raises(DataError, match="two drugs"):
        chosen_schedule("captem", None, first_day=1, last_day=5)
    with pytest.raises(DataError, match="states its days"):
        chosen_schedule("captem", "control-nets", administration_day=10)
    with pytest.raises(DataError, match="day of capecitabine"):
        chosen_schedule("olaparib", None, administration_day=10)


def test_another_start_moves_both_drugs_of_captem_together() -> None:
    moved = a_choice("captem").starting(0)

    days = [(one.drug, one.first_day, one.last_day) for one in moved.schedule.courses]
    assert days == [("capecitabine", 0, 13), ("temozolomide", 9, 13)]


# --- from a study --------------------------------------------------------------------------------


def a_study(
    *, plans: tuple[Any, ...] = (), grade: str | None = None, faults: tuple[Any, ...] = ()
) -> Any:
    columns: dict[str, Any] = {"participant": "P-014", "grade": grade, "reported_on": DAY}
    histology = (TumorHistologyRow.model_construct(**columns),)
    rows = {
        "participants": tuple(SimpleNamespace(participant=who) for who in ("P-014", "P-015")),
        "cycle_plans": plans,
        "tumor_histology": histology if grade else (),
    }
    people = tuple(SimpleNamespace(pseudonym=who) for who in ("P-014", "P-015"))
    scanned = tuple(
        (SimpleNamespace(measured=SimpleNamespace(participant=one.pseudonym)), None)
        for one in people
    )
    return SimpleNamespace(
        records=SimpleNamespace(rows=rows, participants=people, faults=faults),
        settings=SimpleNamespace(data_cut=CUT),
        cycles=scanned,
    )


def a_plan(cycle: int, on: date, *, state: str = "planned") -> Any:
    return SimpleNamespace(
        participant="P-014", cycle=cycle, planned_on=on, recorded_on=DAY, state=state
    )


def the_doses(who: str = "P-014", measured: CycleDoses | None = None) -> ParticipantDoses:
    given = tuple(
        Cycle(
            participant=Pseudonym(who),
            number=one.number,
            on=one.on,
            activity_bq=one.activity_bq,
            nuclide=LU177,
        )
        for one in CYCLES[:2]
    )
    person: Any = SimpleNamespace(pseudonym=who)
    return ParticipantDoses(
        participant=person,
        given=given,
        measured=((1, measured),) if measured else (),
        predicted=None,
    )


def test_a_planned_cycle_is_added_with_the_activity_of_the_last() -> None:
    cycles, said = cycles_of(a_study(plans=(a_plan(3, date(2025, 7, 1)),)), the_doses())

    assert [(one.number, one.given) for one in cycles] == [(1, True), (2, True), (3, False)]
    assert cycles[-1].activity_bq == pytest.approx(7.4e9)
    assert "as that of cycle 2, 7.4 GBq" in said[0]


def test_a_canceled_plan_and_one_that_has_passed_are_left_out() -> None:
    plans = (
        a_plan(3, date(2025, 4, 29)),
        a_plan(4, date(2025, 7, 1), state="cancelled"),
        a_plan(2, date(2025, 7, 2)),
    )

    cycles, said = cycles_of(a_study(plans=plans), the_doses())

    assert [one.number for one in cycles] == [1, 2]
    assert [line.split(" was")[0] for line in said] == ["Cycle 3"]


def test_the_grade_is_that_of_histology_unless_it_is_given() -> None:
    doses = the_doses(measured=cycle_doses())

    assert potentiated(a_study(grade="G3"), doses, a_question(grade=None)).grade == TumorGrade.G3
    assert potentiated(a_study(grade="G3"), doses, a_question()).grade == TumorGrade.G2
    unknown = potentiated(a_study(), doses, a_question(grade=None))
    assert unknown.grade is TumorGrade.UNKNOWN
    assert any("No histology" in note for note in unknown.notes)


def test_of_everyone_those_without_an_answer_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"P-014": the_doses(measured=cycle_doses()), "P-015": the_doses("P-015")}
    monkeypatch.setattr(
        potentiator_plan, "participant_doses", lambda _, who, *__, **___: found[who]
    )

    answers, left_out = everyone(a_study(), a_question(), Options())

    assert [one.participant for one in answers] == ["P-014"]
    assert [who for who, _ in left_out] == ["P-015"]
    page = cohort_page(answers, left_out)
    assert "P-015: no answer" in page
    found["P-014"] = the_doses()
    with pytest.raises(DataError, match="Nobody has a measured dose"):
        everyone(a_study(), a_question(), Options())


def test_who_has_a_faulty_cycle_is_asked_of_though_no_scan_was_placed() -> None:
    study = a_study(faults=(SimpleNamespace(table="cycles", participant="P-015"),))
    study.cycles = study.cycles[:1]

    assert whom_to_ask(study) == ("P-014", "P-015")
    study = a_study()
    study.cycles = ()
    assert whom_to_ask(study) == ()


def test_lesions_that_were_refused_say_why() -> None:
    lost = replace(
        cycle_doses(*A_PATIENT[:2]), refused=(("L1", True, "It lies outside the scan."),)
    )

    with pytest.raises(DataError, match=r"needs one\. L1: It lies outside the scan\."):
        asked(lost)


def test_notes_of_some_bear_their_names() -> None:
    one = asked()
    other = replace(one, participant="P-015", notes=(*one.notes, "Something else."))

    notes = notes_of_all([one, other])

    assert notes[:-1] == one.notes
    assert notes[-1] == "P-015: Something else."
