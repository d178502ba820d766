"""Tracking of simulated constellations: F1 of pairs, sensitivity for new and resolved lesions.

Run from the checkout: ``python -m benchmarks.tracking [draws] [seed]``. Each draw has 3 to 30
lesions; the misregistration is smooth and not affine
(tests/imaging/lesions/tracking/constellations.py). Beside it stand nearest neighbors taken
greedily and one assignment without refinement, both within the same distance and told how large
the misregistration is. F1 pools the pairs of all draws; the interval is a bootstrap over draws.
"""

import sys
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from operandi.domain.identity import LesionId, Pseudonym
from operandi.imaging.lesions.tracking.alignment import not_aligned
from operandi.imaging.lesions.tracking.settings import TrackingSettings
from operandi.imaging.lesions.tracking.track import track_lesions
from operandi.imaging.lesions.tracking.tracks import EventKind
from operandi.imaging.lesions.tracking.visit_lesions import centers_of
from tests.imaging.lesions.tracking.constellations import WORLDS, Course, a_course

MISREGISTRATIONS_MM = (0.0, 6.0, 12.0, 20.8)
# The last is 12 mm along each axis.
REACH_IN_RMS = 2.5
RESAMPLED = 1000
Found = tuple[
    set[tuple[LesionId, LesionId]], set[LesionId], set[LesionId], list[tuple[float, bool]]
]


def ours(course: Course, rms_mm: float) -> Found:
    """Pairs, resolved and new lesions as tracked, and the probabilities of the pairs."""
    del rms_mm
    tracks = track_lesions(
        (course.before, course.after),
        participant=Pseudonym("P-001"),
        settings=TrackingSettings(),
        alignments=(not_aligned(),),
    )
    pairs, probabilities = set(), []
    names = {track.id: track.sightings for track in tracks.tracks}
    for track in tracks.tracks:
        pairs |= {(one.name, other.name) for one, other in pairwise(track.sightings)}
    resolved = {
        names[event.lesion][0].name
        for event in tracks.events
        if event.likeliest is EventKind.RESOLVED
    }
    new = {
        names[event.lesion][0].name for event in tracks.events if event.likeliest is EventKind.NEW
    }
    chances = {
        event.lesion: event.probability
        for event in tracks.events
        if event.likeliest is EventKind.STABLE
    }
    for track in tracks.tracks:
        if len(track.sightings) == 2:
            right = (track.sightings[0].name, track.sightings[1].name) in course.same
            probabilities.append((chances[track.id], right))
    return pairs, resolved, new, probabilities


def one_assignment(course: Course, rms_mm: float) -> Found:
    """The shortest distances in sum, none beyond the reach."""
    distance = _distances(course)
    reach = max(REACH_IN_RMS * rms_mm, 10.0)
    rows, columns = linear_sum_assignment(np.minimum(distance, reach))
    chosen = [(i, j) for i, j in zip(rows, columns, strict=True) if distance[i, j] < reach]
    return _found(course, chosen)


def greedy(course: Course, rms_mm: float) -> Found:
    """The nearest pair, then the nearest of the rest."""
    distance = _distances(course).copy()
    reach = max(REACH_IN_RMS * rms_mm, 10.0)
    chosen = []
    while distance.size and distance.min() < reach:
        i, j = (int(n) for n in np.unravel_index(distance.argmin(), distance.shape))
        chosen.append((i, j))
        distance[i, :] = distance[:, j] = np.inf
    return _found(course, chosen)


def _distances(course: Course) -> npt.NDArray[np.float64]:
    one, other = centers_of(course.before.lesions), centers_of(course.after.lesions)
    distances: npt.NDArray[np.float64] = np.linalg.norm(one[:, None] - other[None], axis=-1)
    return distances


def _found(course: Course, chosen: list[tuple[int, int]]) -> Found:
    one, other = course.before.lesions, course.after.lesions
    pairs = {(one[i].name, other[j].name) for i, j in chosen}
    resolved = {lesion.name for lesion in one} - {name for name, _ in pairs}
    new = {lesion.name for lesion in other} - {name for _, name in pairs}
    return pairs, resolved, new, []


def counts_of(course: Course, found: Found) -> list[int]:
    """True, found and right pairs; resolved, and found of them; new, and found of them."""
    pairs, resolved, new, _ = found
    return [
        len(course.same),
        len(pairs),
        len(pairs & course.same),
        len(course.resolved),
        len(course.resolved & resolved),
        len(course.new),
        len(course.new & new),
    ]


def scores(counts: npt.NDArray[np.int64]) -> tuple[float, float, float]:
    """F1 of pairs, sensitivity for resolved, for new."""
    true, found, right, gone, gone_right, new, new_right = counts.sum(axis=0)
    return 2.0 * right / (true + found), gone_right / gone, new_right / new


def report(
    what: str, work: Callable[[Course, float], Found], courses: list[Course], mm: float
) -> None:
    """Print the scores with their 95 % intervals over draws."""
    began = time.process_time()
    found = [work(course, mm) for course in courses]
    seconds = (time.process_time() - began) / len(courses)
    counts = np.array([counts_of(c, f) for c, f in zip(courses, found, strict=True)])
    rng = np.random.default_rng(1)
    again = [scores(counts[rng.integers(len(counts), size=len(counts))]) for _ in range(RESAMPLED)]
    low, high = np.percentile(again, (2.5, 97.5), axis=0)
    words = [
        f"{name} {value:.3f} ({a:.3f}-{b:.3f})"
        for name, value, a, b in zip(
            ("F1", "resolved", "new"), scores(counts), low, high, strict=True
        )
    ]
    print(f"{mm:4.0f} mm  {what:16} {'  '.join(words)}  {1e3 * seconds:.0f} ms a draw")
    chances = [pair for one in found for pair in one[3]]
    if chances:
        _calibration(chances)


def _calibration(chances: list[tuple[float, bool]]) -> None:
    said, right = np.array(chances, dtype=float).T
    for low, high in ((0.0, 0.5), (0.5, 0.75), (0.75, 0.9), (0.9, 0.98), (0.98, 1.01)):
        inside = (said >= low) & (said < high)
        if inside.any():
            print(
                f"           said {said[inside].mean():.3f}, right {right[inside].mean():.3f} "
                f"({np.count_nonzero(inside)} pairs)"
            )


def main(draws: int, seed: int) -> None:
    """Run all worlds and misregistrations."""
    methods = (("greedy", greedy), ("one assignment", one_assignment), ("ours", ours))
    for name, world in WORLDS.items():
        print(f"{name}: {world}")
        for mm in MISREGISTRATIONS_MM:
            rng = np.random.default_rng([seed, round(mm)])
            courses = [
                a_course(rng, count=int(rng.integers(3, 31)), rms_mm=mm, world=world)
                for _ in range(draws)
            ]
            for what, work in methods:
                report(what, work, courses, mm)


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 500,
        int(sys.argv[2]) if len(sys.argv) > 2 else 0,
    )
