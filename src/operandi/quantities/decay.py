"""Radioactive decay: the only two formulas that SUV and dosimetry share."""

import math


def remaining_fraction(elapsed_s: float, *, half_life_s: float) -> float:
    """Fraction of the nuclei left after *elapsed_s*: ``2 ** (-t / T)``.

    Negative times give the growth backwards, a value above one.

    >>> remaining_fraction(4069.8, half_life_s=4069.8)
    0.5
    """
    if not half_life_s > 0:
        raise ValueError(f"half_life_s must be > 0, got {half_life_s}")
    return float(2.0 ** (-elapsed_s / half_life_s))


def frame_average_delay_s(duration_s: float, *, half_life_s: float) -> float:
    """Delay from a frame's start to the instant whose activity equals the frame's average.

    ``t = ln(x / (1 - exp(-x))) / lambda`` with ``x = lambda * duration``; a little under half the
    frame.

    References
    ----------
    .. [1] DICOM PS3.3 C.8.9.4.1.5, Frame Reference Time.

    >>> round(frame_average_delay_s(300.0, half_life_s=4069.8), 3)
    149.361
    """
    if not (half_life_s > 0 and duration_s >= 0):
        raise ValueError(f"needed half_life_s > 0, duration_s >= 0: {half_life_s}, {duration_s}")
    rate = math.log(2.0) / half_life_s
    x = rate * duration_s
    if x < 1e-6:
        return duration_s / 2.0
    return math.log(x / -math.expm1(-x)) / rate
