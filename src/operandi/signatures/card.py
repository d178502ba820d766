"""A model card: all that a final model needs to predict, and what it is for, as JSON.

Nothing in it is run: numbers, words and the preparation as ``FittedChain.as_dict`` says it.
``card_file`` reads and writes it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

CARD_FORMAT: Final = 1

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
    """A term: its coefficient a unit of the prepared column, and that column's training mean."""

    name: _Text
    coefficient: float
    reference: float


class CardFit(_Said):
    """A fit: ``values @ coefficients - center``, and its cumulative baseline hazard.

    ``hazard`` is that of the card's ``days`` at a linear predictor of 0; empty of a yes/no
    endpoint, whose linear predictor is the log odds. Columns that are not named have coefficient 0.
    """

    coefficients: dict[str, float]
    center: float
    hazard: tuple[Annotated[float, Field(ge=0.0)], ...]
    chain: dict[str, Any] | None


class JointRange(_Said):
    """How far from everybody together: the leverage of a row that was not learned from.

    ``1 / rows + (x - mean)' inverse (x - mean)`` of the prepared ``terms``; ``cut`` is the largest
    that a training participant has in the design of the others.
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
    """What is foretold, and for which days since time zero."""

    code: _Text
    kind: _Text
    rule: str
    time_zero: str
    binary: bool
    horizon_days: tuple[_Days, ...]
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


class CardRefits(_Said):
    """The same recipe on other rows, for the interval of a risk.

    ``bootstrap``: on samples of the participants, whose risks' percentiles are the interval.
    ``folds``: on the training parts of cross-validations with so many ``folds``, repeat after
    repeat, for a delete-a-group jackknife.
    """

    kind: Literal["bootstrap", "folds", "none"]
    folds: _Count
    fits: tuple[CardFit, ...]


class ModelCard(_Said):
    """A final model, and what must be known to use it."""

    format: Literal[1]
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
    fit: CardFit
    joint: JointRange | None
    joint_reason: str
    refits: CardRefits
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
