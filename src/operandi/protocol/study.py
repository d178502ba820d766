"""Read a study file: one of those shipped, by its name, or any, by its path."""

import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from operandi.protocol.checks import StudyFault, faults_of
from operandi.protocol.format import FORMAT, StudyProtocol
from operandi.quantities.errors import DataError
from operandi.records.row import Row
from operandi.records.rows import ROWS
from operandi.records.spelling import meant

_SHIPPED: Final = resources.files("operandi.protocol") / "studies"


class StudyFileError(DataError):
    """A study file that cannot be used. ``faults`` says why, all at once."""

    def __init__(self, what: str, *, remedy: str = "", faults: tuple[StudyFault, ...] = ()) -> None:
        super().__init__(what, remedy=remedy)
        self.faults = faults

    def __reduce__(self) -> tuple[object, ...]:
        return (_study_file_error, (self.what, self.remedy, self.faults))


def _study_file_error(what: str, remedy: str, faults: tuple[StudyFault, ...]) -> StudyFileError:
    return StudyFileError(what, remedy=remedy, faults=faults)


def shipped_studies() -> tuple[str, ...]:
    """Names of the studies that come with Operandi."""
    names = (entry.name for entry in _SHIPPED.iterdir())
    return tuple(sorted(n.removesuffix(".toml") for n in names if n.endswith(".toml")))


def names_study(folder: Path, name: str) -> bool:
    """Whether a name in study.toml is that of a shipped study or of a file in *folder*."""
    return name.lower() in shipped_studies() or (bool(name) and (folder / name).is_file())


def study_of(folder: Path, name: str) -> StudyProtocol:
    """Read the protocol of a study folder: a shipped one by its name, or a file.

    Parameters
    ----------
    folder : Path
        The study folder, which a path is taken from first.
    name : str
        As study.toml names it, or a person does.

    Raises
    ------
    DataError
        If none is named, or the file is faulty.
    """
    if not name:
        raise DataError(
            "study.toml names no protocol.",
            remedy="Write protocol under [study], or give --protocol.",
        )
    if name.lower() in shipped_studies():
        return read_study(name.lower())
    beside = folder / name
    return read_study(beside if beside.is_file() else name)


def read_study(study: str | Path, *, tables: Mapping[str, type[Row]] = ROWS) -> StudyProtocol:
    """Read and check a study file.

    Parameters
    ----------
    study : str or Path
        Name of a shipped study, such as ``"nct06256705"``, or path of a TOML file.
    tables : Mapping
        The tables that items may name, with the models of their rows.

    Raises
    ------
    StudyFileError
        If there is no such file, or it says something wrong; all faults are named at once.
    """
    name = str(study)
    source = _SHIPPED / f"{name}.toml" if name in shipped_studies() else Path(study)
    file = source.name
    try:
        text = source.read_text(encoding="utf-8")
    except OSError:
        known = ", ".join(shipped_studies())
        raise StudyFileError(
            f"There is no study file {name}.",
            remedy=f"Give the path of a TOML file, or one of the shipped: {known}.",
        ) from None
    except UnicodeDecodeError as error:
        raise StudyFileError(f"{file} is not UTF-8: {error}.", remedy="Save it as UTF-8.") from None
    return parse_study_text(text, file=file, tables=tables)


def parse_study_text(
    text: str, *, file: str, tables: Mapping[str, type[Row]] = ROWS
) -> StudyProtocol:
    """Check the text of a study file.

    Raises
    ------
    StudyFileError
        As ``read_study``, naming *file*.
    """
    try:
        content = tomllib.loads(text.removeprefix("\ufeff"), parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise StudyFileError(f"{file} is no TOML: {error}.", remedy="Correct the line.") from None
    return parse_study(content, file=file, tables=tables)


def parse_study(
    content: Mapping[str, Any], *, file: str, tables: Mapping[str, type[Row]] = ROWS
) -> StudyProtocol:
    """Check what a study file holds.

    Raises
    ------
    StudyFileError
        Naming *file* and the path of every faulty key, with what mends it.
    """
    if content.get("format") != FORMAT:
        raise StudyFileError(
            f"{file}, format: {content.get('format')!r} is not a format that is read.",
            remedy=f"Write format = {FORMAT} first, and check the file against the JSON Schema.",
        )
    faults: tuple[StudyFault, ...]
    try:
        study = StudyProtocol.model_validate(_frozen(content))
    except ValidationError as error:
        faults = tuple(_faults(error, content))
    else:
        faults = tuple(faults_of(study, tables))
        if not faults:
            return study.with_shared_rules()
    raise StudyFileError("\n".join(f"{file}, {fault}" for fault in faults), faults=faults) from None


def _frozen(value: Any) -> Any:
    """Lists of TOML as tuples: the models are strict, and nothing in them can be changed."""
    if isinstance(value, Mapping):
        return {key: _frozen(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_frozen(entry) for entry in value)
    return value


def _faults(error: ValidationError, content: Mapping[str, Any]) -> Iterator[StudyFault]:
    for fault in error.errors(include_url=False):
        path, within = _path(fault["loc"], content)
        said = fault["msg"].removeprefix("Value error, ")
        key = str(fault["loc"][-1]) if fault["loc"] else ""
        if fault["type"] == "too_short" and len(fault["input"]) >= fault["ctx"]["min_length"]:
            continue  # pydantic does not count entries that have faults of their own
        match fault["type"]:
            case "extra_forbidden":
                near = meant(key, _known_keys(fault["loc"]) - set(within))
                remedy = f"rename it {near} if that is meant" if near else "remove it"
                yield StudyFault(path, "is no key of the format", remedy)
            case "missing":
                yield StudyFault(path, "is missing", "add it")
            case _:
                found = "" if isinstance(fault["input"], Mapping | tuple) else fault["input"]
                value = f"{str(found)!r}: " if found != "" else ""
                yield StudyFault(path, f"{value}{said}", "correct it")


def _path(loc: tuple[str | int, ...], content: Any) -> tuple[str, Mapping[str, Any]]:
    """The keys as the file has them: pydantic's own words for a variant are left out."""
    parts: list[str] = []
    here: Any = content
    within: Mapping[str, Any] = content
    for at, part in enumerate(loc):
        if isinstance(here, Mapping):
            within = here
            if part not in here and at < len(loc) - 1:
                continue
            here = here.get(str(part))
            parts.append(str(part))
        elif isinstance(here, list | tuple) and isinstance(part, int) and part < len(here):
            here = here[part]
            code = here.get("code") if isinstance(here, Mapping) else None
            parts[-1] += f"[{code or part + 1}]"
        elif at == len(loc) - 1 and not isinstance(here, list | tuple):
            break
    return ".".join(parts) or "the file", within


def _known_keys(loc: tuple[str | int, ...]) -> set[str]:
    """Keys of the model that a location lies in, as far as the path leads to one."""
    definitions = StudyProtocol.model_json_schema().get("$defs", {})
    top = set(StudyProtocol.model_fields)
    if len(loc) == 1:
        return top
    return {key for model in definitions.values() for key in model.get("properties", {})}
