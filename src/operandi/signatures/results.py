"""What an analysis found, as plain data: all that a report shows, and nothing that it computes.

Strings, numbers, booleans and tuples alone, no arrays: reports import this module,
``results_cohort``, ``results_models`` and no science.
A number that could not be computed is None with its reason. ``result_json`` writes all of it,
``result_from_json`` reads it back.
"""

import json
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from operandi.quantities.errors import DataError
from operandi.signatures.results_cohort import (
    AnalyzedStep,
    EndpointResult,
    Estimated,
    PredictorSummary,
    SampleSizeLine,
    SuspectColumn,
    TumorCourse,
)
from operandi.signatures.results_models import ModelResult

RESULT_FORMAT: Final = 2
RESULT_FILE: Final = "result.json"
PROGNOSTIC: Final = "prognostic under"
"""How every finding reads: no two treatments are compared, so that nothing is said of either."""
PRRT: Final = "PRRT"
WITHHELD: Final = "no reproducible signal"
SIGNATURE: Final = "signature"
SUPPORTED: Final = "supported"
NOT_SUPPORTED: Final = "not supported"
UNDECIDABLE: Final = "undecidable at this n"
NOT_FITTED: Final = "could not be fitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStanding:
    """The plan that was used, and whether the analysis is confirmatory.

    Parameters
    ----------
    digest : str
        Of the plan in use.
    label : {"confirmatory", "exploratory"}
        Stands beside every result.
    reasons : tuple of str
        Why it is exploratory.
    changed_keys : tuple of str
        Keys that differ from the locked plan.
    locked : str
        Digest of the locked plan; empty where none was.
    freeze : str
        Name of the freeze; empty for a plain folder.
    """

    digest: str
    label: str
    reasons: tuple[str, ...] = ()
    changed_keys: tuple[str, ...] = ()
    locked: str = ""
    freeze: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonResult:
    """A model less another on the same participants and folds.

    Parameters
    ----------
    model, against, endpoint, metric : str
    horizon_days : float or None
    threshold : float or None
        Of a net benefit.
    difference : Estimated
        Model less reference.
    higher_is_better : bool
        False of Brier scores: there a gain is negative.
    planned : bool
        Whether it is one of the plan's comparisons, which alone are tested.
    p_value, adjusted_p : float or None
        Two-sided; adjusted over the plan's comparisons.
    better : bool or None
        Whether the adjusted test and the plan's least gain say that the model is better.
    label : {"confirmatory", "exploratory"}
    """

    model: str
    against: str
    endpoint: str
    metric: str
    horizon_days: float | None
    difference: Estimated
    higher_is_better: bool
    planned: bool
    label: str
    threshold: float | None = None
    p_value: float | None = None
    adjusted_p: float | None = None
    better: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutcome:
    """A rule of the verdict: what the plan asks for, what was found, and whether it holds.

    ``holds`` is None where it could not be judged, or holds both answers; ``open_because`` says
    which.
    """

    rule: str
    needed: str
    found: str
    holds: bool | None
    open_because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictResult:
    """The answer in words, by the plan's rules.

    Parameters
    ----------
    model, endpoint : str
        Of which it speaks.
    answer : {"supported", "not supported", "undecidable at this n", "could not be fitted"}
    word : str
        ``"signature"``, or ``"no reproducible signal"`` where the word is withheld; empty where
        nothing could be decided.
    sentence : str
        The whole in one or two sentences, what ``prognostic_under`` says in it.
    rules : tuple of RuleOutcome
    label : {"confirmatory", "exploratory"}
    """

    model: str
    endpoint: str
    answer: Literal["supported", "not supported", "undecidable at this n", "could not be fitted"]
    word: str
    sentence: str
    rules: tuple[RuleOutcome, ...]
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResamplingDone:
    """How often everything was repeated.

    ``refits``, ``optimism_samples``, ``calibration_samples`` and ``curve_draws`` are the plan's
    ``bootstraps``, or fewer where each is a whole analysis or only a band that is drawn.
    """

    seed: int
    repeats: int
    folds: int
    inner_folds: int
    permutations: int
    permutation_repeats: int
    stability_pairs: int
    bootstraps: int
    imputations: int
    refits: int = 0
    optimism_samples: int = 0
    calibration_samples: int = 0
    curve_draws: int = 0
    stratify: str = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationLine:
    """A step of the plan's preparation, in words."""

    step: str
    blocks: tuple[str, ...]
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisResult:
    """Everything that an analysis found.

    Parameters
    ----------
    format : int
    title, version, study, population, timing : str
        As of the plan; ``timing`` in words.
    software : str
        Version of Operandi.
    level : float
        Of all intervals.
    standing : PlanStanding
    participants : int
        Analyzed for the primary endpoint.
    treated : int
        Denominator of a waterfall; 0 where it is not known.
    therapy : str
        What everybody was given; empty where neither plan nor tables say so.
    primary : str
        Code of the primary endpoint.
    flow : tuple of AnalyzedStep
    predictors : tuple of PredictorSummary
    absent_blocks : tuple of str
        Blocks that some do not have, in words.
    suspects : tuple of SuspectColumn
    preparation : tuple of PreparationLine
    resampling : ResamplingDone
    endpoints : tuple of EndpointResult
    sample_size : tuple of SampleSizeLine
    models : tuple of ModelResult
        In the plan's order, of the primary endpoint first.
    comparisons : tuple of ComparisonResult
        The plan's first; then every ladder model against M0 by every metric, untested.
    multiplicity : str
        How p values were adjusted, in words.
    verdicts : tuple of VerdictResult
        Of every ladder model after M0; the last is that of the whole ladder's top.
    verdict : VerdictResult
        The one that the head of the report shows.
    courses : tuple of TumorCourse
        Empty where the tables have none; ``courses_reason`` says why.
    notes : tuple of str
        What must be said beside the results.
    """

    format: int
    title: str
    version: str
    study: str
    population: str
    timing: str
    software: str
    level: float
    standing: PlanStanding
    participants: int
    treated: int
    primary: str
    flow: tuple[AnalyzedStep, ...]
    predictors: tuple[PredictorSummary, ...]
    absent_blocks: tuple[str, ...]
    suspects: tuple[SuspectColumn, ...]
    preparation: tuple[PreparationLine, ...]
    resampling: ResamplingDone
    endpoints: tuple[EndpointResult, ...]
    sample_size: tuple[SampleSizeLine, ...]
    models: tuple[ModelResult, ...]
    comparisons: tuple[ComparisonResult, ...]
    multiplicity: str
    verdicts: tuple[VerdictResult, ...]
    verdict: VerdictResult
    courses: tuple[TumorCourse, ...] = ()
    courses_reason: str = ""
    notes: tuple[str, ...] = ()
    therapy: str = ""

    def of_endpoint(self, endpoint: str) -> tuple[ModelResult, ...]:
        """Models on an endpoint, in the plan's order."""
        return tuple(one for one in self.models if one.endpoint == endpoint)


def prognostic_under(therapy: str) -> str:
    """How a finding reads in a cohort that was given a therapy; empty where it is not known.

    >>> prognostic_under("PRRT"), prognostic_under("")
    ('prognostic under PRRT', 'prognostic under the treatment that was given')
    """
    return f"{PROGNOSTIC} {therapy or 'the treatment that was given'}"


def result_json(result: AnalysisResult) -> bytes:
    """Write a result: the same bytes for the same result.

    Raises
    ------
    DataError
        If a number is not finite: what could not be computed must be None with a reason.
    """
    try:
        text = json.dumps(_plain(result), indent=1, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise DataError(
            f"A result needs finite numbers; found one that is not ({error}).",
            remedy="State the quantity as absent, with the reason.",
        ) from error
    return f"{text}\n".encode()


def result_from_json(content: bytes) -> AnalysisResult:
    """Read what ``result_json`` wrote.

    Raises
    ------
    DataError
        If it is none, or of another format.
    """
    try:
        said = json.loads(content)
        known = isinstance(said, dict) and said.get("format") == RESULT_FORMAT
        result: AnalysisResult | None = _typed(AnalysisResult, said) if known else None
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{RESULT_FILE} is none that this version of Operandi can read: {error}.",
            remedy="Run operandi analyse again.",
        ) from error
    if result is None:
        raise DataError(
            f"{RESULT_FILE} needs format {RESULT_FORMAT}.", remedy="Run operandi analyse again."
        )
    return result


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _typed(kind: Any, said: Any) -> Any:
    if not isinstance(said, dict):
        raise TypeError(f"{kind.__name__} needs an object")
    hints = _hints(kind)
    if unknown := sorted(said.keys() - hints.keys()):
        raise KeyError(f"{kind.__name__} has no {unknown[0]}")
    return kind(**{name: _of_type(hints[name], value) for name, value in said.items()})


def _of_type(hint: Any, value: Any) -> Any:
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        if value is None:
            return None
        hint = next(one for one in get_args(hint) if one is not NoneType)
        return _of_type(hint, value)
    if origin is tuple:
        return tuple(_of_type(get_args(hint)[0], one) for one in value)
    if is_dataclass(hint):
        return _typed(hint, value)
    return float(value) if hint is float else value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
