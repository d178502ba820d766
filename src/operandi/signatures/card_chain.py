"""What can be told of a preparation from its dictionary, without applying it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from operandi.signatures.card import CardPredictor

ChainSaid = Mapping[str, Any]


def steps_of(chain: ChainSaid) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
    """Give what each step learned, and the names of the columns that it works on, in order."""
    names = tuple(chain["names"])
    for part in chain["parts"]:
        columns, learned = part["columns"], part["learned"]
        at = range(len(names)) if columns is None else columns
        yield learned, tuple(names[one] for one in at)
        kept = learned.get("kept")
        if kept is not None:
            left = {at[one] for one in kept} | (set(range(len(names))) - set(at))
            names = tuple(names[one] for one in sorted(left))


def filled_columns(chain: ChainSaid) -> tuple[str, ...]:
    """Columns of which a chain can fill a missing value, in their order."""
    found: set[str] = set()
    for learned, names in steps_of(chain):
        if learned["step"] == "imputation":
            found |= {names[at] for at in learned["kept"]}
        if learned["step"] == "median_fill":
            found |= set(names)
    return tuple(name for name in chain["names"] if name in found)


def draws(chain: ChainSaid) -> bool:
    """Whether what fills a missing value is drawn."""
    return any(
        learned["step"] == "imputation" and learned["draw"] for learned, _ in steps_of(chain)
    )


def filling_from(chain: ChainSaid) -> frozenset[str]:
    """Columns whose values may fill those of others, or be filled: all that such a step sees."""
    return frozenset(
        name
        for learned, names in steps_of(chain)
        if learned["step"] in {"imputation", "median_fill"}
        for name in names
    )


def drivers_of(chain: ChainSaid | None, terms: tuple[str, ...]) -> tuple[str, ...]:
    """Columns that a linear predictor hangs on where none is missing, terms first.

    Steps work on each column for itself, under its name; a harmonization reads its covariates too.
    """
    found = dict.fromkeys(terms)
    if chain is None:
        return tuple(found)
    for learned, names in reversed(tuple(steps_of(chain))):
        if learned["step"] == "combat" and found.keys() & set(names):
            found |= dict.fromkeys(learned["covariates"])
    return tuple(found)


def drivers_of_all(fits: Iterable[CardPredictor]) -> tuple[str, ...]:
    """Columns that the mean of some predictors hangs on."""
    each = (drivers_of(one.chain, tuple(one.coefficients)) for one in fits)
    return tuple(dict.fromkeys(name for names in each for name in names))


def harmonized_by(fits: Iterable[CardPredictor]) -> Mapping[str, Any] | None:
    """What the first harmonization of a driver learned; None where there is none."""
    for fit in fits:
        drivers = set(drivers_of(fit.chain, tuple(fit.coefficients)))
        for learned, names in () if fit.chain is None else steps_of(fit.chain):
            if learned["step"] == "combat" and drivers & set(names):
                return learned
    return None
