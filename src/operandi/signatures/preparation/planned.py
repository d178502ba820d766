"""The chain that an analysis plan describes."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from operandi.quantities.errors import DataError
from operandi.signatures.plan_format import AnalysisPlan, Preparation
from operandi.signatures.preparation.chain import On, PreparationChain
from operandi.signatures.preparation.combat import Combat
from operandi.signatures.preparation.filters import (
    ConstantFilter,
    DuplicateFilter,
    RepeatableColumns,
)
from operandi.signatures.preparation.imputation import Imputation, MedianFill
from operandi.signatures.preparation.redundancy import RedundancyFilter
from operandi.signatures.preparation.scaling import Scaling, Shaping
from operandi.signatures.preparation.screening import ScoreScreen
from operandi.signatures.preparation.transformer import Transformer

_STEPS: Final[Mapping[str, Callable[..., Transformer]]] = {
    "constants": ConstantFilter,
    "duplicates": DuplicateFilter,
    "shaping": Shaping,
    "imputation": Imputation,
    "median_fill": MedianFill,
    "scaling": Scaling,
    "combat": Combat,
    "redundancy": RedundancyFilter,
    "screening": ScoreScreen,
}


def planned_chain(
    plan: AnalysisPlan, *, repeatability: Mapping[str, Mapping[str, float]]
) -> PreparationChain:
    """Make the chain of a plan's ``[[preparation]]``, in its order.

    Parameters
    ----------
    plan : AnalysisPlan
        Checked.
    repeatability : mapping
        For each table that a step names, the repeatability of columns by name.

    Raises
    ------
    DataError
        If a table is not given, or a step refuses its settings.
    """
    return PreparationChain(
        steps=tuple(
            On(step=_step(one, repeatability), blocks=one.block or None) for one in plan.preparation
        )
    )


def _step(one: Preparation, repeatability: Mapping[str, Mapping[str, float]]) -> Transformer:
    settings: dict[str, Any] = one.given()
    if one.step != "repeatability":
        return _STEPS[one.step](**settings)
    table = settings.pop("table")
    if table not in repeatability:
        known = ", ".join(sorted(repeatability)) or "none"
        raise DataError(
            f"The plan filters by the repeatability in {table}, which was not given; given: "
            f"{known}.",
            remedy="Supply the table, or take the step out of the plan before it is locked.",
        )
    return RepeatableColumns(repeatability=repeatability[table], **settings)
