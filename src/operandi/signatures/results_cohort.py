"""What an analysis found of the cohort, as plain data: flow, predictors, endpoints, courses."""

from dataclasses import dataclass

Values = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """A number with its interval, or the reason why there is none.

    Parameters
    ----------
    value : float or None
    low, high : float or None
        Interval at ``AnalysisResult.level``; both or neither.
    standard_error : float or None
        Where a formula or resampling gives it.
    reason : str
        Why ``value`` or its interval is absent; else empty.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedReason:
    """How many participants something holds of, and what."""

    reason: str
    participants: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzedStep:
    """A step of the participant flow.

    Parameters
    ----------
    title : str
        Such as ``"given cycle 1"``.
    remaining : int
        Participants after it.
    left_out : tuple of CountedReason
        Who left at it; empty for the first.
    """

    title: str
    remaining: int
    left_out: tuple[CountedReason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorSummary:
    """A predictor over the whole population, with the endpoint or without, before preparation.

    Parameters
    ----------
    name, block : str
    known, missing : int
        Participants with and without a value.
    mean, deviation, minimum, lower_quartile, median, upper_quartile, maximum : float or None
        Of the known values; None where there are none.
    logged : bool
        Whether the numbers are of natural logarithms of what was measured.
    """

    name: str
    block: str
    known: int
    missing: int
    mean: float | None
    deviation: float | None
    minimum: float | None
    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None
    maximum: float | None
    logged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectColumn:
    """A column that follows time, event or site closely."""

    column: str
    finding: str
    kept_because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalCurve:
    """A Kaplan-Meier curve: a step at each event, with its band.

    Parameters
    ----------
    name : str
        Such as ``"all"`` or ``"high risk"``.
    participants, events : int
    days, survival, low, high : (k,) float
        At each distinct event time, ascending; the curve is 1 before the first. ``low`` and
        ``high`` are log-log limits.
    last_day : float
        End of follow-up, to which the curve is drawn.
    censored_days : tuple of float
        For ticks, ascending.
    at_risk_days, at_risk : (m,) float
        For the table beneath.
    median_days : Estimated
    """

    name: str
    participants: int
    events: int
    days: Values
    survival: Values
    low: Values
    high: Values
    last_day: float
    censored_days: Values
    at_risk_days: Values
    at_risk: Values
    median_days: Estimated


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalCurve:
    """The NPMLE of interval-censored events.

    Parameters
    ----------
    left, right, mass : (m,) float
        Where mass lies, (left, right]; ``right`` is None for what was not seen to happen.
    certificate : float
        Largest gradient over n; 1 at the maximum.
    days, highest, lowest : (k,) float
        Survival that the estimate allows on a grid of days: it is unknown between the two.
    band_low, band_high : (k,) float
        Bootstrap limits of ``highest`` (mass at right ends); empty where there are none.
    """

    left: Values
    right: tuple[float | None, ...]
    mass: Values
    certificate: float
    days: Values
    highest: Values
    lowest: Values
    band_low: Values = ()
    band_high: Values = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidenceCurve:
    """Cumulative incidence of one cause, a step at each event of any (Aalen-Johansen)."""

    cause: str
    events: int
    days: Values
    incidence: Values
    low: Values
    high: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class AtDay:
    """A quantity on a day."""

    day: float
    estimate: Estimated


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointResult:
    """An endpoint described, whoever foretells it.

    Parameters
    ----------
    code, kind, role, rule : str
        As of the plan, and how values were made, in words.
    binary : bool
    participants, events : int
        Analyzed; of a binary endpoint those of whom it is true.
    time_used : tuple of str
        Which time each analysis uses, in words; empty of a binary endpoint.
    conditions : tuple of str
        Such as ``"few_events"``.
    excluded, endings : tuple of CountedReason
    follow_up_median_days : Estimated
        Reverse Kaplan-Meier.
    curve, interval_curve, incidence
        None or empty where there are none; ``interval_reason`` says why.
    event_free : tuple of AtDay
        Probability of no event through each horizon.
    restricted_mean : tuple of AtDay
        Mean event-free days within each horizon.
    share : Estimated
        Of a binary endpoint.
    treated : int
        Denominator of a binary endpoint beside the evaluable.
    """

    code: str
    kind: str
    role: str
    rule: str
    binary: bool
    participants: int
    events: int
    time_used: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    excluded: tuple[CountedReason, ...] = ()
    endings: tuple[CountedReason, ...] = ()
    follow_up_median_days: Estimated = Estimated(value=None, reason="not a time")
    curve: SurvivalCurve | None = None
    interval_curve: IntervalCurve | None = None
    interval_reason: str = ""
    incidence: tuple[IncidenceCurve, ...] = ()
    event_free: tuple[AtDay, ...] = ()
    restricted_mean: tuple[AtDay, ...] = ()
    share: Estimated = Estimated(value=None, reason="not a yes/no endpoint")
    treated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSizeLine:
    """What Riley's criteria ask of a model, and what these participants afford.

    Parameters
    ----------
    model : str
        Code.
    parameters : int
        Candidates, before any selection.
    assumed_r2 : float
        Cox-Snell; 15 % of the largest possible, as the papers advise where nothing is known.
    needed_participants, needed_events : int or None
    participants, events : int
        There are.
    expected_shrinkage : float or None
        0.9 or more is asked for.
    affordable_parameters : int or None
    reason : str
        Why numbers are absent.
    """

    model: str
    parameters: int
    assumed_r2: float
    needed_participants: int | None
    needed_events: int | None
    participants: int
    events: int
    expected_shrinkage: float | None
    affordable_parameters: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePoint:
    """Sum of diameters of an exam less that of baseline, as a part of it.

    ``change`` is None where the exam was planned and is missing or not evaluable: a line drawn
    through it would invent it.
    """

    day: float
    change: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseMark:
    """What happened on a day of a course, such as ``"new lesion"``."""

    day: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TumorCourse:
    """A participant's course, for swimmer, waterfall and spider; days count from the start.

    Parameters
    ----------
    participant : str
    last_day : float
        End of the bar.
    ending : str
        Such as ``"progression"``.
    ongoing : bool
        Whether follow-up goes on.
    changes : tuple of SizePoint
        Of every exam after baseline; empty where nobody read one, or there is no target lesion.
    best_change : float or None
        Smallest of them; None where no exam was evaluable.
    marks : tuple of CourseMark
        New lesions, progression, another treatment.
    """

    participant: str
    last_day: float
    ending: str
    ongoing: bool
    changes: tuple[SizePoint, ...] = ()
    best_change: float | None = None
    marks: tuple[CourseMark, ...] = ()
