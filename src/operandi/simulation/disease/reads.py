"""What two readers see of a cohort at its RECIST exams, and the responses that follow, as arrays.

The same rules as ``protocol.recist``, in whole millimeters; a test compares both. Each reader has
an independent relative error of every diameter, and misses or imagines new lesions. Both measure
the lesions that the local reader chose: the tables hold one choice.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.special import ndtri

from operandi.simulation.disease.progression import (
    NODE,
    NON_TARGET,
    NONE,
    TARGET,
    choose_lesions,
)
from operandi.simulation.scenario import Scenario
from operandi.simulation.streams import Stream, uniforms

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]

LOCAL, CENTRAL = 0, 1
CR, PR, SD, PD, NE = 0, 1, 2, 3, 4
ABSENT_BELOW_MM: Final = 2.0
"""A lesion measured smaller is not seen. Assumed; above it and below 5 mm it is too small."""
TOO_SMALL_MM: Final = 5
NON_TARGET_GROWTH: Final = 1.5
NON_TARGET_MM: Final = 10
"""A non-target lesion progresses unequivocally from 1.5 times and 10 mm above its smallest.
Assumed: RECIST leaves it to the reader."""
KEPT_ERROR: Final = 0.7
"""Part of the variance of a diameter after baseline that a reader repeats at each exam, having the
one before at hand. Assumed: with less, two readers disagree in more patients than published at
the published part of scans."""
_GONE: Final = 0
NORMAL_NODE_MM: Final = 10
# Whole millimeters that a chosen lesion measures at least at baseline, by category and node.
_LEAST_MM: Final = np.array([[0, 0], [10, 15], [2, 10]])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Reads:
    """One reader's reads of a cohort.

    Parameters
    ----------
    category : (n, lesions) int
        ``NONE``, ``TARGET`` or ``NON_TARGET``.
    measured_mm : (n, t, lesions) int
        Whole millimeters; 0 where absent, below 5 where too small to measure; -1 where not read.
    unequivocal : (n, t, lesions) bool
        Non-target lesions that the reader says have progressed.
    new : (n, t, 4) bool
        New lesions that the reader has seen by then; the last one is none.
    response : (n, t) int
        ``CR`` … ``PD``; ``NE`` at baseline and where there was no exam.
    """

    category: _Ints
    measured_mm: _Ints
    unequivocal: _Bools
    new: _Bools
    response: _Ints


@njit(cache=True)
def _whole_mm(seen_mm: float, least: int) -> int:
    size = round(seen_mm) if seen_mm >= ABSENT_BELOW_MM else _GONE
    return max(size, least)


@njit(cache=True)
def _measure(
    seen_mm: _Floats,
    organ: _Ints,
    category: _Ints,
    smallest: _Ints,
    measured: _Ints,
    unequivocal: _Bools,
) -> None:
    """Fill one exam of a patient; *smallest* holds the smallest so far, -1 at baseline."""
    for lesion in range(category.size):
        kind = category[lesion]
        if kind == NONE:
            continue
        node = organ[lesion] == NODE
        first = smallest[lesion] < 0
        # A lesion was chosen because it measured as much as it must at baseline.
        least = _LEAST_MM[kind, int(node)] if first else 0
        size = _whole_mm(seen_mm[lesion], least)
        measured[lesion] = size
        if kind == NON_TARGET and not first:
            grown = size - smallest[lesion]
            unequivocal[lesion] = grown >= NON_TARGET_MM and (
                size >= NON_TARGET_GROWTH * smallest[lesion]
            )
        smallest[lesion] = size if first else min(smallest[lesion], size)


@njit(cache=True)
def _summary(measured: _Ints, organ: _Ints, category: _Ints, kind: int) -> tuple[int, int, bool]:
    """Number of lesions of a kind, their sum in mm, and whether all are gone."""
    number = 0
    total = 0
    gone = True
    for lesion in range(category.size):
        if category[lesion] != kind:
            continue
        size = measured[lesion]
        counted = size if size == _GONE else max(size, TOO_SMALL_MM)
        number += 1
        total += counted
        normal = organ[lesion] == NODE and counted < NORMAL_NODE_MM
        gone = gone and (size == _GONE or normal)
    return number, total, gone


@njit(cache=True)
def _target_response(total: int, gone: bool, baseline: int, nadir: int) -> int:  # noqa: FBT001
    if gone:
        return CR
    # 20 %, 5 mm and 30 % in whole numbers, so that bounds are exact.
    if 5 * total >= 6 * nadir and total - nadir >= 5:
        return PD
    return PR if 10 * total <= 7 * baseline else SD


@njit(cache=True)
def _respond(
    exam_day: _Floats,
    organ: _Ints,
    category: _Ints,
    measured: _Ints,
    worse: _Bools,
    response: _Ints,
) -> None:
    """Fill the responses of a patient; *worse* (t,) is a new lesion or unequivocal progression."""
    baseline = nadir = 0
    complete = False
    for exam in range(exam_day.size):
        if np.isnan(exam_day[exam]):
            continue
        _, total, targets_gone = _summary(measured[exam], organ, category, TARGET)
        _, _, others_gone = _summary(measured[exam], organ, category, NON_TARGET)
        if exam == 0:
            baseline = nadir = total
            continue
        overall = _target_response(total, targets_gone, baseline, nadir)
        if overall == CR and not others_gone:
            overall = PR
        # After complete response any disease that is seen is progression.
        if worse[exam] or (complete and not (targets_gone and others_gone)):
            overall = PD
        complete = complete or overall == CR
        response[exam] = overall
        nadir = min(nadir, total)


@njit(cache=True)
def _see_new(new_mm: _Floats, chance: _Floats, missed: float, false: float, new: _Bools) -> None:
    """Fill which new lesions have been seen by each exam; once seen they stay."""
    for exam in range(1, len(new)):
        for k in range(new.shape[1]):
            seen = chance[exam, k] < false
            if k < new_mm.shape[1]:
                seen = new_mm[exam, k] > 0.0 and chance[exam, k] >= missed
            new[exam, k] = seen or new[exam - 1, k]


@njit(cache=True)
def _read_all(
    seen_mm: _Floats,
    exam_day: _Floats,
    organ: _Ints,
    category: _Ints,
    new: _Bools,
) -> tuple[_Ints, _Bools, _Ints]:
    n, exams, lesions = seen_mm.shape
    measured = np.full((n, exams, lesions), -1, dtype=np.int64)
    unequivocal = np.zeros((n, exams, lesions), dtype=np.bool_)
    response = np.full((n, exams), NE, dtype=np.int64)
    worse = np.zeros(exams, dtype=np.bool_)
    for row in range(n):
        smallest = np.full(lesions, -1, dtype=np.int64)
        for exam in range(exams):
            if np.isnan(exam_day[row, exam]):
                continue
            _measure(
                seen_mm[row, exam],
                organ[row],
                category[row],
                smallest,
                measured[row, exam],
                unequivocal[row, exam],
            )
            worse[exam] = new[row, exam].any() or unequivocal[row, exam].any()
        _respond(exam_day[row], organ[row], category[row], measured[row], worse, response[row])
    return measured, unequivocal, response


@njit(cache=True)
def _see_all(new_mm: _Floats, chance: _Floats, missed: float, false: float) -> _Bools:
    new = np.zeros(chance.shape, dtype=np.bool_)
    for row in range(len(new)):
        _see_new(new_mm[row], chance[row], missed, false, new[row])
    return new


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Exams:
    """What is there to be seen.

    Parameters
    ----------
    day : (n, t)
        NaN where there was no exam; the first is the baseline.
    organ : (n, lesions) int
    diameter_mm : (n, t, lesions)
        True diameters; a node's is its short axis.
    new_lesion_mm : (n, t, 3)
    """

    day: _Floats
    organ: _Ints
    diameter_mm: _Floats
    new_lesion_mm: _Floats


def read_exams(
    exams: Exams,
    *,
    reader: int,
    scenario: Scenario,
    seed: int,
    first_participant: int,
) -> Reads:
    """Read all exams that took place.

    Parameters
    ----------
    exams : Exams
    reader : int
        ``LOCAL`` or ``CENTRAL``.
    scenario : Scenario
        Its reader errors.
    seed, first_participant : int
    """
    n, count, lesions = exams.diameter_mm.shape
    settings = scenario.disease
    columns = lesions + 4
    # What a reader keeps from exam to exam comes first, then exam by exam.
    u = uniforms(
        n,
        (1 + count) * columns,
        seed=seed,
        stream=Stream.READER if reader == LOCAL else Stream.CENTRAL_READER,
        first_row=first_participant,
    ).reshape(n, 1 + count, columns)
    error = ndtri(u[:, :, :lesions])
    error[:, 2:] *= math.sqrt(1.0 - KEPT_ERROR)
    error[:, 2:] += math.sqrt(KEPT_ERROR) * error[:, :1]
    error *= settings.reader_diameter_cv
    error += 1.0
    category = choose_lesions(exams.diameter_mm[:, 0], exams.organ)
    new = _see_all(
        exams.new_lesion_mm,
        u[:, 1:, lesions:],
        settings.reader_new_missed,
        settings.reader_new_false,
    )
    measured, unequivocal, response = _read_all(
        exams.diameter_mm * error[:, 1:], exams.day, exams.organ, category, new
    )
    return Reads(
        category=category,
        measured_mm=measured,
        unequivocal=unequivocal,
        new=new,
        response=response,
    )


def first_progression_day(response: _Ints, exam_day: _Floats) -> _Floats:
    """Day of the first exam called progression, (n,); inf where none."""
    called = response == PD
    return np.where(
        called.any(axis=1), exam_day[np.arange(len(called)), called.argmax(axis=1)], np.inf
    )


def best_response(response: _Ints) -> _Ints:
    """Best response up to the first progression, no confirmation required, (n,)."""
    progressed = np.cumsum(response == PD, axis=1)
    counts = (progressed == 0) | ((progressed == 1) & (response == PD))
    return np.asarray(np.where(counts, response, NE).min(axis=1), dtype=np.int64)
