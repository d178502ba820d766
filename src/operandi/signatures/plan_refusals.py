"""What a plan may say, and an analysis would refuse: told before it is locked, not after."""

from collections.abc import Iterator
from typing import Final

from operandi.signatures.plan_checks import PlanFault
from operandi.signatures.plan_format import CHALLENGERS, AnalysisPlan

FEWEST_PERMUTATIONS: Final = 19
OF_TIMES: Final = frozenset({"priority_lasso", "group_lasso", *CHALLENGERS})
"""Kinds of models that are fitted to times alone."""


def plan_refusals(plan: AnalysisPlan) -> tuple[PlanFault, ...]:
    """Find what ``operandi analyse`` could not do, with the key and what to write instead."""
    return (*_of_models(plan), *_of_resampling(plan))


def _of_models(plan: AnalysisPlan) -> Iterator[PlanFault]:
    for model in plan.model:
        key = f"model[{model.code}].kind"
        if model.kind in OF_TIMES and plan.primary().binary:
            yield PlanFault(
                key,
                f"{model.kind} is fitted to times, and the primary endpoint is a yes or no",
                "use an elastic_net",
            )


def _of_resampling(plan: AnalysisPlan) -> Iterator[PlanFault]:
    said = plan.resampling
    if said.bootstraps < 1:
        yield PlanFault("resampling.bootstraps", "is 0: nothing has an interval", "write 1000")
    count, asked = said.permutations, plan.verdict.permutation_p
    if not count:
        return
    if count < FEWEST_PERMUTATIONS:
        yield PlanFault(
            "resampling.permutations",
            f"{count} are fewer than {FEWEST_PERMUTATIONS}",
            "write more, or 0 for none and no verdict",
        )
    elif 1.0 / (count + 1) >= asked:
        yield PlanFault(
            "resampling.permutations",
            f"p of {count} cannot be below verdict.permutation_p = {asked:g}",
            f"write {int(1.0 / asked)} or more",
        )
