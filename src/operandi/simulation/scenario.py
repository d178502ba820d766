"""A scenario: what a digital cohort is, as one TOML file; every fault is named at once."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from operandi.quantities.errors import DataError

SCENARIOS: Final = (
    "null",
    "dose",
    "imaging",
    "genomic",
    "sites",
    "artifacts",
    "ten-sites",
    "messy",
    "demo",
)
"""Names of the scenarios that come with Operandi; each is a file in ``scenarios/``."""

Rate = Annotated[float, Field(ge=0.0, le=1.0)]
Series = Literal["pet", "pet_uncorrected", "dixon", "t2", "dwi", "dce", "mre"]
Covariate = Literal[
    "uptake",
    "uptake_heterogeneity",
    "minimum_uptake",
    "adc",
    "stiffness",
    "tumor_volume",
    "MEN1",
    "DAXX_ATRX",
    "TSC2_PTEN_MTOR",
    "CDKN1B",
    "chr18_loss",
    "chromosomal_instability",
]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CohortSettings(_Section):
    """Who takes part and when."""

    participants: Annotated[int, Field(ge=1, le=1_000_000)]
    # Birth years of the tables start in 1900, and DICOM knows no year after 9999.
    data_cut: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 12, 31))]
    recruitment_months: Annotated[float, Field(ge=0.0, le=240.0)]
    follow_up_months: Annotated[float, Field(ge=0.0, le=240.0)]
    female_fraction: Rate
    pancreas_fraction: Rate
    lesions_mean: Annotated[float, Field(ge=1.0, le=10.0)]


class DiseaseSettings(_Section):
    """How the disease runs; ``course`` names a calibrated set of ``therapy``.

    ``dose_response = "exchanged"``: cells die by the dose of somebody else, so that no marker of
    dose predicts anything, while the distribution of outcomes stays.
    """

    treated: bool
    course: Literal["A", "B", "C"]
    dose: Literal["kinetics", "log-normal"]
    dose_response: Literal["own", "exchanged"]
    cycle_slip: Rate
    cycle_slip_weeks: Annotated[float, Field(ge=0.0, le=12.0)]
    cycle_stop: Rate
    dropout_per_year: Annotated[float, Field(ge=0.0, le=2.0)]
    post_progression_months: Annotated[float, Field(gt=0.0, le=240.0)]
    reader_diameter_cv: Annotated[float, Field(ge=0.0, le=0.5)]
    reader_new_missed: Rate
    reader_new_false: Rate


class Effect(_Section):
    """A covariate that changes the course: ``exp(log_factor * z)`` multiplies a rate.

    *z* has mean 0 and standard deviation 1; of a gene it is 1 where altered, else 0.
    """

    covariate: Covariate
    on: Literal["growth", "sensitivity", "new_lesions"]
    log_factor: Annotated[float, Field(ge=-3.0, le=3.0)]


class ImagingSettings(_Section):
    """What is acquired at each visit."""

    pet_voxel_mm: Annotated[float, Field(ge=1.5, le=8.0)]
    head: bool
    series: Annotated[tuple[Series, ...], Field(min_length=1)]
    mr_detail: Literal["full", "coarse"]
    organ_maps: bool
    respiration: Literal["averaged", "gated", "held"]
    attenuation: Literal["exact", "4-class", "5-class"]
    spect_hours: tuple[Annotated[float, Field(gt=0.0, le=500.0)], ...]
    spect_participants: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _spect_is_whole(self) -> Self:
        if list(self.spect_hours) != sorted(set(self.spect_hours)) or len(self.spect_hours) > 4:
            raise ValueError("spect_hours needs one to four ascending hours, or none")
        if bool(self.spect_hours) != bool(self.spect_participants):
            raise ValueError("spect_hours and spect_participants go together: give both or none")
        return self

    @model_validator(mode="after")
    def _series_are_whole(self) -> Self:
        if len(set(self.series)) != len(self.series):
            raise ValueError("series names one twice")
        if "pet_uncorrected" in self.series and "pet" not in self.series:
            raise ValueError("series has pet_uncorrected without pet")
        return self


class ArtifactSettings(_Section):
    """How often attenuation correction and MR go wrong, per visit."""

    truncation: Rate
    susceptibility_void: Rate
    tissue_inversion: Rate
    consistent: bool


class GenomeSettings(_Section):
    """Whether variants are written; what they do stands in ``effect``."""

    files: bool


class ConductSettings(_Section):
    """How often the conduct of the trial goes wrong: by participant, or by visit."""

    screening_failures: Rate
    missing_fact: Rate
    wrong_unit: Rate
    stale_laboratory: Rate
    swapped_visit: Rate
    duplicate_series: Rate
    missed_visit: Rate


class SiteSettings(_Section):
    """A department and its scanner.

    ``suv_factor`` is the error of its calibration, ``pet_noise`` the relative standard deviation
    of a liver voxel of 4 mm at SUV 4.8.
    """

    code: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9-]{1,15}$")]
    name: Annotated[str, Field(min_length=1)]
    vendor: Literal["siemens", "ge", "philips"]
    share: Annotated[float, Field(ge=1e-6, le=1e6)]
    suv_factor: Annotated[float, Field(ge=0.3, le=3.0)]
    pet_fwhm_mm: Annotated[float, Field(ge=2.0, le=15.0)]
    pet_noise: Annotated[float, Field(ge=0.0, le=1.0)]


class Scenario(_Section):
    """All that a digital cohort is made from, beside the seed."""

    title: Annotated[str, Field(min_length=1)]
    cohort: CohortSettings
    disease: DiseaseSettings
    effect: tuple[Effect, ...] = ()
    imaging: ImagingSettings
    artifacts: ArtifactSettings
    genome: GenomeSettings
    conduct: ConductSettings
    site: Annotated[tuple[SiteSettings, ...], Field(min_length=1, max_length=99)]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        codes = [site.code for site in self.site]
        if len(set(codes)) != len(codes):
            raise ValueError("site: two departments have the same code")
        pairs = [(effect.covariate, effect.on) for effect in self.effect]
        if len(set(pairs)) != len(pairs):
            raise ValueError("effect: the same covariate acts twice on the same rate")
        if not self.disease.treated and self.imaging.spect_hours:
            raise ValueError("imaging.spect_hours: nobody is treated, so no SPECT follows a cycle")
        if not self.disease.treated and any(one.on == "sensitivity" for one in self.effect):
            raise ValueError("effect: nobody is treated, so nothing acts on sensitivity")
        return self

    def with_participants(self, number: int | None) -> "Scenario":
        """The same with another number of participants; None keeps the scenario's.

        Raises
        ------
        DataError
            If no cohort has that number.
        """
        if number is None:
            return self
        stated = _over(self.model_dump(), {"cohort": {"participants": number}})
        return _parsed(stated, where=self.title)


def read_scenario(name: str | Path) -> Scenario:
    """Read a scenario by the name of a shipped one, or from a file.

    Parameters
    ----------
    name : str or Path
        Of a shipped scenario, a TOML file, or the ``simulation.json`` that a cohort holds.

    Raises
    ------
    DataError
        If there is no such scenario, or the file is faulty; all faults are named.
    """
    return _parsed(_stated(str(name), seen=()), where=str(name))


def noted_seed(name: str | Path) -> int | None:
    """The seed that a ``simulation.json`` notes; None of any other scenario."""
    path = Path(name)
    if path.suffix != ".json" or not path.is_file():
        return None
    seed = _json(path).get("seed")
    if seed is None:
        return None
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise DataError(
            f"{path} notes the seed {seed!r}; a seed is a whole number, at least 0.",
            remedy="Give the file as Operandi wrote it, or --seed.",
        )
    return seed


def _stated(name: str, *, seen: tuple[str, ...]) -> dict[str, Any]:
    """What a scenario states, over what its base states."""
    if name in seen:
        raise DataError(
            f"The scenario {name} is based on itself ({' > '.join((*seen, name))}).",
            remedy="Correct the key base.",
        )
    path = Path(name)
    if name not in SCENARIOS and not path.is_file():
        raise DataError(
            f"There is no scenario {name}.",
            remedy=f"Give a TOML file, or one of {', '.join(SCENARIOS)}.",
        )
    own = _of_file(path) if name not in SCENARIOS else _shipped(name)
    base = own.pop("base", None)
    if base is None:
        return own
    # A file beside the one that names it, wherever it is read from.
    under = str(base) if base in SCENARIOS else str(path.parent / str(base))
    return _over(_stated(under, seen=(*seen, name)), own)


def _shipped(name: str) -> dict[str, Any]:
    text = (files("operandi.simulation") / "scenarios" / f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


def _of_file(path: Path) -> dict[str, Any]:
    if path.suffix == ".json":
        note = _json(path)
        stated = note.get("scenario", note)
        return dict(stated) if isinstance(stated, Mapping) else {"scenario": stated}
    try:
        # Some editors write a byte-order mark; TOML has none.
        return tomllib.loads(path.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise DataError(f"{path} is no TOML: {fault}.", remedy="Correct the line.") from fault


def _json(path: Path) -> dict[str, Any]:
    try:
        note = json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as fault:
        raise DataError(
            f"{path} is no JSON: {fault}.", remedy="Give the file as Operandi wrote it."
        ) from fault
    if not isinstance(note, dict):
        raise DataError(f"{path} holds no scenario.", remedy="Give the file as Operandi wrote it.")
    return note


def _over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Sections are joined key by key; lists, such as sites, are replaced as a whole."""
    joined = dict(base)
    for key, value in own.items():
        under = joined.get(key)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            joined[key] = _over(under, value)
        else:
            joined[key] = value
    return joined


def _of_their_own(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Faults that are no mere consequence: a list is called too short when its items are faulty."""
    places = [error["loc"] for error in errors]
    return [
        error
        for error in errors
        if error["type"] != "too_short"
        or not any(
            len(at) > len(error["loc"]) and at[: len(error["loc"])] == error["loc"] for at in places
        )
    ]


def _parsed(stated: Mapping[str, Any], *, where: str) -> Scenario:
    try:
        return Scenario.model_validate(stated)
    except ValidationError as found:
        faults = [
            f"{'.'.join(str(part) for part in error['loc']) or 'scenario'}: "
            f"{error['msg'].removeprefix('Value error, ')}"
            for error in _of_their_own(found.errors())
        ]
        raise DataError(
            f"The scenario {where} is faulty: {'; '.join(faults)}.",
            remedy="Correct these keys; operandi simulate --help names the shipped scenarios.",
        ) from found
