"""study.toml: one file becomes one frozen :class:`Settings`; every fault is named at once."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from operandi.domain.identity import TimepointCode
from operandi.domain.timepoint import Timepoint
from operandi.imaging.pet.declaration import Declaration
from operandi.pipeline.step_settings import LesionSettings
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import nuclide_named

FILE_NAME: Final = "study.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitDeclaration:
    """Declarations for one visit, beyond those for the whole study.

    Parameters
    ----------
    participant, timepoint : str
        Which visit; an empty timepoint means all of the participant's.
    declaration : Declaration
        Wins field by field over the study's.
    pet_series_uid : str
        Which PET series counts where a visit has several.
    organs_absent : tuple of str
        Organs that the participant does not have any more, such as a spleen removed.
    """

    participant: str
    timepoint: str
    declaration: Declaration
    pet_series_uid: str
    organs_absent: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything study.toml says.

    Parameters
    ----------
    title, protocol : str
        Of the study.
    timezone : str
        IANA name; of dates and times without an offset.
    data_cut : date
        Decides which visits are due.
    timepoints : tuple of Timepoint
        In their order in time.
    sites : tuple of (code, name)
        Hospital departments.
    lesions : LesionSettings
        For the lesion step.
    declared : Declaration
        For the whole study.
    declared_for : tuple of VisitDeclaration
        For single visits.
    """

    title: str
    protocol: str
    timezone: str
    data_cut: date
    timepoints: tuple[Timepoint, ...]
    sites: tuple[tuple[str, str], ...]
    lesions: LesionSettings
    declared: Declaration
    declared_for: tuple[VisitDeclaration, ...]

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.timezone)

    def declaration_at(self, participant: str, timepoint: str) -> Declaration:
        """Join the study's declarations with those for this visit, which win."""
        joined = self.declared
        for entry in self._for(participant, timepoint):
            joined = _joined(joined, entry.declaration)
        return joined

    def pet_series_at(self, participant: str, timepoint: str) -> str:
        """The PET series declared for this visit; empty if none is."""
        declared = [entry.pet_series_uid for entry in self._for(participant, timepoint)]
        return next((uid for uid in reversed(declared) if uid), "")

    def lesions_at(self, participant: str, timepoint: str) -> LesionSettings:
        """The lesion step's settings, with the organs declared absent at this visit."""
        absent = {organ for e in self._for(participant, timepoint) for organ in e.organs_absent}
        return replace(self.lesions, absent_organs=tuple(sorted(absent)))

    def _for(self, participant: str, timepoint: str) -> list[VisitDeclaration]:
        """Entries for a visit, those for the whole participant first."""
        found = [
            entry
            for entry in self.declared_for
            if entry.participant == participant and entry.timepoint in {"", timepoint}
        ]
        return sorted(found, key=lambda entry: entry.timepoint != "")


def _joined(study: Declaration, visit: Declaration) -> Declaration:
    chosen: dict[str, Any] = {
        field.name: getattr(visit, field.name) or getattr(study, field.name)
        for field in dataclass_fields(Declaration)
    }
    return Declaration(**chosen)


def read_settings(study: Path) -> Settings:
    """Read ``study.toml`` of a study folder.

    Raises
    ------
    DataError
        If the folder or file is missing, is no TOML, or says something wrong; all faults are
        named at once.
    """
    path = study / FILE_NAME
    if not study.is_dir():
        raise DataError(
            f"There is no study folder {study}.",
            remedy="Give the folder that holds study.toml, or try: operandi demo",
        )
    try:
        # Some editors put a byte order mark first, which TOML does not allow.
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError(
            f"{study} holds no {FILE_NAME}, so that it is no study folder.",
            remedy="See docs/study-folder.md for a minimal one, or try: operandi demo",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{FILE_NAME} is no TOML: {error}.") from None
    return parse_settings(content)


def parse_settings(content: Mapping[str, Any]) -> Settings:
    """Check what study.toml holds.

    Raises
    ------
    DataError
        Naming every faulty key and its value.
    """
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        raise DataError(
            f"{FILE_NAME} has {error.error_count()} fault(s): {_sentences(error)}",
            remedy="See docs/study-folder.md for every key.",
        ) from None
    codes = [timepoint.code for timepoint in file.timepoint]
    if len(set(codes)) != len(codes):
        raise DataError(f"{FILE_NAME} declares a timepoint twice: {', '.join(codes)}.")
    for entry in file.declare.visit:
        if entry.timepoint and entry.timepoint not in codes:
            raise DataError(
                f"{FILE_NAME} declares something for the timepoint {entry.timepoint!r} of "
                f"{entry.participant}, which is none of {', '.join(codes)}.",
                remedy="Correct timepoint in [[declare.visit]].",
            )
    return Settings(
        title=file.study.title,
        protocol=file.study.protocol,
        timezone=file.study.timezone,
        data_cut=file.study.data_cut,
        timepoints=tuple(_timepoint(entry) for entry in file.timepoint),
        sites=tuple(sorted((code, site.name) for code, site in file.site.items())),
        lesions=LesionSettings(
            minimum_volume_ml=file.settings.minimum_lesion_volume_ml,
            organ_margin_mm=file.settings.organ_margin_mm,
        ),
        declared=_declaration(file.declare),
        declared_for=tuple(
            VisitDeclaration(
                participant=entry.participant,
                timepoint=entry.timepoint,
                declaration=_declaration(entry),
                pet_series_uid=entry.pet_series_uid,
                organs_absent=tuple(entry.organs_absent),
            )
            for entry in file.declare.visit
        ),
    )


def parse_declaration(content: Mapping[str, Any]) -> Declaration:
    """Check one table of declarations.

    Raises
    ------
    DataError
        Naming every faulty key and its value.
    """
    try:
        return _declaration(_Declare.model_validate(content))
    except ValidationError as error:
        raise DataError(f"The declaration has a fault: {_sentences(error)}") from None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Study(_Strict):
    title: Annotated[str, Field(min_length=1)]
    protocol: str = ""
    timezone: str
    data_cut: date

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"no time zone is named {value!r}; needed e.g. Europe/Paris") from None
        return value


_WindowDay = Annotated[int, Field(strict=True, ge=-3660, le=3660)]


class _TimepointEntry(_Strict):
    code: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,31}$")]
    title: Annotated[str, Field(min_length=1)]
    anchor: Annotated[str, Field(pattern=r"^cycle [1-9][0-9]?$")]
    window_days: tuple[_WindowDay, _WindowDay]

    @field_validator("window_days")
    @classmethod
    def _ordered(cls, value: tuple[int, int]) -> tuple[int, int]:
        if value[0] > value[1]:
            raise ValueError("the first day of a window must not be after its last")
        return value


class _Site(_Strict):
    name: Annotated[str, Field(min_length=1)]


def _nuclide(name: str) -> str:
    try:
        return nuclide_named(name).name if name else ""
    except UnsupportedError as error:
        raise ValueError(str(error)) from None


class _SettingsEntry(_Strict):
    minimum_lesion_volume_ml: Annotated[float, Field(strict=True, gt=0, le=10)]
    organ_margin_mm: Annotated[float, Field(strict=True, ge=0, le=30)]


class _Declare(_Strict):
    nuclide: Annotated[str, AfterValidator(_nuclide)] = ""
    half_life_s: Annotated[float | None, Field(strict=True, gt=0)] = None
    decay_corrected_to: Literal["", "injection", "scan start"] = ""
    activity_unit: Literal["", "Bq", "kBq", "MBq"] = ""
    activity_from: Literal["", "records", "header"] = ""
    body_mass_from: Literal["", "records", "header"] = ""
    injection_time_from: Literal["", "datetime", "time"] = ""
    ideal_body_weight: Literal["", "robinson", "sugawara"] = ""


_Needed = Literal["spleen", "left kidney", "right kidney", "urinary bladder"]
"""As in operandi.imaging.lesions.organs.NEEDED."""


class _DeclareVisit(_Declare):
    participant: Annotated[str, Field(min_length=1)]
    timepoint: str = ""
    pet_series_uid: str = ""
    organs_absent: Sequence[
        Literal["spleen", "left kidney", "right kidney", "urinary bladder"]
    ] = ()


class _DeclareStudy(_Declare):
    visit: Sequence[_DeclareVisit] = ()


class _File(_Strict):
    study: _Study
    timepoint: Annotated[Sequence[_TimepointEntry], Field(min_length=1)]
    site: Mapping[str, _Site]
    settings: _SettingsEntry
    declare: _DeclareStudy = _DeclareStudy()


def _timepoint(entry: _TimepointEntry) -> Timepoint:
    return Timepoint(TimepointCode(entry.code), entry.title, entry.anchor, entry.window_days)


def _declaration(entry: _Declare) -> Declaration:
    return Declaration(
        **{field.name: getattr(entry, field.name) for field in dataclass_fields(Declaration)}
    )


_SAID: Final = {"missing": "is missing", "extra_forbidden": "is no key that is known here"}


def _sentences(error: ValidationError) -> str:
    return (
        "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: "
            + _SAID.get(fault["type"], f"{fault['msg']} (found {fault['input']!r})")
            for fault in error.errors()
        )
        + "."
    )
