"""Folds of nested cross-validation: of participants, even in events, the same from every seed.

They may be even in the sites of those with and of those without an event too, or in nothing.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools

Labels = npt.NDArray[np.int64]

Stratify = Literal["event", "event_and_site", "none"]
"""In what folds are even."""
LEAST_EVENTS_A_FOLD: Final = 2
"""Of training parts: one event makes no path, and its neighbors then have nothing to tune on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Folds:
    """One repeat of nested cross-validation.

    Parameters
    ----------
    outer : (n,) int
        Outer fold of each row, from 0.
    inner : (k, n) int
        For each outer fold the inner fold of its training rows; -1 at its own left-out rows.
    """

    outer: Labels
    inner: Labels

    @property
    def count(self) -> int:
        """Number of outer folds."""
        return int(self.inner.shape[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """How often, into how many folds, from which seed.

    Parameters
    ----------
    repeats : int
        Of the whole nested cross-validation, each with folds of its own.
    outer, inner : int
        Folds.
    seed : int
        Repeat r depends on it and r alone.
    stratify : {"event", "event_and_site", "none"}
        In what folds are even.
    """

    repeats: int
    outer: int
    inner: int
    seed: int
    stratify: Stratify = "event"

    def __post_init__(self) -> None:
        if self.repeats < 1 or self.outer < 2 or self.inner < 2 or self.seed < 0:
            raise DataError(
                f"Nested cross-validation needs repeats >= 1, folds >= 2 and a seed >= 0; found "
                f"{self.repeats}, {self.outer} x {self.inner} and {self.seed}."
            )


def generator_of(seed: int, *path: int) -> np.random.Generator:
    """A stream of random numbers of its own for each purpose, repeat and fold."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=path)))


def draw_folds(
    participants: tuple[str, ...],
    event: Bools,
    *,
    resampling: Resampling,
    repeat: int,
    sites: tuple[str, ...] = (),
) -> Folds:
    """Draw the folds of one repeat.

    Rows of one participant stay together; participants with and without an event are dealt out
    apart, so that the folds differ by at most one of each. With ``"event_and_site"`` the
    participants of each site are, too: then folds also differ by at most one of each site with,
    and of each site without an event.

    Parameters
    ----------
    participants : tuple of str
        Of the rows.
    event : (n,) bool
        Whether the event of each row was seen.
    resampling : Resampling
    repeat : int
        From 0.
    sites : tuple of str
        Of the rows, for folds by site; a participant is of the site of the first row.

    Raises
    ------
    DataError
        If sites are needed and not given, a fold would be empty, or an inner training part could
        hold less than two events.
    """
    whose, has_event = _persons(participants, event)
    persons = has_event.size
    if persons < resampling.outer * resampling.inner:
        raise DataError(
            f"{resampling.outer} x {resampling.inner} folds need that many participants; found "
            f"{persons}.",
            remedy="Use fewer folds.",
        )
    events = int(np.count_nonzero(has_event))
    fewest = events - -(-events // resampling.outer)
    fewest -= -(-fewest // resampling.inner)
    if fewest < LEAST_EVENTS_A_FOLD:
        raise DataError(
            f"{resampling.outer} x {resampling.inner} folds of {events} events can leave "
            f"{max(fewest, 0)} to learn from.",
            remedy="Wait for events, or use fewer folds.",
        )
    generator = generator_of(resampling.seed, 0, repeat)
    classes = _classes(whose, has_event, sites, resampling.stratify)
    outer = _dealt(classes, folds=resampling.outer, generator=generator)
    inner = np.full((resampling.outer, persons), -1, dtype=np.int64)
    for fold in range(resampling.outer):
        training = np.flatnonzero(outer != fold)
        inner[fold, training] = _dealt(
            classes[training], folds=resampling.inner, generator=generator
        )
    return Folds(outer=outer[whose], inner=np.ascontiguousarray(inner[:, whose]))


def deal_folds(
    participants: tuple[str, ...],
    event: Bools,
    *,
    folds: int,
    generator: np.random.Generator,
    sites: tuple[str, ...] = (),
    stratify: Stratify = "event",
) -> Labels:
    """Fold of each row in one plain cross-validation, as ``draw_folds`` deals them."""
    whose, has_event = _persons(participants, event)
    classes = _classes(whose, has_event, sites, stratify)
    return np.asarray(_dealt(classes, folds=folds, generator=generator)[whose])


def _persons(participants: tuple[str, ...], event: Bools) -> tuple[Labels, Bools]:
    """Person of each row, numbered in the order of first rows, and who has an event."""
    number = {one: place for place, one in enumerate(dict.fromkeys(participants))}
    whose = np.array([number[one] for one in participants], dtype=np.int64)
    has_event = np.zeros(len(number), dtype=np.bool_)
    has_event[whose[event]] = True
    return whose, has_event


def _classes(whose: Labels, has_event: Bools, sites: tuple[str, ...], stratify: Stratify) -> Labels:
    """Class of each participant: those with an event come first, within them site by site."""
    if stratify == "none":
        return np.zeros(has_event.size, dtype=np.int64)
    without = (~has_event).astype(np.int64)
    if stratify == "event":
        return without
    if len(sites) != whose.size:
        raise DataError(
            f"Folds by site need the site of each of {whose.size} rows; found {len(sites)}.",
            remedy='Supply sites, or write stratify = "event".',
        )
    number = {site: place for place, site in enumerate(sorted(set(sites)))}
    first = np.unique(whose, return_index=True)[1]
    site = np.array([number[sites[row]] for row in first], dtype=np.int64)
    return without * len(number) + site


def _dealt(classes: Labels, *, folds: int, generator: np.random.Generator) -> Labels:
    """Deal the shuffled participants round, class after class without a break between them."""
    shuffled = generator.permutation(classes.size)
    order = shuffled[np.argsort(classes[shuffled], kind="stable")]
    out = np.empty(classes.size, dtype=np.int64)
    out[order] = np.arange(classes.size) % folds
    return out
