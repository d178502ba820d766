"""Model cards for tests: of a real fit, and of a tiny model whose numbers are chosen by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from operandi.signatures.card import CardFit, ModelCard
from operandi.signatures.card_making import made_card
from operandi.signatures.data import Predictors, RightCensored
from operandi.signatures.final_fit import FinalFit, RefittedModel
from operandi.signatures.given_values import GivenParticipant, GivenValue
from operandi.signatures.plan import parse_plan
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.preparation.chain import On, PreparationChain, predictors_at
from operandi.signatures.preparation.combat import Combat
from operandi.signatures.preparation.imputation import Imputation, MedianFill
from operandi.signatures.preparation.scaling import Scaling, Shaping
from operandi.signatures.resampling.candidates import FewColumns, FittedCandidate
from operandi.signatures.resampling.nested import breslow_hazard
from operandi.signatures.results import (
    RESULT_FORMAT,
    AnalysisResult,
    PlanStanding,
    ResamplingDone,
    VerdictResult,
)
from operandi.signatures.results_cohort import Estimated
from operandi.signatures.results_models import MetricResult, ModelResult
from tests.signatures.resampling.cohorts import cohort


@dataclass(frozen=True, kw_only=True)
class Described:
    """A column as the tables describe it."""

    name: str
    predictor: str
    source: str = "scores"
    unit: str = ""
    logged: bool = False
    levels: Mapping[str, float] = field(default_factory=dict)


def a_plan(predictors: Sequence[str], *, binary: bool = False) -> AnalysisPlan:
    """A plan of one model of supplied columns."""
    endpoint: dict[str, Any] = {"code": "pfs", "kind": "pfs", "role": "primary"}
    endpoint |= {"horizon_days": [365.0, 730.0]}
    if binary:
        endpoint = {"code": "pfs", "kind": "response", "role": "primary", "by_day": 180}
    return parse_plan(
        {
            "format": 1,
            "title": "A plan",
            "version": "1",
            "study": "A study",
            "population": {"title": "Everybody given a first cycle"},
            "timing": {"start": "C1", "known_at": ["BASELINE"]},
            "endpoint": [endpoint],
            "table": [
                {"code": "t", "file": "t.csv", "participant": "who", "sha256": "0" * 64},
            ],
            "supplied": [
                {"code": one, "block": "clinical", "table": "t", "columns": [one], "at": "BASELINE"}
                for one in predictors
            ],
            "model": [
                {
                    "code": "M0",
                    "title": "A model",
                    "role": "ladder",
                    "kind": "cox",
                    "predictors": list(predictors),
                }
            ],
            "resampling": {"seed": 1},
            "multiplicity": {"method": "none", "because": "one model"},
        },
        file="plan.toml",
    )


def a_result(*, label: str = "confirmatory") -> AnalysisResult:
    """A result with one metric and a verdict."""
    verdict = VerdictResult(
        model="M0",
        endpoint="pfs",
        answer="undecidable at this n",
        word="",
        sentence="Undecidable at this n: prognostic under PRRT or not.",
        rules=(),
        label=label,
    )
    concordance = Estimated(value=0.64, low=0.55, high=0.72, standard_error=0.04)
    judged = ModelResult(
        endpoint="pfs",
        model="M0",
        title="A model",
        role="ladder",
        kind="cox",
        source="",
        label=label,
        reason="",
        columns=3,
        metrics=(
            MetricResult(
                metric="harrell_c", horizon_days=None, estimate=concordance, higher_is_better=True
            ),
        ),
    )
    return AnalysisResult(
        format=RESULT_FORMAT,
        title="A plan",
        version="1",
        study="A study",
        population="Everybody",
        timing="from C1",
        software="0.0",
        level=0.95,
        standing=PlanStanding(digest="a" * 64, label=label, freeze="b" * 64),
        participants=80,
        treated=80,
        therapy="PRRT",
        primary="pfs",
        flow=(),
        predictors=(),
        absent_blocks=(),
        suspects=(),
        preparation=(),
        resampling=ResamplingDone(
            seed=1,
            repeats=1,
            folds=5,
            inner_folds=5,
            permutations=0,
            permutation_repeats=0,
            stability_pairs=0,
            bootstraps=0,
            imputations=1,
        ),
        endpoints=(),
        sample_size=(),
        models=(judged,),
        comparisons=(),
        multiplicity="none",
        verdicts=(verdict,),
        verdict=verdict,
    )


def a_cohort() -> tuple[Predictors, RightCensored]:
    """Positive columns, some missing, with an effect of the first two."""
    rows, outcome = cohort(seed=4, effects=(0.7, -0.5), columns=5, clinical=5)
    values = np.exp(0.4 * rows.values)
    values[::9, 1] = np.nan
    values[3::11, 4] = np.nan
    return replace(rows, values=values, blocks=("laboratory", *rows.blocks[1:])), outcome


def a_chain(*, combat: bool = True, filling: str = "imputation") -> PreparationChain:
    """Logarithm, imputation, harmonization, scaling."""
    steps = [On(step=Shaping(shape="log"))]
    if filling:
        steps.append(On(step=MedianFill() if filling == "median_fill" else Imputation(sweeps=3)))
    steps += [On(step=Combat(covariates=("x000",)), blocks=("clinical",))] * combat
    return PreparationChain(steps=(*steps, On(step=Scaling())))


def a_final_fit(
    predictors: Predictors,
    outcome: RightCensored,
    *,
    chain: PreparationChain | None,
    refits: int = 0,
    columns: tuple[str, ...] | None = None,
    seed: int = 5,
) -> FinalFit:
    """A Cox model of all columns, and refits on bootstrap samples."""
    candidate = FewColumns(name="M0", columns=columns or predictors.names, chain=chain)
    days = np.unique(outcome.time[outcome.event])

    def fitted(rows: np.ndarray) -> tuple[FittedCandidate, np.ndarray]:
        learning = predictors_at(predictors, rows)
        part = RightCensored(time=outcome.time[rows], event=outcome.event[rows])
        fit = candidate.fit(learning, part, inner=np.zeros(rows.size, np.int64), seed=seed)
        eta = fit.predictor(learning, trained=True)
        return fit, breslow_hazard(part.time, part.event, eta, days)

    everyone = np.arange(outcome.time.size)
    fit, hazard = fitted(everyone)
    draw = np.random.default_rng(11)
    again = [fitted(np.sort(draw.integers(0, everyone.size, everyone.size))) for _ in range(refits)]
    return FinalFit(
        model="M0",
        endpoint="pfs",
        fitted=fit,
        days=days,
        hazard=hazard,
        horizons=(365.0, 730.0, 100_000.0),
        training=predictors,
        outcome=outcome,
        refits=tuple(RefittedModel(fitted=one, hazard=base) for one, base in again),
    )


def a_card(final: FinalFit, **described: Described) -> ModelCard:
    """The card of a fit."""
    names = final.training.names
    columns = [described.get(name, Described(name=name, predictor=name)) for name in names]
    return made_card(final, plan=a_plan(names), columns=columns, result=a_result())


def of_row(predictors: Predictors, row: int, *, called: str | None = None) -> GivenParticipant:
    """A row of predictors as somebody gives it."""
    return GivenParticipant(
        participant=called or predictors.participants[row],
        site=predictors.sites[row],
        values={
            name: GivenValue(value=None if np.isnan(value) else float(value))
            for name, value in zip(predictors.names, predictors.values[row], strict=True)
        },
    )


def a_tiny_card(*, refits: Sequence[tuple[float, float]] = ()) -> ModelCard:
    """``eta = 0.5 x - 1``, H = 0.1 on day 100 and 0.3 on day 400; refits are (slope, hazard)."""
    rows = Predictors(
        values=np.arange(10.0)[:, None],
        names=("x",),
        blocks=("clinical",),
        participants=a_cohort()[0].participants[:10],
        sites=("A",) * 10,
    )
    outcome = RightCensored(
        time=np.array([100.0, 400.0, *[800.0] * 8]), event=np.array([True, True, *[False] * 8])
    )
    final = FinalFit(
        model="M0",
        endpoint="pfs",
        fitted=FittedCandidate(
            names=("x",), coefficients=np.array([0.5]), center=1.0, chain=None, columns=("x",)
        ),
        days=np.array([100.0, 400.0]),
        hazard=np.array([0.1, 0.3]),
        horizons=(365.0, 730.0),
        training=rows,
        outcome=outcome,
        refits=(),
    )
    card = made_card(
        final,
        plan=a_plan(("x",)),
        columns=[Described(name="x", predictor="x", unit="mL")],
        result=a_result(),
    )
    fits = tuple(
        CardFit(coefficients={"x": slope}, center=1.0, hazard=(hazard, 3 * hazard), chain=None)
        for slope, hazard in refits
    )
    return card.model_copy(update={"refits": fits})


def a_yes_no_card(*, refits: int) -> ModelCard:
    """The card of a yes/no endpoint, of the same predictors."""
    predictors, outcome = a_cohort()
    final = a_final_fit(predictors, outcome, chain=a_chain(combat=False), refits=refits)
    return made_card(
        final,
        plan=a_plan(predictors.names, binary=True),
        columns=[Described(name=name, predictor=name) for name in predictors.names],
        result=a_result(),
    )
