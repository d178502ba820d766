"""How many participants a prediction model needs, after Riley, and what a given number achieves."""

import math
from dataclasses import dataclass

from operandi.quantities.errors import DataError

_SHRINKAGE = 0.9
_SMALL_DIFFERENCE = 0.05
_MARGIN = 0.05
_Z = 1.96  # as the papers round it


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """Participants that each criterion asks for; the largest decides.

    Parameters
    ----------
    for_shrinkage : int
        So that coefficients need be shrunk by 10 % at most.
    for_optimism : int
        So that apparent and adjusted Nagelkerke R2 differ by 0.05 at most.
    for_overall_risk : int
        So that the overall risk is known to within 0.05.
    participants, events : int
        Needed in all.
    largest_r2 : float
        The largest Cox-Snell R2 that the outcome allows.
    """

    for_shrinkage: int
    for_optimism: int
    for_overall_risk: int
    participants: int
    events: int
    largest_r2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AchievedPrecision:
    """What a given number of participants affords.

    Parameters
    ----------
    shrinkage : float
        Expected uniform shrinkage factor; 0.9 or more is asked for.
    optimism : float
        Expected optimism of Nagelkerke's R2; 0.05 or less is asked for.
    affordable_parameters : int
        The most parameters for which both hold.
    """

    shrinkage: float
    optimism: float
    affordable_parameters: int


def cox_snell_r2(*, likelihood_ratio: float, participants: int) -> float:
    """Cox-Snell R2 of a likelihood ratio statistic: 1 - exp(-LR / n)."""
    return -math.expm1(-likelihood_ratio / participants)


def largest_r2_survival(*, event_rate: float, mean_follow_up: float) -> float:
    """Largest Cox-Snell R2 of a survival outcome, from an exponential null model.

    1 - (rate e^-1)^(2 E / n), with E / n = rate * mean follow-up. The unit of time matters, as in
    the paper: rates are per year there.

    Raises
    ------
    DataError
        If either is not positive, or the rate too large for the formula to hold.
    """
    _refuse_not_positive(event_rate=event_rate, mean_follow_up=mean_follow_up)
    if event_rate >= math.e:
        raise DataError(
            f"The largest R2 is known of less than {math.e:.2f} events a person-year; found "
            f"{event_rate:g}.",
            remedy="Give the rate in events a person-year.",
        )
    events = event_rate * mean_follow_up
    return -math.expm1(2.0 * events * (math.log(event_rate) - 1.0))


def largest_r2_binary(*, prevalence: float) -> float:
    """Largest Cox-Snell R2 of a binary outcome: 1 - exp(2 ln L_null / n)."""
    null = prevalence * math.log(prevalence) + (1.0 - prevalence) * math.log(1.0 - prevalence)
    return -math.expm1(2.0 * null)


def sample_size_survival(
    *, r2: float, parameters: int, event_rate: float, mean_follow_up: float, horizon: float
) -> SampleSize:
    """Participants for a model of a time to an event.

    Parameters
    ----------
    r2 : float
        Cox-Snell R2 expected of the model, adjusted for optimism.
    parameters : int
        Candidate parameters, counted before any selection.
    event_rate : float
        Events a person-year.
    mean_follow_up : float
        Years.
    horizon : float
        Years at which the overall risk must be precise.

    Raises
    ------
    DataError
        If a quantity is not positive or R2 exceeds what the outcome allows.

    Notes
    -----
    Precision of the overall risk: 1 - exp(-rate t), its ends at rate +- 1.96 sqrt(rate / person
    years), each within 0.05 of it.

    References
    ----------
    .. [1] Riley et al., Stat Med 38:1276, 2019, sections 4 to 6.
    .. [2] Riley et al., BMJ 368:m441, 2020.
    """
    _refuse_not_positive(
        event_rate=event_rate, mean_follow_up=mean_follow_up, horizon=horizon, parameters=parameters
    )
    largest = largest_r2_survival(event_rate=event_rate, mean_follow_up=mean_follow_up)
    # exp(-rate t) moves most towards lower rates, so the lower end decides.
    survival = math.exp(-event_rate * horizon)
    margin = math.log1p(_MARGIN / survival) / horizon
    risk = math.ceil(_Z**2 * event_rate / (margin**2 * mean_follow_up))
    return _of_criteria(
        r2=r2,
        parameters=parameters,
        largest=largest,
        risk=risk,
        events_each=event_rate * mean_follow_up,
    )


def sample_size_binary(
    *, r2: float, parameters: int, prevalence: float, mean_absolute_error: float | None = None
) -> SampleSize:
    """Participants for a model of a yes-or-no outcome.

    Parameters
    ----------
    r2, parameters
        As of ``sample_size_survival``.
    prevalence : float
        Share with the outcome.
    mean_absolute_error : float, optional
        Largest mean error of a predicted risk to be allowed; counts with the overall risk.

    Raises
    ------
    DataError
        If prevalence is no share or R2 exceeds what the outcome allows.

    References
    ----------
    .. [1] Riley et al., Stat Med 38:1276, 2019.
    .. [2] Riley et al., BMJ 368:m441, 2020, criteria 1 to 4.
    .. [3] van Smeden et al., Stat Methods Med Res 28:2455, 2019 (mean absolute error).
    """
    _refuse_not_positive(parameters=parameters, prevalence=prevalence)
    if prevalence >= 1.0:
        raise DataError(f"A prevalence needs to lie between 0 and 1; found {prevalence:g}.")
    risk = math.ceil((_Z / _MARGIN) ** 2 * prevalence * (1.0 - prevalence))
    if mean_absolute_error is not None:
        _refuse_not_positive(mean_absolute_error=mean_absolute_error)
        logarithm = -0.508 + 0.259 * math.log(prevalence) + 0.504 * math.log(parameters)
        logarithm -= math.log(mean_absolute_error)
        risk = max(risk, math.ceil(math.exp(logarithm / 0.544)))
    return _of_criteria(
        r2=r2,
        parameters=parameters,
        largest=largest_r2_binary(prevalence=prevalence),
        risk=risk,
        events_each=prevalence,
    )


def achieved_precision(
    *, participants: int, r2: float, largest_r2: float, parameters: int
) -> AchievedPrecision:
    """Shrinkage and optimism to be expected of a model that was fitted on so many participants.

    Parameters
    ----------
    participants : int
        Who were there.
    r2 : float
        Cox-Snell R2, adjusted for optimism.
    largest_r2 : float
        From ``largest_r2_survival`` or ``largest_r2_binary``.
    parameters : int
        Candidates.

    References
    ----------
    .. [1] Riley et al., Stat Med 38:1276, 2019, equations 11 and 12, solved for the shrinkage.
    """
    _refuse_r2(r2=r2, largest=largest_r2)
    _refuse_not_positive(participants=participants, parameters=parameters)
    shrinkage = _shrinkage(participants=participants, r2=r2, parameters=parameters)
    affordable = 0
    while _affords(participants, r2, largest_r2, affordable + 1):
        affordable += 1
    return AchievedPrecision(
        shrinkage=shrinkage,
        optimism=(r2 / shrinkage - r2) / largest_r2,
        affordable_parameters=affordable,
    )


def concordance_standard_error(
    *, concordance: float, participants: int, event_share: float
) -> float:
    """Standard error to be expected of a C statistic, after Newcombe.

    References
    ----------
    .. [1] Newcombe, Stat Med 25:559, 2006, method 4.
    .. [2] Riley et al., Stat Med 40:4230, 2021, equation 7 (its use for sample size).
    """
    _refuse_not_positive(participants=participants, event_share=event_share)
    if not (0.0 < concordance < 1.0 and event_share < 1.0):
        raise DataError(
            f"A concordance and a share of events need to lie between 0 and 1; found "
            f"{concordance:g} and {event_share:g}."
        )
    half = participants / 2.0 - 1.0
    inner = 1.0 + half * (1.0 - concordance) / (2.0 - concordance)
    inner += half * concordance / (1.0 + concordance)
    spread = concordance * (1.0 - concordance) * inner
    return math.sqrt(spread / (participants**2 * event_share * (1.0 - event_share)))


def _affords(participants: int, r2: float, largest: float, parameters: int) -> bool:
    shrinkage = _shrinkage(participants=participants, r2=r2, parameters=parameters)
    if shrinkage < _SHRINKAGE:
        return False
    return (r2 / shrinkage - r2) / largest <= _SMALL_DIFFERENCE


def _shrinkage(*, participants: int, r2: float, parameters: int) -> float:
    """S with n = P / ((S - 1) ln(1 - r2 / S)), growing from 0 at S = r2: bisect."""
    low, high = r2, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if r2 / middle >= 1.0:  # so many parameters that it is R2 to the last bit
            break
        if parameters < participants * (middle - 1.0) * math.log1p(-r2 / middle):
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _of_criteria(
    *, r2: float, parameters: int, largest: float, risk: int, events_each: float
) -> SampleSize:
    _refuse_r2(r2=r2, largest=largest)
    shrinkage = _for_shrinkage(_SHRINKAGE, r2, parameters)
    least = r2 / (r2 + _SMALL_DIFFERENCE * largest)
    optimism = _for_shrinkage(least, r2, parameters)
    most = max(shrinkage, optimism, risk)
    return SampleSize(
        for_shrinkage=shrinkage,
        for_optimism=optimism,
        for_overall_risk=risk,
        participants=most,
        events=math.ceil(most * events_each),
        largest_r2=largest,
    )


def _for_shrinkage(shrinkage: float, r2: float, parameters: int) -> int:
    return math.ceil(parameters / ((shrinkage - 1.0) * math.log1p(-r2 / shrinkage)))


def _refuse_r2(*, r2: float, largest: float) -> None:
    if not 0.0 < r2 < min(largest, _SHRINKAGE):
        raise DataError(
            f"A Cox-Snell R2 needs to be > 0 and below {min(largest, _SHRINKAGE):.3g}, the largest "
            f"that the outcome and the criterion allow; found {r2:g}."
        )


def _refuse_not_positive(**quantities: float) -> None:
    for name, value in quantities.items():
        if not (math.isfinite(value) and value > 0.0):
            raise DataError(f"{name.replace('_', ' ')} needs to be > 0; found {value:g}.")
