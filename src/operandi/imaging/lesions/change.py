"""Whether a change of a lesion is real, or repetition alone would give it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from operandi.domain.measurement import Measurement
from operandi.imaging.lesions.change_budget import (
    ChangeBudget,
    ChangeEvidence,
    as_change,
    budget_of,
    change_on,
)
from operandi.imaging.lesions.comparability import Comparability
from operandi.imaging.lesions.published_repeatability import ChangeScale
from operandi.imaging.lesions.repeatability import (
    Repeatability,
    RepeatabilityOrigin,
    UnknownRepeatability,
)
from operandi.quantities.errors import DataError

FALSE_ALARMS: Final = 0.05
"""Share of unchanged lesions whose change goes beyond the limits by itself."""


NOTHING_KNOWN: Final = ChangeEvidence()
"""Only the repeatability is known."""


class ChangeClass(StrEnum):
    """What became of a quantity."""

    INCREASED = "increased"
    DECREASED = "decreased"
    WITHIN_REPEATABILITY = "within repeatability"
    REPEATABILITY_UNKNOWN = "repeatability unknown"
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeVerdict:
    """What became of a quantity of a lesion between two visits, and why it is said.

    Parameters
    ----------
    before, after : Measurement
        The two values.
    verdict : ChangeClass
        The answer.
    change : float or None
        A share of the first value (0.4 for +40 %), or in the unit on the absolute scale. None
        where a value is absent or a relative change has no meaning.
    budget : ChangeBudget or None
        What repetition alone would give; None exactly where ``change`` is.
    p_value : float or None
        Probability of a change as large from repetition alone; None where the repeatability is
        not known or the scans are not comparable.
    reasons : tuple of str
        Why this verdict. Never empty.
    caveats : tuple of str
        What could not be checked, or was borrowed.
    """

    before: Measurement
    after: Measurement
    verdict: ChangeClass
    change: float | None
    budget: ChangeBudget | None
    p_value: float | None
    reasons: tuple[str, ...]
    caveats: tuple[str, ...]

    @property
    def real(self) -> bool:
        """Whether the change is more than repetition."""
        return self.verdict in {ChangeClass.INCREASED, ChangeClass.DECREASED}


def judge_change(
    before: Measurement,
    after: Measurement,
    *,
    repeatability: Repeatability | UnknownRepeatability,
    comparability: Comparability,
    evidence: ChangeEvidence = NOTHING_KNOWN,
) -> ChangeVerdict:
    """Judge the change of one quantity of one lesion (or patient) between two visits.

    Parameters
    ----------
    before, after : Measurement
        Of one subject and kind, in order of time. An absent value makes them not comparable.
    repeatability : Repeatability or UnknownRepeatability
        Of this quantity (``choose_repeatability``).
    comparability : Comparability
        Conditions of both scans and what the study lets differ.
    evidence : ChangeEvidence
        Noise, delineation, motion and attenuation, where known.

    Returns
    -------
    ChangeVerdict
        *Not comparable* goes before everything; then *repeatability unknown*. A change is real
        where it exceeds ``budget.limit``. With nothing changed that happens in 5 % of judgments,
        both directions together: in 20 lesions one is expected (see ``holm_adjusted``).

    Raises
    ------
    DataError
        If the two are of different subjects or kinds or of one visit, or the repeatability is of
        another quantity.
    """
    _require_pair(before, after, repeatability)
    scale = repeatability.scale
    known = repeatability if isinstance(repeatability, Repeatability) else None
    across = known is not None and known.across_scanners
    obstacles = [*_absences(before, after), *comparability.obstacles(across_scanners=across)]
    if before.method != after.method:
        obstacles.append(f"different methods: {before.method}, then {after.method}")
    one, two = before.value, after.value
    budget, moved = None, None
    if one is not None and two is not None:
        if scale is ChangeScale.RELATIVE and min(one, two) <= 0.0:
            obstacles.append(f"a relative change needs two values > 0; found {one:g} and {two:g}")
        else:
            moved = change_on(scale, before=one, after=two)
            budget = budget_of(
                values=(one, two), scale=scale, repeatability=known, evidence=evidence
            )
    verdict, reasons = _decided(moved, budget, obstacles, repeatability)
    judged = verdict not in {ChangeClass.NOT_COMPARABLE, ChangeClass.REPEATABILITY_UNKNOWN}
    return ChangeVerdict(
        before=before,
        after=after,
        verdict=verdict,
        change=None if moved is None else as_change(scale, moved),
        budget=budget,
        p_value=budget.p_value(moved) if judged and budget and moved is not None else None,
        reasons=tuple(reasons),
        caveats=_caveats(repeatability, comparability, budget),
    )


def holm_adjusted(verdicts: Sequence[ChangeVerdict]) -> tuple[float | None, ...]:
    """p-values of a patient's lesions, adjusted so that *any* false alarm stays below their level.

    Holm's step-down: ``max over the smaller ones of (m - rank) p``, at most 1; *m* counts the
    verdicts that have a p-value. None where a verdict has none. In the order given.

    References
    ----------
    .. [1] Holm, Scand J Stat 6:65, 1979.
    """
    known = sorted(
        (one.p_value, place) for place, one in enumerate(verdicts) if one.p_value is not None
    )
    adjusted: list[float | None] = [None] * len(verdicts)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = highest
    return tuple(adjusted)


def _require_pair(
    before: Measurement, after: Measurement, repeatability: Repeatability | UnknownRepeatability
) -> None:
    if before.subject != after.subject or before.kind != after.kind:
        raise DataError(
            "A change is of one quantity of one subject; found "
            f"{before.kind.name} of {before.subject.name or before.subject.participant} and "
            f"{after.kind.name} of {after.subject.name or after.subject.participant}.",
            remedy="Track the lesions first, so that each has one name at all visits.",
        )
    if before.timepoint == after.timepoint:
        raise DataError(
            f"A change needs two visits; both values are of {before.timepoint or 'no visit'}.",
            remedy="Give the values of two visits, in order of time.",
        )
    if repeatability.quantity != before.kind.name:
        raise DataError(
            f"The repeatability is of {repeatability.quantity}, the values are {before.kind.name}.",
            remedy="Give the repeatability of this quantity, or say that it is unknown.",
        )


def _absences(before: Measurement, after: Measurement) -> list[str]:
    visits = (("first", before), ("second", after))
    return [f"no value at the {name} visit: {one.absent}" for name, one in visits if one.absent]


def _decided(
    moved: float | None,
    budget: ChangeBudget | None,
    obstacles: Sequence[str],
    repeatability: Repeatability | UnknownRepeatability,
) -> tuple[ChangeClass, list[str]]:
    if obstacles or moved is None or budget is None:
        return ChangeClass.NOT_COMPARABLE, list(obstacles)
    if isinstance(repeatability, UnknownRepeatability):
        reasons = [repeatability.reason]
        if budget.standard > 0.0 and abs(moved) <= budget.limit:
            reasons.append("the known terms alone already allow a change of this size")
        return ChangeClass.REPEATABILITY_UNKNOWN, reasons
    low, high = budget.limits
    limits = (
        f"{100 * low:+.0f} to {100 * high:+.0f} %"
        if budget.scale is ChangeScale.RELATIVE
        else f"{low:+.3g} to {high:+.3g} in its unit"
    )
    if abs(moved) <= budget.limit:
        verdict = ChangeClass.WITHIN_REPEATABILITY
        return verdict, [f"repetition alone gives {limits} in 95 % of lesions"]
    verdict = ChangeClass.INCREASED if moved > 0.0 else ChangeClass.DECREASED
    return verdict, [f"beyond what repetition alone gives in 95 % of lesions, {limits}"]


def _caveats(
    repeatability: Repeatability | UnknownRepeatability,
    comparability: Comparability,
    budget: ChangeBudget | None,
) -> tuple[str, ...]:
    borrowed = (
        isinstance(repeatability, Repeatability)
        and repeatability.origin is RepeatabilityOrigin.BORROWED
    )
    said = ["the repeatability is borrowed: no test-retest of this tracer"] if borrowed else []
    terms = () if budget is None else budget.terms
    unknown = [f"{term.item} not known" for term in terms if term.standard is None]
    return (*said, *comparability.unstated(), *unknown)
