"""A plan as it was before outcomes were joined, and whether a result belongs to it.

There is no clock here: the lock names the freeze whose tables the plan was made for, and who signs
it, signs its digest.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from operandi.domain.identity import Digest
from operandi.quantities.errors import DataError
from operandi.signatures.plan import plan_digest, stated
from operandi.signatures.plan_format import CONFIRMATORY, EXPLORATORY, AnalysisPlan

LOCK: Final = "plan.lock.json"
_DIGEST: Final = r"^[0-9a-f]{64}$"


class PlanChangedError(DataError):
    """A plan that is not the one that was locked. ``keys`` says where."""

    def __init__(self, what: str, *, remedy: str = "", keys: tuple[str, ...] = ()) -> None:
        super().__init__(what, remedy=remedy)
        self.keys = keys

    def __reduce__(self) -> tuple[object, ...]:
        return (_plan_changed, (self.what, self.remedy, self.keys))


def _plan_changed(what: str, remedy: str, keys: tuple[str, ...]) -> PlanChangedError:
    return PlanChangedError(what, remedy=remedy, keys=keys)


class PlanLock(BaseModel):
    """A record of a locked plan: its digest, the freeze that it is locked into, and what it says.

    What it says stands in full, so that a change can be named key by key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    plan: str = Field(pattern=_DIGEST)
    freeze: str = Field(pattern=_DIGEST)
    says: dict[str, Any]

    @property
    def id(self) -> Digest:
        """SHA-256 of all that the lock states."""
        return Digest(hashlib.sha256(_json(self.model_dump(mode="json"))).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisStanding:
    """Whether an analysis belongs to the plan.

    Parameters
    ----------
    label : {"confirmatory", "exploratory"}
        What stands beside each of its results.
    reasons : tuple of str
        Why it is exploratory.
    plan : Digest
        Of the plan that was locked.
    """

    label: str
    reasons: tuple[str, ...]
    plan: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What somebody wants to know, by codes; a plan may have it or not.

    Parameters
    ----------
    endpoint, model : str
        Codes.
    against : str
        Model that it is compared with; empty for none.
    metric : str
        Of the comparison; empty for none.
    """

    endpoint: str
    model: str
    against: str = ""
    metric: str = ""


def lock(plan: AnalysisPlan, *, freeze: Digest) -> PlanLock:
    """Lock a plan into a freeze, before outcomes are joined.

    Parameters
    ----------
    plan : AnalysisPlan
        Checked.
    freeze : Digest
        Name of the freeze: the digest of its manifest.

    Raises
    ------
    DataError
        If the freeze is no digest.
    """
    try:
        return PlanLock(plan=plan_digest(plan), freeze=freeze, says=stated(plan))
    except ValidationError:
        raise DataError(
            f"A plan is locked into a freeze by the 64 hexadecimal digits of its name; found "
            f"{freeze!r}.",
            remedy="Take the id from the freeze's manifest.json.",
        ) from None


def refuse_changed(plan: AnalysisPlan, locked: PlanLock) -> None:
    """Refuse a plan that is not the one that was locked.

    Raises
    ------
    PlanChangedError
        Naming every key that was changed, added or taken away.
    """
    if plan_digest(plan) == locked.plan:
        return
    keys = changed_keys(locked.says, stated(plan))
    raise PlanChangedError(
        f"The plan was changed after it was locked: {', '.join(keys)}.",
        remedy="Put it back, or state an amendment: lock the new plan into a new freeze; what was "
        "seen before is exploratory.",
        keys=keys,
    )


def refuse_other_freeze(locked: PlanLock, *, freeze: Digest) -> None:
    """Refuse tables that are not those the plan was locked into.

    Raises
    ------
    DataError
        If the freeze is another.
    """
    if locked.freeze != freeze:
        raise DataError(
            f"The plan is locked into the freeze {locked.freeze[:12]}; the tables are of "
            f"{freeze[:12]}.",
            remedy="Analyze the freeze that the plan was locked into, or lock it into this one.",
        )


def changed_keys(before: object, after: object, *, key: str = "") -> tuple[str, ...]:
    """Name the keys at which two plans differ; entries of a list by code, else number from 1."""
    return tuple(_changed(before, after, key))


def standing(plan: AnalysisPlan, locked: PlanLock | None, asked: Analysis) -> AnalysisStanding:
    """Say whether an analysis is confirmatory, or exploratory and why.

    Parameters
    ----------
    plan : AnalysisPlan
        In use.
    locked : PlanLock or None
        None where nothing was locked: then everything is exploratory.
    asked : Analysis
        What is analyzed.

    Raises
    ------
    PlanChangedError
        If the plan is not the one that was locked.
    """
    if locked is not None:
        refuse_changed(plan, locked)
    reasons = tuple(_outside(plan, locked, asked))
    return AnalysisStanding(
        label=EXPLORATORY if reasons else CONFIRMATORY, reasons=reasons, plan=plan_digest(plan)
    )


def write_lock(locked: PlanLock) -> bytes:
    """Write ``plan.lock.json``."""
    return _json({"id": locked.id} | locked.model_dump(mode="json"))


def parse_lock(content: bytes) -> PlanLock:
    """Read ``plan.lock.json``.

    Raises
    ------
    DataError
        If it is none, or was changed.
    """
    try:
        said = json.loads(content)
        name = said.pop("id")
        locked = PlanLock.model_validate_json(json.dumps(said))
        says = AnalysisPlan.model_validate_json(json.dumps(locked.says))
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise DataError(
            f"{LOCK} is none that this version of Operandi can read.",
            remedy="Fetch an unchanged copy.",
        ) from error
    if locked.id != name or plan_digest(says) != locked.plan:
        raise DataError(f"{LOCK} was changed.", remedy="Fetch an unchanged copy.")
    return locked


def _json(said: object) -> bytes:
    return f"{json.dumps(said, sort_keys=True, indent=2, ensure_ascii=False)}\n".encode()


def _changed(before: object, after: object, key: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            inner = f"{key}.{name}" if key else name
            yield from _changed(before.get(name), after.get(name), inner)
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        yield from _changed_lists(list(before), list(after), key)
    elif before != after:
        yield key


def _changed_lists(before: list[Any], after: list[Any], key: str) -> Iterator[str]:
    if not any(isinstance(one, dict) for one in (*before, *after)):
        if before != after:
            yield key
        return
    old, new = _by_name(before), _by_name(after)
    for name in [*old, *(name for name in new if name not in old)]:
        if name in old and name in new:
            yield from _changed(old[name], new[name], f"{key}[{name}]")
        else:
            yield f"{key}[{name}]"
    shared = [name for name in old if name in new]
    if shared != [name for name in new if name in old]:
        yield f"{key} (order)"


def _by_name(entries: list[Any]) -> dict[str, Any]:
    return {
        str(one.get("code") or number) if isinstance(one, dict) else str(number): one
        for number, one in enumerate(entries, start=1)
    }


def _outside(plan: AnalysisPlan, locked: PlanLock | None, asked: Analysis) -> Iterator[str]:
    if locked is None:
        yield "the plan was not locked before outcomes were joined"
    models = {one.code: one for one in plan.model}
    if asked.endpoint not in {one.code for one in plan.endpoint}:
        yield f"endpoint {asked.endpoint} is not in the plan"
    for code in filter(None, (asked.model, asked.against)):
        if code not in models:
            yield f"model {code} is not in the plan"
        elif models[code].role == "challenger":
            yield f"model {code} is a challenger"
    compared = {(one.model, one.against, one.endpoint, one.metric) for one in plan.comparison}
    wanted = (asked.model, asked.against, asked.endpoint, asked.metric)
    if asked.against and wanted not in compared:
        yield (
            f"{asked.model} against {asked.against} by {asked.metric or 'no metric'} on "
            f"{asked.endpoint} is no comparison of the plan"
        )
