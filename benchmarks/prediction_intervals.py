"""How often the interval of a foretold risk holds the true risk, and the recipe's own mean.

Run: ``python -m benchmarks.prediction_intervals cox|elastic_net [COHORTS]``.

Three normal columns of correlation one half drive a constant hazard (log hazard ratios 0.5, -0.5
and 0.3); a fifth of the second is missing at random. The elastic net has seven columns of noise
more. 80 participants, about 50 events. Each cohort is fitted by the plan's recipe, written down as
a card and asked about new participants: half of them known completely, half without the second
column, whose value then exists and counts for their true risk.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from operandi.domain.identity import Pseudonym
from operandi.quantities.errors import DataError
from operandi.signatures.candidates_of import planned_model
from operandi.signatures.card import ModelCard
from operandi.signatures.card_making import made_card
from operandi.signatures.data import Predictors, RightCensored
from operandi.signatures.final_models import FinalPlan, final_fit
from operandi.signatures.given_values import GivenParticipant, GivenValue
from operandi.signatures.plan import parse_plan
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.prediction import predict
from operandi.signatures.prediction_checks import PredictionRefusedError
from operandi.signatures.preparation.planned import planned_chain
from tests.signatures.cards import Described, a_result

Floats = npt.NDArray[np.float64]

EFFECTS: Final = np.array([0.5, -0.5, 0.3])
HORIZON: Final = 365.0
SCALE: Final = 700.0
ASKED: Final = 4
"""New participants of each cohort, and as many again without the second column."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intervals:
    """Intervals of risks at ``HORIZON``, a row a cohort and a column a participant.

    Parameters
    ----------
    risk, low, high, true : (c, a) float
        NaN where the card refused the participant.
    """

    risk: Floats
    low: Floats
    high: Floats
    true: Floats

    def holding(self, value: Floats) -> tuple[int, int]:
        """How many hold a value, and of how many."""
        there = ~np.isnan(self.risk)
        held = (self.low <= value) & (value <= self.high) & there
        return int(held.sum()), int(there.sum())

    @property
    def mean(self) -> Floats:
        """The recipe's mean risk of each participant over cohorts."""
        return np.asarray(np.nanmean(self.risk, axis=0))


def a_plan(kind: str, *, columns: int) -> AnalysisPlan:
    """A plan of one model of some columns."""
    names = [f"x{number}" for number in range(columns)]
    imputation: dict[str, Any] = {"step": "imputation", "continuous": "linear"}
    return parse_plan(
        {
            "format": 1,
            "title": "Intervals",
            "version": "1",
            "study": "none",
            "population": {"title": "All"},
            "timing": {"start": "C1", "known_at": ["BASELINE"]},
            "endpoint": [
                {"code": "pfs", "kind": "pfs", "role": "primary", "horizon_days": [HORIZON]}
            ],
            "table": [{"code": "t", "file": "t.csv", "participant": "p", "sha256": "0" * 64}],
            "supplied": [
                {"code": one, "block": "clinical", "table": "t", "columns": [one], "at": "BASELINE"}
                for one in names
            ],
            "preparation": [imputation, {"step": "scaling"}],
            "model": [
                {
                    "code": "M0",
                    "title": "A model",
                    "role": "ladder",
                    "kind": kind,
                    "predictors": names,
                }
            ],
            "resampling": {"seed": 1},
            "multiplicity": {"method": "none", "because": "one model"},
        },
        file="plan.toml",
    )


def drawn(rng: np.random.Generator, *, rows: int, columns: int) -> Floats:
    """Normal columns; the first three of correlation one half."""
    values = rng.standard_normal((rows, columns))
    shared = rng.standard_normal((rows, 1))
    values[:, :3] = np.sqrt(0.5) * (values[:, :3] + shared)
    return values


def a_cohort(
    rng: np.random.Generator, *, rows: int, columns: int
) -> tuple[Predictors, RightCensored]:
    """Participants of whom a fifth does not know the second column."""
    values = drawn(rng, rows=rows, columns=columns)
    time = rng.exponential(SCALE * np.exp(-values[:, :3] @ EFFECTS)) + 1.0
    limit = rng.uniform(300.0, 1500.0, rows)
    values[rng.random(rows) < 0.2, 1] = np.nan
    return Predictors(
        values=values,
        names=tuple(f"x{number}" for number in range(columns)),
        blocks=("clinical",) * columns,
        participants=tuple(Pseudonym(f"OP-{row:03d}") for row in range(rows)),
        sites=("A",) * rows,
    ), RightCensored(time=np.minimum(time, limit), event=time <= limit)


def a_card(
    plan: AnalysisPlan, predictors: Predictors, outcome: RightCensored, *, refits: int, seed: int
) -> ModelCard:
    """The card of the plan's model of a cohort."""
    chain = planned_chain(plan, repeatability={})
    planned = planned_model(plan, plan.model[0], predictors, chain=chain)
    final = final_fit(
        planned,
        planned.predictors,
        outcome,
        endpoint="pfs",
        plan=FinalPlan(
            horizons=(HORIZON,), inner=5, refits=refits, imputations=5, seed=seed, level=0.95
        ),
    )
    columns = [Described(name=name, predictor=name) for name in predictors.names]
    return made_card(final, plan=plan, columns=columns, result=a_result())


def intervals(
    kind: str, *, cohorts: int, refits: int = 100, rows: int = 80, first: int = 0
) -> Intervals:
    """Ask the cards of made cohorts about the same new participants.

    The second column of those who do not know it is drawn anew for each cohort, from what the
    first and third leave open.
    """
    columns = 3 if kind == "cox" else 10
    plan = a_plan(kind, columns=columns)
    asked = np.random.default_rng(4)
    # Inside what a cohort has seen: nothing else is foretold.
    people = np.clip(drawn(asked, rows=ASKED, columns=columns), -1.3, 1.3)
    found = []
    for cohort in range(first, first + cohorts):
        rng = np.random.default_rng([9, cohort])
        made = a_cohort(rng, rows=rows, columns=columns)
        try:
            card = a_card(plan, *made, refits=refits, seed=cohort)
        except DataError:
            # A net that selects nothing has no card, and foretells nobody.
            found.append([(np.nan,) * 4] * (2 * ASKED))
            continue
        found.append(list(_answers(card, people, rng)))
    each = np.array(found).transpose(2, 0, 1)
    return Intervals(risk=each[0], low=each[1], high=each[2], true=each[3])


def _answers(
    card: ModelCard, people: Floats, rng: np.random.Generator
) -> Iterator[tuple[float, float, float, float]]:
    for gap in (False, True):
        for row in people:
            true, given = row.copy(), row.copy()
            if gap:
                # Of correlation one half with two others: mean (a + b) / 3, variance 2 / 3.
                true[1] = (row[0] + row[2]) / 3.0 + np.sqrt(2.0 / 3.0) * rng.standard_normal()
                given[1] = np.nan
            risk = -np.expm1(-HORIZON / SCALE * np.exp(true[:3] @ EFFECTS))
            yield (*_answer(card, given), float(risk))


def _answer(card: ModelCard, row: Floats) -> tuple[float, float, float]:
    values = {
        f"x{number}": GivenValue(value=None if np.isnan(one) else float(one))
        for number, one in enumerate(row)
    }
    given = GivenParticipant(participant="NEW-1", site="A", values=values)
    try:
        found = predict(card, given).horizons[0]
    except PredictionRefusedError:
        return np.nan, np.nan, np.nan
    assert found.low is not None
    assert found.high is not None
    return found.risk, found.low, found.high


def share(held: int, count: int) -> str:
    """A share with its exact interval, in percent."""
    low, high = beta.ppf((0.025, 0.975), (held, held + 1), (count - held + 1, count - held))
    return f"{100 * held / count:.1f} % of {count} ({100 * low:.1f} to {100 * high:.1f})"


def main(kind: str, cohorts: int) -> None:
    """Print the shares."""
    found = intervals(kind, cohorts=cohorts)
    for words, part in (("all known", slice(0, ASKED)), ("one missing", slice(ASKED, None))):
        one = Intervals(
            risk=found.risk[:, part],
            low=found.low[:, part],
            high=found.high[:, part],
            true=found.true[:, part],
        )
        width = float(np.nanmean(one.high - one.low))
        bias = float(np.nanmean(one.risk - one.true))
        print(
            f"{kind}, {words}: true risk in {share(*one.holding(one.true))}; the recipe's mean in "
            f"{share(*one.holding(one.mean))}; width {width:.3f}, risk less true {bias:+.3f}"
        )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200)
