"""Least squares of one to two clearances, with or without uptake: what `time_activity` runs on.

Every rate is written as physical decay plus a biological rate > 0, the slowest first, and each
faster one as the slower plus a difference > 0:

``f(t) = a1 e^-(p+b)t + a2 e^-(p+b+d)t - (a1+a2) e^-(p+b+d+g)t``

with *p* the physical rate; *a2, d* only where there are two clearances, the last term only where
there is uptake, so that f(0) = 0. The logarithms of (*a1, b, a2, d, g*) are what is sought: all
stay positive, so the tail is never slower than physics. The step is Levenberg-Marquardt's, kept
inside a box.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

Array = npt.NDArray[np.float64]

# Of the physical rate: biological clearance this slow moves no dose, and log b must end somewhere.
_SLOWEST_CLEARANCE = 1e-6
# Of one clearance before the first point, beyond the slower one and physics.
_EARLY_FALL = 4.0


@njit(cache=True)
def model_values(
    theta: Array, times: Array, physical: float, kind: tuple[int, int], jacobian: Array
) -> Array:
    """Values at each time; fills *jacobian* (n, k) with the derivatives by *theta*."""
    clearances, uptake = kind
    n = times.size
    values = np.empty(n)
    first, slow = np.exp(theta[0]), np.exp(theta[1])
    second = np.exp(theta[2]) if clearances == 2 else 0.0
    gap = np.exp(theta[3]) if clearances == 2 else 0.0
    k = 2 * clearances
    rise = np.exp(theta[k]) if uptake else 0.0
    for i in range(n):
        t = times[i]
        one = first * np.exp(-(physical + slow) * t)
        two = second * np.exp(-(physical + slow + gap) * t)
        lost = np.exp(-(physical + slow + gap + rise) * t) if uptake else 0.0
        all_lost = (first + second) * lost
        values[i] = one + two - all_lost
        jacobian[i, 0] = one - first * lost
        jacobian[i, 1] = -slow * t * values[i]
        if clearances == 2:
            jacobian[i, 2] = two - second * lost
            jacobian[i, 3] = -gap * t * (two - all_lost)
        if uptake:
            jacobian[i, k] = rise * t * all_lost
    return values


@njit(cache=True)
def integral_and_gradient(
    theta: Array, physical: float, kind: tuple[int, int]
) -> tuple[float, Array]:
    """Integral of f to infinity and its derivatives by *theta*."""
    clearances, uptake = kind
    first, slow = np.exp(theta[0]), np.exp(theta[1])
    second = np.exp(theta[2]) if clearances == 2 else 0.0
    gap = np.exp(theta[3]) if clearances == 2 else 0.0
    k = 2 * clearances
    rise = np.exp(theta[k]) if uptake else 0.0
    r1 = physical + slow
    r2 = r1 + gap
    r3 = r2 + rise
    lost = 1.0 / r3 if uptake else 0.0
    gradient = np.zeros(theta.size)
    gradient[0] = first * (1.0 / r1 - lost)
    gradient[1] = -slow * (first / r1**2 + second / r2**2 - (first + second) * lost**2)
    if clearances == 2:
        gradient[2] = second * (1.0 / r2 - lost)
        gradient[3] = -gap * (second / r2**2 - (first + second) * lost**2)
    if uptake:
        gradient[k] = rise * (first + second) * lost**2
    return first / r1 + second / r2 - (first + second) * lost, gradient


@njit(cache=True)
def _stepped(theta: Array, box: Array, normal: Array, slope: Array, damping: float) -> Array:
    """Where one damped step leads; parameters that press against the box stay."""
    k = theta.size
    matrix = normal.copy()
    right = -slope
    for j in range(k):
        if (theta[j] <= box[0, j] and slope[j] > 0) or (theta[j] >= box[1, j] and slope[j] < 0):
            matrix[j, :] = 0.0
            matrix[:, j] = 0.0
            right[j] = 0.0
        matrix[j, j] = matrix[j, j] * (1.0 + damping) if matrix[j, j] > 0 else 1.0
    # Scaled to a unit diagonal: logarithms of amplitude and of rate differ by decades.
    size = np.sqrt(np.diag(matrix))
    step = np.linalg.solve(matrix / np.outer(size, size), right / size) / size
    step = np.minimum(np.maximum(step, -2.0), 2.0)
    moved: Array = np.minimum(np.maximum(theta + step, box[0]), box[1])
    return moved


@njit(cache=True)
def _descend(
    theta: Array, box: Array, points: Array, physical: float, kind: tuple[int, int]
) -> tuple[Array, float]:
    """Levenberg-Marquardt from *theta*; where it ends, and chi squared there."""
    times, values, sigma = points
    k = theta.size
    jacobian = np.empty((times.size, k))
    rest = (model_values(theta, times, physical, kind, jacobian) - values) / sigma
    chi = np.sum(rest * rest)
    damping = 1e-2
    for _ in range(200):
        weighted = np.ascontiguousarray((jacobian.T / sigma).T)
        slope = weighted.T @ rest
        normal = weighted.T @ weighted
        moved, gain = 0.0, 0.0
        while damping < 1e14:
            trial = _stepped(theta, box, normal, slope, damping)
            new = (model_values(trial, times, physical, kind, jacobian) - values) / sigma
            new_chi = np.sum(new * new)
            if new_chi <= chi:
                moved, gain = np.max(np.abs(trial - theta)), chi - new_chi
                theta, rest, chi = trial, new, new_chi
                damping = max(damping * 0.1, 1e-12)
                break
            damping *= 10.0
        if moved < 1e-10 or (gain <= 1e-14 * (chi + 1e-12) and moved < 1e-6):
            break
    return theta, chi


@njit(cache=True)
def _box(points: Array, physical: float, kind: tuple[int, int]) -> Array:
    """Lowest and highest value of each parameter, (2, k)."""
    times, values = points[0], points[1]
    clearances, uptake = kind
    k = 2 * clearances + uptake
    box = np.empty((2, k))
    fastest = np.log(_EARLY_FALL) / times[0]
    for j in range(0, 2 * clearances, 2):
        box[:, j] = np.log(np.array([1e-6, 1e6]) * np.max(values))
    box[:, 1] = np.log(np.array([_SLOWEST_CLEARANCE * physical, fastest]))
    if clearances == 2:
        box[:, 3] = np.log(np.array([0.05 / times[-1], fastest]))
    if uptake:
        box[:, k - 1] = np.log(np.array([0.05 / times[-1], 20.0 / times[0]]))
    return box


@njit(cache=True)
def best_fit(points: Array, physical: float, kind: tuple[int, int]) -> tuple[Array, Array, float]:
    """Best of a fixed grid of starts.

    Parameters
    ----------
    points : array, (3, n)
        Times, values and their standard uncertainties.
    physical : float
        Rate, in one over the unit of time.
    kind : tuple of int
        Number of clearances (1, 2), whether there is uptake (0, 1).

    Returns
    -------
    theta, bound : array, (k,)
        Logarithms of the parameters; 1 for those on the box. The box: an amplitude is at least
        1e-6 of the largest value; each clearance falls at most by 4 before the first point more
        than the slower one and physics (what no point sees is not extrapolated); uptake may be
        complete by all but e^-20 at the first point.
    chi : float
        Chi squared.
    """
    times, values, sigma = points
    box = _box(points, physical, kind)
    clearances, uptake = kind
    k = box.shape[1]
    best, best_chi = np.zeros(k), np.inf
    jacobian = np.empty((times.size, k))
    # Clearance at four, one and a quarter of the last time; the faster one and uptake around the
    # first.
    for start in range(3 ** (clearances + uptake)):
        theta = np.zeros(k)
        theta[1] = np.log(np.log(2.0) / times[-1] * 4.0 ** (start % 3 - 1.0))
        if clearances == 2:
            theta[3] = np.log(np.log(2.0) / (times[0] * 4.0 ** (start // 3 % 3)))
        if uptake:
            part = start // 3**clearances % 3
            theta[k - 1] = np.log(np.log(2.0) / times[0] * 4.0 ** (1.0 - part))
        shape = model_values(theta, times, physical, kind, jacobian)
        scale = np.sum(shape * values / sigma**2) / np.sum(shape**2 / sigma**2)
        for j in range(0, 2 * clearances, 2):
            theta[j] = np.log(max(scale, 1e-6 * np.max(values)))
        theta = np.minimum(np.maximum(theta, box[0]), box[1])
        theta, chi = _descend(theta, box, points, physical, kind)
        if chi < best_chi:
            best, best_chi = theta, chi
    bound = np.zeros(k)
    for j in range(k):
        if best[j] <= box[0, j] or best[j] >= box[1, j]:
            bound[j] = 1.0
    return best, bound, best_chi
