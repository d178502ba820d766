"""The tables of grades: one TOML file a version of CTCAE, read and checked.

Versions 4 and 5 are shipped, our own transcription of the public criteria of the National Cancer
Institute; a newer one is read from its file (:func:`load_table`).
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from operandi.protocol.ctcae.conditions import Condition
from operandi.protocol.ctcae.units import dimension
from operandi.quantities.errors import DataError

SHIPPED: Final = ("4", "5")
Direction = Literal["low", "high"]


class Term(BaseModel):
    """A term of CTCAE that a laboratory value grades, in one direction.

    ``grades`` names, for each unit in which CTCAE prints thresholds, the conditions of grades 1 to
    4. The highest that holds is the grade; a blank is no grade that a value can reach. Several
    units share a row where it holds no thresholds of its own (``"umol/L, mg/dL"``).
    ``judged`` is the condition under which a person must grade, because CTCAE states no value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    test: str
    term: str
    direction: Direction
    text: tuple[str, str, str, str]
    grades: dict[str, tuple[str, str, str, str]] = {}
    judged: dict[str, str] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.grades and not self.judged:
            raise ValueError("neither grades nor judged is stated")
        for unit in self.units:
            if not dimension(unit):
                raise ValueError(f"{unit!r} is no unit that is known")
        try:
            for texts in [*self.grades.values(), tuple(self.judged.values())]:
                for text in texts:
                    Condition.parse(text)
        except DataError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def units(self) -> tuple[str, ...]:
        """The units of its rows, as CTCAE prints them."""
        return tuple(unit for key in [*self.grades, *self.judged] for unit in key.split(", "))

    def ladder(self, unit: str) -> tuple[str, tuple[str, ...], str]:
        """Find what stands for a unit: the unit of its thresholds, conditions, and when judged.

        All are blank where CTCAE states nothing in the dimension of *unit*.
        """
        for key in [*self.grades, *self.judged]:
            for printed in key.split(", "):
                if dimension(printed) == dimension(unit):
                    return printed, self.grades.get(key, ("",) * 4), self.judged.get(key, "")
        return "", (), ""


class Table(BaseModel):
    """Every term of a version of CTCAE that laboratory values grade."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    source: str
    term: tuple[Term, ...]

    @model_validator(mode="after")
    def _check(self) -> Self:
        seen: set[tuple[str, str]] = set()
        for one in self.term:
            if (one.test, one.direction) in seen:
                raise ValueError(f"{one.test}, {one.direction}, stands twice")
            seen.add((one.test, one.direction))
        return self

    def terms(self, test: str) -> tuple[Term, ...]:
        """The terms that a test grades; none where CTCAE has none."""
        return tuple(one for one in self.term if one.test == test)

    @property
    def tests(self) -> tuple[str, ...]:
        """Every test that is graded."""
        return tuple(dict.fromkeys(one.test for one in self.term))


def load_table(path: Path) -> Table:
    """Read the table of a version, such as version 6 when it is supplied.

    Raises
    ------
    DataError
        If the file is no such table; all faults are named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path.name}: the table of grades cannot be read ({error}).",
            remedy="Supply it as TOML in UTF-8.",
        ) from error
    try:
        return Table.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path.name}: {error}.", remedy="Mend the TOML.") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'table'}: {fault['msg']}"
            for fault in error.errors()
        )
        raise DataError(
            f"{path.name} is no table of grades: {faults}.",
            remedy="Write it as the shipped tables beside operandi/protocol/ctcae/tables.py are.",
        ) from error


@cache
def shipped(version: str) -> Table:
    """Give the table that comes with Operandi.

    Raises
    ------
    DataError
        If no table of this version is shipped.
    """
    if version not in SHIPPED:
        raise DataError(
            f"No table of CTCAE {version} is shipped.",
            remedy=f"Shipped are {', '.join(SHIPPED)}; supply the table of another version.",
        )
    return load_table(Path(__file__).with_name(f"v{version}.toml"))
