"""study.toml: one file becomes one frozen :class:`Settings`; every fault is named at once."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from operandi.domain.identity import TimepointCode
from operandi.domain.timepoint import Timepoint
from operandi.imaging.pet.declaration import Declaration
from operandi.imaging.radiomics.aggregation import Aggregation
from operandi.pipeline.lesion_settings import (
    NO_LESIONS_DECLARED,
    DeclaredLesions,
    LesionSettings,
)
from operandi.pipeline.lesion_table import LesionTable, refuse_former_table
from operandi.pipeline.step_settings import DosimetrySettings, MarrowSettings, RadiomicsRequest
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
    lesions : DeclaredLesions
        Of a reader's lesions, which supersede those that were found.
    """

    participant: str
    timepoint: str
    declaration: Declaration
    pet_series_uid: str
    organs_absent: tuple[str, ...]
    lesions: DeclaredLesions = NO_LESIONS_DECLARED


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
        How lesions are found, followed and compared.
    declared : Declaration
        For the whole study.
    declared_for : tuple of VisitDeclaration
        For single visits.
    dosimetry : DosimetrySettings or None
        For absorbed doses; None where the study computes none.
    radiomics : RadiomicsRequest or None
        For radiomic features; None where the study asks for none.
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
    dosimetry: DosimetrySettings | None = None
    radiomics: RadiomicsRequest | None = None

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

    def organs_absent_at(self, participant: str, timepoint: str) -> tuple[str, ...]:
        """Organs declared absent at this visit."""
        absent = {organ for e in self._for(participant, timepoint) for organ in e.organs_absent}
        return tuple(sorted(absent))

    def reader_lesions_at(self, participant: str, timepoint: str) -> DeclaredLesions:
        """What is declared of a reader's lesions at this visit; of several entries the last."""
        declared = [entry.lesions for entry in self._for(participant, timepoint)]
        said = [one for one in declared if one != NO_LESIONS_DECLARED]
        return said[-1] if said else NO_LESIONS_DECLARED

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


def read_settings(study: Path, *, lesions: Mapping[str, Any] | None = None) -> Settings:
    """Read ``study.toml`` of a study folder.

    Parameters
    ----------
    study : Path
        The folder.
    lesions : mapping, optional
        Keys of ``[lesions]`` that count in place of the file's, as the options of a command.

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
    if lesions and isinstance(content.get("lesions"), dict):
        content["lesions"] |= lesions
    return parse_settings(content)


def parse_settings(content: Mapping[str, Any]) -> Settings:
    """Check what study.toml holds.

    Raises
    ------
    DataError
        Naming every faulty key and its value.
    """
    refuse_former_table(content)
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
    strangers = sorted(set(file.lesions.site) - set(file.site))
    if strangers:
        raise DataError(
            f"{FILE_NAME} gives a resolution for {', '.join(strangers)}, which is no site of the "
            "study.",
            remedy=f"Correct [lesions.site.CODE]; sites are {', '.join(sorted(file.site))}.",
        )
    for entry in file.declare.visit:
        if entry.timepoint not in {"", *codes} and cycle_number(entry.timepoint) is None:
            raise DataError(
                f"{FILE_NAME} declares something for the timepoint {entry.timepoint!r} of "
                f"{entry.participant}, which is none of {', '.join(codes)} and no cycle "
                "(CYCLE_1, CYCLE_2 …).",
                remedy="Correct timepoint in [[declare.visit]].",
            )
    return Settings(
        title=file.study.title,
        protocol=file.study.protocol,
        timezone=file.study.timezone,
        data_cut=file.study.data_cut,
        timepoints=tuple(_timepoint(entry) for entry in file.timepoint),
        sites=tuple(sorted((code, site.name) for code, site in file.site.items())),
        lesions=file.lesions.settings(),
        declared=_declaration(file.declare),
        declared_for=tuple(
            VisitDeclaration(
                participant=entry.participant,
                timepoint=entry.timepoint,
                declaration=_declaration(entry),
                pet_series_uid=entry.pet_series_uid,
                organs_absent=tuple(entry.organs_absent),
                lesions=DeclaredLesions(
                    series_uid=entry.lesions_from,
                    reader=entry.lesions_reader.strip(),
                    at=entry.lesions_corrected_at,
                    confirmed=entry.lesions_confirmed,
                ),
            )
            for entry in file.declare.visit
        ),
        dosimetry=None if file.dosimetry is None else _dosimetry(file.dosimetry),
        radiomics=None if file.radiomics is None else _radiomics(file.radiomics),
    )


def cycle_code(number: int) -> TimepointCode:
    """Name of a cycle where a timepoint stands: in declarations, tables and the report."""
    return TimepointCode(f"CYCLE_{number}")


def cycle_number(code: str) -> int | None:
    """Which cycle a timepoint code names; None where it names none."""
    found = re.fullmatch(r"CYCLE_([1-9]\d?)", code)
    return int(found[1]) if found else None


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

    @field_validator("code")
    @classmethod
    def _no_cycle(cls, value: str) -> str:
        if cycle_number(value) is not None:
            raise ValueError("CYCLE_1, CYCLE_2 … name the scans after a cycle, not a visit")
        return value


class _Site(_Strict):
    name: Annotated[str, Field(min_length=1)]


def _nuclide(name: str) -> str:
    try:
        return nuclide_named(name).name if name else ""
    except UnsupportedError as error:
        raise ValueError(str(error)) from None


class _Ratio(_Strict):
    value: Annotated[float, Field(strict=True, gt=0, le=10)]
    uncertainty: Annotated[float, Field(strict=True, ge=0, le=10)]
    source: Annotated[str, Field(min_length=1)]

    def plain(self) -> tuple[float, float, str]:
        return self.value, self.uncertainty, self.source


class _Marrow(_Strict):
    reference: Literal["ICRP 89 adult male", "ICRP 89 adult female", "MIRD adult"]
    mass_uncertainty_percent: Annotated[float, Field(strict=True, gt=0, le=100)]
    blood_density_g_ml: Annotated[float, Field(strict=True, ge=0.9, le=1.2)]
    marrow_to_blood: _Ratio
    vertebral_share: _Ratio | None = None


class _Limit(_Strict):
    organ: Literal["kidneys", "red marrow"]
    kind: Literal["ABSORBED_DOSE", "BIOLOGICALLY_EFFECTIVE_DOSE"]
    limit_gy: Annotated[float, Field(strict=True, gt=0, le=1000)]
    applies_to: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]


class _Dosimetry(_Strict):
    tissue_density_g_cm3: Annotated[float, Field(strict=True, ge=0.25, le=2.2)]
    spatial_resolution_mm: Annotated[float, Field(strict=True, ge=3, le=40)]
    predicted: Annotated[bool, Field(strict=True)]
    organ_s_values: str = ""
    organ_s_phantom: str = ""
    organ_s_unit: str = ""
    series: Sequence[str] = ()
    marrow: _Marrow | None = None
    limit: Sequence[_Limit] = ()

    @model_validator(mode="after")
    def _whose_anatomy(self) -> Self:
        if bool(self.organ_s_values) != bool(self.organ_s_phantom):
            raise ValueError("organ_s_values and organ_s_phantom need one another")
        return self


class _Radiomics(_Strict):
    pet: Annotated[Sequence[Literal["lesions", "contours"]], Field(min_length=1)]
    settings_file: str = ""
    patient: Sequence[Aggregation] = ()


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
    lesions_from: str = ""
    lesions_reader: str = ""
    lesions_corrected_at: Annotated[datetime | None, Field(strict=True)] = None
    lesions_confirmed: Annotated[bool, Field(strict=True)] = False


class _DeclareStudy(_Declare):
    visit: Sequence[_DeclareVisit] = ()


class _File(_Strict):
    study: _Study
    timepoint: Annotated[Sequence[_TimepointEntry], Field(min_length=1)]
    site: Mapping[str, _Site]
    lesions: LesionTable
    dosimetry: _Dosimetry | None = None
    radiomics: _Radiomics | None = None
    declare: _DeclareStudy = _DeclareStudy()


def _timepoint(entry: _TimepointEntry) -> Timepoint:
    return Timepoint(TimepointCode(entry.code), entry.title, entry.anchor, entry.window_days)


def _dosimetry(entry: _Dosimetry) -> DosimetrySettings:
    return DosimetrySettings(
        tissue_density_g_cm3=entry.tissue_density_g_cm3,
        spatial_resolution_mm=entry.spatial_resolution_mm,
        predicted=entry.predicted,
        organ_s_values=entry.organ_s_values,
        organ_s_phantom=entry.organ_s_phantom,
        organ_s_unit=entry.organ_s_unit,
        series=tuple(entry.series),
        marrow=None if entry.marrow is None else _marrow(entry.marrow),
        limit=tuple(one.model_dump() for one in entry.limit),
    )


def _marrow(entry: _Marrow) -> MarrowSettings:
    return MarrowSettings(
        reference=entry.reference,
        mass_relative_uncertainty=entry.mass_uncertainty_percent / 100.0,
        blood_density_g_ml=entry.blood_density_g_ml,
        marrow_to_blood=entry.marrow_to_blood.plain(),
        vertebral_share=entry.vertebral_share.plain() if entry.vertebral_share else None,
    )


def _radiomics(entry: _Radiomics) -> RadiomicsRequest:
    # As sets: what is named twice is wanted once, and the order changes nothing.
    return RadiomicsRequest(
        pet=tuple(sorted(set(entry.pet))),
        settings_file=entry.settings_file,
        patient=tuple(sorted(set(entry.patient))),
    )


def _declaration(entry: _Declare) -> Declaration:
    return Declaration(
        **{field.name: getattr(entry, field.name) for field in dataclass_fields(Declaration)}
    )


_SAID: Final = {"missing": "is missing", "extra_forbidden": "is no key that is known here"}


def _sentences(error: ValidationError) -> str:
    return (
        "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: "
            + _SAID.get(fault["type"], f"{_message(fault['msg'])} (found {_found(fault['input'])})")
            for fault in error.errors()
        )
        + "."
    )


def _message(said: str) -> str:
    """Without the words by which pydantic marks our own messages."""
    return said.removeprefix("Value error, ")


def _found(value: object) -> str:
    """A whole table is named by its keys: its values are no fault."""
    return f"the keys {', '.join(value)}" if isinstance(value, dict) else repr(value)
