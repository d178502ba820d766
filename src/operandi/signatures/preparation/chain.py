"""Steps of preparation one after the other, each learned on what the steps before it gave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from operandi.domain.identity import Pseudonym
from operandi.quantities.errors import DataError
from operandi.signatures.data import Predictors, RightCensored
from operandi.signatures.preparation.guard import SeenParticipants, Split
from operandi.signatures.preparation.rebuild import learned_from
from operandi.signatures.preparation.transformer import (
    Columns,
    Learned,
    PlainRows,
    Transformer,
    listed,
)

Role = Literal["training", "judged"]
"""Whether rows are those that were learned from, or are to be judged (or predicted)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class On:
    """A step and the blocks of columns that it works on.

    Parameters
    ----------
    step : Transformer
        With its settings.
    blocks : tuple of str or None
        None for every column.
    """

    step: Transformer
    blocks: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedPart:
    """A step that has learned, with the columns that it works on.

    Parameters
    ----------
    learned : Learned
        What it learned.
    columns : (m,) int or None
        Positions among the columns that reach it; None for all.
    beside : (q,) int
        Positions of its covariates among the same.
    """

    learned: Learned
    columns: Columns | None
    beside: Columns

    def remaining(self, count: int) -> Columns | None:
        """Positions among *count* columns that are left after the step; None where all are."""
        kept = self.learned.kept
        if kept is None:
            return None
        if self.columns is None:
            return kept
        left = np.ones(count, dtype=np.bool_)
        left[self.columns] = False
        left[self.columns[kept]] = True
        return np.flatnonzero(left)

    def apply(self, rows: PlainRows) -> PlainRows:
        """Apply the step to its columns; the others pass as they are."""
        values = self.learned.apply(_view(rows, self.columns, self.beside))
        left = self.remaining(len(rows.names))
        if left is not None and left.size == len(rows.names):
            left = None  # nothing was dropped: names stay the same tuple
        if self.columns is not None:
            kept = self.learned.kept
            whole = rows.values.copy()
            whole[:, self.columns if kept is None else self.columns[kept]] = values
            values = whole if left is None else np.ascontiguousarray(whole[:, left])
        names = rows.names if left is None else picked(rows.names, left)
        return PlainRows(
            values=values, names=names, sites=rows.sites, participants=rows.participants
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedChain:
    """A chain's plain core: no guard, no checks. A thread may call it; nothing in it changes.

    Parameters
    ----------
    parts : tuple of LearnedPart
        In order.
    names : tuple of str
        Of the columns that go in.
    """

    parts: tuple[LearnedPart, ...]
    names: tuple[str, ...]

    def apply(self, rows: PlainRows) -> PlainRows:
        """Prepare rows as the training rows were.

        Raises
        ------
        DataError
            If a step refuses them.
        """
        for part in self.parts:
            rows = part.apply(rows)
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationChain:
    """Steps in order, with their settings.

    Parameters
    ----------
    steps : tuple of On
        The order is the plan's: a step sees what the steps before it gave.
    """

    steps: tuple[On, ...]

    def learn(
        self,
        rows: PlainRows,
        *,
        blocks: tuple[str, ...],
        outcome: RightCensored | None = None,
        seed: int,
    ) -> tuple[LearnedChain, PlainRows]:
        """Learn every step from training rows: the plain core, which checks no participant.

        Parameters
        ----------
        rows : PlainRows
            Of training.
        blocks : tuple of str
            Of its columns.
        outcome : RightCensored, optional
            Of the same rows, where a step screens.
        seed : int
            Of the whole; each step draws from a child of its own.

        Returns
        -------
        LearnedChain, Rows
            What was learned, and the training rows prepared.

        Raises
        ------
        DataError
            If a step refuses, or a covariate is no column.
        """
        names, parts = rows.names, []
        for number, on in enumerate(self.steps):
            if on.blocks is not None and not set(on.blocks) & set(blocks):
                continue  # what came before has dropped every column of them
            part, rows = _learned(on, rows, blocks, outcome, _child(seed=seed, number=number))
            left = part.remaining(len(blocks))
            blocks = blocks if left is None else picked(blocks, left)
            parts.append(part)
        return LearnedChain(parts=tuple(parts), names=names), rows

    def fit(
        self,
        training: Predictors,
        *,
        outcome: RightCensored | None = None,
        split: Split | None = None,
        seed: int,
        draw: int = 0,
    ) -> "FittedChain":
        """Learn every step from training rows, and remember whose they are.

        As ``fit_and_prepare``, without the prepared rows.
        """
        return self.fit_and_prepare(training, outcome=outcome, split=split, seed=seed, draw=draw)[0]

    def fit_and_prepare(
        self,
        training: Predictors,
        *,
        outcome: RightCensored | None = None,
        split: Split | None = None,
        seed: int,
        draw: int = 0,
    ) -> tuple["FittedChain", Predictors]:
        """Learn every step from training rows, which come out prepared.

        Parameters
        ----------
        training : Predictors
            Rows of the training side alone.
        outcome : RightCensored, optional
            Of the same rows, where a step screens.
        split : Split, optional
            The fold: to learn from a participant of its test side is refused.
        seed, draw : int
            Of what is drawn. Of a multiple imputation each draw is a fit of its own.

        Returns
        -------
        FittedChain, Predictors
            The rows are those of ``FittedChain.apply(training, role="training")``.

        Raises
        ------
        LeakError
            If a participant of the test side is among the rows.
        DataError
            If a step refuses.
        """
        if split is not None:
            split.refuse_fit_on(training.participants, what="The chain")
        if outcome is not None and outcome.time.size != len(training.participants):
            raise DataError(
                f"The chain needs an outcome for each of {len(training.participants)} rows; "
                f"found {outcome.time.size}."
            )
        wanted = {block for on in self.steps for block in on.blocks or ()}
        if unknown := sorted(wanted - set(training.blocks)):
            raise DataError(
                f"The chain has steps for {', '.join(unknown)}, of which there is no column.",
                remedy="Correct the blocks of the steps, or supply the columns.",
            )
        learned, rows = self.learn(
            plain_rows(training),
            blocks=training.blocks,
            outcome=outcome,
            seed=_child(seed=seed, number=draw),
        )
        by_name = dict(zip(training.names, training.blocks, strict=True))
        fitted = FittedChain(
            learned=learned,
            blocks=tuple(map(by_name.__getitem__, rows.names)),
            names_out=rows.names,
            seen=SeenParticipants.of(set(training.participants)),
        )
        return fitted, fitted.named(rows, training)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedChain:
    """A chain that has learned, and knows from whom.

    Parameters
    ----------
    learned : LearnedChain
        The plain core.
    names_out, blocks : tuple of str
        Names and blocks of the columns that come out.
    seen : SeenParticipants
        The participants of the training rows.
    """

    learned: LearnedChain
    names_out: tuple[str, ...]
    blocks: tuple[str, ...]
    seen: SeenParticipants

    def apply(self, rows: Predictors, *, role: Role) -> Predictors:
        """Prepare rows as the training rows were.

        Parameters
        ----------
        rows : Predictors
            With the columns of training, in their order.
        role : {"training", "judged"}
            What the rows are.

        Raises
        ------
        LeakError
            If rows to be judged have been seen, or rows of training have not.
        DataError
            If the columns are others, or a step refuses.
        """
        check = self.seen.refuse if role == "judged" else self.seen.refuse_unseen
        check(rows.participants, what="The chain")
        if rows.names != self.learned.names:
            wrong = sorted(set(rows.names) ^ set(self.learned.names))
            raise DataError(
                f"The chain has learned {len(self.learned.names)} columns; those given differ: "
                f"{listed(wrong) or 'their order'}.",
                remedy="Give the columns of the training rows, in their order.",
            )
        return self.named(self.learned.apply(plain_rows(rows)), rows)

    def named(self, prepared: PlainRows, rows: Predictors) -> Predictors:
        """Prepared values of rows, with their participants and the blocks that came out."""
        return Predictors(
            values=prepared.values,
            names=prepared.names,
            blocks=self.blocks,
            participants=rows.participants,
            sites=rows.sites,
        )

    def as_dict(self) -> dict[str, Any]:
        """What was learned, for a model card; JSON keeps it to the last bit."""
        return {
            "format": _FORMAT,
            "names": list(self.learned.names),
            "names_out": list(self.names_out),
            "blocks": list(self.blocks),
            "seen": sorted(self.seen.marks),
            "parts": [
                {
                    "columns": None if part.columns is None else part.columns.tolist(),
                    "beside": part.beside.tolist(),
                    "learned": part.learned.as_dict(),
                }
                for part in self.learned.parts
            ],
        }


_FORMAT: Final = 1


def chain_from(said: Mapping[str, Any]) -> FittedChain:
    """Rebuild a chain from ``FittedChain.as_dict``.

    Raises
    ------
    DataError
        If the format or a step is one that this version does not know.
    """
    if said.get("format") != _FORMAT:
        raise DataError(
            f"A prepared chain has format {_FORMAT}; found {said.get('format')!r}.",
            remedy="Use the version of Operandi that wrote the model card.",
        )
    parts = tuple(
        LearnedPart(
            learned=learned_from(part["learned"]),
            columns=None if part["columns"] is None else np.asarray(part["columns"], np.int64),
            beside=np.asarray(part["beside"], dtype=np.int64),
        )
        for part in said["parts"]
    )
    return FittedChain(
        learned=LearnedChain(parts=parts, names=tuple(said["names"])),
        names_out=tuple(said["names_out"]),
        blocks=tuple(said["blocks"]),
        seen=SeenParticipants(frozenset(said["seen"])),
    )


def plain_rows(predictors: Predictors, *, positions: Columns | None = None) -> PlainRows:
    """Plain rows of predictors, or some of them."""
    if positions is None:
        return PlainRows(
            values=np.ascontiguousarray(predictors.values),
            names=predictors.names,
            sites=predictors.sites,
            participants=predictors.participants,
        )
    return PlainRows(
        values=np.ascontiguousarray(predictors.values[positions]),
        names=predictors.names,
        sites=tuple(predictors.sites[row] for row in positions),
        participants=tuple(predictors.participants[row] for row in positions),
    )


def predictors_at(predictors: Predictors, positions: Columns) -> Predictors:
    """Some rows of predictors, as the training or the test side of a split."""
    return Predictors(
        values=np.ascontiguousarray(predictors.values[positions]),
        names=predictors.names,
        blocks=predictors.blocks,
        participants=tuple(Pseudonym(predictors.participants[row]) for row in positions),
        sites=tuple(predictors.sites[row] for row in positions),
    )


def picked(names: tuple[str, ...], positions: Columns) -> tuple[str, ...]:
    """Some of many names, quickly."""
    return tuple(map(names.__getitem__, positions.tolist()))


def _child(*, seed: int, number: int) -> int:
    words = np.random.SeedSequence(entropy=seed, spawn_key=(number,)).generate_state(1, np.uint64)
    # JSON and Numba's signed integers hold 63 bits alike.
    return int(words[0] >> np.uint64(1))


def _learned(
    on: On, rows: PlainRows, blocks: tuple[str, ...], outcome: RightCensored | None, seed: int
) -> tuple[LearnedPart, PlainRows]:
    columns = None
    if on.blocks is not None:
        wanted = set(on.blocks)
        columns = np.flatnonzero([block in wanted for block in blocks])
    covariates = on.step.covariates
    place = {name: position for position, name in enumerate(rows.names)} if covariates else {}
    if missing := [name for name in covariates if name not in place]:
        raise DataError(
            f"{listed(missing)}: no such column reaches the step that needs it as a covariate.",
            remedy="Put the step before the one that drops the column, or name another.",
        )
    beside = np.asarray([place[name] for name in covariates], dtype=np.int64)
    learned = on.step.learn(_view(rows, columns, beside), outcome=outcome, seed=seed)
    part = LearnedPart(learned=learned, columns=columns, beside=beside)
    return part, part.apply(rows)


def _view(rows: PlainRows, columns: Columns | None, beside: Columns) -> PlainRows:
    """What a step sees of rows."""
    if columns is None and not beside.size:
        return rows
    values, names = rows.values, rows.names
    if columns is not None:
        values = np.ascontiguousarray(values[:, columns])
        names = picked(names, columns)
    return PlainRows(
        values=values,
        names=names,
        sites=rows.sites,
        participants=rows.participants,
        beside=np.ascontiguousarray(rows.values[:, beside]) if beside.size else None,
    )
