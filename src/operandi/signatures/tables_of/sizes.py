"""Sizes of tumors over time, of everybody whom a reader followed: for waterfall and spider."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from operandi.domain.date_interval import DateInterval
from operandi.domain.identity import Pseudonym
from operandi.protocol.recist import Response, TimepointResponse
from operandi.records.rows_tumor import RecistReadRow
from operandi.records.tables import Records
from operandi.signatures.followed import Followed, follow_participants
from operandi.signatures.plan_format import PlannedEndpoint
from operandi.signatures.results_cohort import CourseMark, SizePoint
from operandi.signatures.tables import TumorSizes

PROGRESSION = "progression"
NEW_LESION = "new lesion"
OTHER_TREATMENT = "another treatment"


def tumor_sizes(records: Records, one: PlannedEndpoint) -> Mapping[Pseudonym, TumorSizes]:
    """Sum of diameters at every exam after baseline, less that of baseline, as a part of it.

    Up to the first progression, that exam included, and to the first exam after another treatment,
    unless the plan ignores that. Who read is as of the endpoint. An exam of which no sum is known
    is a point without a change: a target lesion was not evaluable, or other readers read an exam
    of that day and this reader did not. Where two exams lie further apart than the endpoint's
    ``longest_gap_days``, one was due by the end of that time, and a point without a change stands
    there: the tables hold no calendar of exams.

    Parameters
    ----------
    records : Records
        Frozen.
    one : PlannedEndpoint

    Returns
    -------
    mapping of Pseudonym to TumorSizes
        Of everybody who was treated and has a baseline exam; nobody where there are no reads.
    """
    exams = _exam_days(records)
    if not exams:
        return {}
    return {
        each.participant: _sizes(each, one, exams.get(each.participant, frozenset()))
        for each in follow_participants(records, read_by=one.read_by)
        if each.start is not None and each.baseline is not None
    }


def _exam_days(records: Records) -> dict[Pseudonym, frozenset[DateInterval]]:
    """Days of which anybody read an exam."""
    days: dict[Pseudonym, set[DateInterval]] = {}
    for row in records.rows.get("recist_reads", ()):
        if isinstance(row, RecistReadRow):
            days.setdefault(Pseudonym(row.participant), set()).add(DateInterval.on(row.exam_on))
    return {who: frozenset(those) for who, those in days.items()}


def _sizes(one: Followed, plan: PlannedEndpoint, exams: frozenset[DateInterval]) -> TumorSizes:
    read = tuple(_counting(one, plan))
    marks = tuple(_marks(one, read))
    if all(each.sum is None for each in read):
        return TumorSizes(marks=marks)
    points = [SizePoint(day=one.last_day(each.on), change=_change(each)) for each in read]
    last = max(each.on.latest for each in read)
    own = {each.on for each in read}
    baseline = one.baseline
    points += [
        SizePoint(day=one.last_day(day), change=None)
        for day in exams - own
        if baseline is not None and baseline.latest < day.earliest and day.latest < last
    ]
    points.sort(key=lambda each: each.day)
    if plan.longest_gap_days is not None:
        points = list(_with_gaps(points, gap=plan.longest_gap_days))
    known = [each.change for each in points if each.change is not None]
    return TumorSizes(changes=tuple(points), best_change=min(known) if known else None, marks=marks)


def _counting(one: Followed, plan: PlannedEndpoint) -> Iterator[TimepointResponse]:
    therapy = one.other_therapy
    for each in one.responses:
        if therapy is None or plan.new_therapy == "ignore" or each.on.latest <= therapy.earliest:
            yield each


def _change(each: TimepointResponse) -> float | None:
    percent = None if each.sum is None else each.sum.change_percent
    return None if percent is None else float(percent / 100)


def _with_gaps(points: list[SizePoint], *, gap: float) -> Iterator[SizePoint]:
    start = SizePoint(day=0.0, change=0.0)
    for before, after in pairwise([start, *points]):
        if after.day - before.day > gap:
            yield SizePoint(day=before.day + gap, change=None)
        yield after


def _marks(one: Followed, read: tuple[TimepointResponse, ...]) -> Iterator[CourseMark]:
    known: set[str] = set()
    for each in read:
        if set(each.new) - known:
            yield CourseMark(day=one.last_day(each.on), what=NEW_LESION)
        known |= set(each.new)
        if each.overall is Response.PD:
            yield CourseMark(day=one.last_day(each.on), what=PROGRESSION)
    if one.other_therapy is not None:
        yield CourseMark(day=one.first_day(one.other_therapy), what=OTHER_TREATMENT)
