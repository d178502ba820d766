"""Participants who fail a criterion of NCT06256705 at inclusion, each by the facts it names.

A criterion that rests on another fails with it: I0 attests I1 to I5, a carcinoma is no
well-differentiated tumor, State Medical Aid is no social security.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from operandi.simulation.trial.tables_inclusion import Cells, Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A way to fail.

    Parameters
    ----------
    criterion : str
        The one that is meant.
    against : tuple of str
        All that keep the participant out under the proposed reading, in the study file's order.
    change : callable
        Changes the tables of one participant, given the day of inclusion.
    women_only : bool
    """

    criterion: str
    against: tuple[str, ...]
    change: Callable[[Tables, date], None]
    women_only: bool = False


def until_inclusion(tables: Mapping[str, list[Cells]], *, participant: str, on: date) -> Tables:
    """What was recorded of a participant by the day of inclusion."""
    kept: Tables = {}
    for name, rows in tables.items():
        own = [row for row in rows if row.get("participant") == participant]
        kept[name] = [dict(row) for row in own if _recorded(name, row) <= on.isoformat()]
    return {name: rows for name, rows in kept.items() if rows}


_DATED: Final = {
    "imaging_visits": "date",
    "vitals": "measured_on",
    "tracer_administrations": "injected_at",
    "cycles": "date",
    "consents": "on",
    "reviews": "reviewed_on",
    "judgments": "on",
    "tumor_histology": "reported_on",
    "karnofsky": "on",
    "laboratory_results": "collected_on",
    "pregnancy": "assessed_on",
    "allergies": "recorded_on",
    "therapies": "recorded_on",
    "heart_failure": "assessed_on",
    "medical_history": "recorded_on",
    "social_cover": "on",
    "receptor_lesions": "performed_on",
    "cycle_plans": "recorded_on",
    "visits": "on",
    "adverse_events": "started_on",
    "recist_reads": "exam_on",
    "samples": "collected_on",
    "follow_up": "on",
    "deaths": "died_on",
}


def _recorded(table: str, row: Mapping[str, str]) -> str:
    """The day, as text; rows without one were always there. Images are an act of who is in."""
    if table in {"imaging_visits", "vitals", "tracer_administrations", "samples"}:
        return "9999"
    return row[_DATED[table]][:10] if table in _DATED else ""


def _set(table: str, where: Mapping[str, str], **cells: str) -> Callable[[Tables, date], None]:
    def change(tables: Tables, _on: date) -> None:
        for row in tables[table]:
            if where.items() <= row.items():
                row.update(cells)

    return change


def _judged(question: str, answer: str) -> Callable[[Tables, date], None]:
    return _set("judgments", {"question": question}, answer=answer)


def _measured(**values: tuple[str, str]) -> Callable[[Tables, date], None]:
    """Results in units of their own; limits are left to the laboratory's ranges or not needed."""

    def change(tables: Tables, _on: date) -> None:
        for row in tables["laboratory_results"]:
            if row["test"] in values:
                value, unit = values[row["test"]]
                upper = "21" if row["test"] == "bilirubin_total" else ""
                row.update(value=value, unit=unit, lower_limit="", upper_limit=upper)

    return change


def _added(table: str, topic: str, row: Callable[[date], Cells]) -> Callable[[Tables, date], None]:
    """A row, and the review that says that there is one."""

    def change(tables: Tables, on: date) -> None:
        who = tables["participants"][0]["participant"]
        asked = str(on - timedelta(days=1))
        tables.setdefault(table, []).append({"participant": who} | _dated(table, asked) | row(on))
        for review in tables["reviews"]:
            if review["topic"] == topic:
                review["finding"] = "recorded"

    return change


def _dated(table: str, day: str) -> Cells:
    return {"assessed_on" if table == "brain_metastases" else "recorded_on": day}


def _all_small(tables: Tables, _on: date) -> None:
    for row in tables["recist_reads"]:
        row["diameter_mm"] = "8.0" if row.get("diameter_mm") else ""


def _all_cold(tables: Tables, _on: date) -> None:
    for row in tables["receptor_lesions"]:
        row.update(uptake="below_liver", suv_max="3.1", liver_suv_mean="4.8")


def _one_target_cold(tables: Tables, _on: date) -> None:
    """Bright lesions beside it, so that most lesions lie above the liver."""
    rows = tables["receptor_lesions"]
    target = next(row for row in rows if row["target"] == "yes")
    target.update(uptake="equal_to_liver", suv_max="4.8", liver_suv_mean="4.8")
    for number in range(1 + len(rows)):
        bright = {"target": "no", "uptake": "above_liver", "suv_max": "14.0"}
        rows.append({**target, **bright, "lesion": f"{target['participant']}-S{number + 1}"})


def _minor(tables: Tables, on: date) -> None:
    """Seventeen on the day of consent; nothing in the tables is so old."""
    young = on - timedelta(days=17 * 365)
    tables["participants"][0].update(birth_year=str(young.year), birth_month=str(young.month))


def _ago(on: date, days: int) -> str:
    return str(on - timedelta(days=days))


FAILURES: Final = (
    Failure(criterion="I0", against=("I0",), change=_judged("prrt_decision", "no")),
    Failure(criterion="I1", against=("I0", "I1"), change=_judged("unresectable", "no")),
    Failure(criterion="I2", against=("I0", "I2"), change=_judged("progressive", "no")),
    Failure(criterion="I3", against=("I0", "I3"), change=_all_small),
    Failure(criterion="I4", against=("I0", "I4", "I5"), change=_all_cold),
    Failure(criterion="I5", against=("I0", "I5"), change=_one_target_cold),
    Failure(criterion="I6", against=("I6",), change=_set("karnofsky", {}, score="50")),
    Failure(criterion="I7", against=("I7",), change=_judged("life_expectancy_over_6_months", "no")),
    Failure(criterion="I8", against=("I8",), change=_minor),
    Failure(
        criterion="E1",
        against=("E1",),
        change=_set("pregnancy", {}, childbearing_potential="yes", test="positive"),
        women_only=True,
    ),
    Failure(
        criterion="E2",
        against=("E2",),
        change=_added("allergies", "allergies", lambda _on: {"substance": "octreotate"}),
    ),
    Failure(
        criterion="E3",
        against=("E3",),
        change=_added("allergies", "allergies", lambda _on: {"substance": "lysine"}),
    ),
    Failure(criterion="E4", against=("E4",), change=_judged("mri_contraindication", "yes")),
    Failure(
        criterion="E5",
        against=("E5",),
        change=_added(
            "therapies",
            "therapies",
            lambda on: {
                "kind": "external_beam",
                "started_on": _ago(on, 60),
                "last_on": _ago(on, 45),
                "target": "lesions",
                "extensive": "yes",
                "ongoing": "no",
            },
        ),
    ),
    Failure(
        criterion="E6",
        against=("E6",),
        change=_added(
            "therapies",
            "therapies",
            lambda on: {
                "kind": "targeted",
                "agent": "everolimus",
                "started_on": _ago(on, 120),
                "ongoing": "yes",
            },
        ),
    ),
    Failure(
        criterion="E7",
        against=("I0", "I1", "E7"),
        change=_set("tumor_histology", {}, differentiation="minen"),
    ),
    Failure(
        criterion="E8",
        against=("I0", "I1", "E8"),
        change=_set("tumor_histology", {}, differentiation="nec"),
    ),
    Failure(
        criterion="E9",
        against=("E9",),
        change=_added(
            "brain_metastases",
            "brain_metastases",
            lambda _on: {"present": "yes", "controlled": "no"},
        ),
    ),
    Failure(
        criterion="E10", against=("E10",), change=_set("heart_failure", {}, present="yes", nyha="3")
    ),
    Failure(criterion="E11", against=("E11",), change=_judged("ssa_can_stop_long", "no")),
    Failure(criterion="E12a", against=("E12a",), change=_measured(platelets=("62", "10^9/L"))),
    Failure(criterion="E12b", against=("E12b",), change=_measured(hemoglobin=("7.6", "g/dL"))),
    Failure(
        criterion="E12c", against=("E12c",), change=_measured(bilirubin_total=("78", "umol/L"))
    ),
    Failure(criterion="E12d", against=("E12d",), change=_measured(neutrophils=("0.82", "10^9/L"))),
    Failure(
        criterion="E12e",
        against=("E12e",),
        change=_measured(prothrombin_percent=("61", "%"), albumin=("30", "g/L")),
    ),
    Failure(
        criterion="E12f",
        against=("E12f",),
        change=_measured(prothrombin_percent=("70", "%"), albumin=("27", "g/L")),
    ),
    Failure(
        criterion="E12g", against=("E12g",), change=_measured(gfr_indexed=("31", "mL/min/1.73m2"))
    ),
    Failure(
        criterion="E13",
        against=("E13",),
        change=_added(
            "therapies",
            "therapies",
            lambda on: {
                "kind": "prrt",
                "started_on": _ago(on, 1200),
                "last_on": _ago(on, 1000),
                "ongoing": "no",
            },
        ),
    ),
    Failure(
        criterion="E14",
        against=("E14",),
        change=_added(
            "cancer_history",
            "cancer_history",
            lambda on: {
                "cancer": "breast",
                "exempt": "none",
                "diagnosed_on": _ago(on, 900),
                "last_progressive_on": _ago(on, 400),
            },
        ),
    ),
    Failure(
        criterion="E15",
        against=("E15",),
        change=_set("consents", {"kind": "study"}, state="refused"),
    ),
    Failure(criterion="E16", against=("E16",), change=_judged("protected_adult", "yes")),
    Failure(criterion="E17", against=("E17",), change=_set("social_cover", {}, scheme="none")),
    Failure(
        criterion="E18",
        against=("E17", "E18"),
        change=_set("social_cover", {}, scheme="state_medical_aid"),
    ),
)
"""One for each of the 33 criteria, in the order of the study file."""
