"""What of a model card does not fit together.

A card may come from anywhere: before its numbers reach compiled code, every shape, position and
count in it is checked.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from operandi.signatures.card import CardPredictor, ModelCard
from operandi.signatures.preparation.imputation_kernel import LINEAR, MATCHING

_MOST_SWEEPS: Final = 10_000
_CHAIN_FORMAT: Final = 1


class _FaultError(Exception):
    """What is wrong with a part."""


def found_faults(card: ModelCard) -> Iterator[str]:
    """Name every fault of a card whose keys and kinds are right."""
    names = [one.name for one in card.columns]
    if len(set(names)) < len(names):
        yield "columns: a name stands twice"
    yield from _term_faults(card)
    yield from _time_faults(card)
    yield from _hazard_faults(card.hazard, card)
    yield from _joint_faults(card, set(card.fits[0].coefficients))
    for number, fit in enumerate(card.fits):
        for fault in _fit_faults(fit, tuple(names)):
            yield f"fits.{number}.{fault}"
    for number, refit in enumerate(card.refits):
        for fault in (*_hazard_faults(refit.hazard, card), *_fit_faults(refit, tuple(names))):
            yield f"refits.{number}.{fault}"


def _term_faults(card: ModelCard) -> Iterator[str]:
    """A card must not show other coefficients than those that it predicts with."""
    count = len(card.fits)
    every = {name for fit in card.fits for name in fit.coefficients}
    means = {
        name: sum(fit.coefficients.get(name, 0.0) for fit in card.fits) / count for name in every
    }
    shares = {name: sum(name in fit.coefficients for fit in card.fits) / count for name in every}
    said = {one.name: one for one in card.terms}
    same = len(said) == len(card.terms) and said.keys() == every
    if not same or any(
        not math.isclose(one.coefficient, means[name], rel_tol=1e-12, abs_tol=1e-300)
        or not math.isclose(one.share, shares[name], rel_tol=1e-12)
        for name, one in said.items()
    ):
        yield "terms: they need the names, mean coefficients and shares of fits, once each"


def _time_faults(card: ModelCard) -> Iterator[str]:
    end = card.endpoint
    if end.binary:
        if card.days or end.horizon_days or end.beyond_days or end.last_day is not None:
            yield "endpoint: of a yes/no endpoint there are no days"
        return
    if not card.days or not _ascends(card.days):
        yield "days: one or more are needed, ascending"
    if end.last_day is None:
        yield "endpoint.last_day: is needed of a time"
    elif any(day > end.last_day for day in (*card.days[-1:], *end.horizon_days)):
        yield "endpoint: a horizon or event lies after the last day of follow-up"
    elif any(day <= end.last_day for day in end.beyond_days):
        yield "endpoint.beyond_days: one does not lie after the last day of follow-up"


def _joint_faults(card: ModelCard, terms: set[str]) -> Iterator[str]:
    joint = card.joint
    if joint is None:
        if not card.joint_reason:
            yield "joint_reason: is needed where there is no joint range"
        return
    size = len(joint.terms)
    square = len(joint.inverse) == size and all(len(row) == size for row in joint.inverse)
    if set(joint.terms) != terms or size != len(terms) or len(joint.mean) != size or not square:
        yield "joint: it needs the terms once each, a mean and a row of inverse of each"


def _hazard_faults(hazard: Sequence[float], card: ModelCard) -> Iterator[str]:
    if len(hazard) != len(card.days):
        yield f"hazard: one for each of {len(card.days)} days is needed; {len(hazard)} found"
    if any(b < a for a, b in itertools.pairwise(hazard)):
        yield "hazard: it falls"


def _fit_faults(fit: CardPredictor, names: tuple[str, ...]) -> Iterator[str]:
    out = names
    if fit.chain is not None:
        try:
            out = _chain_out(fit.chain, names)
        except _FaultError as fault:
            yield f"chain{fault}"
            return
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            yield f"chain: is none ({type(error).__name__}: {error})"
            return
    if strange := sorted(set(fit.coefficients) - set(out)):
        yield f"coefficients: no column {strange[0]} comes out of the preparation"


def _chain_out(said: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """Names that come out of a chain; a fault is raised."""
    if said["format"] != _CHAIN_FORMAT:
        raise _FaultError(f".format: {said['format']!r} is none that is read")
    if tuple(said["names"]) != names:
        raise _FaultError(".names: they are not the card's columns")
    now = names
    for number, part in enumerate(said["parts"]):
        try:
            now = _part_out(part, now)
        except _FaultError as fault:
            raise _FaultError(f".parts.{number}.{fault}") from None
    if tuple(said["names_out"]) != now or len(said["blocks"]) != len(now):
        raise _FaultError(".names_out: they are not what comes out of the parts")
    if not all(isinstance(one, str) for one in (*said["blocks"], *said["seen"])):
        raise _FaultError(": blocks and seen need text")
    return now


def _part_out(part: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    width, columns = len(names), part["columns"]
    if columns is not None:
        _positions(columns, width, "columns")
    _positions(part["beside"], width, "beside", ordered=False)
    at = range(width) if columns is None else columns
    learned, beside = part["learned"], tuple(names[one] for one in part["beside"])
    check = _STEPS.get(learned["step"])
    if check is None:
        raise _FaultError(f"learned.step: {learned['step']!r} is no step of a preparation")
    kept = check(learned, len(at), beside)
    if kept is None:
        return names
    left = {at[one] for one in kept} | (set(range(width)) - set(at))
    return tuple(names[one] for one in sorted(left))


def _scaling(said: Mapping[str, Any], width: int, _: tuple[str, ...]) -> None:
    _numbers(said["center"], width, "center")
    if not all(one > 0.0 for one in _numbers(said["scale"], width, "scale")):
        raise _FaultError("learned.scale: it needs numbers > 0")


def _shaping(said: Mapping[str, Any], width: int, _: tuple[str, ...]) -> None:
    _same(said["count"], width, "count")
    if said["powers"] is not None:
        _numbers(said["powers"], width, "powers")


def _median_fill(said: Mapping[str, Any], width: int, _: tuple[str, ...]) -> None:
    _numbers(said["medians"], width, "medians")


def _selection(said: Mapping[str, Any], width: int, _: tuple[str, ...]) -> Sequence[int]:
    _same(said["count"], width, "count")
    dict(said["dropped"])
    _texts([said["by"]], "by")
    return _positions(said["kept"], width, "learned.kept")


def _combat(said: Mapping[str, Any], width: int, beside: tuple[str, ...]) -> None:
    sites = _texts(said["sites"], "sites")
    if len(set(sites)) < len(sites) or not sites:
        raise _FaultError("learned.sites: one or more are needed, once each")
    if said["unseen"] not in {"refuse", "unadjusted"}:
        raise _FaultError(f"learned.unseen: {said['unseen']!r} is neither refuse nor unadjusted")
    if tuple(_texts(said["covariates"], "covariates")) != beside:
        raise _FaultError("learned.covariates: they are not the columns beside")
    _numbers(said["grand"], width, "grand")
    if not all(one > 0.0 for one in _numbers(said["spread"], width, "spread")):
        raise _FaultError("learned.spread: it needs numbers > 0")
    _matrix(said["slopes"], len(beside), width, "slopes")
    _matrix(said["location"], len(sites), width, "location")
    if not all(
        one > 0.0 for row in _matrix(said["scale"], len(sites), width, "scale") for one in row
    ):
        raise _FaultError("learned.scale: it needs numbers > 0")


def _imputation(said: Mapping[str, Any], width: int, _: tuple[str, ...]) -> Sequence[int]:
    _same(said["count"], width, "count")
    dict(said["left_out"])
    kept = _positions(said["kept"], width, "learned.kept")
    size = len(kept)
    for name in ("center", "scale", "sigmas"):
        _numbers(said[name], size, name)
    _matrix(said["levels"], size, 2, "levels")
    if not all(one > 0.0 for one in said["scale"]):
        raise _FaultError("learned.scale: it needs numbers > 0")
    kinds = _wholes(said["kinds"], size, (LINEAR, MATCHING), "kinds")
    if sorted(_wholes(said["order"], size, (0, size - 1), "order")) != list(range(size)):
        raise _FaultError("learned.order: every column is needed once")
    reach = max((len(row) for row in said["chosen"]), default=0)
    for row in _rows(said["chosen"], size, "chosen"):
        _wholes(row, reach, (0, size - 1), "chosen")
    _wholes(said["counts"], size, (0, reach), "counts")
    _matrix(said["coefficients"], size, reach + 1, "coefficients")
    _whole_within(said["sweeps"], (1, _MOST_SWEEPS), "sweeps")
    _whole_within(said["seed"], (0, 2**63 - 1), "seed")
    if not isinstance(said["draw"], bool):
        raise _FaultError("learned.draw: true or false is needed")
    _donor_faults(said, size, kinds)
    return kept


def _donor_faults(said: Mapping[str, Any], size: int, kinds: Sequence[int]) -> None:
    most = max((len(row) for row in said["given"]), default=0)
    donors = _wholes(said["donors"], size, (0, most), "donors")
    parts = [_rows(said[name], size, name) for name in ("predicted", "given", "seen")]
    for count, kind, predicted, given, seen in zip(donors, kinds, *parts, strict=True):
        _numbers(predicted, count, "predicted")
        _numbers(given, count, "given")
        _numbers(seen, len(seen), "seen")
        if said["draw"] and kind == MATCHING and not count:
            raise _FaultError("learned.donors: a matched column needs one or more")
        if said["draw"] and kind == MATCHING and not len(seen):
            raise _FaultError("learned.seen: a matched column needs its values")


_STEPS: Final[
    Mapping[str, Callable[[Mapping[str, Any], int, tuple[str, ...]], Sequence[int] | None]]
] = {
    "combat": _combat,
    "imputation": _imputation,
    "median_fill": _median_fill,
    "scaling": _scaling,
    "selection": _selection,
    "shaping": _shaping,
}


def _ascends(values: Sequence[float]) -> bool:
    return all(a < b for a, b in itertools.pairwise(values))


def _same(found: object, needed: int, name: str) -> None:
    if found != needed or isinstance(found, bool):
        raise _FaultError(f"learned.{name}: {needed} is needed; found {found!r}")


def _rows(values: Any, count: int, name: str) -> Sequence[Any]:
    if not isinstance(values, list | tuple) or len(values) != count:
        raise _FaultError(f"learned.{name}: {count} entries are needed")
    return values


def _numbers(values: Any, count: int, name: str) -> Sequence[float]:
    rows = _rows(values, count, name)
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in rows):
        raise _FaultError(f"learned.{name}: numbers are needed")
    return rows


def _matrix(values: Any, rows: int, columns: int, name: str) -> Sequence[Sequence[float]]:
    return [_numbers(row, columns, name) for row in _rows(values, rows, name)]


def _texts(values: Any, name: str) -> Sequence[str]:
    if not isinstance(values, list | tuple) or not all(isinstance(one, str) for one in values):
        raise _FaultError(f"learned.{name}: text is needed")
    return values


def _whole_within(value: object, within: tuple[int, int], name: str) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not isinstance(value, int) or not whole or not within[0] <= value <= within[1]:
        raise _FaultError(f"learned.{name}: a whole number {within[0]} to {within[1]} is needed")
    return value


def _wholes(values: Any, count: int, within: tuple[int, int], name: str) -> Sequence[int]:
    return [_whole_within(one, within, name) for one in _rows(values, count, name)]


def _positions(values: Any, width: int, name: str, *, ordered: bool = True) -> Sequence[int]:
    fine = isinstance(values, list | tuple) and all(
        isinstance(one, int) and not isinstance(one, bool) and 0 <= one < width for one in values
    )
    if not fine or (ordered and not _ascends(values)):
        raise _FaultError(f"{name}: positions among {width} columns are needed, ascending")
    positions: Sequence[int] = values
    return positions
