"""Tumor growth rate between two exams."""

import math
from datetime import date

from operandi.domain.measurement import Measurement
from operandi.imaging.lesions.measures.origin import MeasurementOrigin
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import TUMOR_GROWTH_RATE


def tumor_growth_rate(*, sum_before_mm: float, sum_after_mm: float, months: float) -> float:
    """Growth of the tumor volume in percent a month, from sums of diameters.

    ``TGR = 100 (exp(3 ln(D2 / D1) / months) - 1)``: volume goes with the cube of a diameter, and
    growth is exponential (recalled from [1]_, whose abstract was seen).

    Parameters
    ----------
    sum_before_mm, sum_after_mm : float, > 0
        RECIST sums of the same target lesions.
    months : float, > 0
        Between the exams.

    Raises
    ------
    DataError
        If a sum or the time is not positive: what vanished has no exponential rate.

    References
    ----------
    .. [1] Ferte et al., Clin Cancer Res 20:246, 2014.

    >>> round(tumor_growth_rate(sum_before_mm=50.0, sum_after_mm=55.0, months=3.0), 6)
    10.0
    """
    if not (0 < sum_before_mm < math.inf and 0 < sum_after_mm < math.inf):
        raise DataError(
            f"A growth rate needs sums above 0 mm, got {sum_before_mm:g} and {sum_after_mm:g} mm.",
            remedy="Targets that are gone are a response, not a rate.",
        )
    if not 0 < months < math.inf:
        raise DataError(f"A growth rate needs time between the exams, got {months:g} months.")
    return 100.0 * math.expm1(3.0 * math.log(sum_after_mm / sum_before_mm) / months)


def months_between(before: date, after: date) -> float:
    """Months of a twelfth of 365.25 days."""
    return (after - before).days * 12.0 / 365.25


def measure_growth(
    *,
    sum_before_mm: float,
    sum_after_mm: float,
    before: date,
    after: date,
    origin: MeasurementOrigin,
) -> Measurement:
    """The growth rate as a measurement; absent with the reason where there is none."""
    value, absent = None, ""
    try:
        value = tumor_growth_rate(
            sum_before_mm=sum_before_mm,
            sum_after_mm=sum_after_mm,
            months=months_between(before, after),
        )
    except DataError as error:
        absent = str(error)
    return origin.value(
        TUMOR_GROWTH_RATE,
        value,
        method="cube of the sum of diameters, exponential, a month",
        basis=f"{before} to {after}; an error of a diameter counts three times",
        absent=absent,
    )
