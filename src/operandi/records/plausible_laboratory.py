"""Between which values a result of the laboratory is believed, in the unit that was printed.

A count in the wrong unit is off by a thousand and would exclude, or admit, by itself. The bounds
part the units in which one test is printed and judge nobody's health (decision 0011). A unit that
does not stand here is not judged here.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

_PER_NANOLITER: Final = ("10^9/l", "g/l", "giga/l", "10^3/mm3", "10^3/ul", "k/ul")
_PER_MICROLITER: Final = ("/mm3", "/ul", "cells/ul")
_Bounds = tuple[tuple[str, ...], str, str]

_CELLS: Final[tuple[_Bounds, ...]] = (
    (_PER_NANOLITER, "0", "500"),
    # Fewer than 20 a microliter are written in 10^9/L.
    (_PER_MICROLITER, "20", "500000"),
)
_BOUNDS: Final[Mapping[str, tuple[_Bounds, ...]]] = {
    "platelets": ((_PER_NANOLITER, "1", "3000"), (_PER_MICROLITER, "1000", "3000000")),
    "neutrophils": _CELLS,
    "leukocytes": _CELLS,
    "lymphocytes": _CELLS,
    "hemoglobin": ((("g/dl",), "2", "30"), (("g/l",), "20", "300"), (("mmol/l",), "1", "20")),
    "bilirubin_total": (
        (("umol/l",), "1", "1000"),
        (("mg/dl",), "0.05", "60"),
        (("mg/l",), "0.5", "600"),
    ),
    "albumin": ((("g/l",), "8", "80"), (("g/dl",), "0.8", "8")),
    # An INR lies outside.
    "prothrombin_percent": ((("%",), "5", "200"),),
    # A percentage lies outside.
    "inr": ((("", "1", "-", "inr", "ratio"), "0.5", "20"),),
    "creatinine": (
        (("umol/l",), "15", "2500"),
        (("mg/dl",), "0.1", "30"),
        (("mg/l",), "1", "300"),
    ),
    "potassium": ((("mmol/l", "meq/l"), "1", "12"),),
    "sodium": ((("mmol/l", "meq/l"), "90", "200"),),
    "calcium": ((("mmol/l",), "0.5", "5"), (("mg/dl",), "2", "20"), (("mg/l",), "20", "200")),
    "glucose": ((("mmol/l",), "0.5", "100"), (("mg/dl",), "10", "1800"), (("g/l",), "0.1", "18")),
}


def spelled(unit: str) -> str:
    """Write a unit in the one spelling in which it is looked up.

    >>> spelled("10⁹/L"), spelled("x10^9/L"), spelled("G/L"), spelled("/mm³"), spelled("µmol/L")
    ('10^9/l', '10^9/l', 'g/l', '/mm3', 'umol/l')
    """
    plain_text = unicodedata.normalize("NFKC", unit).casefold().replace(" ", "")
    plain_text = plain_text.replace("\N{GREEK SMALL LETTER MU}", "u").lstrip("x×*")
    return re.sub(r"^10(?:\^|\*{1,2}|e)?(?=\d/)", "10^", plain_text)


def unbelieved(test: str, value: Decimal, unit: str) -> Iterator[tuple[str, str]]:
    """Say why a result is not believed, and what explains it: nothing where it is believed.

    >>> list(unbelieved("platelets", Decimal(180), "/mm3"))[0][1]
    'write the unit 10^9/l if that is meant'
    """
    bounds = _BOUNDS.get(test, ())
    for units, low, high in bounds:
        if spelled(unit) in units and not _in(value, low, high):
            other = next((names[0] for names, least, most in bounds if _in(value, least, most)), "")
            yield (
                f"is not believed as {test} ({low} to {high} {unit})",
                f"write the unit {other} if that is meant" if other else "check value and unit",
            )


def _in(value: Decimal, low: str, high: str) -> bool:
    return Decimal(low) <= value <= Decimal(high)
