"""Rows checked and sorted, as the kernels take them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.signatures.cox.likelihood import Floats, Integers, RiskSets, risk_order, risk_sets
from operandi.signatures.data import RightCensored

TIES = ("efron", "breslow")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SortedRows:
    """An outcome with predictors in ``risk_order``.

    Parameters
    ----------
    order : (n,) int
        Rows of the input that stand here.
    x : (n, p) float
        C-contiguous.
    time, event, offset : (n,) float
        Days; 1 where the event was seen; linear predictor that is given.
    stratum : (n,) int
        Each with a baseline of its own.
    risk : RiskSets
        Of these rows.
    """

    order: Integers
    x: Floats
    time: Floats
    event: Floats
    stratum: Integers
    offset: Floats
    risk: RiskSets


def checked_outcome(outcome: RightCensored, *, ties: str) -> None:
    """Refuse an outcome without events, and ties handled in a way that is none.

    Raises
    ------
    DataError
        As said.
    """
    if ties not in TIES:
        raise DataError(f"Ties need 'efron' or 'breslow'; found {ties!r}.")
    if outcome.events == 0:
        raise DataError(
            f"A hazard model needs events; all {outcome.time.size} are censored.",
            remedy="Follow up longer, or choose another endpoint.",
        )


def checked_matrix(x: Floats, *, rows: int) -> Floats:
    """Predictors as a C-contiguous matrix of floats.

    Raises
    ------
    DataError
        If there is no row for each outcome, no column, or a value is missing.
    """
    x = np.ascontiguousarray(x, dtype=np.float64)
    if x.ndim != 2 or x.shape[0] != rows or x.shape[1] == 0:
        raise DataError(
            f"Predictors need one row for each of {rows} outcomes and at least one column; found "
            f"shape {x.shape}."
        )
    bad = np.argwhere(~np.isfinite(x))
    if bad.size:
        row, column = bad[0]
        raise DataError(
            f"Predictors need a number in every cell; row {row}, column {column} has "
            f"{x[row, column]:g}.",
            remedy="Impute inside the fold, or leave the rows out and count them.",
        )
    return x


def checked_vector(given: Floats | None, *, rows: int, called: str, default: float) -> Floats:
    """One finite number a row, or *default* for all.

    Raises
    ------
    DataError
        If the shape differs or a value is not finite.
    """
    if given is None:
        return np.full(rows, default)
    values = np.ascontiguousarray(given, dtype=np.float64)
    if values.shape != (rows,) or not np.isfinite(values).all():
        raise DataError(f"{called} need one finite number for each of {rows} rows.")
    return values


def stratum_codes(strata: npt.NDArray[np.generic] | None, *, rows: int) -> Integers:
    """Strata as 0, 1, ...

    Raises
    ------
    DataError
        If there is not one for each row.
    """
    if strata is None:
        return np.zeros(rows, np.int64)
    if np.shape(strata) != (rows,):
        raise DataError(f"Strata need one label for each of {rows} rows.")
    codes: Integers = np.unique(strata, return_inverse=True)[1].astype(np.int64)
    return codes


def sorted_rows(
    outcome: RightCensored,
    x: Floats,
    *,
    ties: str = "efron",
    strata: Integers | None = None,
    offset: Floats | None = None,
) -> SortedRows:
    """Check and sort.

    Raises
    ------
    DataError
        If shapes differ, a value is missing, ties are to be handled in a way that is none, or
        there is no event.
    """
    n = outcome.time.size
    checked_outcome(outcome, ties=ties)
    x = checked_matrix(x, rows=n)
    stratum = stratum_codes(strata, rows=n)
    given = checked_vector(offset, rows=n, called="Offsets", default=0.0)
    time = np.ascontiguousarray(outcome.time, dtype=np.float64)
    event = outcome.event.astype(np.float64)
    order = risk_order(time, event, stratum)
    time, event, stratum = time[order], event[order], stratum[order]
    return SortedRows(
        order=order,
        x=np.ascontiguousarray(x[order]),
        time=time,
        event=event,
        stratum=stratum,
        offset=given[order],
        risk=risk_sets(time, event, stratum),
    )
