"""From the text of one cell to its value, exactly, or a refusal that says what to write.

Every cell arrives as text, from Parquet too, so that there is one border and one set of rules.
The functions are validators for pydantic: they raise ``PydanticCustomError`` with the clauses
``problem`` and ``remedy`` of a ``Fault``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import (
    BeforeValidator,
    GetCoreSchemaHandler,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from operandi.domain.date_interval import DateInterval
from operandi.domain.participant import Sex
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import ADMINISTERED, NUCLIDES, Nuclide, nuclide_named
from operandi.records.names import PSEUDONYM
from operandi.records.spelling import meant


@dataclass(frozen=True, slots=True)
class Border:
    """What the cells of one table are read with.

    Parameters
    ----------
    timezone : ZoneInfo
        Of times that state no offset.
    today : date
        Last day that anything can have happened on.
    timepoints : tuple of str
        Those that the study file declares.
    sites : tuple of str
        Those that the study file declares; where it names none, every site is taken.
    decimal_comma : bool
        Whether ``71,5`` is a number: where semicolons part the cells.
    at_cut : bool
        Whether ``today`` is the data cut of a freeze.
    """

    timezone: ZoneInfo
    today: date
    timepoints: tuple[str, ...]
    sites: tuple[str, ...]
    decimal_comma: bool
    at_cut: bool = False


def refusal(problem: str, remedy: str, **cell: str) -> PydanticCustomError:
    """Refuse a cell; *cell* gives ``column`` and ``value`` where pydantic cannot know them."""
    return PydanticCustomError(
        "refused", "{problem}; {remedy}", {"problem": problem, "remedy": remedy, **cell}
    )


_WHEN_BLANK: Final = {
    "participant": "write the participant's study code",
    "body_mass_kg": "record the mass measured at this visit, as it is never assumed",
    "activity_mbq": "record the assayed activity, as it is never assumed",
    "residual_mbq": "state 0 where nothing was left, as a blank is never read as zero",
    "residual_at": "record when the residual was assayed",
    "nuclide": "name the radionuclide, such as 68Ga",
    "unit": "copy the unit as the laboratory printed it, as it is never assumed",
    "collected_on": "write the day of the blood draw, as a result without a date is no evidence",
}


def _filled(text: str, info: ValidationInfo[Any]) -> str:
    if text:
        return text
    remedy = _WHEN_BLANK.get(info.field_name or "", "fill it in")
    raise refusal("the cell is blank", remedy)


_NUMBER: Final = re.compile(
    r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.A
)
_WITH_UNIT: Final = re.compile(r"[+-]?\d[\d.,]*\s*(?P<unit>[^\W\d][\w/%.^-]*|%)")


def _number(text: str, info: ValidationInfo[Border]) -> Decimal:
    text = _filled(text, info)
    written = text.replace(",", ".", 1) if info.context.decimal_comma else text
    if _NUMBER.fullmatch(written):
        return Decimal(written)
    if unit := _WITH_UNIT.fullmatch(text):
        raise refusal(
            f"carries a unit ({unit['unit']})",
            f"write the bare number, in the unit that the column name {info.field_name} states",
        )
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        raise refusal(
            "has a decimal comma, which only a file parted by semicolons may use",
            f"write {text.replace(',', '.')}",
        )
    raise refusal("is not a number", "write digits with a decimal point, without separators")


def _exact(text: str, info: ValidationInfo[Border]) -> Decimal:
    number = _number(text, info)
    if "e" in text.casefold():
        raise refusal("is written with an exponent", "write the digits out")
    return number


def _integer(text: str, info: ValidationInfo[Border]) -> int:
    number = _number(text, info)
    # Beyond six digits no count, year or month is meant, and int() of 1e999 is no small thing.
    if abs(number) < 10**6 and number == number.to_integral_value():
        return int(number)
    raise refusal("is not a whole number", "write a whole number")


def _pseudonym(text: str, info: ValidationInfo[Border]) -> str:
    if re.fullmatch(PSEUDONYM, _filled(text, info)):
        return text
    raise refusal(
        "is not a participant's code",
        "use 2 to 32 letters, digits, '_', '.' or '-', beginning with a letter or digit",
    )


def _nearest(text: str, known: tuple[str, ...]) -> str:
    near = meant(text, known)
    return f"write {near} if that is meant" if near else f"use one of {_listed(known)}"


def _listed(known: tuple[str, ...]) -> str:
    return ", ".join(known) or "(none)"


def _timepoint(text: str, info: ValidationInfo[Border]) -> str:
    declared = info.context.timepoints
    if _filled(text, info) in declared:
        return text
    raise refusal("is not a timepoint that the study file declares", _nearest(text, declared))


def _site(text: str, info: ValidationInfo[Border]) -> str:
    declared = info.context.sites
    if _filled(text, info) in declared or not declared:
        return text
    raise refusal("is not a site that the study file declares", _nearest(text, declared))


@dataclass(frozen=True, slots=True)
class OneOf:
    """Marks a cell that holds one word or number of a closed set: the literals of its type."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the cell before the literal does, which has no remedy to offer."""
        known = {str(code): code for code in get_args(source)}

        def checked(text: str, info: ValidationInfo[Border]) -> object:
            if _filled(text, info) in known:
                return known[text]
            raise refusal("is not a code of this column", _nearest(text, tuple(known)))

        return core_schema.with_info_before_validator_function(checked, handler(source))


def _yes_no(text: str, info: ValidationInfo[Border]) -> bool:
    answers = {"yes": True, "no": False}
    if _filled(text, info) in answers:
        return answers[text]
    raise refusal("is neither yes nor no", "write yes or no, or leave an optional cell blank")


_SEXES: Final = {
    "F": Sex.FEMALE,
    "FEMALE": Sex.FEMALE,
    "M": Sex.MALE,
    "MALE": Sex.MALE,
    "O": Sex.OTHER,
}


def _sex(text: str, info: ValidationInfo[Border]) -> Sex:
    try:
        return _SEXES[_filled(text, info).upper()]
    except KeyError:
        raise refusal("is not a sex", "write F, M or O") from None


def _nuclide_among(text: str, info: ValidationInfo[Border], among: tuple[Nuclide, ...]) -> Nuclide:
    try:
        return nuclide_named(_filled(text, info), among=among)
    except UnsupportedError:
        names = ", ".join(one.name for one in among)
        raise refusal(
            "is not a radionuclide that is known",
            f"write mass number and symbol; known here are {names}",
        ) from None


def _nuclide(text: str, info: ValidationInfo[Border]) -> Nuclide:
    return _nuclide_among(text, info, NUCLIDES)


def _administered(text: str, info: ValidationInfo[Border]) -> Nuclide:
    return _nuclide_among(text, info, ADMINISTERED)


_UID: Final = re.compile(r"(?=.{3,64}$)\d+(?:\.\d+)+", re.A)


def _study_uid(text: str) -> str:
    # MR and PET of one visit may be two studies.
    uids = text.split(" ") if text else []
    if all(_UID.fullmatch(uid) for uid in uids):
        return text
    raise refusal(
        "is not a DICOM UID",
        "copy StudyInstanceUID (0020,000D), several with one space between them, or leave it blank",
    )


def _series_uid(text: str, info: ValidationInfo[Border]) -> str:
    if _UID.fullmatch(_filled(text, info)):
        return text
    raise refusal("is not a DICOM UID", "copy SeriesInstanceUID (0020,000E)")


_DATE: Final = r"\d{4}-\d{2}-\d{2}"
_CLOCK: Final = r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?"
_OFFSET: Final = r"Z|[+-]\d{2}:?\d{2}"


def _any_day(text: str, info: ValidationInfo[Border]) -> date:
    text = _filled(text, info)
    # A program without a type for days writes midnight.
    if not re.fullmatch(_DATE + r"(?:[T ]00:00:00(?:\.0{1,6})?)?", text, re.A):
        raise refusal("is not an ISO date", "write YYYY-MM-DD")
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise refusal("is a day that no calendar has", "correct it") from None


def _day(text: str, info: ValidationInfo[Border]) -> date:
    day = _any_day(text, info)
    _refuse_future(day, info)
    return day


def _partial(text: str, info: ValidationInfo[Border]) -> DateInterval:
    try:
        known = DateInterval.parse(_filled(text, info))
    except DataError as error:
        raise refusal(
            "is not an ISO date or a part of one, or a day that no calendar has",
            "write YYYY-MM-DD, or YYYY-MM or YYYY where no more is known",
        ) from error
    _refuse_future(known.earliest, info)
    return known


def _instant(text: str, info: ValidationInfo[Border]) -> datetime:
    text = _filled(text, info)
    _refuse_partial(text)
    zone = info.context.timezone
    try:
        stated = datetime.fromisoformat(text)
        placed = stated if stated.tzinfo else _placed(stated, zone)
        instant, local_day = placed.astimezone(UTC), placed.astimezone(zone).date()
    except PydanticCustomError:  # a ValueError, too
        raise
    except (ValueError, OverflowError):
        raise refusal("is an instant that no calendar has", "correct it") from None
    _refuse_future(local_day, info)
    return instant


def _refuse_partial(text: str) -> None:
    if re.fullmatch(f"{_DATE}[T ]{_CLOCK}(?:{_OFFSET})?", text, re.A):
        return
    if re.fullmatch(_CLOCK, text, re.A):
        raise refusal("is a time without a date", "write YYYY-MM-DDTHH:MM:SS")
    if re.fullmatch(_DATE, text, re.A):
        raise refusal("is a date without a time", "write YYYY-MM-DDTHH:MM:SS")
    raise refusal("is not an ISO date and time", "write YYYY-MM-DDTHH:MM:SS")


def _placed(local: datetime, zone: ZoneInfo) -> datetime:
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    # The two readings differ in the hour that the clock skips or repeats, and only there.
    if first.utcoffset() != second.utcoffset():
        raise refusal(
            f"names no single instant in {zone.key}, where the clock changes in that hour",
            "add the offset from UTC, such as +01:00",
        )
    return first


def _refuse_future(day: date, info: ValidationInfo[Border]) -> None:
    for refused in future(day, info.context):
        raise refused


def future(day: date, border: Border, **cell: str) -> Iterator[PydanticCustomError]:
    """Object to a day after today."""
    if day > border.today and border.at_cut:
        remedy = "correct the date, or move the data cut in study.toml"
        yield refusal(f"lies after the data cut ({border.today})", remedy, **cell)
    elif day > border.today:
        yield refusal(f"lies in the future (today is {border.today})", "correct the date", **cell)


def _none_where_blank(text: str, read: ValidatorFunctionWrapHandler) -> object:
    return read(text) if text else None


_CellT = TypeVar("_CellT")

Blank = Annotated[_CellT | None, WrapValidator(_none_where_blank)]
"""A cell that may be blank: ``Blank[Day]`` is a day or None."""

Code = Annotated[_CellT, OneOf()]
"""One of a closed set: ``Code[Literal["yes", "no"]]``."""


@dataclass(frozen=True, slots=True)
class AsFloat:
    """Marks a number that freezes as a float, as the tables of the first release do.

    All other numbers freeze as text: a column of decimals has one number of digits behind the
    point, so that 75.0 beside 7.25 would come back as 75.00.
    """


Text = Annotated[str, BeforeValidator(_filled)]
PseudonymCell = Annotated[str, BeforeValidator(_pseudonym)]
TimepointCell = Annotated[str, BeforeValidator(_timepoint)]
SiteCell = Annotated[str, BeforeValidator(_site)]
Number = Annotated[Decimal, BeforeValidator(_number), AsFloat()]
Exact = Annotated[Decimal, BeforeValidator(_exact)]
Whole = Annotated[int, BeforeValidator(_integer)]
YesNo = Annotated[bool, BeforeValidator(_yes_no)]
SexCell = Annotated[Sex, BeforeValidator(_sex)]
NuclideCell = Annotated[Nuclide, BeforeValidator(_nuclide)]
AdministeredCell = Annotated[Nuclide, BeforeValidator(_administered)]
"""A radionuclide of therapy, of which no image need be read."""

StudyUid = Annotated[str, BeforeValidator(_study_uid)]
SeriesUidCell = Annotated[str, BeforeValidator(_series_uid)]
Day = Annotated[date, BeforeValidator(_day)]
AnyDay = Annotated[date, BeforeValidator(_any_day)]
"""A day that may lie in the future."""

Partial = Annotated[DateInterval, BeforeValidator(_partial)]
"""A day of which the month or only the year may be known."""

Instant = Annotated[datetime, BeforeValidator(_instant)]


def cell_type(annotation: Any, metadata: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """Find the type below aliases, and all that marks it; None is passed over.

    >>> cell_type(Blank[Number], ())[0].__name__
    'Decimal'
    """
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        return cell_type(inner, (*marks, *metadata))
    if get_origin(annotation) not in {None, Literal}:
        (inner,) = (one for one in get_args(annotation) if one is not NoneType)
        return cell_type(inner, metadata)
    return annotation, metadata
