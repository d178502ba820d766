"""Small cohorts with a plan, for tests of analyses: built here, without any tables."""

from typing import Any

import numpy as np

from operandi.domain.identity import Pseudonym
from operandi.signatures.data import Floats, IntervalCensored, Predictors, RightCensored
from operandi.signatures.endpoint_values import BinaryEndpoint, Ending, TimeEndpoint
from operandi.signatures.plan import parse_plan
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.tables import CohortStep, EndpointData, PlannedColumn, PlannedData


def quick_plan(*, preparation: tuple[dict[str, Any], ...] = (), **changes: Any) -> AnalysisPlan:
    """A plan of two rungs, M0 of two clinical columns and M1 with radiomics, quickly run."""
    says: dict[str, Any] = {
        "format": 1,
        "title": "A plan for tests",
        "version": "1",
        "study": "none",
        "population": {"title": "All"},
        "timing": {"start": "C1", "known_at": ["BASELINE"]},
        "endpoint": [
            {
                "code": "pfs",
                "kind": "pfs",
                "role": "primary",
                "horizon_days": [365.0, 730.0],
            },
            {
                "code": "non_response",
                "kind": "early_non_response",
                "role": "secondary",
                "by_day": 180,
            },
        ],
        "table": [
            {"code": "scores", "file": "a.csv", "participant": "p", "sha256": "0" * 64},
        ],
        "supplied": [
            {
                "code": "clinical",
                "block": "clinical",
                "table": "scores",
                "columns": ["age", "grade"],
                "at": "BASELINE",
            },
            {
                "code": "texture",
                "block": "radiomics",
                "table": "scores",
                "columns": ["f*"],
                "at": "BASELINE",
            },
        ],
        "preparation": list(preparation),
        "model": [
            {
                "code": "M0",
                "title": "clinical",
                "role": "ladder",
                "kind": "cox",
                "predictors": ["clinical"],
            },
            {
                "code": "M1",
                "title": "and radiomics",
                "role": "ladder",
                "kind": "elastic_net",
                "predictors": ["clinical"],
                "unpenalized": ["clinical"],
                "blocks": ["radiomics"],
            },
        ],
        "resampling": {
            "seed": 11,
            "repeats": 2,
            "folds": 5,
            "inner_folds": 3,
            "permutations": 24,
            "permutation_repeats": 1,
            "stability_pairs": 15,
            "bootstraps": 20,
        },
        "comparison": [
            {"model": "M1", "against": "M0", "endpoint": "pfs", "metric": "harrell_c"},
            {"model": "M1", "against": "M0", "endpoint": "pfs", "metric": "integrated_brier"},
        ],
        "decision": {"thresholds": [0.2, 0.4, 0.6], "horizon_days": 365.0},
        "multiplicity": {"method": "holm"},
    }
    for key, value in changes.items():
        says[key] = says.get(key, {}) | value if isinstance(value, dict) else value
    return parse_plan(says, file="plan.toml")


def cohort(
    *,
    n: int = 80,
    columns: int = 12,
    effect: float = 0.0,
    seed: int = 1,
    events: int | None = None,
    sites: int = 4,
    values: Floats | None = None,
) -> PlannedData:
    """Participants whose hazard follows the first two radiomic columns by *effect*.

    Progression is seen at scans every 90 days; with *events*, all but so many are censored early.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    clinical = np.column_stack([generator.normal(62.0, 9.0, n), generator.integers(1, 4, n)])
    texture = generator.normal(size=(n, columns)) if values is None else values
    eta = effect * (texture[:, 0] - texture[:, 1])
    true = generator.exponential(600.0 * np.exp(-eta))
    end = generator.uniform(500.0, 1300.0, n)
    event = true < end
    if events is not None:
        event &= np.cumsum(event) <= events
        end = np.where((true < end) & ~event, np.maximum(true * 0.5, 30.0), end)
    right = np.ceil(np.minimum(true, end) / 90.0) * 90.0
    died = event & (generator.random(n) < 0.2)
    left = np.where(event, right - 90.0, end)
    right = np.where(died, true, right)
    left = np.where(died, true, left)
    intervals = IntervalCensored(left=left, right=np.where(event, right, np.inf))
    times = RightCensored(time=np.where(event, right, left), event=event)
    people = tuple(Pseudonym(f"P{number:03d}") for number in range(n))
    names = ("clinical.age", "clinical.grade", *(f"texture.f{j}" for j in range(columns)))
    blocks = ("clinical", "clinical", *(["radiomics"] * columns))
    predictors = Predictors(
        values=np.column_stack([clinical, texture]),
        names=names,
        blocks=blocks,
        participants=people,
        sites=tuple(f"site {number % sites}" for number in range(n)),
    )
    return PlannedData(
        predictors=predictors,
        columns=tuple(
            PlannedColumn(
                name=name,
                block=block,
                predictor=name.split(".", maxsplit=1)[0],
                source="made",
                unit="",
                logged=False,
                levels={},
                known=n,
                absent={},
            )
            for name, block in zip(names, blocks, strict=True)
        ),
        endpoints={
            "pfs": _time(quick_plan(), people, intervals, times, died),
            "non_response": _binary(quick_plan(), people, times),
        },
        sex=tuple("F" if number % 2 else "M" for number in range(n)),
        age=tuple(float(one) for one in clinical[:, 0]),
        flow=(CohortStep(step="registered", before=n, after=n),),
    )


def _time(
    plan: AnalysisPlan,
    people: tuple[Pseudonym, ...],
    intervals: IntervalCensored,
    times: RightCensored,
    died: np.ndarray,
) -> EndpointData:
    endings = tuple(
        Ending.DEATH if dead else Ending.PROGRESSION if event else Ending.EVENT_FREE
        for dead, event in zip(died, times.event, strict=True)
    )
    return EndpointData(
        plan=plan.primary(),
        described=TimeEndpoint(
            name="pfs",
            rule="made",
            participants=people,
            outcome=intervals,
            endings=endings,
            excluded=(),
        ),
        rows=np.arange(len(people)),
        intervals=intervals,
        times=times,
        value=None,
        straddling=0,
        flow=(),
    )


def _binary(
    plan: AnalysisPlan, people: tuple[Pseudonym, ...], times: RightCensored
) -> EndpointData:
    early = times.event & (times.time <= 360.0)
    return EndpointData(
        plan=plan.endpoint[1],
        described=BinaryEndpoint(
            name="non_response",
            rule="made",
            participants=people,
            value=early,
            treated=len(people),
            excluded=(),
        ),
        rows=np.arange(len(people)),
        intervals=None,
        times=None,
        value=early,
        straddling=0,
        flow=(),
    )
