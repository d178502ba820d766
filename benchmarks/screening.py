"""Participants screened a second: every criterion of NCT06256705, full proofs, both readings.

Run from the checkout: ``python -m benchmarks.screening [participants]``. One core. The target is
200 a second, so that a whole study is screened again at every correction. No peer was found that
does this; as the limit of what Python allows, the same criteria stand below as plain code of one
reading, without proofs, units, conflicts or what is missing. Both must agree. On a machine that
does other work only the CPU time says much.
"""

import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from operandi.protocol.explain import verdict_text
from operandi.protocol.screening import screen_all
from operandi.protocol.windows import months_before
from operandi.records.tables import Records
from tests.protocol.participants import C1, ON, eligible, records_of, the_study
from tests.protocol.test_criteria import CASES

TARGET = 200.0
Rows = dict[str, list[Any]]
GEP = {"pancreas", "stomach", "duodenum", "jejunum_ileum", "appendix", "colon", "rectum"}
SYSTEMIC = {"chemotherapy", "targeted", "interferon", "immunotherapy", "other_antitumor"}


def cohort(count: int) -> Records:
    """Participants with whole records, and as many with a fact changed or missing."""
    plain = {id(tables): tables for _, _, tables, _, _ in CASES if _plain(tables)}
    kinds = [eligible(), *plain.values()]
    everyone = [
        records_of(kinds[number % len(kinds)], participant=f"P-{number:04d}")
        for number in range(count)
    ]
    tables = {table for one in everyone for table in one.rows}
    return Records(
        participants=tuple(person for one in everyone for person in one.participants),
        rows={t: tuple(row for one in everyone for row in one.rows.get(t, ())) for t in tables},
    )


def _plain(tables: dict[str, list[dict[str, str]]]) -> bool:
    """Whether only the laboratory differs, in the usual units: what the plain code can read."""
    usual = {row["test"]: row["unit"] for row in eligible()["laboratory_results"]}
    base = eligible()
    return all(
        tables.get(t) == base.get(t) for t in {*tables, *base} - {"laboratory_results"}
    ) and (
        all(
            row["unit"] == usual[row["test"]]
            and "comparator" not in row
            and row["upper_limit"] == ("17" if row["test"] == "bilirubin_total" else "")
            and row["equation"] == ("ckd_epi_2021" if row["test"] == "gfr_indexed" else "")
            for row in tables["laboratory_results"]
        )
    )


def by_hand(  # noqa: C901 - what the study file says, as code
    rows: Rows, *, on: date, cycle_1: date
) -> dict[str, bool | None]:
    """The proposed reading at inclusion, as somebody would write it down; None is unknown."""
    month = months_before(cycle_1, 1)

    def lab(test: str) -> Any:
        found = [
            r
            for r in rows["laboratory_results"]
            if r.test == test and month <= r.collected_on <= min(on, cycle_1)
        ]
        return max(found, key=lambda r: r.collected_on, default=None)

    def latest(table: str, day: str, **where: object) -> Any:
        found = [
            r
            for r in rows.get(table, [])
            if getattr(r, day) <= on and all(getattr(r, c) == v for c, v in where.items())
        ]
        return max(found, key=lambda r: getattr(r, day), default=None)

    def judged(question: str) -> bool | None:
        row = latest("judgments", "on", question=question)
        return None if row is None else row.answer

    def none_of(topic: str, since: date = date.min) -> bool | None:
        row = latest("reviews", "reviewed_on", topic=topic)
        return False if row is not None and row.reviewed_on >= since else None

    def fails(row: Any, holds: Callable[[Any], bool]) -> bool | None:
        return None if row is None else holds(row)

    def both(*parts: bool | None) -> bool | None:
        if any(part is False for part in parts):
            return False
        return None if any(part is None for part in parts) else True

    def either(*parts: bool | None) -> bool | None:
        if any(part is True for part in parts):
            return True
        return None if any(part is None for part in parts) else False

    def negated(part: bool | None) -> bool | None:  # noqa: FBT001
        return None if part is None else not part

    histology = latest("tumor_histology", "reported_on")
    start = months_before(on, 4)
    pet = [r for r in rows.get("receptor_lesions", []) if start <= r.performed_on <= on]
    pet = [r for r in pet if r.performed_on == max(x.performed_on for x in pet)]
    up = [r.uptake == "above_liver" for r in pet]
    exams = {r.exam_on for r in rows.get("recist_reads", []) if r.role == "investigator"}
    chosen = {r.lesion: r for r in rows.get("recist_lesions", [])}
    last = max(exams, default=on)
    measurable = any(
        r.state == "measured"
        and r.diameter_mm >= (15 if chosen[r.lesion].node else 10)
        and not chosen[r.lesion].previously_irradiated
        for r in rows.get("recist_reads", [])
        if r.exam_on == last and r.modality in {"ct", "mri"}
    )
    person, karnofsky = rows["participants"][0], latest("karnofsky", "on")
    consent, cover = latest("consents", "on", kind="study"), latest("social_cover", "on")
    pregnancy, heart = latest("pregnancy", "assessed_on"), latest("heart_failure", "assessed_on")
    prothrombin, albumin = lab("prothrombin_percent"), lab("albumin")
    therapies = rows.get("therapies", [])
    i1 = both(
        fails(histology, lambda r: r.differentiation == "net"),
        judged("unresectable"),
        fails(histology, lambda r: r.primary in GEP),
    )
    i2 = both(judged("metastatic"), judged("progressive"), True if len(exams) > 1 else None)
    i4 = any(up) if up else None
    i5 = both(sum(up) * 2 > len(up), all(up)) if up else None
    insured = fails(cover, lambda r: r.scheme in {"social_security", "universal_cover"})
    return {
        "I0": both(judged("prrt_decision"), i1, i2, measurable, i4, i5),
        "I1": i1,
        "I2": i2,
        "I3": measurable,
        "I4": i4,
        "I5": i5,
        "I6": fails(karnofsky, lambda r: r.score >= 60),
        "I7": judged("life_expectancy_over_6_months"),
        "I8": fails(consent, lambda r: (r.on.year - person.birth_year) > 18),
        "E1": fails(pregnancy, lambda r: r.breastfeeding or r.test == "positive"),
        "E2": none_of("allergies"),
        "E3": none_of("allergies"),
        "E4": either(judged("mri_contraindication"), judged("mri_impossible")),
        "E5": none_of("therapies", on - timedelta(days=84)),
        "E6": either(
            none_of("therapies", on - timedelta(days=28)),
            any(r.kind in SYSTEMIC for r in therapies),
        ),
        "E7": fails(histology, lambda r: r.differentiation == "minen"),
        "E8": fails(histology, lambda r: r.differentiation == "nec"),
        "E9": none_of("brain_metastases"),
        "E10": fails(heart, lambda r: r.present and r.nyha >= 3),
        "E11": either(negated(judged("ssa_can_stop_long")), negated(judged("ssa_can_stop_short"))),
        "E12a": fails(lab("platelets"), lambda r: r.value < 75),
        "E12b": fails(lab("hemoglobin"), lambda r: r.value <= 8),
        "E12c": fails(lab("bilirubin_total"), lambda r: r.value > 3 * r.upper_limit),
        "E12d": fails(lab("neutrophils"), lambda r: r.value < 1),
        "E12e": both(
            fails(prothrombin, lambda r: r.value < 70),
            negated(fails(albumin, lambda r: r.value > 30)),
        ),
        "E12f": both(
            fails(albumin, lambda r: r.value < 30),
            negated(fails(prothrombin, lambda r: r.value > 70)),
        ),
        "E12g": fails(lab("gfr_indexed"), lambda r: r.value < 35),
        "E13": none_of("therapies"),
        "E14": none_of("cancer_history", months_before(on, 36)),
        "E15": fails(consent, lambda r: r.state in {"refused", "withdrawn"}),
        "E16": either(judged("deprived_of_liberty"), judged("protected_adult")),
        "E17": negated(insured),
        "E18": fails(cover, lambda r: r.scheme == "state_medical_aid"),
    }


def parted(records: Records) -> Iterator[Rows]:
    """The rows of each participant."""
    everyone: dict[str, Rows] = {p.pseudonym: {} for p in records.participants}
    for table, rows in records.rows.items():
        for row in rows:
            everyone[getattr(row, "participant", "")].setdefault(table, []).append(row)
    yield from everyone.values()


def timed(what: str, count: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Print and return participants a second of CPU time, and what the work made."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what:44} {count / wall:9.0f} a second, {count / cpu:9.0f} a second of CPU")
    return count / cpu, made


def main() -> None:
    """Time both, and see that they agree."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    records, study = cohort(count), the_study()
    screen_all(cohort(5), study, on=ON)  # warm
    rate, screenings = timed(
        "operandi: both readings, G1 and G2, proofs",
        count,
        lambda: screen_all(records, study, on=ON),
    )
    timed(
        "operandi: every proof written out as text",
        count,
        lambda: [verdict_text(v, study) for s in screenings for g in s.gates for v in g.verdicts],
    )
    limit, plain = timed(
        "plain code: one reading, G1, no proofs",
        count,
        lambda: [by_hand(rows, on=ON, cycle_1=C1) for rows in parted(records)],
    )
    for screening, answers in zip(screenings, plain, strict=True):
        for verdict in screening.at("G1").verdicts:
            code, truth = verdict.criterion.code, verdict.proof.truth.value
            assert truth == {True: "yes", False: "no", None: "unknown"}[answers[code]], code
    verdicts = sum(len(g.verdicts) for s in screenings for g in s.gates) / count
    print(f"{verdicts:.0f} verdicts a participant; plain code is {limit / rate:.0f} times as fast")
    print(f"target {TARGET:.0f} a second: {'met' if rate >= TARGET else 'MISSED'}")


if __name__ == "__main__":
    main()
