"""A model card: all that a final model needs to predict, and what it is for, as JSON.

Nothing in it is run: numbers, words and the preparation as ``FittedChain.as_dict`` says it.
``card_file`` reads and writes it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

CARD_FORMAT: Final = 2

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Mark = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
_Count = Annotated[int, Field(ge=0)]
_Days = Annotated[float, Field(gt=0.0)]
_Text = Annotated[str, Field(min_length=1)]


class _Said(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class TrainingRange(_Said):
    """What of a column was seen in training, in the unit in which the model takes it."""

    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float


class CardColumn(_Said):
    """A column that goes in, before preparation.

    ``logged``: the model takes the natural logarithm of ``unit``, and ``seen`` is of that.
    ``seen_levels`` are those of ``levels`` that training rows had.
    """

    name: _Text
    block: _Text
    source: str
    known_at: str
    unit: str
    logged: bool
    levels: dict[str, float]
    known: _Count
    missing: _Count
    seen: TrainingRange | None
    seen_levels: tuple[float, ...]


class CardTerm(_Said):
    """A term of the model, over all its fits.

    ``coefficient``: a unit of the prepared column, the mean of the fits, 0 of those without it.
    ``reference``: what the term adds to the predictor at the training mean of the prepared column.
    ``share``: of the fits that have it.
    """

    name: _Text
    coefficient: float
    reference: float
    share: Annotated[float, Field(gt=0.0, le=1.0)]


class CardPredictor(_Said):
    """A linear predictor, ``values @ coefficients - center``, of columns after ``chain``.

    Of a yes/no endpoint it is the log odds. Columns that are not named have coefficient 0.
    ``spread`` is the factor that is in the coefficients: the slope of the outcome on linear
    predictors of the inner folds, drawn towards 1; none where coefficients are as fitted.
    """

    coefficients: dict[str, float]
    center: float
    chain: dict[str, Any] | None
    spread: Annotated[float, Field(gt=0.0)] | None = None


class CardFit(CardPredictor):
    """A predictor with its cumulative baseline hazard, on the card's ``days``; none of yes/no."""

    hazard: tuple[Annotated[float, Field(ge=0.0)], ...]


class JointRange(_Said):
    """How far from everybody together: the leverage of a row that was not learned from.

    ``1 / rows + (x - mean)' inverse (x - mean)`` of the prepared ``terms`` of the first fit;
    ``cut`` is the largest that a training participant has in the design of the others.
    """

    terms: tuple[_Text, ...]
    mean: tuple[float, ...]
    inverse: tuple[tuple[float, ...], ...]
    rows: Annotated[int, Field(ge=2)]
    cut: Annotated[float, Field(gt=0.0)]


class CardPopulation(_Said):
    """Who was learned from, in words; ``checked`` is what the plan checks of the records."""

    title: _Text
    checked: tuple[str, ...]
    sites: tuple[str, ...]
    participants: _Count
    events: _Count


class CardEndpoint(_Said):
    """What is foretold, and for which days since time zero.

    ``beyond_days`` are those of the plan that lie after ``last_day``, the last of follow-up in
    training: nothing is known there.
    """

    code: _Text
    kind: _Text
    rule: str
    time_zero: str
    binary: bool
    horizon_days: tuple[_Days, ...]
    beyond_days: tuple[_Days, ...]
    last_day: _Days | None


class CardMissing(_Said):
    """What becomes of a missing value, in words, and of which columns it can be filled."""

    policy: str
    filled: tuple[str, ...]


class CardPerformance(_Said):
    """A metric of participants on whom nothing was fitted, as the result has it."""

    metric: _Text
    horizon_days: _Days | None
    value: float | None
    low: float | None
    high: float | None
    reason: str


class CardVerdict(_Said):
    """The answer by the plan's rules."""

    answer: _Text
    word: str
    sentence: str


class ModelCard(_Said):
    """A final model, and what must be known to use it.

    The linear predictor is the mean of ``fits``, one for each imputation of the participants;
    ``hazard`` is the cumulative baseline hazard at 0 of it, on ``days``. ``refits`` are the whole
    recipe on bootstrap samples of the participants, each with an imputation of its own;
    ``interval`` says in words what the interval from them holds.
    """

    format: Literal[2]
    program: _Text
    title: _Text
    model: _Text
    model_title: str
    study: _Text
    plan: _Digest
    freeze: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    label: Annotated[str, Field(pattern=r"^(confirmatory|exploratory)$")]
    reasons: tuple[str, ...]
    intended_use: _Text
    not_for: tuple[_Text, ...]
    verdict: CardVerdict | None
    performance: tuple[CardPerformance, ...]
    endpoint: CardEndpoint
    population: CardPopulation
    missing: CardMissing
    terms: Annotated[tuple[CardTerm, ...], Field(min_length=1)]
    columns: Annotated[tuple[CardColumn, ...], Field(min_length=1)]
    days: tuple[_Days, ...]
    hazard: tuple[Annotated[float, Field(ge=0.0)], ...]
    fits: Annotated[tuple[CardPredictor, ...], Field(min_length=1)]
    joint: JointRange | None
    joint_reason: str
    interval: str
    refits: tuple[CardFit, ...]
    seen: tuple[_Mark, ...]

    @property
    def id(self) -> str:
        """SHA-256 of all that the card says."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def column(self, name: str) -> CardColumn:
        """The column of a name."""
        return next(one for one in self.columns if one.name == name)


def plain_tuples(value: Any) -> Any:
    """Lists as tuples, through all levels: nothing in a card can be changed."""
    if isinstance(value, Mapping):
        return {key: plain_tuples(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return tuple(plain_tuples(entry) for entry in value)
    return value
