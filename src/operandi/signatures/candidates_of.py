"""From a model of the plan to the recipe that is resampled.

Columns that the plan leaves unpenalized get a block of their own, ``"clinical, unpenalized"``, so
that penalties and permutations can tell them from the rest; steps of preparation for the block
work on both.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from operandi.quantities.errors import DataError
from operandi.signatures.challengers.boosting import Boosting
from operandi.signatures.challengers.forest import Forest
from operandi.signatures.challengers.horseshoe import Horseshoe, HorseshoePrior
from operandi.signatures.cox.path_kernel import PathSettings, settings_of
from operandi.signatures.data import Predictors
from operandi.signatures.plan_format import AnalysisPlan, PlannedModel
from operandi.signatures.plan_refusals import OF_TIMES
from operandi.signatures.preparation.chain import On, PreparationChain
from operandi.signatures.preparation.imputation import Imputation, MedianFill
from operandi.signatures.resampling.candidates import (
    Candidate,
    FewColumns,
    Penalized,
    columns_of,
)
from operandi.signatures.resampling.further_candidates import (
    GivenScore,
    Grouped,
    LogisticColumns,
    Prioritized,
)

UNPENALIZED: Final = ", unpenalized"
"""Ends the block of columns that no penalty shrinks."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelRecipe:
    """A model of the plan, ready to be resampled.

    Parameters
    ----------
    model : PlannedModel
        Of the plan.
    candidate : Candidate
        Its recipe.
    predictors : Predictors
        All rows of its columns, unpenalized ones in blocks of their own.
    unpenalized : tuple of str
        Columns that no penalty shrinks.
    below : tuple of str
        Columns of the rungs below it in the ladder.
    """

    model: PlannedModel
    candidate: Candidate
    predictors: Predictors
    unpenalized: tuple[str, ...]
    below: tuple[str, ...] = ()

    @property
    def kept_columns(self) -> tuple[str, ...]:
        """Columns that a permutation leaves beside the outcome.

        Those of the rungs below, so that the null is "nothing beyond them"; and unpenalized ones,
        unless nothing else would be left.
        """
        names = self.predictors.names
        kept = tuple(name for name in names if name in {*self.unpenalized, *self.below})
        return kept if len(kept) < len(names) else self.below

    @property
    def selects(self) -> bool:
        """Whether the recipe chooses among columns."""
        return self.model.kind not in {"cox", "given_score", "random_forest"}


def planned_model(
    plan: AnalysisPlan,
    model: PlannedModel,
    predictors: Predictors,
    *,
    chain: PreparationChain,
    binary: bool = False,
) -> ModelRecipe:
    """Make the recipe of a model.

    Parameters
    ----------
    plan : AnalysisPlan
    model : PlannedModel
        One of its models.
    predictors : Predictors
        All columns of the plan.
    chain : PreparationChain
        The plan's preparation, of ``planned_chain``.
    binary : bool
        Whether the endpoint is yes or no: then logistic.

    Raises
    ------
    DataError
        If the model has no column, or is of a kind that is not installed or not for the endpoint.
    """
    wanted = columns_named(plan.predictors_of(model), predictors.names)
    if not wanted:
        raise DataError(
            f"model[{model.code}] needs one or more columns; the tables have none of "
            f"{', '.join(plan.predictors_of(model)) or 'its blocks'}.",
            remedy="Supply them, or correct the plan before it is locked.",
        )
    bare = frozenset(columns_named(model.unpenalized, wanted))
    rows = _relabeled(columns_of(predictors, wanted), bare)
    steps = _chain_for(chain, rows.blocks)
    candidate = _candidate(plan, model, rows, steps, binary=binary)
    return ModelRecipe(
        model=model,
        candidate=candidate,
        predictors=rows,
        unpenalized=tuple(name for name in wanted if name in bare),
        below=columns_named(plan.below(model), wanted),
    )


def columns_named(codes: Iterable[str], names: tuple[str, ...]) -> tuple[str, ...]:
    """Columns of predictors by the plan's codes: ``code`` itself, or ``code.name``."""
    wanted = set(codes)
    return tuple(name for name in names if name in wanted or name.split(".", 1)[0] in wanted)


def path_settings(plan: AnalysisPlan, *, binary: bool = False) -> PathSettings:
    """The plan's penalty as settings of a path."""
    penalty = plan.penalty
    return settings_of(
        l1_ratio=penalty.l1_ratio,
        penalties=penalty.lambdas,
        smallest=penalty.smallest_ratio,
        support_cap=penalty.support_cap,
        efron=penalty.ties == "efron",
        logistic=binary,
    )


def selecting(
    plan: AnalysisPlan,
    planned: ModelRecipe,
    rows: Predictors,
    *,
    chain: PreparationChain,
    binary: bool = False,
) -> tuple[Penalized, Predictors]:
    """The elastic net of a model's columns, whatever its kind: what stability selection runs.

    A model without penalty has nothing of the rungs below to select: their columns are in every
    half's model, and do not count. Returned with *rows* in the blocks that say so.
    """
    if not planned.selects:
        bare = frozenset(planned.below) - frozenset(planned.unpenalized)
        rows = _relabeled(rows, bare)
    steps = _chain_for(chain, rows.blocks)
    return _penalized(plan, planned.model, rows, steps, binary=binary), rows


def _relabeled(rows: Predictors, bare: frozenset[str]) -> Predictors:
    blocks = tuple(
        block + UNPENALIZED if name in bare else block
        for name, block in zip(rows.names, rows.blocks, strict=True)
    )
    return replace(rows, blocks=blocks)


def _chain_for(chain: PreparationChain, blocks: tuple[str, ...]) -> PreparationChain | None:
    """Steps of the chain for blocks that are there; None where none is left."""
    there = set(blocks)
    steps = []
    for on in chain.steps:
        if on.blocks is None:
            steps.append(on)
            continue
        both = [name for block in on.blocks for name in (block, block + UNPENALIZED)]
        if found := tuple(name for name in both if name in there):
            steps.append(replace(on, blocks=found))
    return PreparationChain(steps=tuple(steps)) if steps else None


def _candidate(
    plan: AnalysisPlan,
    model: PlannedModel,
    rows: Predictors,
    chain: PreparationChain | None,
    *,
    binary: bool,
) -> Candidate:
    if binary and model.kind in OF_TIMES:
        raise DataError(
            f"model[{model.code}] is a {model.kind.replace('_', ' ')}, which is fitted to times "
            "alone; the endpoint is yes or no.",
            remedy="Use an elastic_net for it.",
        )
    if model.kind == "given_score":
        return GivenScore(
            name=model.code, columns=rows.names, chain=_filling(chain), logistic=binary
        )
    if model.kind == "elastic_net":
        return _penalized(plan, model, rows, chain, binary=binary)
    if model.kind == "cox":
        if binary:
            return LogisticColumns(
                name=model.code, columns=rows.names, chain=chain, spread=model.spread
            )
        return FewColumns(
            name=model.code,
            columns=rows.names,
            chain=chain,
            ties=plan.penalty.ties,
            spread=model.spread,
        )
    if model.kind in {"group_lasso", "priority_lasso"}:
        return _by_blocks(plan, model, rows, chain)
    return _challenger(plan, model, rows, chain)


def _challenger(
    plan: AnalysisPlan, model: PlannedModel, rows: Predictors, chain: PreparationChain | None
) -> Candidate:
    said = plan.challengers
    if model.kind == "random_forest":
        return Forest(
            name=model.code,
            columns=rows.names,
            chain=chain,
            trees=said.trees,
            node_events=said.node_events,
            tries=said.split_columns,
        )
    if model.kind == "boosting":
        return Boosting(
            name=model.code,
            columns=rows.names,
            factors=_factors(rows.blocks),
            chain=chain,
            steps=said.steps,
            share=said.share,
            ties=plan.penalty.ties,
        )
    return Horseshoe(
        name=model.code,
        columns=rows.names,
        factors=_factors(rows.blocks),
        chain=chain,
        prior=HorseshoePrior(expected=said.expected, slab_scale=said.slab_scale),
        keep=said.keep,
        draws=said.draws,
        level=plan.verdict.confidence,
    )


def _factors(blocks: tuple[str, ...]) -> dict[str, float]:
    """Penalty factor 0 of unpenalized blocks."""
    return {block: 0.0 for block in set(blocks) if block.endswith(UNPENALIZED)}


def _by_blocks(
    plan: AnalysisPlan, model: PlannedModel, rows: Predictors, chain: PreparationChain | None
) -> Candidate:
    settings = path_settings(plan)
    if model.kind == "group_lasso":
        return Grouped(
            name=model.code,
            columns=rows.names,
            chain=chain,
            settings=settings,
            spread=model.spread,
        )
    return Prioritized(
        name=model.code,
        columns=rows.names,
        chain=chain,
        settings=settings,
        order=block_order(model, rows.blocks),
        by_deviance=plan.penalty.choose_by == "deviance",
        spread=model.spread,
    )


def block_order(model: PlannedModel, blocks: tuple[str, ...]) -> tuple[str, ...]:
    """Blocks from the first that may explain.

    Unpenalized columns first; then blocks of predictors that the model names one by one, then
    those of ``blocks`` in the plan's order.
    """
    there = tuple(dict.fromkeys(blocks))
    first = [block for block in there if block.endswith(UNPENALIZED)]
    named = [block for block in there if block not in first and block not in model.blocks]
    return (*first, *named, *(block for block in model.blocks if block in there))


def _penalized(
    plan: AnalysisPlan,
    model: PlannedModel,
    rows: Predictors,
    chain: PreparationChain | None,
    *,
    binary: bool = False,
) -> Penalized:
    return Penalized(
        name=model.code,
        columns=rows.names,
        settings=path_settings(plan, binary=binary),
        factors=_factors(rows.blocks),
        chain=chain,
        by_deviance=plan.penalty.choose_by == "deviance",
        spread=model.spread,
    )


def _filling(chain: PreparationChain | None) -> PreparationChain | None:
    """Steps that fill missing values, and no other: a given score is taken as it is."""
    if chain is None:
        return None
    steps: tuple[On, ...] = tuple(
        on for on in chain.steps if isinstance(on.step, Imputation | MedianFill)
    )
    return PreparationChain(steps=steps) if steps else None
