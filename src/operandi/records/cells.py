"""From the text of one cell to its value, exactly, or a refusal that says what to write.

Every cell arrives as text, from Parquet too, so that there is one border and one set of rules.
The functions are validators for pydantic: they raise ``PydanticCustomError`` with the clauses
``problem`` and ``remedy`` of a ``Fault``.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from operandi.domain.participant import Sex
from operandi.quantities.errors import UnsupportedError
from operandi.quantities.nuclides import Nuclide, nuclide_named
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
    decimal_comma : bool
        Whether ``71,5`` is a number: where semicolons part the cells.
    """

    timezone: ZoneInfo
    today: date
    timepoints: tuple[str, ...]
    decimal_comma: bool


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


def _timepoint(text: str, info: ValidationInfo[Border]) -> str:
    declared = info.context.timepoints
    if _filled(text, info) in declared:
        return text
    near = meant(text, declared)
    raise refusal(
        "is not a timepoint that the study file declares",
        f"write {near} if that is meant"
        if near
        else f"use one of {', '.join(declared) or '(none)'}",
    )


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


def _nuclide(text: str, info: ValidationInfo[Border]) -> Nuclide:
    try:
        return nuclide_named(_filled(text, info))
    except UnsupportedError:
        raise refusal(
            "is not a radionuclide that is known", "write mass number and symbol, such as 68Ga"
        ) from None


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


_DATE: Final = r"\d{4}-\d{2}-\d{2}"
_CLOCK: Final = r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?"
_OFFSET: Final = r"Z|[+-]\d{2}:?\d{2}"


def _day(text: str, info: ValidationInfo[Border]) -> date:
    text = _filled(text, info)
    # A program without a type for days writes midnight.
    if not re.fullmatch(_DATE + r"(?:[T ]00:00:00(?:\.0{1,6})?)?", text, re.A):
        raise refusal("is not an ISO date", "write YYYY-MM-DD")
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        raise refusal("is a day that no calendar has", "correct it") from None
    _refuse_future(day, info)
    return day


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
    if day > info.context.today:
        raise refusal(f"lies in the future (today is {info.context.today})", "correct the date")


def _number_or_blank(text: str, info: ValidationInfo[Border]) -> Decimal | None:
    return _number(text, info) if text else None


def _instant_or_blank(text: str, info: ValidationInfo[Border]) -> datetime | None:
    return _instant(text, info) if text else None


Text = Annotated[str, BeforeValidator(_filled)]
PseudonymCell = Annotated[str, BeforeValidator(_pseudonym)]
TimepointCell = Annotated[str, BeforeValidator(_timepoint)]
Number = Annotated[Decimal, BeforeValidator(_number)]
NumberOrBlank = Annotated[Decimal | None, BeforeValidator(_number_or_blank)]
Whole = Annotated[int, BeforeValidator(_integer)]
SexCell = Annotated[Sex, BeforeValidator(_sex)]
NuclideCell = Annotated[Nuclide, BeforeValidator(_nuclide)]
StudyUid = Annotated[str, BeforeValidator(_study_uid)]
Day = Annotated[date, BeforeValidator(_day)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
InstantOrBlank = Annotated[datetime | None, BeforeValidator(_instant_or_blank)]
