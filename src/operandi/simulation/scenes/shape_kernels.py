"""Distances to shapes, the motion of organs, and shares of voxels: the loops, compiled.

A shape is a table with one row a primitive (``shapes.py`` writes it). ``k`` is the gauge of an
ellipsoid: 1 on its surface, and a norm, so that its range over a box is known from its value in
the middle (triangle inequality). That decides whole blocks of voxels without looking at them.

All kernels of a painted voxel stand in this one file because Numba's cache of compiled code sees
changes of the outermost kernel's file only.
"""

import math
from typing import Final

import numpy as np

from operandi.simulation.scenes.shape_tables import (
    Field,
    Floats,
    Ints,
    Line,
    Sampling,
    Shift,
    Singles,
    Solid,
    Three,
)
from operandi.simulation.scenes.vector_power import inlined, kernel, positive_power

BLOCK: Final = 8
"""Voxels along an edge of the blocks that are looked at first."""

_DEPTHS: Final = 4  # blocks of 8, 4, 2 and 1 voxels

_BLEND_REACH: Final = 3.0
"""Parts farther than these blending lengths change hardly a share, through others neither."""

_SECOND: Final = 0.25
"""The largest share of a distance that its term of second order may take."""

_CURVED_RAMP: Final = 0.25
_INSIDE: Final = 1.0 + 2.0 * _CURVED_RAMP
"""Curvature moves a ramp inwards by as much of its width; it ends so many half-widths inside."""


# ---------------------------------------------------------------- motion


@kernel
def _step(value: float, low: float, high: float) -> float:
    """0 below `low`, 1 above `high`, smooth between."""
    t = max(0.0, min(1.0, (value - low) / (high - low)))
    return t * t * (3.0 - 2.0 * t)


@kernel
def pull_back(shift: Shift, at: Three) -> Three:
    """Place at end-expiration and end-diastole of what lies at `at` now."""
    x, y, z = at
    if shift.down != 0.0 or shift.forward != 0.0:
        x, y, z = _unbreathe(shift, at)
    if shift.inward != 0.0:
        u, v, w = x - shift.heart_x, y - shift.heart_y, z - shift.heart_z
        r = math.sqrt(u * u + v * v + w * w)
        rest = _HEART_REACH * shift.heart_radius
        if 0.0 < r < rest:
            outward = shift.inward / r
            if r < shift.heart_radius:
                outward *= _step(r, 0.0, shift.heart_radius)
            else:
                outward *= 1.0 - _step(r, shift.heart_radius, rest)
            x, y, z = x + outward * u, y + outward * v, z + outward * w
    return x, y, z


# Shape of the motion (assumed; amplitudes are a person's). Along z: still at the pelvis, full from
# the lower liver to the domes, still at the apex. Across: still at the ribs and at the spine.
_PELVIS_Z, _LOW_Z, _DOME_Z, _APEX_Z = -220.0, 80.0, 130.0, 300.0
_WALL_LOW, _WALL_HIGH = 0.88, 1.04
_SPINE_LOW, _SPINE_HIGH = 25.0, 45.0
_FRONT_Y, _BACK_Y = -80.0, 40.0
_BELLY_LOW, _BELLY_Z, _BELLY_HIGH = -170.0, 30.0, 230.0
_BELLY_X, _FLANK_X = 60.0, 160.0
_HEART_REACH = 2.0


@kernel
def _unbreathe(shift: Shift, at: Three) -> Three:
    x, y, z = at
    along = _step(z, _PELVIS_Z, _LOW_Z) * (1.0 - _step(z, _DOME_Z, _APEX_Z))
    if along > 0.0:
        u, v = x / shift.chest_x, y / shift.chest_y
        wall = 1.0 - _step(math.sqrt(u * u + v * v), _WALL_LOW, _WALL_HIGH)
        v = y - shift.spine_y
        spine = _step(math.sqrt(x * x + v * v), _SPINE_LOW, _SPINE_HIGH)
        z += shift.down * along * wall * spine
    belly = 1.0 - _step(y, _FRONT_Y, _BACK_Y)
    if belly > 0.0:
        belly *= 1.0 - _step(abs(x), _BELLY_X, _FLANK_X)
        belly *= _step(at[2], _BELLY_LOW, _BELLY_Z) * (1.0 - _step(at[2], _BELLY_Z, _BELLY_HIGH))
        y += shift.forward * belly
    return x, y, z


@kernel
def _fall(low: float, high: float, first: float, last: float) -> tuple[float, float]:
    """Least and largest of ``1 - _step`` over a range."""
    return 1.0 - _step(high, first, last), 1.0 - _step(low, first, last)


@kernel
def _reach(shift: Shift, at: Three, half: Three) -> Three:
    """Half-extents of a box around `at` after it is pulled back, about its pulled-back middle.

    A bound, by the ranges of the monotone factors of the motion; `half` itself where all of the
    box moves alike.
    """
    ex, ey, ez = half
    if shift.down != 0.0:
        ez += shift.down * _spread_down(shift, at, half)
    if shift.forward != 0.0:
        ey += shift.forward * _spread_forward(at, half)
    if shift.inward != 0.0:
        x, y, z = at
        u, v, w = abs(x - shift.heart_x), abs(y - shift.heart_y), abs(z - shift.heart_z)
        rest = _HEART_REACH * shift.heart_radius + shift.down + shift.forward
        if u - ex < rest and v - ey < rest and w - ez < rest:
            grown = min(1.0, 2.0 * (ex + ey + ez) / shift.heart_radius) * shift.inward
            ex, ey, ez = ex + grown, ey + grown, ez + grown
    return ex, ey, ez


@kernel
def _spread_down(shift: Shift, at: Three, half: Three) -> float:
    """How far the factor of `_unbreathe` along z lies, in a box, from that of its middle."""
    x, y, z = at
    ex, ey, ez = half
    least, most = _fall(z - ez, z + ez, _DOME_Z, _APEX_Z)
    least *= _step(z - ez, _PELVIS_Z, _LOW_Z)
    most *= _step(z + ez, _PELVIS_Z, _LOW_Z)
    if most == 0.0:
        return 0.0
    here = _step(z, _PELVIS_Z, _LOW_Z) * (1.0 - _step(z, _DOME_Z, _APEX_Z))
    u, v = x / shift.chest_x, y / shift.chest_y
    wall, spread = math.sqrt(u * u + v * v), math.hypot(ex / shift.chest_x, ey / shift.chest_y)
    low, high = _fall(wall - spread, wall + spread, _WALL_LOW, _WALL_HIGH)
    least, most = least * low, most * high
    here *= 1.0 - _step(wall, _WALL_LOW, _WALL_HIGH)
    v = y - shift.spine_y
    spine, spread = math.sqrt(x * x + v * v), math.sqrt(ex * ex + ey * ey)
    least *= _step(spine - spread, _SPINE_LOW, _SPINE_HIGH)
    most *= _step(spine + spread, _SPINE_LOW, _SPINE_HIGH)
    here *= _step(spine, _SPINE_LOW, _SPINE_HIGH)
    return max(most - here, here - least)


@kernel
def _spread_forward(at: Three, half: Three) -> float:
    """Do the same for its factor along y."""
    x, y, z = abs(at[0]), at[1], at[2]
    ex, ey, ez = half
    least, most = _fall(y - ey, y + ey, _FRONT_Y, _BACK_Y)
    low, high = _fall(x - ex, x + ex, _BELLY_X, _FLANK_X)
    least, most = least * low, most * high
    low, high = _fall(z - ez, z + ez, _BELLY_Z, _BELLY_HIGH)
    least *= low * _step(z - ez, _BELLY_LOW, _BELLY_Z)
    most *= high * _step(z + ez, _BELLY_LOW, _BELLY_Z)
    here = (1.0 - _step(y, _FRONT_Y, _BACK_Y)) * (1.0 - _step(x, _BELLY_X, _FLANK_X))
    here *= _step(z, _BELLY_LOW, _BELLY_Z) * (1.0 - _step(z, _BELLY_Z, _BELLY_HIGH))
    return max(most - here, here - least)


@kernel
def displacements(shift: Shift, body: Floats, shape: tuple[int, int, int]) -> Singles:
    """Pull-back minus identity in the body's frame; ``body`` (3, 4) maps indices into it."""
    field = np.empty((shape[0], shape[1], shape[2], 3), dtype=np.float32)
    for i in range(shape[0]):
        for j in range(shape[1]):
            for k in range(shape[2]):
                at = _body(body, float(i), float(j), float(k))
                x, y, z = pull_back(shift, at)
                field[i, j, k, 0] = x - at[0]
                field[i, j, k, 1] = y - at[1]
                field[i, j, k, 2] = z - at[2]
    return field


@kernel
def _body(body: Floats, i: float, j: float, k: float) -> Three:
    return (
        body[0, 0] * i + body[0, 1] * j + body[0, 2] * k + body[0, 3],
        body[1, 0] * i + body[1, 1] * j + body[1, 2] * k + body[1, 3],
        body[2, 0] * i + body[2, 1] * j + body[2, 2] * k + body[2, 3],
    )


# ---------------------------------------------------------------- distances
# Rows go through as tuples of numbers, which stay in registers: views would be counted.


@inlined
def _row(rows: Floats, r: int) -> Line:
    return (
        rows[r, 0], rows[r, 1], rows[r, 2], rows[r, 3], rows[r, 4],
        rows[r, 5], rows[r, 6], rows[r, 7], rows[r, 8], rows[r, 9],
        rows[r, 10], rows[r, 11], rows[r, 12], rows[r, 13], rows[r, 14],
        rows[r, 15], rows[r, 16], rows[r, 17], rows[r, 18], rows[r, 19],
    )  # fmt: skip


@kernel
def _bulge(lobes: Floats, lobulation: float, direction: Three) -> float:
    """Radius in a direction (any length) relative to that of the smooth ellipsoid."""
    u, v, w = direction
    length = math.sqrt(u * u + v * v + w * w)
    if length < 1e-12:
        return 1.0
    u, v, w = u / length, v / length, w / length
    total = 0.0
    for m in range(lobes.shape[0]):
        phase = lobes[m, 0] * u + lobes[m, 1] * v + lobes[m, 2] * w + lobes[m, 3]
        total += math.cos(phase) * lobes[m, 4]
    return 1.0 + lobulation * total


@inlined
def _unit(row: Line, at: Three) -> Three:
    """Coordinates in the unit ball of an ellipsoid."""
    x, y, z = at[0] - row[2], at[1] - row[3], at[2] - row[4]
    return (
        row[5] * x + row[6] * y + row[7] * z,
        row[8] * x + row[9] * y + row[10] * z,
        row[11] * x + row[12] * y + row[13] * z,
    )


@kernel
def _ellipsoid(row: Line, lobes: Floats, lobulation: float, at: Three) -> tuple[float, float]:
    """Signed distance to any ellipsoid, and the sum of its curvatures."""
    radius = row[19]
    if row[1] == 0.0 and lobes.shape[0] > 0:
        radius *= _bulge(lobes, lobulation, _unit(row, at))
    return _boxy(row, radius, at) if row[17] != 2.0 else _round(row, radius, at)


@inlined
def _round(row: Line, radius: float, at: Three) -> tuple[float, float]:
    """``(k - 1) / |grad k|`` with its next term in the distance, and the sum of curvatures."""
    u, v, w = _unit(row, at)
    a, b, c = row[14], row[15], row[16]
    k = math.sqrt(u * u + v * v + w * w)
    u, v, w = u * a, v * b, w * c
    g2 = u * u + v * v + w * w
    slope = math.sqrt(g2) / k
    u, v, w = u * a, v * b, w * c
    q = (u * u + v * v + w * w) / g2
    distance = (k - radius) / slope
    bent = (a * a + b * b + c * c - q) / (slope * radius)
    distance = _second_order(distance, (q - slope * slope) / (k * slope))
    middle = k < 1e-9  # chosen at the end, for vector instructions
    return (-row[18] * radius if middle else distance), (0.0 if middle else bent)


@inlined
def _second_order(distance: float, turn: float) -> float:
    """Add the term of the gauge's second derivative, where it is small."""
    limit = _SECOND * abs(distance)
    return distance + max(-limit, min(limit, 0.5 * turn * distance * distance))


@kernel
def _power(base: float, exponent: float) -> float:
    """A power, quick for the exponents that bodies and organs have."""
    if exponent == 2.5:
        return base * base * math.sqrt(base)
    if exponent == 3.0:
        return base * base * base
    if exponent == 4.0:
        return (base * base) * (base * base)
    return float(base**exponent)


@inlined
def _boxy(row: Line, radius: float, at: Three) -> tuple[float, float]:
    """Do the same for an exponent above 2."""
    e = row[17]
    u, v, w = _unit(row, at)
    u, v, w = max(abs(u), 1e-6), max(abs(v), 1e-6), max(abs(w), 1e-6)
    p, q, r = positive_power(u, e), positive_power(v, e), positive_power(w, e)
    total = p + q + r
    k = positive_power(total, 1.0 / e)
    u, v, w = row[14] / u, row[15] / v, row[16] / w
    p, q, r = p * u, q * v, r * w  # gradient, times total / k
    g2 = p * p + q * q + r * r
    slope = math.sqrt(g2) * k / total
    # Second derivatives: scale * diag - (e - 1) slope^2 / k along the gradient.
    scale = (e - 1.0) * k / total
    along = (p * p * p * u + q * q * q * v + r * r * r * w) / g2
    bent = scale * (p * u + q * v + r * w - along) / slope * k / radius
    turn = scale * along / slope - (e - 1.0) * slope / k
    return _second_order((k - radius) / slope, turn), bent


@inlined
def _segment(row: Line, at: Three) -> tuple[float, float]:
    x, y, z = at[0] - row[2], at[1] - row[3], at[2] - row[4]
    t = (x * row[5] + y * row[6] + z * row[7]) * row[10]
    curvatures = 2.0 if (t < 0.0) | (t > 1.0) else 1.0
    t = max(0.0, min(1.0, t))
    x, y, z = x - t * row[5], y - t * row[6], z - t * row[7]
    radius = row[8] + t * row[9]
    return (math.sqrt(x * x + y * y + z * z) - radius) * row[11], curvatures / radius


@kernel
def _half_space(row: Line, at: Three) -> float:
    x, y, z = at[0] - row[2], at[1] - row[3], at[2] - row[4]
    return float(x * row[5] + y * row[6] + z * row[7])


@kernel
def _joined(first: float, second: float, blend: float) -> float:
    """Minimum, smooth where the two differ by less than `blend`."""
    smaller = min(first, second)
    near = blend - abs(first - second)
    return smaller - near * near / (4.0 * blend) if near > 0.0 else smaller


# Samples are looked at together, so that compiled loops become vector instructions. Their numbers
# stand in one array, each kind from its own place on.
MOST_SAMPLES: Final = 256
_Y, _Z, _DISTANCE, _CURVED, _UNION, _BENT, _REST = 256, 512, 768, 1024, 1280, 1536, 1792
_NUMBERS: Final = 2048


@kernel
def _primitives(
    rows: Floats, r: int, lobes: Floats, lobulation: float, work: Floats, count: int
) -> None:
    """Signed distance of samples to a primitive, mm, and the curvatures of its surface, 1/mm."""
    row = _row(rows, r)
    if row[0] == 1.0:
        for s in range(count):
            at = (work[s], work[_Y + s], work[_Z + s])
            work[_DISTANCE + s], work[_CURVED + s] = _segment(row, at)
    elif row[0] == 2.0:
        for s in range(count):
            at = (work[s], work[_Y + s], work[_Z + s])
            work[_DISTANCE + s], work[_CURVED + s] = _half_space(row, at), 0.0
    elif lobes.shape[0] > 0 and row[1] == 0.0:
        for s in range(count):
            at = (work[s], work[_Y + s], work[_Z + s])
            work[_DISTANCE + s], work[_CURVED + s] = _ellipsoid(row, lobes, lobulation, at)
    elif row[17] == 2.0:
        for s in range(count):
            at = (work[s], work[_Y + s], work[_Z + s])
            work[_DISTANCE + s], work[_CURVED + s] = _round(row, row[19], at)
    else:
        for s in range(count):
            at = (work[s], work[_Y + s], work[_Z + s])
            work[_DISTANCE + s], work[_CURVED + s] = _boxy(row, row[19], at)


@kernel
def _unite(work: Floats, count: int, blend: float) -> None:
    """Join the distances to a primitive to those to the union."""
    for s in range(count):
        distance, union = work[_DISTANCE + s], work[_UNION + s]
        work[_BENT + s] = work[_CURVED + s] if distance < union else work[_BENT + s]
        work[_UNION + s] = _joined(union, distance, blend)


@kernel
def distances(solid: Solid, points: Floats) -> Floats:
    """Signed distance of points (n, 3) to a shape."""
    result = np.empty(points.shape[0])
    rows, lobes, lobulation, blend = solid
    work = np.empty(_NUMBERS)
    for start in range(0, points.shape[0], MOST_SAMPLES):
        count = min(MOST_SAMPLES, points.shape[0] - start)
        for s in range(count):
            p = start + s
            work[s], work[_Y + s], work[_Z + s] = points[p, 0], points[p, 1], points[p, 2]
            work[_UNION + s], work[_REST + s] = np.inf, -np.inf
        for r in range(rows.shape[0]):
            _primitives(rows, r, lobes, lobulation, work, count)
            if rows[r, 1] == 0.0:
                _unite(work, count, blend)
            else:
                sign = 1.0 if rows[r, 1] == 1.0 else -1.0
                for s in range(count):
                    work[_REST + s] = max(work[_REST + s], sign * work[_DISTANCE + s])
        for s in range(count):
            result[start + s] = max(work[_UNION + s], work[_REST + s])
    return result


# ---------------------------------------------------------------- shares


@kernel
def _side(row: Line, lobulation: float, at: Three, half: Three, margin: float) -> tuple[int, float]:
    """Return 1 if a box lies more than `margin` mm outside, -1 if well inside, else 0.

    And a bound, mm, below which no distance in the box lies, where that is positive.
    """
    ex, ey, ez = half
    outer, inner = margin, _INSIDE * margin
    if row[0] == 0.0:
        u, v, w = _unit(row, at)
        if row[17] == 2.0:
            distance = math.sqrt(u * u + v * v + w * w) - row[19]
        else:
            e = row[17]
            total = _power(abs(u), e) + _power(abs(v), e) + _power(abs(w), e)
            distance = total ** (1.0 / e) - row[19]
        u = abs(row[5]) * ex + abs(row[6]) * ey + abs(row[7]) * ez
        v = abs(row[8]) * ex + abs(row[9]) * ey + abs(row[10]) * ez
        w = abs(row[11]) * ex + abs(row[12]) * ey + abs(row[13]) * ez
        # A gauge with an exponent above 2 lies below the Euclidean one, and so does its slope.
        reach = math.sqrt(u * u + v * v + w * w)
        if row[1] == 0.0:
            reach += lobulation * row[19]
        lowest = (distance - reach) * row[18]
        # Each distance may lie by the term of second order nearer than that of first.
        lowest -= _SECOND * abs(lowest)
        outer, inner = outer / ((1.0 - _SECOND) * row[18]), inner / ((1.0 - _SECOND) * row[18])
    else:
        if row[0] == 1.0:
            distance = _segment(row, at)[0]
            reach = math.sqrt(ex * ex + ey * ey + ez * ez)
        else:
            distance = _half_space(row, at)
            reach = abs(row[5]) * ex + abs(row[6]) * ey + abs(row[7]) * ez
        lowest = distance - reach
    if distance > reach + outer:
        return 1, lowest
    return (-1 if distance < -reach - inner else 0), lowest


@kernel
def _sift(  # noqa: PLR0913, PLR0917
    rows: Floats,
    lobulation: float,
    blend: float,
    lists: Ints,
    depth: int,
    at: Three,
    half: Three,
    margin: float,
) -> int:
    """Side of a box to the shape: 1 outside, -1 inside, 0 both.

    ``lists`` hold, for each depth of boxes in boxes, the number of rows that matter and then the
    rows; those of this box are written for the next depth.
    A blended union is monotone in its distances: blended bounds bound it.
    """
    number, inside, sure, lowest = 0, False, True, np.inf
    for c in range(1, lists[depth, 0] + 1):
        r = lists[depth, c]
        role = rows[r, 1]
        side, bound = _side(_row(rows, r), lobulation, at, half, margin)
        if role == 0.0:
            inside = inside or side < 0
            if side > 0 and bound >= margin + _BLEND_REACH * blend:
                continue
            lowest = _joined(lowest, bound, blend)
        elif (role == 1.0 and side > 0) or (role == 2.0 and side < 0):
            return 1
        elif side != 0:
            continue
        else:
            sure = False
        number += 1
        lists[depth + 1, number] = r
    lists[depth + 1, 0] = number
    if lowest > margin:
        return 1
    return -1 if inside and sure else 0


@kernel
def _ramp(distance: float, curvatures: float, width: float) -> float:
    """Share of a small cell; the ramp alone would swell a ball by ``width^2 / (12 r)``."""
    shift = min(width * width * curvatures / 24.0, _CURVED_RAMP * width)
    return max(0.0, min(1.0, 0.5 - (distance + shift) / width))


@kernel
def _cover(solid: Solid, lists: Ints, depth: int, width: float, work: Floats, count: int) -> None:
    """Share of small cells around samples that lies in the shape, written to ``_REST``."""
    rows, lobes, lobulation, blend = solid
    for s in range(count):
        work[_UNION + s], work[_BENT + s], work[_REST + s] = np.inf, 0.0, 1.0
    for c in range(1, lists[depth, 0] + 1):
        r = lists[depth, c]
        _primitives(rows, r, lobes, lobulation, work, count)
        if rows[r, 1] == 0.0:
            _unite(work, count, blend)
        elif rows[r, 1] == 1.0:
            for s in range(count):
                work[_REST + s] *= _ramp(work[_DISTANCE + s], work[_CURVED + s], width)
        else:
            for s in range(count):
                work[_REST + s] *= 1.0 - _ramp(work[_DISTANCE + s], work[_CURVED + s], width)
    for s in range(count):
        work[_REST + s] *= _ramp(work[_UNION + s], work[_BENT + s], width)


@kernel
def _half_extents(body: Floats, edge: float, fine: tuple[int, int, int]) -> Three:
    """Half-extents in the body's frame of the samples of a cube of `edge` voxels."""
    i = 0.5 * (edge - 1.0 / fine[0])
    j = 0.5 * (edge - 1.0 / fine[1])
    k = 0.5 * (edge - 1.0 / fine[2])
    return (
        abs(body[0, 0]) * i + abs(body[0, 1]) * j + abs(body[0, 2]) * k,
        abs(body[1, 0]) * i + abs(body[1, 1]) * j + abs(body[1, 2]) * k,
        abs(body[2, 0]) * i + abs(body[2, 1]) * j + abs(body[2, 2]) * k,
    )


@kernel
def take(
    solid: Solid, shift: Shift, sampling: Sampling, low: Ints, share: Singles, remaining: Singles
) -> Ints:
    """Fill ``share`` (of the box that starts at ``low``) and lessen ``remaining`` by it.

    Blocks are decided as a whole or divided; samples are looked at near the surface only.
    Returns first and last index of what was filled, (2, 3), in the box; last < first if nothing.
    """
    rows = solid.rows
    lists = np.empty((_DEPTHS + 1, rows.shape[0] + 1), np.int64)
    lists[0, 0] = rows.shape[0]
    for r in range(rows.shape[0]):
        lists[0, r + 1] = r
    work = np.empty(_NUMBERS)
    stack = np.empty((8 * _DEPTHS, 5), np.int64)
    ni, nj, nk = share.shape
    filled = np.array([[ni, nj, nk], [-1, -1, -1]])
    field = Field(low, share, remaining, filled)
    for i in range(0, ni, BLOCK):
        for j in range(0, nj, BLOCK):
            for k in range(0, nk, BLOCK):
                stack[0, 0], stack[0, 1], stack[0, 2] = i, j, k
                stack[0, 3], stack[0, 4] = BLOCK, 0
                top = 1
                while top > 0:
                    top -= 1
                    start = (stack[top, 0], stack[top, 1], stack[top, 2])
                    edge, depth = stack[top, 3], stack[top, 4]
                    if _divided(solid, shift, sampling, field, lists, work, start, edge, depth):
                        top = _pushed(stack, top, share.shape, start, edge // 2, depth + 1)
    return filled


@kernel
def _pushed(
    stack: Ints,
    top: int,
    size: tuple[int, int, int],
    start: tuple[int, int, int],
    edge: int,
    depth: int,
) -> int:
    """Put the eighths of a block on the stack; return its new height."""
    for corner in range(8):
        i = start[0] + edge * (corner >> 2)
        j = start[1] + edge * ((corner >> 1) & 1)
        k = start[2] + edge * (corner & 1)
        if i < size[0] and j < size[1] and k < size[2]:
            stack[top, 0], stack[top, 1], stack[top, 2] = i, j, k
            stack[top, 3], stack[top, 4] = edge, depth
            top += 1
    return top


@kernel
def _divided(  # noqa: PLR0913, PLR0917
    solid: Solid,
    shift: Shift,
    sampling: Sampling,
    field: Field,
    lists: Ints,
    work: Floats,
    start: tuple[int, int, int],
    edge: int,
    depth: int,
) -> bool:
    """Paint a block, unless it has to be divided."""
    if _full(field, start, edge):
        return False
    rows, _, lobulation, blend = solid
    body, fine, width = sampling
    low, middle = field.low, 0.5 * (edge - 1)
    at = _body(
        body, low[0] + start[0] + middle, low[1] + start[1] + middle, low[2] + start[2] + middle
    )
    half = _half_extents(body, float(edge), fine)
    reach = _reach(shift, at, half)
    source = pull_back(shift, at)
    side = _sift(rows, lobulation, blend, lists, depth, source, reach, 0.5 * width)
    if side > 0:
        return False
    samples = 0
    if side == 0:
        samples = fine[0] * fine[1] * fine[2]
        if edge > (2 if samples == 1 else 1):
            return True
        count = _places(sampling, low, start, edge, work)
        if reach == half:  # all of it moves alike
            for s in range(count):
                work[s] += source[0] - at[0]
                work[_Y + s] += source[1] - at[1]
                work[_Z + s] += source[2] - at[2]
        else:
            for s in range(count):
                place = pull_back(shift, (work[s], work[_Y + s], work[_Z + s]))
                work[s], work[_Y + s], work[_Z + s] = place
        _cover(solid, lists, depth + 1, width, work, count)
    _fill(field, start, edge, work, samples)
    return False


@kernel
def _full(field: Field, start: tuple[int, int, int], edge: int) -> bool:
    """Whether nothing is left of any voxel of a block."""
    low, share, remaining, _ = field
    for i in range(start[0], min(start[0] + edge, share.shape[0])):
        for j in range(start[1], min(start[1] + edge, share.shape[1])):
            for k in range(start[2], min(start[2] + edge, share.shape[2])):
                if remaining[low[0] + i, low[1] + j, low[2] + k] > 0.0:
                    return False
    return True


@kernel
def _places(
    sampling: Sampling, low: Ints, start: tuple[int, int, int], edge: int, work: Floats
) -> int:
    """Places of the samples of a block, in the order of its voxels; returns how many."""
    body, fine, _ = sampling
    count = 0
    for a in range(edge * fine[0]):
        i = low[0] + start[0] + (a + 0.5) / fine[0] - 0.5
        for b in range(edge * fine[1]):
            j = low[1] + start[1] + (b + 0.5) / fine[1] - 0.5
            for c in range(edge * fine[2]):
                k = low[2] + start[2] + (c + 0.5) / fine[2] - 0.5
                work[count], work[_Y + count], work[_Z + count] = _body(body, i, j, k)
                count += 1
    return count


@kernel
def _fill(field: Field, start: tuple[int, int, int], edge: int, work: Floats, samples: int) -> None:
    """Give the voxels of a block the mean over their samples; without samples, all that is left."""
    low, share, remaining, filled = field
    first = 0
    for i in range(start[0], start[0] + edge):
        for j in range(start[1], start[1] + edge):
            for k in range(start[2], start[2] + edge):
                own = 1.0
                if samples > 0:
                    total = 0.0
                    for s in range(first, first + samples):
                        total += work[_REST + s]
                    own = total / samples
                    first += samples
                if own <= 0.0 or i >= share.shape[0] or j >= share.shape[1] or k >= share.shape[2]:
                    continue
                rest = remaining[low[0] + i, low[1] + j, low[2] + k]
                if rest <= 0.0:
                    continue
                part = np.float32(own * rest)
                share[i, j, k] = part
                remaining[low[0] + i, low[1] + j, low[2] + k] = rest - part
                filled[0, 0], filled[1, 0] = min(filled[0, 0], i), max(filled[1, 0], i)
                filled[0, 1], filled[1, 1] = min(filled[0, 1], j), max(filled[1, 1], j)
                filled[0, 2], filled[1, 2] = min(filled[0, 2], k), max(filled[1, 2], k)


# ---------------------------------------------------------------- textures


@kernel
def sources(shift: Shift, body: Floats, low: Ints, share: Singles) -> Floats:
    """Pulled-back places (3, n) of the voxels of a box where ``share`` is positive, in order."""
    count = 0
    for value in share.flat:
        count += 1 if value > 0.0 else 0
    points = np.empty((3, count))
    p = 0
    for i in range(share.shape[0]):
        for j in range(share.shape[1]):
            for k in range(share.shape[2]):
                if share[i, j, k] > 0.0:
                    at = _body(body, float(low[0] + i), float(low[1] + j), float(low[2] + k))
                    points[0, p], points[1, p], points[2, p] = pull_back(shift, at)
                    p += 1
    return points
