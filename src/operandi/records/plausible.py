"""Between which values an entry is believed, and which slip of the pen explains one outside.

The bounds are deliberately wide: they catch a wrong unit or a lost decimal point, and judge
nobody's health. Nothing is corrected here; the suggestion goes to the person who can look it up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from operandi.quantities.convert import convert


@dataclass(frozen=True, slots=True)
class Plausible:
    """An inclusive interval of believable values.

    Parameters
    ----------
    what : str
        What the value is, for the sentence that refuses it.
    low, high : Decimal
        Inclusive bounds, in ``unit``.
    unit : str
        Unit of the bounds; one that ``quantities.convert`` knows where there are slips.
    slips : tuple of str
        Units in which people write the value by mistake, the likeliest first.
    """

    what: str
    low: Decimal
    high: Decimal
    unit: str
    slips: tuple[str, ...]

    def holds(self, value: Decimal, *, unit: str) -> bool:
        """Whether *value*, written in *unit*, is believed."""
        return self.low <= _converted(value, from_unit=unit, to_unit=self.unit) <= self.high

    def bounds(self, *, unit: str) -> str:
        """Name what is expected, in *unit*: ``"an adult's height (120 to 230 cm)"``."""
        return f"{self.what} ({self.span(unit=unit)})"

    def span(self, *, unit: str) -> str:
        """Write the bounds in *unit*: ``"120 to 230 cm"``."""
        low, high = (
            plain(_converted(bound, from_unit=self.unit, to_unit=unit))
            for bound in (self.low, self.high)
        )
        return f"{low} to {high} {unit}".strip()

    def suggestion(self, value: Decimal, *, unit: str) -> str:
        """Name the slip that explains *value*, as a clause that begins with a verb."""
        for other in self.slips:
            if self.holds(value, unit=other):
                meant = plain(convert(value, from_unit=other, to_unit=unit))
                return f"write {meant} if the value is in {other} (the column is in {unit})"
        for shifted in _shifted(value):
            if self.holds(shifted, unit=unit):
                return f"write {plain(shifted)} if the decimal point slipped"
        return f"check the value and its unit (the column is in {unit})"


def _converted(value: Decimal, *, from_unit: str, to_unit: str) -> Decimal:
    # Not every unit has others: a percentage, a ratio.
    if from_unit == to_unit:
        return value
    return convert(value, from_unit=from_unit, to_unit=to_unit)


def _shifted(value: Decimal) -> Iterator[Decimal]:
    yield value * 10
    yield value / 10


def plain(value: Decimal) -> str:
    """Write a number without an exponent and without trailing zeros.

    >>> plain(Decimal("7.0E+1"))
    '70'
    """
    return f"{value.normalize():f}"


BODY_MASS: Final = Plausible(
    what="an adult's body mass", low=Decimal(25), high=Decimal(300), unit="kg", slips=("g",)
)
HEIGHT: Final = Plausible(
    what="an adult's height",
    low=Decimal("1.2"),
    high=Decimal("2.3"),
    unit="m",
    slips=("cm", "m", "mm"),
)
GA68_ACTIVITY: Final = Plausible(
    what="an injection of 68Ga",
    low=Decimal(20),
    high=Decimal(400),
    unit="MBq",
    slips=("GBq", "Bq", "kBq", "mCi"),
)
GA68_ASSAY: Final = Plausible(
    what="an assay of 68Ga",
    low=Decimal(1),
    high=Decimal(4000),
    unit="MBq",
    slips=GA68_ACTIVITY.slips,
)
"""Wider than what is injected, as a syringe may be assayed hours before; GBq and Bq lie outside."""

OTHER_ASSAY: Final = Plausible(
    what="an assay",
    low=Decimal(1),
    high=Decimal(12_000),
    unit="MBq",
    slips=("GBq", "Bq", "kBq", "mCi"),
)
"""Of any other nuclide: wide enough for 177Lu after therapy, narrow enough for GBq and Bq."""

CYCLE_ACTIVITY: Final = Plausible(
    what="a therapy cycle",
    low=Decimal("0.5"),
    high=Decimal(12),
    unit="GBq",
    slips=("MBq", "Bq", "mCi"),
)
EARLIEST_BIRTH_YEAR: Final = 1900

LARGEST_MASS_CHANGE: Final = Decimal("0.30")
"""Between two consecutive visits, as a fraction of the earlier mass; beyond it, a fault."""

MOST_HALF_LIVES_APART: Final = 10.0
"""Between assay, injection and residual; at 10 a thousandth remains, so a date must be wrong."""

FARTHEST_MM: Final = Decimal(10_000)
"""No scanner's patient coordinates reach ten meters from its isocenter."""

LARGEST_RADIUS_MM: Final = Decimal(200)
"""No organ holds a larger sphere."""

KI67: Final = Plausible(
    what="a share of nuclei", low=Decimal(0), high=Decimal(100), unit="%", slips=()
)
SUV: Final = Plausible(what="an SUV", low=Decimal(0), high=Decimal(1000), unit="g/mL", slips=())
"""Concentrations in Bq/mL lie outside."""

SLICE_THICKNESS: Final = Plausible(
    what="the thickness of a slice",
    low=Decimal("0.2"),
    high=Decimal(20),
    unit="mm",
    slips=("cm", "m"),
)
"""Thinner than the elements of CT detectors, or in meters, lies outside."""

DIAMETER: Final = Plausible(
    what="a diameter measured on CT or MRI",
    low=Decimal(1),
    high=Decimal(500),
    unit="mm",
    slips=("cm", "m"),
)
"""Below 1 mm no such image resolves anything; wider than 500 mm is no body. Centimeters lie
outside below 1 cm only: above it, two reads of one lesion show them."""

ALLELE_FRACTION: Final = Plausible(
    what="a fraction of reads", low=Decimal(0), high=Decimal(1), unit="", slips=()
)
"""Percent lie outside, above 1 %."""
