"""What an analysis plan may say, as models. ``plan.read_plan`` reads a file.

Everything that a result hangs on stands here: whoever changes a key after the lock is told which.
"""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT: Final = 1

Words = Annotated[str, Field(min_length=1)]
Code = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
Many = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Block = Literal["clinical", "laboratory", "genomic", "pet", "mr", "radiomics", "dose"]
Metric = Literal["harrell_c", "uno_c", "integrated_brier", "auc", "brier", "net_benefit"]

BLOCKS: Final[tuple[str, ...]] = (
    "clinical",
    "laboratory",
    "genomic",
    "pet",
    "mr",
    "radiomics",
    "dose",
)
CHALLENGERS: Final = {
    "horseshoe": "a Bayesian horseshoe",
    "random_forest": "a random survival forest",
    "boosting": "boosting",
}
"""Kinds of models that are challengers alone: no verdict and no card is made of them."""
EXPLORATORY: Final = "exploratory"
CONFIRMATORY: Final = "confirmatory"


class _Stated(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Population(_Stated):
    """Who is analyzed, in words and by what can be checked.

    ``site`` names the departments; empty for all. ``cycles`` is the least number of cycles given.
    ``therapy`` is what everybody was given, as findings name it; a cohort with records of cycles
    needs none, it is PRRT.
    """

    title: Words
    therapy: Words | None = None
    cycles: Many = 1
    site: tuple[Words, ...] = ()
    exclude: tuple[Words, ...] = ()
    """Pseudonyms that are left out, each with a reason in ``because``."""
    because: tuple[Words, ...] = ()


class TimeZero(_Stated):
    """When time starts, and what may be known by then.

    ``known_at`` are the visits before or at time zero; no predictor may come from another. With a
    landmark, time zero is day ``landmark_day`` after ``start``, and who has had the event or left
    before it is excluded and counted.
    """

    start: Code
    known_at: Annotated[tuple[Code, ...], Field(min_length=1)]
    landmark: Code | None = None
    landmark_day: Count | None = None


class PlannedEndpoint(_Stated):
    """What is foretold.

    From the frozen tables; or, of a cohort that has none, the ``time`` and ``event`` columns of a
    supplied ``table``, of binary ones ``event`` alone. ``progression``: in the interval between
    scans, or on the day of the scan that shows it
    (a sensitivity analysis). Binary endpoints have a ``by_day``. ``read_by`` says whose RECIST
    reads count; an event after ``longest_gap_days`` without an adequate scan lies anywhere in the
    gap.
    """

    code: Code
    kind: Literal["pfs", "os", "progression", "response", "early_non_response"]
    role: Literal["primary", "secondary", "sensitivity"]
    progression: Literal["interval", "right_end"] = "interval"
    new_therapy: Literal["censor", "event", "ignore"] = "censor"
    horizon_days: tuple[Positive, ...] = ()
    by_day: Count | None = None
    read_by: Literal["investigator", "reader_1", "reader_2", "consensus"] = "investigator"
    longest_gap_days: Positive | None = None
    table: Words | None = None
    time: Words | None = None
    time_unit: Literal["day", "month", "year"] | None = None
    event: Words | None = None

    @property
    def binary(self) -> bool:
        """Whether it is yes or no, and not a time."""
        return self.kind in {"response", "early_non_response"}


class _Predictor(_Stated):
    code: Code
    block: Block


class MeasuredPredictor(_Predictor):
    """A kind of the measurements table at a visit; with ``*``, every kind that fits.

    Of several subjects (lesions) ``of_several`` makes one number: a participant has one row.
    ``form`` changes its shape before anything is learned.
    """

    measurement: Words
    at: Code
    subject_type: Literal["participant", "scan", "organ", "lesion", "candidate", "contour"] = (
        "participant"
    )
    subject: str = ""
    of_several: Literal["refuse", "largest", "smallest", "sum", "mean", "median"] = "refuse"
    form: Literal["as_is", "log"] = "as_is"


class RecordedPredictor(_Predictor):
    """A column of a table of records: the last entry up to time zero whose cells are ``where``.

    ``levels`` gives codes their number, as of grades; a code that is not in it is missing. Values
    in other units are converted to ``unit``, between mass and amount with ``molar_mass_g_mol``.
    """

    table: Words
    column: Words
    where: dict[str, str] = {}
    unit: Words | None = None
    molar_mass_g_mol: Positive | None = None
    within_days: Count | None = None
    levels: dict[str, float] = {}
    form: Literal["as_is", "log"] = "as_is"


class SuppliedPredictor(_Predictor):
    """Columns, by name or with ``*``, of a table that is supplied beside the plan, a row a person.

    For what the records have no table of: a published score that a physician gave, genomic
    features, another cohort. ``at`` is the visit up to which they were known.
    """

    table: Words
    columns: Annotated[tuple[Words, ...], Field(min_length=1)]
    at: Code
    levels: dict[str, float] = {}
    form: Literal["as_is", "log"] = "as_is"


class SuppliedFile(_Stated):
    """A file and its digest, without which it may change after the lock unseen."""

    file: Words
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SuppliedTable(SuppliedFile):
    """A CSV file beside the plan: its path, the columns of who and where, and its digest.

    A row a person; ``also`` are further files of the same columns. With ``name`` and ``value`` a
    row is a value: its column is called by the cells of ``name``. ``participant`` and ``name`` may
    be several columns, joined by ``+``; their cells are joined by ``-`` and ``.``. The table of a
    repeatability step has the names of columns where others have participants.
    """

    code: Code
    participant: Words
    site: Words | None = None
    name: Words | None = None
    value: Words | None = None
    also: tuple[SuppliedFile, ...] = ()

    def files(self) -> tuple[SuppliedFile, ...]:
        """All files, in order."""
        return (self, *self.also)


class FeaturesPredictor(_Predictor):
    """Columns of a radiomics table, by name or with ``*``, of the lesions that ``lesions`` says."""

    features: Annotated[tuple[Words, ...], Field(min_length=1)]
    image: Words
    at: Code
    lesions: Literal["largest", "hottest", "mean", "median"] = "largest"


class ChangePredictor(_Predictor):
    """Change of a measured predictor between two visits.

    ``relative``: ``(to - from) / from``; ``log_ratio``: ``ln(to / from)``; ``absolute``: the
    difference.
    """

    of: Code
    from_: Annotated[Code, Field(alias="from")]
    to: Code
    how: Literal["relative", "log_ratio", "absolute"]


Predictor = (
    MeasuredPredictor | RecordedPredictor | FeaturesPredictor | SuppliedPredictor | ChangePredictor
)


class Preparation(_Stated):
    """A step that is learned in each fold, and the blocks that it works on; empty for all.

    Only the settings of its own kind may stand: ``STEP_SETTINGS``.
    """

    step: Literal[
        "constants",
        "duplicates",
        "repeatability",
        "shaping",
        "imputation",
        "median_fill",
        "scaling",
        "combat",
        "redundancy",
        "screening",
    ]
    block: tuple[Block, ...] = ()
    most_common: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    least_known: Annotated[int, Field(ge=2)] | None = None
    table: Words | None = None
    least: float | None = None
    unknown: Literal["keep", "drop"] | None = None
    shape: Literal["log", "yeo_johnson"] | None = None
    continuous: Literal["matching", "linear"] | None = None
    draw: bool | None = None
    sweeps: Count | None = None
    predictors: Count | None = None
    most_missing: Share | None = None
    method: Literal["z", "robust"] | None = None
    covariates: tuple[Code, ...] | None = None
    unseen: Literal["refuse", "unadjusted"] | None = None
    single: Literal["refuse", "unadjusted"] | None = None
    most: Share | None = None
    representative: Literal["first", "medoid"] | None = None
    ranks: bool | None = None
    keep: Count | None = None

    def given(self) -> dict[str, object]:
        """The settings that stand in the file, by name."""
        return {
            name: value
            for name in sorted(type(self).model_fields.keys() - {"step", "block"})
            if (value := getattr(self, name)) is not None
        }


STEP_SETTINGS: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "constants": (frozenset(), frozenset({"most_common", "least_known"})),
    "duplicates": (frozenset(), frozenset()),
    "repeatability": (frozenset({"table", "least", "unknown"}), frozenset()),
    "shaping": (frozenset({"shape"}), frozenset()),
    "imputation": (
        frozenset(),
        frozenset({"continuous", "draw", "sweeps", "predictors", "least_known", "most_missing"}),
    ),
    "median_fill": (frozenset(), frozenset()),
    "scaling": (frozenset(), frozenset({"method"})),
    "combat": (frozenset(), frozenset({"covariates", "unseen", "single"})),
    "redundancy": (frozenset(), frozenset({"most", "representative", "ranks"})),
    "screening": (frozenset({"keep"}), frozenset()),
}
"""Settings that each step must have, and may have."""


class PlannedModel(_Stated):
    """Predictors and how they are put together.

    ``ladder`` models stand in the order in which they are tried, each with the predictors of the
    one before it; the first is M0. ``baseline`` models are the scores to be beaten, fitted in the
    same folds; ``challenger`` ones are reported and bear no verdict. Predictors are those of
    ``blocks`` and those named in ``predictors``; ``unpenalized`` are some of them. A
    ``given_score`` is one predictor, taken
    as it is, with its ``source``. ``spread``: whether predictions are multiplied by a factor that
    the inner folds learn, which changes no order; a given score has none.
    """

    code: Code
    title: Words
    role: Literal["ladder", "baseline", "challenger"]
    kind: Literal[
        "cox",
        "elastic_net",
        "priority_lasso",
        "group_lasso",
        "given_score",
        "horseshoe",
        "random_forest",
        "boosting",
    ]
    blocks: tuple[Block, ...] = ()
    predictors: tuple[Code, ...] = ()
    unpenalized: tuple[Code, ...] = ()
    source: str = ""
    spread: Literal["cross_validated", "as_fitted"] = "cross_validated"


class Penalty(_Stated):
    """The path of the elastic net. ``support_cap`` is a choice of model, not of speed."""

    l1_ratio: Annotated[float, Field(gt=0.0, le=1.0)] = 0.9
    lambdas: Annotated[int, Field(ge=2)] = 50
    smallest_ratio: Share = 0.1
    support_cap: Count = 30
    ties: Literal["efron", "breslow"] = "efron"
    choose_by: Literal["harrell_c", "deviance"] = "deviance"


class Challengers(_Stated):
    """How the models of ``CHALLENGERS`` are fitted, and how often those of the role are judged.

    ``repeats`` of nested cross-validation, of every model whose role is challenger; without it as
    often as all. Of a forest ``trees``, the least events of a terminal node, and the columns drawn
    at a split (the square root of all without it). Of boosting the most ``steps``, and the
    ``share`` of the way to its optimum that a column moves in one. Of a horseshoe the columns that
    are ``expected`` to matter, the scale of the slab, how many columns the score test keeps, and
    the draws of each of four chains.
    """

    repeats: Count | None = None
    trees: Annotated[int, Field(ge=50)] = 500
    node_events: Count = 3
    split_columns: Count | None = None
    steps: Count = 100
    share: Share = 0.1
    expected: Positive = 3.0
    slab_scale: Positive = 1.0
    keep: Count = 50
    draws: Annotated[int, Field(ge=200)] = 1500


class Resampling(_Stated):
    """How often everything is repeated. There is no default for the seed."""

    seed: Seed
    repeats: Count = 50
    folds: Annotated[int, Field(ge=2)] = 5
    inner_folds: Annotated[int, Field(ge=2)] = 5
    permutations: Many = 200
    permutation_repeats: Count = 5
    stability_pairs: Many = 100
    bootstraps: Count = 1000
    imputations: Count = 20
    stratify: Literal["event", "event_and_site", "none"] = "event"
    leave_site_out: bool = True


class PlannedComparison(_Stated):
    """A model against another, on an endpoint, by a metric: one line of the family of tests."""

    model: Code
    against: Code
    endpoint: Code
    metric: Metric
    horizon_days: Positive | None = None


class DecisionPlan(_Stated):
    """Thresholds of the decision curve: chances of the event at which one would act."""

    thresholds: Annotated[tuple[Share, ...], Field(min_length=1)]
    horizon_days: Positive


class VerdictRules(_Stated):
    """When a finding is supported, not supported, or undecidable at this n."""

    permutation_p: Share = 0.05
    stability: Annotated[float, Field(gt=0.5, le=1.0)] = 0.6
    stable_features: Count = 1
    least_events: Annotated[int, Field(ge=10)] = 10
    gain_over_baseline: Annotated[float, Field(ge=0.0, lt=0.5)] = 0.0
    confidence: Share = 0.95


class Multiplicity(_Stated):
    """How the tests of all comparisons are adjusted."""

    method: Literal["holm", "benjamini_hochberg", "none"]
    level: Share = 0.05
    because: str = ""


class AnalysisPlan(_Stated):
    """An analysis plan: all that is settled before outcomes are seen."""

    format: Literal[1]
    title: Words
    version: Words
    study: Words
    population: Population
    timing: TimeZero
    endpoint: Annotated[tuple[PlannedEndpoint, ...], Field(min_length=1)]
    measured: tuple[MeasuredPredictor, ...] = ()
    recorded: tuple[RecordedPredictor, ...] = ()
    features: tuple[FeaturesPredictor, ...] = ()
    supplied: tuple[SuppliedPredictor, ...] = ()
    table: tuple[SuppliedTable, ...] = ()
    change: tuple[ChangePredictor, ...] = ()
    explained: dict[str, Words] = {}
    """Columns that follow time, event or site closely and are kept, each with the reason."""
    preparation: tuple[Preparation, ...] = ()
    model: Annotated[tuple[PlannedModel, ...], Field(min_length=1)]
    penalty: Penalty = Penalty()
    challengers: Challengers = Challengers()
    resampling: Resampling
    comparison: tuple[PlannedComparison, ...] = ()
    decision: DecisionPlan | None = None
    verdict: VerdictRules = VerdictRules()
    multiplicity: Multiplicity

    def predictors(self) -> Iterator[tuple[str, Predictor]]:
        """Each section's name and its predictors, in the plan's order: that of the columns."""
        yield from (("recorded", one) for one in self.recorded)
        yield from (("measured", one) for one in self.measured)
        yield from (("features", one) for one in self.features)
        yield from (("supplied", one) for one in self.supplied)
        yield from (("change", one) for one in self.change)

    def predictors_of(self, model: PlannedModel) -> tuple[str, ...]:
        """Codes of a model's predictors, in the plan's order."""
        return tuple(
            one.code
            for _, one in self.predictors()
            if one.block in model.blocks or one.code in model.predictors
        )

    def ladder(self) -> tuple[PlannedModel, ...]:
        """The models that are tried one after the other; the first is M0."""
        return tuple(model for model in self.model if model.role == "ladder")

    def below(self, model: PlannedModel) -> tuple[str, ...]:
        """Codes of the predictors of the rungs below a model of the ladder; none of M0."""
        codes = [one.code for one in self.ladder()]
        rungs = self.ladder()[: codes.index(model.code)] if model.code in codes else ()
        return tuple(dict.fromkeys(code for one in rungs for code in self.predictors_of(one)))

    def challenging(self) -> tuple[PlannedModel, ...]:
        """The models that are reported beside M0, and bear no verdict."""
        return tuple(model for model in self.model if model.role == "challenger")

    def primary(self) -> PlannedEndpoint:
        """The primary endpoint."""
        return next(one for one in self.endpoint if one.role == "primary")
