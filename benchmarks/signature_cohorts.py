"""Made cohorts for the suites of signatures, and the verdict of a plan on each.

Columns are normal, correlated by one half in blocks of 20, as texture features are. The hazard
is constant; times are seen to the day. How well any linear predictor orders a new participant
then hangs on one number, its correlation with the true one, which the coefficients give: the truth
needs no test set for each cohort, but one curve from a very large one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from operandi.domain.identity import Pseudonym
from operandi.signatures.data import IntervalCensored, Predictors, RightCensored
from operandi.signatures.endpoint_values import Ending, TimeEndpoint
from operandi.signatures.judgment import JudgedModel
from operandi.signatures.plan import parse_plan
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.rehearsal import rehearse
from operandi.signatures.results import VerdictResult
from operandi.signatures.tables import EndpointData, PlannedColumn, PlannedData
from operandi.simulation.disease.power import concordance, exact_interval

Floats = npt.NDArray[np.float64]

ROWS: Final = 80
COLUMNS: Final = 2000
BLOCK: Final = 20
SCALE: Final = 800.0
"""Days; with the follow-up below 45 of 80 have the event."""
FOLLOWED: Final = (300.0, 1200.0)
HORIZON: Final = 730.0
"""Of calibration; AUC and Brier score are those of ``HORIZONS``."""
HORIZONS: Final = (365.0, HORIZON)
FEWEST_PERMUTATIONS: Final = 20
"""The fewest by which p < 0.05 is possible, 1/21; as exact under the null as any more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MadeCohort:
    """A cohort and what is true of it.

    Parameters
    ----------
    data : PlannedData
    effects : (p,) float
        True log hazard ratio per unit of each column.
    """

    data: PlannedData
    effects: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedCohort:
    """What a plan says of a cohort: the model asked, and the verdict."""

    model: JudgedModel
    verdict: VerdictResult


def a_plan(*, clinical: bool = False, repeats: int = 10, **changes: Any) -> AnalysisPlan:
    """The plan's recipe with its defaults, but for repeats and permutations.

    With *clinical* a ladder of M0, two clinical columns, and M1, the same and all others.
    """
    resampling = {
        "seed": 11,
        "repeats": repeats,
        "permutations": FEWEST_PERMUTATIONS,
        "permutation_repeats": 1,
        "stability_pairs": 50,
        "bootstraps": 50,
        "leave_site_out": False,
    }
    net: dict[str, Any] = {
        "code": "M1",
        "title": "All columns",
        "role": "ladder",
        "kind": "elastic_net",
        "blocks": ["radiomics"],
    }
    models = [net]
    if clinical:
        both = {"predictors": ["clinical"]}
        models = [
            {"code": "M0", "title": "Clinical", "role": "ladder", "kind": "cox"} | both,
            net | both | {"unpenalized": ["clinical"]},
        ]
    table = {"table": "values", "at": "BASELINE"}
    says = {
        "format": 1,
        "title": "Made cohorts",
        "version": "1",
        "study": "none",
        "population": {"title": "All"},
        "timing": {"start": "C1", "known_at": ["BASELINE"]},
        "endpoint": [
            {"code": "pfs", "kind": "pfs", "role": "primary", "horizon_days": list(HORIZONS)}
        ],
        "table": [{"code": "values", "file": "a.csv", "participant": "p", "sha256": "0" * 64}],
        "supplied": [
            table | {"code": "clinical", "block": "clinical", "columns": ["c*"]},
            table | {"code": "texture", "block": "radiomics", "columns": ["f*"]},
        ],
        "model": models,
        "resampling": resampling | changes.pop("resampling", {}),
        "multiplicity": {"method": "none"},
    }
    if not clinical:
        says["supplied"] = says["supplied"][1:]
    return parse_plan(says | changes, file="plan.toml")


def made_cohort(
    *,
    seed: int,
    effects: tuple[float, ...] = (),
    clinical: tuple[float, ...] = (),
    rows: int = ROWS,
    columns: int = COLUMNS,
) -> MadeCohort:
    """Draw a cohort whose hazard follows the first column of the first blocks, and clinical ones.

    Parameters
    ----------
    seed : int
    effects : tuple of float
        Log hazard ratio per standard deviation of the first column of block 1, 2 ...
    clinical : tuple of float
        Of clinical columns; empty for none.
    rows, columns : int
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    shared = np.repeat(rng.normal(size=(rows, columns // BLOCK)), BLOCK, axis=1)
    texture = (shared + rng.normal(size=(rows, columns))) * np.sqrt(0.5)
    scores = rng.normal(size=(rows, len(clinical)))
    truth = np.zeros(columns)
    truth[np.arange(len(effects)) * BLOCK] = effects
    whole = np.concatenate([np.array(clinical), truth])
    values = np.ascontiguousarray(np.column_stack([scores, texture]))
    time, event = _followed(values @ whole, rng)
    names = (
        *(f"clinical.c{j}" for j in range(len(clinical))),
        *(f"texture.f{j}" for j in range(columns)),
    )
    blocks = ("clinical",) * len(clinical) + ("radiomics",) * columns
    outcome = RightCensored(time=time, event=event)
    return MadeCohort(data=planned(values, names, blocks, outcome), effects=whole)


def planned(
    values: Floats, names: tuple[str, ...], blocks: tuple[str, ...], outcome: RightCensored
) -> PlannedData:
    """Columns and an outcome as an analysis takes them."""
    count = values.shape[0]
    people = tuple(Pseudonym(f"P{row:05d}") for row in range(count))
    exact = IntervalCensored(left=outcome.time, right=np.where(outcome.event, outcome.time, np.inf))
    endpoint = EndpointData(
        plan=a_plan().primary(),
        described=TimeEndpoint(
            name="pfs",
            rule="made",
            participants=people,
            outcome=exact,
            endings=tuple(
                Ending.PROGRESSION if one else Ending.EVENT_FREE for one in outcome.event
            ),
            excluded=(),
        ),
        rows=np.arange(count),
        intervals=exact,
        times=outcome,
        value=None,
        straddling=0,
        flow=(),
    )
    return PlannedData(
        predictors=Predictors(
            values=values,
            names=names,
            blocks=blocks,
            participants=people,
            sites=tuple(f"site {row % 5}" for row in range(count)),
        ),
        columns=tuple(
            PlannedColumn(
                name=name,
                block=block,
                predictor=name.split(".", maxsplit=1)[0],
                source="made",
                unit="",
                logged=False,
                levels={},
                known=count,
                absent={},
            )
            for name, block in zip(names, blocks, strict=True)
        ),
        endpoints={"pfs": endpoint},
        sex=(None,) * count,
        age=(None,) * count,
        flow=(),
    )


def judge(plan: AnalysisPlan, data: PlannedData) -> JudgedCohort:
    """The verdict on the top of the ladder, by all that the plan asks of it."""
    top = plan.ladder()[-1].code
    found = rehearse(plan, data, judged=(top,)).models[top]
    return JudgedCohort(model=found.judged, verdict=found.verdict)


def true_concordance(coefficients: Floats, effects: Floats, *, clinical: int = 0) -> float:
    """Concordance of a linear predictor in new participants, from its correlation with the truth.

    Parameters
    ----------
    coefficients, effects : (p,) float
        Of the predictor and of the truth; the first *clinical* columns are independent.
    """
    spread = float(np.sqrt(_covariance(effects, effects, clinical)))
    own = float(np.sqrt(_covariance(coefficients, coefficients, clinical)))
    if own == 0.0:
        return 0.5
    r = _covariance(coefficients, effects, clinical) / (own * max(spread, 1e-300))
    grid, curve = _curve(round(spread, 6))
    return float(np.interp(r, grid, curve))


def _covariance(a: Floats, b: Floats, clinical: int) -> float:
    """Of two linear predictors: columns of a block share half of their variance."""
    first = float(a[:clinical] @ b[:clinical])
    a, b = a[clinical:].reshape(-1, BLOCK), b[clinical:].reshape(-1, BLOCK)
    return first + 0.5 * float((a * b).sum() + (a.sum(axis=1) * b.sum(axis=1)).sum())


@cache
def _curve(spread: float) -> tuple[Floats, Floats]:
    """Concordance by correlation with a truth of this spread, of 20 000 participants."""
    rng = np.random.Generator(np.random.Philox(123))
    count = 20_000
    truth, other = rng.normal(size=(2, count))
    time, event = _followed(spread * truth, rng)
    grid = np.linspace(-1.0, 1.0, 41)
    curve = [concordance(r * truth + np.sqrt(1.0 - r * r) * other, time, event) for r in grid]
    return grid, np.array(curve)


def _followed(eta: Floats, rng: np.random.Generator) -> tuple[Floats, npt.NDArray[np.bool_]]:
    time = rng.exponential(SCALE * np.exp(-eta))
    end = rng.uniform(*FOLLOWED, eta.size)
    return np.ceil(np.minimum(time, end)), time < end


def share(hits: int, trials: int) -> str:
    """A share with its exact 95 % interval, in percent."""
    low, high = exact_interval(hits, trials).tolist()
    return f"{100 * hits / trials:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def counted(total: int, *, every: int = 25) -> Iterator[int]:
    """Numbers from 0, saying now and then how far it is."""
    for number in range(total):
        yield number
        if (number + 1) % every == 0:
            print(f"  {number + 1} of {total}", flush=True)
