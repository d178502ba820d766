"""Predictors from the table of measurements: of a visit, of its lesions, and their change."""

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from operandi.quantities.errors import DataError
from operandi.quantities.kinds import SUV_MAXIMUM, VOLUME
from operandi.records.manifest import MEASUREMENTS
from operandi.records.tables import Records
from operandi.signatures.plan_format import (
    ChangePredictor,
    FeaturesPredictor,
    MeasuredPredictor,
    TimeZero,
)
from operandi.signatures.preparation.guard import LeakError
from operandi.signatures.source import AnalysisSource
from operandi.signatures.tables_of.column import (
    GatheredCell,
    GatheredColumn,
    one_unit,
    shaped,
    whose,
)
from operandi.signatures.tables_of.people import AnalyzedPerson

_Line = Mapping[str, Any]
_OF_SEVERAL: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "largest": max,
    "smallest": min,
    "sum": math.fsum,
    "mean": statistics.fmean,
    "median": statistics.median,
}
_NEEDS_ALL: Final = frozenset({"largest", "smallest", "sum"})
_LIKE: Final = {"PET": "SUV_BODY_WEIGHT"}
"""Names of images in a plan, and the kind of their maps."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredTable:
    """The measurements of a freeze, and the days of its visits.

    Parameters
    ----------
    lines : mapping of str to list
        By visit, in the order of the table.
    records : Records
    timing : TimeZero
        Of the plan.
    """

    lines: Mapping[str, list[_Line]]
    records: Records
    timing: TimeZero

    def of_kinds(self, at: str, keep: Callable[[_Line], bool]) -> dict[str, dict[str, list[_Line]]]:
        """Lines of a visit by kind and participant; kinds in alphabetical order."""
        found: dict[str, dict[str, list[_Line]]] = {}
        for line in self.lines.get(at, ()):
            if keep(line):
                found.setdefault(line["kind"], {}).setdefault(line["participant"], []).append(line)
        return dict(sorted(found.items()))


def measured_table(source: AnalysisSource, timing: TimeZero, *, key: str) -> MeasuredTable:
    """Take the measurements of a source.

    Raises
    ------
    DataError
        If it has none; *key* is the plan's that needs them.
    """
    if source.measurements is None or source.records is None:
        raise DataError(
            f"{key}: the freeze holds no {MEASUREMENTS}.",
            remedy="Run operandi run, and freeze the study again.",
        )
    lines: dict[str, list[_Line]] = {}
    for (at,), part in source.measurements.group_by(["timepoint"], maintain_order=True):
        lines[str(at)] = list(part.to_dicts())
    return MeasuredTable(lines=lines, records=source.records, timing=timing)


def measured_columns(
    one: MeasuredPredictor, people: Sequence[AnalyzedPerson], table: MeasuredTable
) -> tuple[GatheredColumn, ...]:
    """Gather the columns of a measured predictor: one a kind.

    A participant without a row was not measured, and has no value: never 0.

    Raises
    ------
    LeakError
        If a value is of a visit after time zero.
    DataError
        If no kind fits, units differ, or one number is wanted of several.
    """
    key = f"measured[{one.code}]"

    def keep(line: _Line) -> bool:
        return (
            fnmatchcase(line["kind"], one.measurement)
            and line["subject_type"] == one.subject_type
            and (not one.subject or line["subject"] == one.subject)
        )

    of_kinds = table.of_kinds(one.at, keep)
    if not of_kinds and "*" in one.measurement:
        raise DataError(
            f"{key}.measurement: no measurement of {one.at} fits {one.measurement}.",
            remedy="Correct the name of the kind, its subject_type or the visit.",
        )
    if "*" not in one.measurement:
        of_kinds = {one.measurement: of_kinds.get(one.measurement, {})}
    columns = []
    for kind, lines in of_kinds.items():
        cells = tuple(
            _dated(person, one.at, table, _of_several(one, key, lines.get(person.participant, [])))
            for person in people
        )
        columns.append(
            GatheredColumn(
                name=f"{one.code}.{kind}" if "*" in one.measurement else one.code,
                block=one.block,
                predictor=one.code,
                source=f"{kind} at {one.at}{_said(one)}",
                unit=_unit(lines, key),
                cells=shaped(cells, log=one.form == "log", key=key),
                logged=one.form == "log",
            )
        )
    return tuple(columns)


def feature_columns(
    one: FeaturesPredictor, people: Sequence[AnalyzedPerson], table: MeasuredTable
) -> tuple[GatheredColumn, ...]:
    """Gather the columns of radiomic features: one a feature.

    Raises
    ------
    LeakError, DataError
        As ``measured_columns``.
    """
    key = f"features[{one.code}]"
    image = _LIKE.get(one.image, one.image).upper()
    before = f"RADIOMICS_{image}_"

    def keep(line: _Line) -> bool:
        kind = line["kind"]
        name = kind.removeprefix(before).lower()
        wanted = any(fnmatchcase(name, pattern.lower()) for pattern in one.features)
        return bool(kind.startswith(before) and wanted and line["subject_type"] == "lesion")

    of_kinds = table.of_kinds(one.at, keep)
    if not of_kinds:
        raise DataError(
            f"{key}.features: no feature of lesions on {one.image} at {one.at} fits "
            f"{', '.join(one.features)}.",
            remedy="Correct features, image or the visit, or ask for radiomics in study.toml.",
        )
    size = table.of_kinds(one.at, lambda line: line["kind"] == _RANKS.get(one.lesions))
    ranks = next(iter(size.values()), {})
    columns = []
    for kind, lines in of_kinds.items():
        cells = tuple(
            _dated(person, one.at, table, _of_lesions(one, key, person, lines, ranks))
            for person in people
        )
        name = kind.removeprefix(before).lower()
        columns.append(
            GatheredColumn(
                name=f"{one.code}.{name}",
                block=one.block,
                predictor=one.code,
                source=f"{name} of {one.image} at {one.at}, lesions: {one.lesions}",
                unit=_unit(lines, key),
                cells=shaped(cells, log=False, key=key),
            )
        )
    return tuple(columns)


_RANKS: Final = {"largest": VOLUME.name, "hottest": SUV_MAXIMUM.name}


def change_columns(
    one: ChangePredictor,
    of: MeasuredPredictor,
    people: Sequence[AnalyzedPerson],
    table: MeasuredTable,
) -> tuple[GatheredColumn, ...]:
    """Gather the change of a measured predictor between two visits.

    Who lacks one of them has no change; neither has one from what is not > 0 that is relative.
    """
    key = f"change[{one.code}]"
    plain = of.model_copy(update={"form": "as_is"})
    before = measured_columns(plain.model_copy(update={"at": one.from_}), people, table)
    after = {
        column.name: column
        for column in measured_columns(plain.model_copy(update={"at": one.to}), people, table)
    }
    columns = []
    for first in before:
        last = after.get(first.name)
        if last is None:
            continue
        one_unit(
            {unit: at for unit, at in ((first.unit, one.from_), (last.unit, one.to)) if unit},
            key=key,
            remedy="Measure both visits in one unit.",
        )
        cells = tuple(
            _changed(one, start, end) for start, end in zip(first.cells, last.cells, strict=True)
        )
        columns.append(
            replace(
                first,
                name=one.code + first.name.removeprefix(of.code),
                block=one.block,
                predictor=one.code,
                source=f"{one.how} change of {first.source}, to {one.to}",
                unit=first.unit if one.how == "absolute" else "1",
                cells=shaped(cells, log=False, key=key),
            )
        )
    return tuple(columns)


def _changed(one: ChangePredictor, start: GatheredCell, end: GatheredCell) -> GatheredCell:
    place = f"{start.place} to {end.place}"
    if start.value is None or end.value is None:
        missing, at = (start, one.from_) if start.value is None else (end, one.to)
        return GatheredCell(absent=f"{at}: {missing.absent}", place=place)
    if one.how == "absolute":
        return GatheredCell(value=end.value - start.value, place=place)
    if start.value <= 0.0 or (one.how == "log_ratio" and end.value <= 0.0):
        return GatheredCell(absent="not > 0, so without a ratio", place=place)
    ratio = end.value / start.value
    return GatheredCell(
        value=ratio - 1.0 if one.how == "relative" else math.log(ratio), place=place
    )


def _said(one: MeasuredPredictor) -> str:
    if one.subject_type == "participant":
        return ""
    which = one.subject or one.subject_type
    return f", {which}" if one.of_several == "refuse" else f", {one.of_several} of {which}s"


def _place(line: _Line) -> str:
    return f"{MEASUREMENTS}, row {line['row']}"


def _of_several(one: MeasuredPredictor, key: str, lines: Sequence[_Line]) -> GatheredCell:
    if not lines:
        return GatheredCell(absent="not measured")
    if len(lines) > 1 and one.of_several == "refuse":
        who = lines[0]["participant"]
        raise DataError(
            f"{key}.of_several: {who} has {len(lines)} values at {one.at}, the first in "
            f"{_place(lines[0])} and {_place(lines[1])}.",
            remedy="Say what is taken of several, or name the subject.",
        )
    return _together(lines, how=one.of_several if one.of_several != "refuse" else "largest")


def _together(lines: Sequence[_Line], *, how: str) -> GatheredCell:
    place = whose(lines[0]["participant"], _place(lines[0]))
    known = [line["value"] for line in lines if line["value"] is not None]
    if not known or (how in _NEEDS_ALL and len(known) < len(lines)):
        why = next(line["absent"] for line in lines if line["value"] is None)
        return GatheredCell(absent=why or "absent without a reason", place=place)
    return GatheredCell(value=float(_OF_SEVERAL[how](known)), place=place)


def _of_lesions(
    one: FeaturesPredictor,
    key: str,
    person: AnalyzedPerson,
    lines: Mapping[str, list[_Line]],
    ranks: Mapping[str, list[_Line]],
) -> GatheredCell:
    own = lines.get(person.participant, [])
    if not own:
        return GatheredCell(absent="not measured")
    names = [line["subject"] for line in own]
    if len(set(names)) < len(names):
        raise DataError(
            f"{key}: {person.participant} has a feature twice, by two settings or roads: "
            f"{_place(own[0])} and others.",
            remedy="Extract with one set of settings, or supply the features as a table.",
        )
    if one.lesions in {"mean", "median"}:
        return _together(own, how=one.lesions)
    sizes = {
        line["subject"]: line["value"]
        for line in ranks.get(person.participant, [])
        if line["value"] is not None and line["subject_type"] == "lesion"
    }
    ranked = [line for line in own if line["subject"] in sizes]
    if len(ranked) < len(own):
        return GatheredCell(absent=f"not known which lesion is the {one.lesions}")
    chosen = max(ranked, key=lambda line: (sizes[line["subject"]], line["subject"]))
    return _together([chosen], how="largest")


def _unit(lines: Mapping[str, list[_Line]], key: str) -> str:
    units: dict[str, str] = {}
    for line in _every(lines):
        if line["value"] is not None:
            units.setdefault(line["unit"], whose(line["participant"], _place(line)))
    return one_unit(units, key=key, remedy="Measure all in one unit.")


def _every(lines: Mapping[str, list[_Line]]) -> Iterator[_Line]:
    for of_one in lines.values():
        yield from of_one


def _dated(
    person: AnalyzedPerson, at: str, table: MeasuredTable, cell: GatheredCell
) -> GatheredCell:
    """Refuse a value of after time zero."""
    if cell.value is None:
        return cell
    visit = table.records.visit_at(person.participant, at)
    if visit is None or person.zero is None:
        return GatheredCell(absent=f"the day of {at} is not recorded", place=cell.place)
    if visit.on <= person.zero:
        return cell
    if at == table.timing.landmark:
        # Not there in time: the landmark leaves the participant out, and counts so.
        return GatheredCell(absent="scan after the landmark", place=cell.place)
    raise LeakError(
        f"{cell.place} is of the visit {at} on {visit.on}, after time zero on {person.zero}.",
        remedy="Correct imaging_visits or cycles: visits may be swapped; or leave the participant "
        "out under population.exclude, with the reason.",
    )
