"""Read an analysis plan, and say what belongs to it. ``plan_lock`` keeps it as it was."""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from operandi.domain.identity import Digest
from operandi.quantities.errors import DataError
from operandi.records.spelling import meant
from operandi.signatures.plan_checks import PlanFault, plan_faults
from operandi.signatures.plan_format import CHALLENGERS, FORMAT, AnalysisPlan, Challengers


class PlanError(DataError):
    """A plan that cannot be used. ``faults`` says why, all at once."""

    def __init__(self, what: str, *, remedy: str = "", faults: tuple[PlanFault, ...] = ()) -> None:
        super().__init__(what, remedy=remedy)
        self.faults = faults

    def __reduce__(self) -> tuple[object, ...]:
        return (_plan_error, (self.what, self.remedy, self.faults))


def _plan_error(what: str, remedy: str, faults: tuple[PlanFault, ...]) -> PlanError:
    return PlanError(what, remedy=remedy, faults=faults)


def read_plan(path: Path) -> AnalysisPlan:
    """Read and check a plan file.

    Raises
    ------
    PlanError
        If there is none, it is no TOML, or it says something wrong; all faults are named at once.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError:
        raise PlanError(
            f"There is no plan file {path.name}.", remedy="Give the path of a plan.toml."
        ) from None
    except UnicodeDecodeError as error:
        raise PlanError(f"{path.name} is not UTF-8: {error}.", remedy="Save it as UTF-8.") from None
    return parse_plan_text(text, file=path.name)


def parse_plan_text(text: str, *, file: str) -> AnalysisPlan:
    """Check the text of a plan file.

    Raises
    ------
    PlanError
        As ``read_plan``, naming *file*.
    """
    try:
        return parse_plan(tomllib.loads(text), file=file)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{file} is no TOML: {error}.", remedy="Correct the line.") from None
    except RecursionError:
        raise PlanError(
            f"{file} is nested too deeply.", remedy="Keep to the keys of a plan."
        ) from None


def parse_plan(content: Mapping[str, Any], *, file: str) -> AnalysisPlan:
    """Check what a plan holds.

    Raises
    ------
    PlanError
        Naming *file* and every faulty key, with what mends it.
    """
    if type(content.get("format")) is not int or content["format"] != FORMAT:
        raise PlanError(
            f"{file}, format: {content.get('format')!r} is not a format that is read.",
            remedy=f"Write format = {FORMAT} first.",
        )
    faults: tuple[PlanFault, ...]
    try:
        plan = AnalysisPlan.model_validate(_frozen(content))
    except ValidationError as error:
        faults = tuple(_faults(error, content))
    else:
        faults = plan_faults(plan)
        if not faults:
            return plan
    raise PlanError("\n".join(f"{file}, {fault}" for fault in faults), faults=faults)


def stated(plan: AnalysisPlan) -> dict[str, Any]:
    """All that a plan says, defaults too, as JSON holds it."""
    said = plan.model_dump(mode="json", by_alias=True)
    if plan.population.therapy is None:
        # Plans that were locked before there was such a key keep their digest.
        del said["population"]["therapy"]
    if plan.challengers == Challengers() and not any(one.kind in CHALLENGERS for one in plan.model):
        del said["challengers"]  # the same
    return said


def plan_digest(plan: AnalysisPlan) -> Digest:
    """Return the digest of what a plan says, whatever its layout, comments and order of keys.

    SHA-256 of JSON with sorted keys. The order of lists counts: it is that of columns and models.
    """
    text = json.dumps(stated(plan), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Digest(hashlib.sha256(text.encode()).hexdigest())


def _frozen(value: Any) -> Any:
    """Lists of TOML as tuples: the models are strict, and nothing in them can be changed."""
    if isinstance(value, Mapping):
        return {key: _frozen(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_frozen(entry) for entry in value)
    return value


def _faults(error: ValidationError, content: Mapping[str, Any]) -> Iterator[PlanFault]:
    for fault in error.errors(include_url=False):
        path = _path(fault["loc"], content)
        match fault["type"]:
            case "extra_forbidden":
                near = meant(str(fault["loc"][-1]), _KEYS)
                remedy = f"rename it {near} if that is meant" if near else "remove it"
                yield PlanFault(path, "is no key of a plan", remedy)
            case "missing":
                yield PlanFault(path, "is missing", "add it")
            case _:
                found = "" if isinstance(fault["input"], Mapping | tuple) else fault["input"]
                value = f"{str(found)!r}: " if found != "" else ""
                said = fault["msg"].removeprefix("Value error, ")
                yield PlanFault(path, f"{value}{said}", "correct it")


def _path(loc: tuple[str | int, ...], content: Any) -> str:
    parts: list[str] = []
    here: Any = content
    for part in loc:
        if isinstance(part, int) and isinstance(here, list | tuple) and part < len(here):
            here = here[part]
            code = here.get("code") if isinstance(here, Mapping) else None
            parts[-1] += f"[{code or part + 1}]"
        else:
            here = here.get(str(part)) if isinstance(here, Mapping) else None
            parts.append(str(part))
    return ".".join(parts)


def _keys(model: type[BaseModel]) -> set[str]:
    schema = model.model_json_schema()
    every = [schema, *schema.get("$defs", {}).values()]
    return {key for one in every for key in one.get("properties", {})}


_KEYS: Final = frozenset(_keys(AnalysisPlan))
