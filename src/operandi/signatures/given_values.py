"""A participant's values as somebody gives them: from a file, or from the tables of a freeze."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from operandi.quantities.errors import DataError
from operandi.signatures.card import CardColumn, ModelCard
from operandi.signatures.card_file import no_key_twice
from operandi.signatures.data import Predictors
from operandi.signatures.supplied_table import plain_number

_HEADER: Final = ("name", "value", "unit")
_KEYS: Final = {"participant", "site", "values"}
_MOST_BYTES: Final = 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenValue:
    """A value of a column, before preparation.

    Parameters
    ----------
    value : float, str or None
        Text for a level (``"G2"``); None where it is missing, which is never 0.
    unit : str
        Of the value.
    logged : bool
        Whether it is the natural logarithm of that unit already, as in the tables of a plan.
    """

    value: float | str | None
    unit: str = ""
    logged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenParticipant:
    """Whose risk is asked for.

    Parameters
    ----------
    participant : str
        Pseudonym.
    site : str
        Hospital department; empty where it is not known.
    values : mapping of str to GivenValue
        By the card's column. What is not there is missing.
    """

    participant: str
    site: str
    values: Mapping[str, GivenValue]


class TabledColumn(Protocol):
    """What the tables say of a column; ``tables.PlannedColumn`` is one."""

    @property
    def name(self) -> str:
        """Of the column."""

    @property
    def unit(self) -> str:
        """Empty where none is stated."""

    @property
    def logged(self) -> bool:
        """Whether values are natural logarithms of the unit."""


def read_given(path: Path, *, participant: str, site: str = "") -> GivenParticipant:
    """Read a participant's values from a file.

    ``.csv`` with the columns name, value and unit, a row a column of the model; or ``.json``:
    ``{"site": ..., "values": {name: {"value": ..., "unit": ...}}}``. An empty value is missing.

    Raises
    ------
    DataError
        If the file is none of these, names a column twice, or is of another participant.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise DataError(
            f"There is no file of values {path.name}: {error.strerror}.",
            remedy="Make one with operandi predict CARD --blank values.csv, and fill it in.",
        ) from None
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not UTF-8.", remedy="Save it as UTF-8.") from None
    if len(content) > _MOST_BYTES:
        raise DataError(f"{path.name} is too large to hold one participant's values.")
    if path.suffix.lower() == ".json":
        return _from_json(text, path.name, participant=participant, site=site)
    return GivenParticipant(participant=participant, site=site, values=_from_csv(text, path.name))


def blank_values(card: ModelCard) -> str:
    """Write a CSV file to be filled in: every column of a card, its unit, and what was seen.

    The columns after ``unit`` are for who fills it in, and are not read.
    """
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow((*_HEADER, "known at", "seen in training", "source"))
    for one in card.columns:
        seen = seen_words(card, one.name)
        write.writerow((one.name, "", one.unit, one.known_at, seen, one.source))
    return out.getvalue()


def seen_words(card: ModelCard, name: str) -> str:
    """What training rows had of a column, as one would say it: levels, or a range."""
    column = card.column(name)
    if column.seen is None:
        return "nothing"
    if column.levels:
        codes = [code for code, at in column.levels.items() if at in column.seen_levels]
        return ", ".join(codes)
    return _span(column, column.seen.minimum, column.seen.maximum)


def middle_words(card: ModelCard, name: str) -> str:
    """Between which values the middle half of training participants lies; empty of levels."""
    column = card.column(name)
    if column.seen is None or column.levels:
        return ""
    return _span(column, column.seen.lower_quartile, column.seen.upper_quartile)


def _span(column: CardColumn, low: float, high: float) -> str:
    if column.logged:
        low, high = math.exp(low), math.exp(high)
    unit = f" {column.unit}" if column.unit else ""
    return f"{low:.5g} to {high:.5g}{unit}"


def _from_csv(text: str, file: str) -> dict[str, GivenValue]:
    try:
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise DataError(f"{file} is no CSV: {error}.", remedy="Save it as CSV.") from None
    found: dict[str, GivenValue] = {}
    for line, row in enumerate(rows, start=2):
        if any(row.get(name) is None for name in _HEADER):
            raise DataError(
                f"{file}, line {line}: name, value and unit are needed.",
                remedy="Make a blank file with operandi predict CARD --blank values.csv.",
            )
        name = row["name"].strip()
        if name in found:
            raise DataError(f"{file}, line {line}: {name} stands twice.", remedy="Keep one.")
        found[name] = GivenValue(value=_read_value(row["value"]), unit=row["unit"].strip())
    return found


def _from_json(text: str, file: str, *, participant: str, site: str) -> GivenParticipant:
    try:
        said = _object(json.loads(text, object_pairs_hook=no_key_twice))
        values = {str(name): _given(one) for name, one in said["values"].items()}
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise DataError(
            f"{file} is no JSON of one participant's values: {error}.",
            remedy='Write {"site": "A", "values": {"grade": {"value": "G2", "unit": ""}}}.',
        ) from None
    whose = said.get("participant", participant)
    if whose != participant:
        raise DataError(
            f"{file} is of {whose!r}; asked for is {participant}.",
            remedy="Name the participant of the file.",
        )
    return GivenParticipant(
        participant=participant, site=site or str(said.get("site", "")), values=values
    )


def _object(said: Any) -> dict[str, Any]:
    if not isinstance(said, dict) or not isinstance(said.get("values"), dict):
        raise TypeError("an object with values is needed")
    if strange := sorted(said.keys() - _KEYS):
        raise KeyError(f"{strange[0]} is no key")
    return said


def _given(said: Any) -> GivenValue:
    if not isinstance(said, dict):
        said = {"value": said}
    if strange := sorted(said.keys() - {"value", "unit"}):
        raise KeyError(f"{strange[0]} is no key of a value")
    value, unit = said["value"], said.get("unit", "")
    fine = value is None or (isinstance(value, int | float | str) and not isinstance(value, bool))
    if not fine or not isinstance(unit, str):
        raise TypeError("a value needs a number, text or null, and its unit text")
    return GivenValue(
        value=_read_value(value) if isinstance(value, str) else _as_float(value), unit=unit
    )


def _as_float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _read_value(text: str) -> float | str | None:
    text = text.strip()
    if not text:
        return None
    try:
        return plain_number(text)
    except ValueError:
        return text


def given_row(
    predictors: Predictors, columns: Sequence[TabledColumn], *, participant: str
) -> GivenParticipant:
    """A participant's row of predictors, as the tables of a plan give it.

    Parameters
    ----------
    predictors : Predictors
        Without a look at outcomes.
    columns : sequence of TabledColumn
        Of the predictors.
    participant : str
        Pseudonym.

    Raises
    ------
    DataError
        If the participant is not of the population, or has several rows.
    """
    rows = [at for at, who in enumerate(predictors.participants) if who == participant]
    if len(rows) != 1:
        found = f"{len(rows)} rows" if rows else "not among its participants"
        raise DataError(
            f"{participant} needs one row of the plan's population; found {found}.",
            remedy="Check the pseudonym; who has not had a first cycle, is at another site or was "
            "left out by the plan, is not of the population.",
        )
    about = {one.name: one for one in columns}
    values = predictors.values[rows[0]].tolist()
    return GivenParticipant(
        participant=participant,
        site=predictors.sites[rows[0]],
        values={
            name: GivenValue(
                value=None if math.isnan(value) else value,
                unit=about[name].unit,
                logged=about[name].logged,
            )
            for name, value in zip(predictors.names, values, strict=True)
        },
    )
