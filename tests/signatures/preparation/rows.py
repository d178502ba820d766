"""Rows and predictors for tests of preparation."""

from collections.abc import Sequence

import numpy as np

from operandi.domain.identity import Pseudonym
from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.preparation.transformer import PlainRows


def some_rows(
    values: Floats,
    *,
    sites: Sequence[str] = (),
    people: Sequence[str] = (),
    beside: Floats | None = None,
) -> PlainRows:
    """Columns x0, x1 ...; a participant a row, all at one site unless said."""
    rows, columns = values.shape
    return PlainRows(
        values=np.ascontiguousarray(values, dtype=np.float64),
        names=tuple(f"x{column}" for column in range(columns)),
        sites=tuple(sites) or ("A",) * rows,
        participants=tuple(people) or tuple(f"P-{row:03d}" for row in range(rows)),
        beside=beside,
    )


def some_predictors(
    values: Floats,
    *,
    names: Sequence[str] = (),
    blocks: Sequence[str] = (),
    people: Sequence[str] = (),
    sites: Sequence[str] = (),
) -> Predictors:
    """As ``some_rows``; of the block "pet" unless said."""
    plain = some_rows(values, sites=sites, people=people)
    return Predictors(
        values=plain.values,
        names=tuple(names) or plain.names,
        blocks=tuple(blocks) or ("pet",) * values.shape[1],
        participants=tuple(map(Pseudonym, plain.participants)),
        sites=plain.sites,
    )


def a_cohort(
    *, rows: int = 60, columns: int = 8, seed: int = 1
) -> tuple[Predictors, RightCensored]:
    """Noise at three sites, and times to which the first column adds."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, columns))
    time = rng.exponential(300.0 * np.exp(-values[:, 0])) + 1.0
    last = rng.uniform(200.0, 900.0, size=rows)
    sites = [("A", "B", "C")[row % 3] for row in range(rows)]
    outcome = RightCensored(time=np.minimum(time, last), event=time < last)
    return some_predictors(values, sites=sites), outcome
