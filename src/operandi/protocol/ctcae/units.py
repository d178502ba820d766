"""Units of laboratory results, exact.

CTCAE prints its mass and its molar thresholds side by side, each rounded by itself (160 mg/dL and
8.9 mmol/L of glucose). So a value is compared with the thresholds of its own dimension, and no
molar mass is needed anywhere.
"""

from decimal import Decimal, localcontext
from typing import Final

from operandi.quantities.errors import DataError

_DIMENSIONS: Final[dict[str, dict[str, Decimal]]] = {
    "count of cells": {
        "10^9/L": Decimal(1),
        "G/L": Decimal(1),
        "10^3/uL": Decimal(1),
        "10^3/mm3": Decimal(1),
        "10^6/L": Decimal("0.001"),
        "/uL": Decimal("0.001"),
        "/mm3": Decimal("0.001"),
    },
    "mass in a volume": {
        "g/L": Decimal(1),
        "g/dL": Decimal(10),
        "mg/dL": Decimal("0.01"),
        "mg/L": Decimal("0.001"),
    },
    "amount in a volume": {
        "mmol/L": Decimal(1),
        "umol/L": Decimal("0.001"),
    },
    # One unit of an enzyme turns over 1 umol a minute, one katal 1 mol a second.
    "activity of an enzyme": {
        "U/L": Decimal(1),
        "IU/L": Decimal(1),
        "ukat/L": Decimal(60),
    },
    "time": {"s": Decimal(1)},
    "ratio": {"1": Decimal(1)},
    "acidity": {"pH": Decimal(1)},
}
_SPELLINGS: Final = str.maketrans({"µ": "u", "\N{GREEK SMALL LETTER MU}": "u", "³": "3", "⁹": "9"})


def spelled(unit: str) -> str:
    """Write a unit with the letters of the table.

    >>> spelled(" µmol/L")
    'umol/L'
    """
    return unit.strip().translate(_SPELLINGS)


def dimension(unit: str) -> str:
    """What a unit measures; empty where the unit is unknown."""
    return next((name for name, units in _DIMENSIONS.items() if unit in units), "")


def units_of(name: str) -> tuple[str, ...]:
    """Every unit of a dimension."""
    return tuple(_DIMENSIONS[name])


def scaled(value: Decimal, *, from_unit: str, to_unit: str) -> Decimal:
    """Convert within one dimension, without rounding.

    Raises
    ------
    DataError
        If a unit is unknown or the two measure different things.

    >>> scaled(Decimal(75000), from_unit="/mm3", to_unit="10^9/L") == 75
    True
    """
    measured = dimension(from_unit)
    if not measured or measured != dimension(to_unit):
        raise DataError(
            f"{from_unit!r} cannot be read as {to_unit!r}.",
            remedy="State the unit that the laboratory printed; nothing is converted between mass "
            "and amount of substance.",
        )
    units = _DIMENSIONS[measured]
    with localcontext(prec=80):
        return value * units[from_unit] / units[to_unit]
