"""A ClinicalTrials.gov record (API v2, JSON) as the draft of a study file.

The draft holds the record's words and nothing else: no window, no reading. Every criterion is
unencoded. What of the record has no place in the format is listed, field by field.

References
----------
.. [1] ClinicalTrials.gov, Study Data Structure (API v2),
   https://clinicaltrials.gov/data-api/about-api/study-data-structure.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from operandi.protocol.format import FORMAT
from operandi.protocol.interchange.criteria_text import Found, split_criteria
from operandi.quantities.errors import DataError

_NEEDED: Final = (
    "identificationModule",
    "statusModule",
    "sponsorCollaboratorsModule",
    "designModule",
    "eligibilityModule",
)
"""Modules that every record has. Arms, outcomes and places may be absent."""
_KINDS: Final = {"DRUG": "drug", "BIOLOGICAL": "biological", "PROCEDURE": "procedure"}
"""Intervention types that mean the same in both; any other is ``other`` and listed."""
_OUTCOMES: Final = {
    "primaryOutcomes": "primary",
    "secondaryOutcomes": "secondary",
    "otherOutcomes": "exploratory",
}
_OF_EXCLUSION: Final = re.compile(r"exclu(?:sion|ded?)|ineligible|not eligible", re.I)
_LIMITS: Final = {
    "minimumAge": "MINAGE",
    "maximumAge": "MAXAGE",
    "sex": "SEX",
    "genderDescription": "GENDER",
}
_DOWNLOAD: Final = "Download https://clinicaltrials.gov/api/v2/studies/{NCT number} and give that."
_SHOWN: Final = 100
"""Characters of a listed value that are shown."""

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A field of the record that the draft does not carry."""

    field: str
    value: str

    def __str__(self) -> str:
        return f"{self.field}: {self.value}"


@dataclass(frozen=True, slots=True)
class Draft:
    """A study file that is to be completed.

    Parameters
    ----------
    toml : str
        The file.
    criteria : tuple of str
        Codes of the criteria, none of them encoded.
    left_out : tuple of LeftOut
        Every field of the record that has no place in the file.
    to_look_at : tuple of str
        Sentences on what a person should look at first.
    """

    toml: str
    criteria: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    to_look_at: tuple[str, ...]


def draft_of(record: Path, *, timezone: str) -> Draft:
    """Draft a study file from a record.

    Parameters
    ----------
    record : Path
        One study as API v2 returns it.
    timezone : str
        IANA name, of the sites; a record has none, and none is assumed.

    Raises
    ------
    DataError
        If it is no such record, or a needed field is absent or of another type; all are named.
    """
    name = record.name
    try:
        content = json.loads(record.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not UTF-8: {error}.", remedy=_DOWNLOAD) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is no JSON: {error}.", remedy=_DOWNLOAD) from None
    _refuse_others(name, content)
    return _Drafting(_Record(name, content), timezone).draft()


def _refuse_others(name: str, content: object) -> None:
    found = content if isinstance(content, dict) else {}
    if found.keys() & {"FullStudiesResponse", "StudyFieldsResponse", "Study", "FullStudy"}:
        raise DataError(
            f"{name}, {next(iter(found))}: this is a record of API v1, which was retired in 2024.",
            remedy=_DOWNLOAD,
        )
    if "studies" in found:
        raise DataError(f"{name}, studies: this is a list of records.", remedy=_DOWNLOAD)
    if not isinstance(found.get("protocolSection"), dict):
        raise DataError(f"{name}, protocolSection: is missing.", remedy=_DOWNLOAD)


class _Record:
    """The record, and which of its fields were carried."""

    def __init__(self, name: str, content: Mapping[str, Any]) -> None:
        self.name = name
        self._content = content
        self._carried: set[Path_] = set()
        self._faults: dict[str, None] = {}

    def at(self, *path: str | int) -> Any:
        """What stands at a path of the protocol section; None where nothing does."""
        here: Any = self._content["protocolSection"]
        for number, part in enumerate(path):
            if not isinstance(here, list if isinstance(part, int) else dict):
                self.fault(path[:number], "is no list" if isinstance(part, int) else "is no object")
                return None
            if isinstance(part, str) and part not in here:
                return None
            inner: Any = here[part]  # type: ignore[index]
            here = inner
        return here

    def text(self, *path: str | int, needed: bool = False) -> str:
        """A text that the draft carries; empty where there is none."""
        value = self.at(*path)
        if value is None or value == "":
            if needed:
                self.fault(path, "is missing")
            return ""
        if not isinstance(value, str) or not _encodable(value):
            self.fault(path, f"{value!r} is no text")
            return ""
        self._carried.add(path)
        return value

    def count(self, *path: str | int) -> int | None:
        """A number above zero that the draft carries."""
        value = self.at(*path)
        if value is None or value == 0:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.fault(path, f"{value!r} is no count")
            return None
        self._carried.add(path)
        return value

    def entries(self, *path: str | int) -> range:
        """Numbers of the entries of a list."""
        value = self.at(*path)
        if value is not None and not isinstance(value, list):
            self.fault(path, "is no list")
            value = None
        return range(len(value or ()))

    def not_carried(self, *path: str | int) -> None:
        """List a field after all."""
        self._carried.discard(path)

    def fault(self, path: Sequence[str | int], problem: str) -> None:
        self._faults[f"{self.name}, {_field(('protocolSection', *path))}: {problem}."] = None

    def refuse_faults(self) -> None:
        if self._faults:
            raise DataError(
                "\n".join(self._faults), remedy=f"Correct the file, or replace it. {_DOWNLOAD}"
            )

    def left_out(self) -> Iterator[LeftOut]:
        for path, value in _leaves(self._content):
            if path[:1] != ("protocolSection",) or path[1:] not in self._carried:
                said = json.dumps(value).replace("\x7f", "\\u007f")
                shown = said if len(said) <= _SHOWN else f"{said[:_SHOWN]}..."
                yield LeftOut(_field(path), shown)


class _Drafting:
    def __init__(self, record: _Record, timezone: str) -> None:
        self._record = record
        self._timezone = timezone
        self._codes: list[str] = []
        self._look: list[str] = []

    def draft(self) -> Draft:
        record = self._record
        for module in _NEEDED:
            if record.at(module) is None:
                record.fault((module,), "is missing")
        criteria = record.text("eligibilityModule", "eligibilityCriteria", needed=True)
        sections = [
            *self._study(),
            *self._departments(),
            *self._arms(),
            *self._endpoints(),
            *self._criteria(criteria),
        ]
        record.refuse_faults()
        left_out = tuple(record.left_out())
        lines = [
            "# A draft from a registry record: its words, and nothing else. No criterion is",
            '# encoded. To encode one, remove status = "unencoded" and write its readings.',
            "#",
            *(f"# Look at: {sentence}" for sentence in self._look),
            "",
            f"format = {FORMAT}",
            *sections,
            "",
            "[item]",
            "",
            "# --- Fields of the record that this draft does not carry",
            *(f"# {one}" for one in left_out),
        ]
        return Draft("\n".join(lines) + "\n", tuple(self._codes), left_out, tuple(self._look))

    def _study(self) -> Iterator[str]:
        record = self._record
        code = record.text("identificationModule", "nctId", needed=True)
        if code and not re.fullmatch(r"NCT\d{8}", code, re.A):
            record.fault(("identificationModule", "nctId"), f"{code!r} is no NCT number")
        title = record.text("identificationModule", "officialTitle") or record.text(
            "identificationModule", "briefTitle", needed=True
        )
        updated = record.text("statusModule", "lastUpdatePostDateStruct", "date")
        version = f", as updated on {updated}" if updated else ""
        yield from _table(
            "[study]",
            code=code,
            title=title,
            source=f"Record {code} on ClinicalTrials.gov{version}",
            transcription="full",
            sponsor=record.text("sponsorCollaboratorsModule", "leadSponsor", "name"),
            sponsor_code=record.text("identificationModule", "orgStudyIdInfo", "id"),
            target=record.count("designModule", "enrollmentInfo", "count"),
            starts_on=self._day("startDateStruct"),
            completes_on=self._day("completionDateStruct"),
            timezone=self._timezone,
        )

    def _day(self, key: str) -> date | None:
        """A day known in full; a month alone is listed."""
        path = ("statusModule", key, "date")
        text = self._record.text(*path)
        if not text or re.fullmatch(r"\d{4}-\d{2}", text, re.A):
            self._record.not_carried(*path)
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            self._record.fault(path, f"{text!r} is no date")
            return None

    def _departments(self) -> Iterator[str]:
        module = ("contactsLocationsModule", "locations")
        for n in self._record.entries(*module):
            keys = ("facility", "city", "state", "country")
            names = [self._record.text(*module, n, key) for key in keys]
            if any(names):
                name = ", ".join(filter(None, names))
                yield from _table("[[department]]", code=f"D{n + 1}", name=name)

    def _arms(self) -> Iterator[str]:
        record, module = self._record, "armsInterventionsModule"
        known: dict[str, str] = {}
        interventions: list[str] = []
        for n in record.entries(module, "interventions"):
            path = (module, "interventions", n)
            code, name = f"INTERVENTION_{n + 1}", record.text(*path, "name", needed=True)
            kind = record.text(*path, "type", needed=True)
            if kind not in _KINDS:
                record.not_carried(*path, "type")
            # Arms name an intervention with its type before it: "Drug: lutetium".
            known |= {name: code, f"{kind.replace('_', ' ').lower()}: {name}": code}
            interventions += _table(
                "[[intervention]]", code=code, title=name, kind=_KINDS.get(kind, "other")
            )
        for n in record.entries(module, "armGroups"):
            path = (module, "armGroups", n)
            title = record.text(*path, "label", needed=True)
            given: list[str] = []
            for number in record.entries(*path, "interventionNames"):
                said = record.text(*path, "interventionNames", number)
                kind, colon, name = said.partition(":")
                found = known.get(f"{kind.lower()}{colon}{name}") or known.get(said)
                if found is None:
                    record.not_carried(*path, "interventionNames", number)
                elif found not in given:
                    given.append(found)
            yield from _table("[[arm]]", code=f"ARM_{n + 1}", title=title, interventions=given)
        yield from interventions

    def _endpoints(self) -> Iterator[str]:
        for key, kind in _OUTCOMES.items():
            for n in self._record.entries("outcomesModule", key):
                yield from _table(
                    "[[endpoint]]",
                    code=f"{kind.upper()}_{n + 1}",
                    title=self._record.text("outcomesModule", key, n, "measure", needed=True),
                    kind=kind,
                    status="registered",
                )

    def _criteria(self, text: str) -> Iterator[str]:
        found = split_criteria(text)
        if text and not found:
            path = ("eligibilityModule", "eligibilityCriteria")
            self._record.fault(path, "has headings or bullets, but no criterion")
        groups: list[str] = []
        criteria: list[str] = []
        for code, one in _coded(found):
            if not one.below:
                criteria += self._criterion(code, one.text, one)
                continue
            groups += _table("[[group]]", code=code, text=one.text, ambiguity=one.note)
            self._look.append(
                f"{code} stands above {len(one.below)} criteria: whether each or one of them "
                "counts is in its words."
            )
            for number, below in enumerate(one.below):
                # The format has one level of groups: what lies deeper stays with its criterion.
                words = "\n".join(below.words())
                criteria += self._criterion(f"{code}{_letters(number)}", words, below, group=code)
        assumed = sum(1 for one in found if one.note.endswith("is assumed."))
        if assumed:
            self._look.append(
                f"{assumed} criteria stand under no heading: inclusion is assumed; see ambiguity."
            )
        doubted = [
            code
            for code, one in _coded(found)
            if one.polarity == "inclusion" and _OF_EXCLUSION.search(" ".join(one.words()))
        ]
        if doubted:
            self._look.append(
                f"{', '.join(doubted)}: an inclusion by its place speaks of exclusion; is it one?"
            )
        for key, code in _LIMITS.items():
            value = self._record.text("eligibilityModule", key)
            if key == "sex" and value == "ALL":
                self._record.not_carried("eligibilityModule", key)
            elif value:
                criteria += self._criterion(code, f"{key}: {value}", Found("", "inclusion"))
        yield from groups
        yield from criteria

    def _criterion(self, code: str, text: str, one: Found, *, group: str = "") -> Iterator[str]:
        self._codes.append(code)
        return _table(
            "[[criterion]]",
            code=code,
            group=group,
            polarity=one.polarity,
            text=text,
            ambiguity=one.note,
            status="unencoded",
        )


def _coded(found: Sequence[Found]) -> Iterator[tuple[str, Found]]:
    counts = {"inclusion": 0, "exclusion": 0}
    for one in found:
        counts[one.polarity] += 1
        yield f"{one.polarity[0].upper()}{counts[one.polarity]}", one


def _letters(number: int) -> str:
    """a, b ... z, aa, ab ..."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


def _leaves(value: object, path: Path_ = ()) -> Iterator[tuple[Path_, object]]:
    if isinstance(value, dict) and value:
        for key, entry in value.items():
            yield from _leaves(entry, (*path, key))
    elif isinstance(value, list) and value:
        for number, entry in enumerate(value):
            yield from _leaves(entry, (*path, number))
    else:
        yield path, value


def _field(path: Sequence[str | int]) -> str:
    # A key may be anything: as JSON writes it, it fits into a comment.
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path)
    return json.dumps(text.removeprefix("."))[1:-1].replace("\x7f", "\\u007f")


def _encodable(text: str) -> bool:
    """A lone surrogate, which JSON can hold, cannot be written."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _table(head: str, **keys: str | int | date | list[str] | None) -> Iterator[str]:
    yield ""
    yield head
    for key, value in keys.items():
        match value:
            case None | "" | []:
                continue
            case str():
                yield f"{key} = {_quoted(value)}"
            case list():
                yield f"{key} = [{', '.join(map(_quoted, value))}]"
            case _:
                yield f"{key} = {value}"


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's escapes are among its own, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
