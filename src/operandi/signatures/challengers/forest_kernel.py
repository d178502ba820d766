"""Trees of a random survival forest, compiled.

Rows stand in ``risk_order``. A split is judged by the log-rank statistic ``U^2 / V`` of its left
side. With the node's own hazard, ``U`` is a sum over the left rows of event less cumulative hazard;
``V = sum_j h_j pi_j (1 - pi_j)`` over the node's event times, where *pi* is the left share of those
at risk and ``h = d (Y - d) / (Y - 1)``. Both are updated as rows go over to the left in the order
of a column, so that all its cuts cost one pass over it.

References
----------
.. [1] Ishwaran, Kogalur, Blackstone & Lauer, Ann Appl Stat 2:841, 2008.
.. [2] Segal, Biometrics 44:35, 1988 (log-rank splits).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.signatures.challengers.draws import Unsigned, begin_stream, uniform
from operandi.signatures.data import Floats

Integers = npt.NDArray[np.int64]


class Trees(NamedTuple):
    """Nodes of all trees; those of a tree are numbered from its root, 0.

    Parameters
    ----------
    column : (t, m) int
        That a node splits; -1 where it is terminal.
    cut : (t, m) float
        Rows with at most this value go left.
    left : (t, m) int
        Child; the right one is the next number.
    mortality : (t, m) float
        Of terminal nodes: cumulative hazard, summed over the event times of training.
    out_of_bag : (n,) float
        Mean mortality of each training row over the trees that did not draw its participant; NaN
        where every tree did.
    """

    column: Integers
    cut: Floats
    left: Integers
    mortality: Floats
    out_of_bag: Floats


class _Node(NamedTuple):
    """What all columns of a node share."""

    rows: Integers
    hazard: Floats
    at_risk: Floats
    reached: Integers
    score: Floats
    first: Floats
    second: Floats
    linear: Floats


@njit(cache=True, nogil=True)
def _blank_node(n: int) -> _Node:
    return _Node(
        np.empty(n, np.int64),
        np.empty(n),
        np.empty(n),
        np.empty(n, np.int64),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty(n),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _describe(  # noqa: PLR0913, PLR0917 - plain arrays, for loops without Python
    node: int,
    place: Integers,
    weight: Floats,
    time: Floats,
    event: Floats,
    later: Floats,
    out: _Node,
) -> tuple[int, int, int, float]:
    """Rows, event times, events and mortality of a node; fills *out* for its splits."""
    count, events, total = 0, 0, 0.0
    for i in range(place.size):
        if place[i] == node:
            out.rows[count] = i
            count += 1
            events += event[i] > 0.0
            total += weight[i]
    times, mortality, cumulative, a = 0, 0.0, 0.0, 0.0
    k = 0
    while k < count:
        stop, died, gone = k, 0.0, 0.0
        now = time[out.rows[k]]
        while stop < count and time[out.rows[stop]] == now:
            i = out.rows[stop]
            died += weight[i] * event[i]
            gone += weight[i]
            stop += 1
        if died > 0.0:
            step = died / total
            cumulative += step
            mortality += step * later[out.rows[k]]
            spread = died * (total - died) / (total - 1.0) if total > 1.0 else 0.0
            a += spread / total
            out.second[times] = spread / (total * total)
            times += 1
        for s in range(k, stop):
            i = out.rows[s]
            out.score[i] = weight[i] * (event[i] - cumulative)
            out.linear[i] = weight[i] * a
            out.reached[i] = times
        total -= gone
        k = stop
    return count, times, events, mortality


@njit(cache=True, nogil=True, error_model="numpy")
def _best_cut(  # noqa: PLR0913, PLR0917 - plain arrays, for loops without Python
    column: Floats,
    order: Integers,
    node: int,
    place: Integers,
    weight: Floats,
    event: Floats,
    at: _Node,
    count: int,
    times: int,
    events: int,
    least: int,
) -> tuple[float, float]:
    """Largest log-rank statistic of a column's cuts, and the cut; 0 where none is allowed."""
    left = at.at_risk
    left[:times] = 0.0
    second = at.second
    u, a, b, dead = 0.0, 0.0, 0.0, 0
    best, cut = 0.0, 0.0
    seen = 0
    last = -1
    for k in range(order.size):
        i = order[k]
        if place[i] != node:
            continue
        if last >= 0 and column[i] > column[last] and dead >= least and events - dead >= least:
            variance = a - b
            if variance > 1e-10:
                found = u * u / variance
                if found > best * (1.0 + 1e-12):
                    best = found
                    cut = 0.5 * (column[last] + column[i])
                    if cut >= column[i]:
                        cut = column[last]
        seen += 1
        if seen == count or events - dead < least:
            break
        w, stop = weight[i], at.reached[i]
        u += at.score[i]
        a += at.linear[i]
        dead += event[i] > 0.0
        # Four sums beside each other: one alone waits for itself.
        b0, b1, b2, b3 = 0.0, 0.0, 0.0, 0.0
        j = 0
        while j + 4 <= stop:
            b0 += second[j] * (left[j] + left[j] + w)
            b1 += second[j + 1] * (left[j + 1] + left[j + 1] + w)
            b2 += second[j + 2] * (left[j + 2] + left[j + 2] + w)
            b3 += second[j + 3] * (left[j + 3] + left[j + 3] + w)
            left[j] += w
            left[j + 1] += w
            left[j + 2] += w
            left[j + 3] += w
            j += 4
        while j < stop:
            b0 += second[j] * (left[j] + left[j] + w)
            left[j] += w
            j += 1
        b += w * ((b0 + b1) + (b2 + b3))
        last = i
    return best, cut


@njit(cache=True, nogil=True)
def _best_split(  # noqa: PLR0913, PLR0917 - plain arrays, for loops without Python
    x: Floats,
    order: Integers,
    columns: Integers,
    node: int,
    place: Integers,
    weight: Floats,
    event: Floats,
    at: _Node,
    counts: tuple[int, int, int],
    least: int,
    tries: int,
    state: Unsigned,
) -> tuple[int, float]:
    """Column of the best cut among those drawn, and the cut; -1 where none is allowed."""
    best, chosen, cut = 0.0, -1, 0.0
    count, times, events = counts
    for k in range(tries):
        # The first places of a shuffle that goes on: any order of the rest is as good.
        swap = k + int(uniform(state) * (columns.size - k))
        columns[k], columns[swap] = columns[swap], columns[k]
        j = columns[k]
        found, value = _best_cut(
            x[j], order[j], node, place, weight, event, at, count, times, events, least
        )
        if found > best:
            best, chosen, cut = found, j, value
    return chosen, cut


@njit(cache=True, nogil=True)
def _draw_participants(
    whose: Integers, drawn: Floats, weight: Floats, place: Integers, state: Unsigned
) -> None:
    """How often each row is in the bag, and which start at the root; with replacement."""
    drawn[:] = 0.0
    for _ in range(drawn.size):
        drawn[int(uniform(state) * drawn.size)] += 1.0
    for i in range(weight.size):
        weight[i] = drawn[whose[i]]
        place[i] = 0 if weight[i] > 0.0 else -1


@njit(cache=True, nogil=True)
def grow_forest(  # noqa: PLR0913, PLR0917 - plain arrays, for loops without Python
    x: Floats,
    order: Integers,
    time: Floats,
    event: Floats,
    whose: Integers,
    trees: int,
    tries: int,
    least: int,
    seed: int,
) -> Trees:
    """Grow a forest.

    Parameters
    ----------
    x : (p, n) float
        Columns as rows; rows of the table in ``risk_order``.
    order : (p, n) int
        Rows of the table by each column, ascending.
    time, event : (n,) float
        Ascending; 1 where the event was seen.
    whose : (n,) int
        Participant of each row, numbered from 0; a tree draws participants.
    trees : int
        How many.
    tries : int
        Columns drawn at each node.
    least : int
        Events that a terminal node has at least.
    seed : int
        Tree *t* depends on it and *t* alone.
    """
    p, n = x.shape
    size = 2 * n
    found = Trees(
        np.full((trees, size), -1, np.int64),
        np.zeros((trees, size)),
        np.zeros((trees, size), np.int64),
        np.zeros((trees, size)),
        np.zeros(n),
    )
    later = _times_from(time, event)
    outside = np.zeros(n, np.int64)
    node = _blank_node(n)
    columns = np.arange(p)
    place = np.empty(n, np.int64)
    drawn = np.empty(whose.max() + 1)
    weight = np.empty(n)
    for tree in range(trees):
        state = begin_stream(seed, tree)
        _draw_participants(whose, drawn, weight, place, state)
        for j in range(p):
            columns[j] = j
        nodes, here = 1, 0
        while here < nodes:
            count, times, events, mortality = _describe(
                here, place, weight, time, event, later, node
            )
            found.mortality[tree, here] = mortality
            chosen, cut = -1, 0.0
            if events >= 2 * least:
                chosen, cut = _best_split(
                    x,
                    order,
                    columns,
                    here,
                    place,
                    weight,
                    event,
                    node,
                    (count, times, events),
                    least,
                    tries,
                    state,
                )
            if chosen >= 0:
                found.column[tree, here] = chosen
                found.cut[tree, here] = cut
                found.left[tree, here] = nodes
                for k in range(count):
                    i = node.rows[k]
                    place[i] = nodes if x[chosen, i] <= cut else nodes + 1
                nodes += 2
            here += 1
        for i in range(n):
            if weight[i] == 0.0:
                found.out_of_bag[i] += _drop(found, tree, x[:, i])
                outside[i] += 1
    for i in range(n):
        found.out_of_bag[i] = found.out_of_bag[i] / outside[i] if outside[i] else np.nan
    return found


@njit(cache=True, nogil=True)
def _times_from(time: Floats, event: Floats) -> Floats:
    """Distinct event times of training from each row's time on."""
    n = time.size
    out = np.zeros(n)
    times, now = 0, np.inf
    k = n - 1
    while k >= 0:
        first = k
        while first > 0 and time[first - 1] == time[k]:
            first -= 1
        now = 0.0
        for i in range(first, k + 1):
            now += event[i]
        times += now > 0.0
        out[first : k + 1] = times
        k = first - 1
    return out


@njit(cache=True, nogil=True)
def _drop(found: Trees, tree: int, row: Floats) -> float:
    here = 0
    while found.column[tree, here] >= 0:
        down = found.left[tree, here]
        here = down if row[found.column[tree, here]] <= found.cut[tree, here] else down + 1
    return float(found.mortality[tree, here])


@njit(cache=True, nogil=True)
def ensemble_mortality(found: Trees, x: Floats) -> Floats:
    """Mean mortality of rows (m, p) over all trees, (m,)."""
    out = np.zeros(x.shape[0])
    for i in range(x.shape[0]):
        for tree in range(found.column.shape[0]):
            out[i] += _drop(found, tree, x[i])
    return np.asarray(out / found.column.shape[0])
