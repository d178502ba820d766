"""Datasets of CDISC: variables, rows, what is missing in them, and Dataset-JSON 1.1.

Nothing is made up: what a dataset asks for and the records do not have is blank, and a ``Gap``.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal

from operandi import __version__
from operandi.domain.date_interval import DateInterval
from operandi.protocol.format import StudyProtocol
from operandi.protocol.recist import Assessed, assess
from operandi.protocol.recist_rows import from_rows
from operandi.protocol.screening import screen
from operandi.protocol.verdict import Screening
from operandi.quantities.errors import DataError
from operandi.records.rows import CycleRow, ParticipantRow
from operandi.records.tables import Records

VariableType = Literal["string", "integer", "decimal", "date", "adate"]
Cell = str | int | Decimal | date | DateInterval | None
_TYPES: Final[Mapping[str, dict[str, str]]] = {
    "string": {"dataType": "string"},
    "integer": {"dataType": "integer"},
    # A text by the standard, so that no digit is lost.
    "decimal": {"dataType": "decimal", "targetDataType": "decimal"},
    "date": {"dataType": "date"},
    # Dates of ADaM are numbers to SAS.
    "adate": {"dataType": "date", "targetDataType": "integer", "displayFormat": "DATE9."},
}


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: a ``date`` may be known in part, an ``adate`` (ADaM) is a whole day."""

    name: str
    label: str
    type: VariableType


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """What a dataset asks for and the records do not have; of all where no participant is named."""

    dataset: str
    variable: str
    participant: str
    why: str

    def __str__(self) -> str:
        whose = f", {self.participant}" if self.participant else ""
        return f"{self.dataset}.{self.variable}{whose}: {self.why}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset; ``keys`` name the variables that no two rows share."""

    name: str
    label: str
    variables: tuple[Variable, ...]
    keys: tuple[str, ...]
    rows: tuple[Mapping[str, Cell], ...]
    gaps: tuple[Gap, ...]


def variables(text: str) -> tuple[Variable, ...]:
    """Read variables from lines of name, type and label.

    Raises
    ------
    ValueError
        If a line names no known type.
    """
    made = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, type_, label = line.split(maxsplit=2)
        if type_ not in _TYPES:
            raise ValueError(f"{name}: {type_} is no type of a variable")
        made.append(Variable(name, label, type_))  # type: ignore[arg-type]
    return tuple(made)


IDENTIFIERS: Final = """
STUDYID string Study Identifier
DOMAIN string Domain Abbreviation
USUBJID string Unique Subject Identifier
"""
"""What every domain of SDTM begins with."""


def with_sequence(name: str, text: str) -> tuple[Variable, ...]:
    """Read the variables of a domain that numbers its rows, the identifiers before them."""
    return variables(f"{IDENTIFIERS}{name}SEQ integer Sequence Number\n{text}")


def gaps(datasets: Iterable[Dataset]) -> tuple[Gap, ...]:
    """Everything that is blank although its dataset asks for it, each with the reason."""
    return tuple(sorted({gap for dataset in datasets for gap in dataset.gaps}))


def study_day(day: date | DateInterval | None, reference: date | None) -> int | None:
    """Day of the study: the reference is day 1, the day before it day -1; there is no day 0.

    None where either is not known to the day.

    References
    ----------
    .. [1] CDISC, SDTM Implementation Guide 3.4, section 4.4.4.
    """
    if isinstance(day, DateInterval):
        day = day.earliest if day.exact else None
    if day is None or reference is None:
        return None
    days = (day - reference).days
    return days + 1 if days >= 0 else days


@dataclass(frozen=True, slots=True)
class Source:
    """What the datasets are made of.

    Parameters
    ----------
    records : Records
        The tables; not changed.
    study : StudyProtocol
    on : date
        Day of the export.
    included_on : mapping of str to date
        Day of the signed confirmation of eligibility, which no table holds.
    """

    records: Records
    study: StudyProtocol
    on: date
    included_on: Mapping[str, date] = field(default_factory=dict)

    @property
    def people(self) -> tuple[ParticipantRow, ...]:
        """The participants, in order."""
        rows = self.records.rows.get("participants", ())
        return tuple(row for row in rows if isinstance(row, ParticipantRow))

    def of(self, participant: str, table: str) -> tuple[Any, ...]:
        """Rows of a participant."""
        rows: tuple[Any, ...] = self.records.rows.get(table, ())
        return tuple(row for row in rows if row.participant == participant)

    def cycles(self, participant: str) -> tuple[CycleRow, ...]:
        """The cycles that were given, in order of time."""
        return tuple(sorted(self.of(participant, "cycles"), key=lambda row: (row.date, row.cycle)))

    def started_on(self, participant: str) -> date | None:
        """Day of the first cycle; None before it."""
        return next((cycle.date for cycle in self.cycles(participant)), None)

    def screening(self, participant: str) -> Screening:
        """Judge the criteria on the day of the export, or of the first cycle if that is earlier.

        Inclusion cannot have been later.
        """
        on = min(self.on, self.started_on(participant) or self.on)
        included_on = self.included_on.get(participant)
        return screen(participant, self.records, self.study, on=on, included_on=included_on)

    def assessed(self, participant: str) -> tuple[Assessed, ...]:
        """Responses by RECIST of every reader; none where nothing was read.

        Raises
        ------
        DataError
            If the reads contradict each other, or no cycle was given that they count from.
        """
        reads = self.of(participant, "recist_reads")
        if not reads:
            return ()
        start = self.started_on(participant)
        if start is None:
            raise DataError(
                "No cycle was given yet, so there is no baseline.",
                remedy="Record the first cycle in the table cycles.",
            )
        readings = from_rows(self.of(participant, "recist_lesions"), reads)
        return tuple(assess(reading, treatment_start=start) for reading in readings)

    def subject(self, participant: str) -> str:
        """Give the identifier that is unique across studies."""
        return f"{self.study.study.code}-{participant}"


class Draft:
    """A dataset that is being made; SDTM's identifiers and sequence numbers are added here."""

    def __init__(
        self, source: Source, name: str, label: str, keys: str, columns: tuple[Variable, ...]
    ) -> None:
        self._source = source
        self._name, self._label, self._keys = name, label, tuple(keys.split())
        self._variables = columns
        self._rows: list[dict[str, Cell]] = []
        self._gaps: list[Gap] = []
        self._counts: dict[str, int] = {}

    def add(self, participant: str, **cells: Cell) -> None:
        """Add a row; a variable that is not named is blank."""
        number = self._counts[participant] = self._counts.get(participant, 0) + 1
        row: dict[str, Cell] = {
            "STUDYID": self._source.study.study.code,
            "DOMAIN": self._name,
            "USUBJID": self._source.subject(participant),
            f"{self._name}SEQ": number,
            **cells,
        }
        known = {one.name for one in self._variables}
        if strangers := cells.keys() - known:
            raise ValueError(f"{self._name} has no {', '.join(sorted(strangers))}")
        self._rows.append({name: value for name, value in row.items() if name in known})

    def lacks(self, variable: str, why: str, participant: str = "") -> None:
        """Say that a variable is blank, and why."""
        self._gaps.append(Gap(self._name, variable, participant, why))

    def done(self) -> Dataset:
        """Finish."""
        return Dataset(
            self._name,
            self._label,
            self._variables,
            self._keys,
            tuple(self._rows),
            tuple(dict.fromkeys(self._gaps)),
        )


def dataset_json(dataset: Dataset, *, study: StudyProtocol, created_at: datetime) -> bytes:
    """Write a dataset as Dataset-JSON 1.1; the same content gives the same bytes.

    References
    ----------
    .. [1] CDISC, Dataset-JSON 1.1, 2024.
    """
    rows = [
        [_json(row.get(one.name), one.type) for one in dataset.variables] for row in dataset.rows
    ]
    texts = list(zip(*rows, strict=True)) or [()] * len(dataset.variables)
    content = {
        "datasetJSONCreationDateTime": created_at.isoformat(timespec="seconds"),
        "datasetJSONVersion": "1.1.0",
        "sourceSystem": {"name": "Operandi", "version": __version__},
        "studyOID": study.study.code,
        "metaDataVersionOID": f"MDV.{study.study.code}",
        "itemGroupOID": f"IG.{dataset.name}",
        "isReferenceData": False,
        "records": len(rows),
        "name": dataset.name,
        "label": dataset.label,
        "columns": [
            _column(dataset, one, cells)
            for one, cells in zip(dataset.variables, texts, strict=True)
        ],
        "rows": rows,
    }
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def _column(dataset: Dataset, one: Variable, cells: Iterable[object]) -> dict[str, object]:
    said: dict[str, object] = {
        "itemOID": f"IT.{dataset.name}.{one.name}",
        "name": one.name,
        "label": one.label,
        **_TYPES[one.type],
    }
    if one.type == "string":
        said["length"] = max((len(str(cell)) for cell in cells), default=0) or 1
    if one.name in dataset.keys:
        said["keySequence"] = dataset.keys.index(one.name) + 1
    return said


def _json(value: Cell, type_: VariableType) -> object:
    match value:
        case None:
            return None if type_ in {"integer", "decimal"} else ""
        case Decimal():
            return f"{value:f}"
        case date():
            return value.isoformat()
        case DateInterval():
            return str(value)
        case _:
            return value
