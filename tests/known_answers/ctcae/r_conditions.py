"""The R conditions of admiral's criteria, evaluated: a second opinion that we did not write."""

import json
import re
from decimal import Decimal
from functools import cache
from types import CodeType
from typing import NamedTuple

from tests.shared_data import published


@cache
def criteria(name: str) -> tuple[dict[str, str], ...]:
    rows = json.loads(published(f"clinical/ctcae/{name}").read_text(encoding="utf-8"))
    return tuple({k: v for k, v in row.items() if v is not None} for row in rows)


class Result(NamedTuple):
    """A laboratory result as admiral knows it; None where it is NA."""

    AVAL: Decimal
    ANRLO: Decimal | None
    ANRHI: Decimal | None
    BASE: Decimal | None
    abnormal: bool


def expected(row: dict[str, str], result: Result) -> str:
    """Grade as ``case_when`` does: the first condition that is true; "" for NA, "0" for none."""
    for key in ("NA", "4", "3", "2", "1"):
        code = row.get(f"GRADE_{key}_CODE", "")
        for condition, answer in re.findall(r'(.*?)~\s*(NA_character_|"\d")\s*,?', code, re.DOTALL):
            if _true(condition, result):
                return "" if answer == "NA_character_" else answer.strip('"')
    return "0"


class _Absent:
    """NA: every comparison and calculation with it is NA, which no condition takes for true."""

    def _absent(self, _other: object) -> "_Absent":
        return self

    __add__ = __radd__ = __mul__ = __rmul__ = _absent
    __lt__ = __le__ = __gt__ = __ge__ = _absent
    __and__ = __rand__ = __or__ = __ror__ = _absent

    def __bool__(self) -> bool:
        return False


@cache
def _compiled(condition: str) -> CodeType:
    python = re.sub(r"signif\((.*?), signif_dig\)", r"(\1)", condition)
    python = re.sub(r"!\(BNRIND %in% high_indicator\)", "(not abnormal)", python)
    python = python.replace("BNRIND %in% high_indicator", "abnormal")
    python = re.sub(r"!is\.na\((\w+)\)", r"(\1 is not NA)", python)
    python = re.sub(r"is\.na\((\w+)\)", r"(\1 is NA)", python)
    python = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)", r"D('\1')", python)
    # In R, & binds less than a comparison; in Python more.
    parts = [
        " & ".join(f"({one.strip()})" for one in part.split(" & ")) for part in python.split(" | ")
    ]
    return compile(" | ".join(f"({part})" for part in parts), condition, "eval")


def _true(condition: str, result: Result) -> bool:
    absent = _Absent()
    names: dict[str, object] = {
        name: absent if value is None else value for name, value in result._asdict().items()
    }
    base, value = result.BASE, result.AVAL
    names["PCHG"] = absent if not base else 100 * (value - base) / base
    return bool(eval(_compiled(condition), {"NA": absent, "D": Decimal}, names))  # noqa: S307 - published conditions, rewritten above
