"""Changes and events of tracked lesions in words, for pages and the terminal."""

from collections.abc import Iterator
from typing import Final

from operandi.imaging.lesions.change import ChangeClass
from operandi.imaging.lesions.change_budget import ChangeBudget
from operandi.imaging.lesions.published_repeatability import ChangeScale
from operandi.imaging.lesions.track_changes import JudgedChange
from operandi.imaging.lesions.tracking.tracks import EventKind, TrackEvent, Tracks

_JOINED: Final = "\N{NO-BREAK SPACE}"

IN_SHORT: Final = {
    ChangeClass.INCREASED: "increased",
    ChangeClass.DECREASED: "decreased",
    ChangeClass.WITHIN_REPEATABILITY: "within repetition",
    ChangeClass.REPEATABILITY_UNKNOWN: "not judged",
    ChangeClass.NOT_COMPARABLE: "not comparable",
}
"""Verdicts where there is little room."""


def percent(share: float | None) -> str:
    """A change as a signed share, on one line.

    >>> percent(-0.4).split(), percent(None)
    (['−40', '%'], '')
    """
    if share is None:
        return ""
    return f"{100 * share:+.0f}{_JOINED}%".replace("-", "−")


def number(value: float | None) -> str:
    """Three digits, or all before the point; a dash for no value.

    >>> number(3.14159), number(1549.6), number(None)
    ('3.14', '1550', '–')
    """
    if value is None:
        return "–"
    return f"{value:.0f}" if abs(value) >= 1000.0 else f"{value:.3g}"


def repetition_alone(budget: ChangeBudget | None, *, judged: bool) -> str:
    """What repetition alone gives in 95 % of lesions; empty where that is not known."""
    if budget is None or not judged:
        return ""
    low, high = budget.limits
    if budget.scale is ChangeScale.RELATIVE:
        return f"{percent(low)} to{_JOINED}{percent(high)}"
    return f"{low:+.3g} to {high:+.3g}".replace("-", "−")


def was_judged(change: JudgedChange) -> bool:
    """Whether the change could be held against a repeatability."""
    return change.verdict.verdict not in {
        ChangeClass.REPEATABILITY_UNKNOWN,
        ChangeClass.NOT_COMPARABLE,
    }


def event_words(event: TrackEvent, *, with_reason: bool = True) -> str:
    """An event with its probability."""
    whom = f" with {', '.join(event.others)}" if event.others else ""
    said = event_name(event.kind)
    if event.kind is EventKind.UNCERTAIN:
        said = f"uncertain, likeliest {event_name(event.likeliest)}"
    if event.kind is EventKind.FIRST:
        return said
    reason = f"; {event.reason}" if event.reason and with_reason else ""
    return f"{said}{whom} ({_probability(event.probability)}){reason}"


_NAMES: Final = {EventKind.STABLE: "found again", EventKind.RESOLVED: "no longer found"}


def event_name(kind: EventKind) -> str:
    """What an event is called.

    A stable lesion is the same one, whatever became of its size; a resolved one may have lost its
    receptors and be there all the same.
    """
    return _NAMES.get(kind, str(kind))


def _probability(value: float) -> str:
    # A model's 0.99998 is no such certainty.
    return "p > 0.99" if value > 0.99 else f"p = {value:.2f}"


def events_of(lesion: str, tracks: Tracks) -> Iterator[TrackEvent]:
    """Events of a lesion in the order of the visits."""
    for event in tracks.events:
        if event.lesion == lesion or lesion in event.others:
            yield event


def budget_words(budget: ChangeBudget) -> str:
    """Every term of a budget, as a standard uncertainty of the change."""
    relative = budget.scale is ChangeScale.RELATIVE
    terms = []
    for term in budget.terms:
        if term.standard is None:
            terms.append(f"{term.item} not known")
        else:
            size = f"{100 * term.standard:.0f} %" if relative else f"{term.standard:.3g}"
            left_out = " (within it)" if term.counted == 0.0 else ""
            terms.append(f"{term.item} {size}{left_out}")
    return "; ".join(terms)
