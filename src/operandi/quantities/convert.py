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
    "cells in blood (10^9/L)": {
        **dict.fromkeys(("10^9/L", "x10^9/L", "10*9/L", "G/L"), Decimal(1)),
        **dict.fromkeys(
            ("10^3/uL", "10^3/µL", "10^3/μL", "10*3/uL", "10^3/mm3", "K/uL"), Decimal(1)
        ),
        **dict.fromkeys(("/mm3", "/mm³", "/uL", "/µL", "/μL"), Decimal("0.001")),
    },
    "mass concentration (g/L)": {
        "g/L": Decimal(1),
        "g/dL": Decimal(10),
        "mg/L": Decimal("0.001"),
        "mg/dL": Decimal("0.01"),
    },
    "amount concentration (mol/m3)": {
        "mmol/L": Decimal(1),
        "umol/L": Decimal("0.001"),
        "µmol/L": Decimal("0.001"),
        "μmol/L": Decimal("0.001"),
        "nmol/L": Decimal("0.000001"),
    },
    "catalytic activity (U/L)": {"U/L": Decimal(1), "IU/L": Decimal(1), "UI/L": Decimal(1)},
    "share of normal (%)": {"%": Decimal(1)},
    "international normalized ratio": {"INR": Decimal(1)},
    "filtration by body surface (mL/min/1.73m2)": dict.fromkeys(
        ("mL/min/1.73m2", "mL/min/1.73 m2", "mL/min/1.73m²", "mL/min/1.73 m²", "mL/min/{1.73_m2}"),
        Decimal(1),
    ),
    "filtration (mL/min)": {"mL/min": Decimal(1), "mL/s": Decimal(60)},
}
_MASS: Final = "mass concentration (g/L)"
_AMOUNT: Final = "amount concentration (mol/m3)"
_CONFUSED: Final = {
    frozenset({"share of normal (%)", "international normalized ratio"}): (
        "An INR is a ratio of clotting times and depends on the reagent: ask the laboratory for "
        "prothrombin in % of normal."
    ),
    frozenset({"filtration by body surface (mL/min/1.73m2)", "filtration (mL/min)"}): (
        "One is per 1.73 m2 of body surface, the other is not: ask the laboratory for the indexed "
        "value."
    ),
    frozenset({_MASS, _AMOUNT}): "Name the molar mass of the substance.",
}


def convert(
    value: Decimal,
    *,
    from_unit: str,
    to_unit: str,
    molar_mass_g_mol: Decimal | None = None,
) -> Decimal:
    """Convert between two units of one dimension, exactly.

    Parameters
    ----------
    value : Decimal
        In *from_unit*.
    from_unit, to_unit : str
        As they stand in the table; nothing is guessed from other spellings.
    molar_mass_g_mol : Decimal, optional
        Of the substance; only with it does an amount become a mass, or a mass an amount. An
        amount divided out of a mass has the 28 digits of ``Decimal``.

    Raises
    ------
    DataError
        If a unit is unknown or the two measure different things.

    >>> convert(Decimal("172"), from_unit="cm", to_unit="m")
    Decimal('1.72')
    >>> convert(Decimal("75000"), from_unit="/mm3", to_unit="10^9/L")
    Decimal('75.000')
    """
    here, there = _DIMENSIONS.get(from_unit), _DIMENSIONS.get(to_unit)
    if here is not None and there is not None:
        canonical = value * _TO_CANONICAL[here][from_unit]
        if here == there:
            return canonical / _TO_CANONICAL[there][to_unit]
        if molar_mass_g_mol is not None and {here, there} == {_MASS, _AMOUNT}:
            # mol/m3 is mmol/L, and g/mol is mg/mmol: a thousandth makes g/L of it.
            if here == _AMOUNT:
                other = canonical * molar_mass_g_mol / 1000
            else:
                other = canonical * 1000 / molar_mass_g_mol
            return other / _TO_CANONICAL[there][to_unit]
    raise DataError(
        f"No conversion from {from_unit!r} to {to_unit!r}.", remedy=_remedy(here, there)
    )


def unit_is_known(unit: str) -> bool:
    """Whether a unit stands in the table."""
    return unit in _DIMENSIONS


def same_dimension(one: str, other: str) -> bool:
    """Whether two units of the table measure the same."""
    return _DIMENSIONS[one] == _DIMENSIONS[other]


def _remedy(here: str | None, there: str | None) -> str:
    confused = frozenset(filter(None, (here, there)))
    if confused in _CONFUSED:
        return _CONFUSED[confused]
    known = "; ".join(
        f"{dimension}: {', '.join(units)}" for dimension, units in _TO_CANONICAL.items()
    )
    return f"Known units are {known}."


_DIMENSIONS: Final = {
    unit: dimension for dimension, units in _TO_CANONICAL.items() for unit in units
}
