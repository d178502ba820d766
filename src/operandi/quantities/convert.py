"""Unit conversion at the edges (forms, DICOM, reports), exact in ``Decimal``.

Inside Operandi every kind has one canonical unit; nothing converts in the middle. The table is
closed: a unit that does not stand here is refused, never guessed.
"""

from decimal import Decimal
from typing import Final

from operandi.quantities.errors import DataError

_TO_CANONICAL: Final[dict[str, dict[str, Decimal]]] = {
    "mass (kg)": {"kg": Decimal(1), "g": Decimal("0.001"), "lb": Decimal("0.45359237")},
    "length (m)": {
        "m": Decimal(1),
        "cm": Decimal("0.01"),
        "mm": Decimal("0.001"),
        "in": Decimal("0.0254"),
    },
    "activity (Bq)": {
        "Bq": Decimal(1),
        "kBq": Decimal(1000),
        "MBq": Decimal(10) ** 6,
        "GBq": Decimal(10) ** 9,
        "mCi": Decimal(37) * 10**6,
        "uCi": Decimal(37) * 10**3,
    },
    "time (s)": {
        "s": Decimal(1),
        "ms": Decimal("0.001"),
        "min": Decimal(60),
        "h": Decimal(3600),
        "d": Decimal(86400),
    },
}


def convert(value: Decimal, *, from_unit: str, to_unit: str) -> Decimal:
    """Convert between two units of one dimension, exactly.

    Raises
    ------
    DataError
        If a unit is unknown or the two measure different things.

    >>> convert(Decimal("172"), from_unit="cm", to_unit="m")
    Decimal('1.72')
    """
    for units in _TO_CANONICAL.values():
        if from_unit in units and to_unit in units:
            return value * units[from_unit] / units[to_unit]
    known = "; ".join(
        f"{dimension}: {', '.join(units)}" for dimension, units in _TO_CANONICAL.items()
    )
    raise DataError(
        f"No conversion from {from_unit!r} to {to_unit!r}.", remedy=f"Known units are {known}."
    )
