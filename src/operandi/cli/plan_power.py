"""The power of a plan's whole recipe: simulated trials, and the plan's own analysis of each.

The one place where what is simulated meets what analyzes: neither knows of the other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from operandi.domain.identity import Pseudonym
from operandi.quantities.errors import DataError, OperandiError
from operandi.records.spelling import meant
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.planned_data import planned_data
from operandi.signatures.rehearsal import (
    Rehearsal,
    dealt_anew,
    made_table,
    of_participants,
    rehearse,
)
from operandi.signatures.rehearsal_plan import (
    RehearsalPlan,
    needs_number,
    rehearsal_plan,
)
from operandi.signatures.results import SUPPORTED, UNDECIDABLE
from operandi.signatures.source import AnalysisSource
from operandi.signatures.tables import PlannedData
from operandi.simulation.disease.known_values import AFTER_TWO_CYCLES, known_values, uninformative
from operandi.simulation.disease.outcomes import Outcomes, simulate_outcomes
from operandi.simulation.disease.power import concordance, exact_interval
from operandi.simulation.people.persons import pseudonym_of
from operandi.simulation.scenario import Scenario
from operandi.simulation.trial.chronology import TIMEPOINTS
from operandi.simulation.trial.trial_records import trial_records

_Floats = npt.NDArray[np.float64]
Dealt = Literal["as they are", "dealt anew"]

SMALLEST: Final = 20
"""Participants: with fewer, five folds have no events to speak of."""
MOST_COLUMNS: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenColumns:
    """How planned predictors meet the simulation.

    Parameters
    ----------
    markers : mapping of str to str
        Marker of a column, by ``"code"`` or ``"code.name"``.
    without : mapping of str to int
        By code: how many columns tell nothing.
    """

    markers: Mapping[str, str] = field(default_factory=dict)
    without: Mapping[str, int] = field(default_factory=dict)

    def columns(self) -> dict[str, tuple[str, ...]]:
        """Names of the columns of each code: given ones first, then those that tell nothing."""
        found: dict[str, list[str]] = {}
        for name in self.markers:
            found.setdefault(_code(name), []).append(name.partition(".")[2] or name)
        for code, count in self.without.items():
            own = found.setdefault(code, [])
            own += [code] if count == 1 and not own else [f"n{one:05d}" for one in range(count)]
        return {code: tuple(names) for code, names in found.items()}


def _code(name: str) -> str:
    return name.partition(".")[0]


def given_columns(
    plan: AnalysisPlan,
    *,
    columns: Sequence[str],
    without: Sequence[str],
    markers: Sequence[str],
) -> GivenColumns:
    """Read what the command line says of planned predictors.

    Parameters
    ----------
    plan : AnalysisPlan
    columns : sequence of str
        ``"CODE=MARKER"`` or ``"CODE.NAME=MARKER"``.
    without : sequence of str
        ``"CODE"`` or ``"CODE=N"``.
    markers : sequence of str
        That the scenario knows.

    Raises
    ------
    DataError
        Naming the option and what it lacks.
    """
    codes = {one.code: one for _, one in plan.predictors()}
    named: dict[str, str] = {}
    for said in columns:
        name, mark, marker = (part.strip() for part in said.partition("="))
        if not (name and mark and marker):
            raise DataError(
                f"--column needs CODE=MARKER, got {said!r}.",
                remedy="Write, for example, --column suv_mean=mean_suv.",
            )
        _require_known(_code(name), codes, what="--column", of="predictor of the plan")
        _require_known(marker, markers, what="--column", of="simulated marker")
        if name in named:
            raise DataError(f"--column: {name} is given twice.", remedy="Give each once.")
        _refuse_early(plan, name, marker)
        named[name] = marker
    counts: dict[str, int] = {}
    for said in without:
        code, mark, number = (part.strip() for part in said.partition("="))
        _require_known(code, codes, what="--without-information", of="predictor of the plan")
        if code in counts:
            raise DataError(
                f"--without-information: {code} is given twice.", remedy="Give each once."
            )
        if not mark and needs_number(codes[code]):
            raise DataError(
                f"--without-information: {code} takes every column that fits, and how many the "
                "tables will have is not known here.",
                remedy=f"Say how many: --without-information {code}=200.",
            )
        counts[code] = _count(number if mark else "1", said)
    _refuse_two_ways(named, counts)
    return GivenColumns(markers=named, without=counts)


def _require_known(
    word: str, known: Sequence[str] | Mapping[str, object], *, what: str, of: str
) -> None:
    if word in known:
        return
    near = meant(word, known)
    raise DataError(
        f"{what}: {word} is no {of}.",
        remedy=f"Did you mean {near}? " * bool(near) + f"Known are {', '.join(known)}.",
    )


def _count(text: str, said: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_COLUMNS:
        raise DataError(
            f"--without-information needs CODE=N, N from 1 to {MOST_COLUMNS}, got {said!r}.",
            remedy="Write, for example, --without-information texture=200.",
        )
    return int(text)


def _refuse_two_ways(named: Mapping[str, str], counts: Mapping[str, int]) -> None:
    whole = {name for name in named if "." not in name}
    parts = {_code(name) for name in named if "." in name}
    if twice := sorted((whole & parts) | (whole & counts.keys())):
        raise DataError(
            f"{', '.join(twice)}: given as a whole and in parts.",
            remedy="Name the columns of a predictor of several: --column texture.first=adc "
            "--without-information texture=199.",
        )


def _refuse_early(plan: AnalysisPlan, name: str, marker: str) -> None:
    if marker in AFTER_TWO_CYCLES and plan.timing.landmark is None:
        raise DataError(
            f"--column {name}={marker}: {marker} is known only after cycle 2, and the plan has no "
            "landmark.",
            remedy="Take a marker that is known before treatment, or a plan with a landmark.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of trials."""

    hits: int
    trials: int

    @property
    def value(self) -> float:
        """From 0 to 1."""
        return self.hits / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval."""
        low, high = exact_interval(self.hits, self.trials).tolist()
        return low, high


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TriedTrial:
    """One simulated trial of one size.

    Parameters
    ----------
    found : Rehearsal or None
        None where it was refused.
    oracle : float
        Concordance of the oracle in the same participants; NaN where there is none.
    by_chance : Rehearsal or None
        With outcomes dealt anew; None where not asked, or refused.
    refused : str
        Why; empty where it was not.
    """

    found: Rehearsal | None
    oracle: float = np.nan
    by_chance: Rehearsal | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanPower:
    """What trials of each size say by a plan.

    Parameters
    ----------
    title : str
        Of the plan.
    asked : RehearsalPlan
        With what was lowered and changed.
    given : GivenColumns
    sizes : tuple of int
    tried : mapping of int to tuple of TriedTrial
        By size.
    chance : bool
        Whether outcomes were dealt anew too.
    """

    title: str
    asked: RehearsalPlan
    given: GivenColumns
    sizes: tuple[int, ...]
    tried: Mapping[int, tuple[TriedTrial, ...]]
    chance: bool

    @property
    def trials(self) -> int:
        """Of each size."""
        return len(self.tried[self.sizes[0]])

    def _of(self, size: int, *, dealt: Dealt) -> list[Rehearsal | None]:
        if dealt == "as they are":
            return [one.found for one in self.tried[size]]
        return [one.by_chance for one in self.tried[size]]

    def answered(
        self, model: str, size: int, answer: str, *, dealt: Dealt = "as they are"
    ) -> Share:
        """Share of trials with an answer; a refused trial has none."""
        return Share(
            hits=sum(
                one is not None and one.models[model].verdict.answer == answer
                for one in self._of(size, dealt=dealt)
            ),
            trials=self.trials,
        )

    def supported(self, model: str, size: int, *, dealt: Dealt = "as they are") -> Share:
        """Share of trials in which the plan's rules support the model."""
        return self.answered(model, size, SUPPORTED, dealt=dealt)

    def undecidable(self, model: str, size: int) -> Share:
        """Share of trials that are too small for an answer."""
        return self.answered(model, size, UNDECIDABLE)

    def holding(self, model: str, size: int, rule: str) -> Share:
        """Share of trials in which a rule holds: events, signal, stability or gain."""
        return Share(
            hits=sum(
                one is not None and one.models[model].rules.get(rule) is True
                for one in self._of(size, dealt="as they are")
            ),
            trials=self.trials,
        )

    def concordances(self, model: str, size: int) -> _Floats:
        """Nested C of each trial; NaN where there is none."""
        return np.array(
            [
                np.nan
                if one is None or one.models[model].concordance is None
                else one.models[model].concordance
                for one in self._of(size, dealt="as they are")
            ],
            dtype=np.float64,
        )

    def oracle(self, size: int) -> _Floats:
        """C of the oracle in each trial."""
        return np.array([one.oracle for one in self.tried[size]])

    def gap(self, model: str, size: int) -> float:
        """Mean of the oracle's C less the nested C, over trials that have both."""
        return mean_known(self.oracle(size) - self.concordances(model, size))

    def events(self, size: int) -> float:
        """Mean number of events."""
        return mean_known(
            np.array(
                [
                    np.nan if one is None else one.events
                    for one in self._of(size, dealt="as they are")
                ]
            )
        )

    def refusals(self) -> dict[str, int]:
        """Why trials were refused, and how many of all sizes."""
        reasons = [one.refused for size in self.sizes for one in self.tried[size] if one.refused]
        return {why: reasons.count(why) for why in dict.fromkeys(reasons)}


def mean_known(values: _Floats) -> float:
    """Mean of what is known; NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def known_markers(scenario: Scenario, *, seed: int) -> tuple[str, ...]:
    """Names of the markers that a scenario knows."""
    return tuple(known_values(simulate_outcomes(scenario, participants=2, seed=seed), seed=seed))


def prepared(
    plan: AnalysisPlan, given: GivenColumns, *, models: Sequence[str] = (), whole: bool = False
) -> RehearsalPlan:
    """Prepare a plan for trials as they are simulated here; as of ``rehearsal_plan``."""
    return rehearsal_plan(
        plan, columns=given.columns(), visits=TIMEPOINTS, models=models, whole=whole
    )


def unused_codes(asked: RehearsalPlan, given: GivenColumns) -> tuple[str, ...]:
    """Predictors of which something is said, and that no judged model uses."""
    return tuple(code for code in given.columns() if code not in asked.columns)


def plan_power(
    scenario: Scenario,
    asked: RehearsalPlan,
    *,
    given: GivenColumns,
    sizes: Sequence[int],
    trials: int,
    seed: int,
    chance: bool = True,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> PlanPower:
    """Simulate trials, and judge each by a plan.

    Every size takes the first participants of the same trials.

    Parameters
    ----------
    scenario : Scenario
        Its number of participants is not used.
    asked : RehearsalPlan
        Of ``prepared``, from the same *given*.
    given : GivenColumns
    sizes : sequence of int, >= 20, ascending
    trials : int, >= 1
    seed : int
        Of the trials; folds have the plan's.
    chance : bool
        Whether each trial is judged with outcomes dealt anew too.
    threads : int
        The result does not depend on it.
    progress : callable, optional
        Called with (analyses done, analyses in all).

    Raises
    ------
    DataError
        If a planned predictor is neither simulated nor declared, or sizes do not ascend.
    """
    asked_sizes = _checked(sizes, trials)
    work = _Trials(
        scenario=scenario, asked=asked, given=given, sizes=asked_sizes, seed=seed, threads=threads
    )
    tried: dict[int, list[TriedTrial]] = {size: [] for size in asked_sizes}
    done, total = 0, trials * len(asked_sizes)
    for number in range(trials):
        for size, one in zip(asked_sizes, work.tried(number, chance=chance), strict=True):
            tried[size].append(one)
            done += 1
            if progress is not None:
                progress(done, total)
    return PlanPower(
        title=asked.plan.title,
        asked=asked,
        given=given,
        sizes=asked_sizes,
        tried={size: tuple(all_) for size, all_ in tried.items()},
        chance=chance,
    )


def _checked(sizes: Sequence[int], trials: int) -> tuple[int, ...]:
    asked = tuple(sizes)
    if not asked or min(asked) < SMALLEST or list(asked) != sorted(set(asked)) or trials < 1:
        raise DataError(
            f"The power of a plan needs ascending sizes of at least {SMALLEST} and trials, got "
            f"{asked} and {trials}.",
            remedy="Give for example 40, 80, 160 and 50 trials.",
        )
    return asked


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Trials:
    """Trials of a scenario as a plan takes them."""

    scenario: Scenario
    asked: RehearsalPlan
    given: GivenColumns
    sizes: tuple[int, ...]
    seed: int
    threads: int

    def tried(self, number: int, *, chance: bool) -> Iterator[TriedTrial]:
        """One trial, of each size."""
        largest = self.sizes[-1]
        found = simulate_outcomes(
            self.scenario,
            participants=largest,
            seed=self.seed,
            first_participant=number * largest,
        )
        people = [pseudonym_of(found.first_participant + row) for row in range(largest)]
        try:
            data = self._data(found, people)
        except DataError as refusal:
            # The first trial shows what is wrong with the plan; later ones, what chance does.
            if number == 0:
                raise
            yield from (TriedTrial(found=None, refused=str(refusal)) for _ in self.sizes)
            return
        if number == 0:
            self._refuse_unknown(data)
        oracle = dict(zip(people, found.oracle_risk.tolist(), strict=True))
        for size in self.sizes:
            yield self._judged(data, people[:size], oracle, number=number, chance=chance)

    def _judged(
        self,
        data: PlannedData,
        people: Sequence[Pseudonym],
        oracle: Mapping[Pseudonym, float],
        *,
        number: int,
        chance: bool,
    ) -> TriedTrial:
        plan = self.asked.plan
        try:
            part = of_participants(data, people)
            real = rehearse(plan, part, judged=self.asked.judged, threads=self.threads)
            dealt = None
            if chance:
                other = dealt_anew(
                    part, endpoint=plan.primary().code, seed=self.seed, number=number
                )
                dealt = rehearse(plan, other, judged=self.asked.judged, threads=self.threads)
        except OperandiError as refusal:
            return TriedTrial(found=None, refused=str(refusal))
        return TriedTrial(
            found=real,
            by_chance=dealt,
            oracle=concordance(
                np.array([oracle[who] for who in real.participants]),
                real.outcome.time,
                real.outcome.event,
            ),
        )

    def _data(self, found: Outcomes, people: Sequence[Pseudonym]) -> PlannedData:
        plan = self.asked.plan
        values = known_values(found, seed=self.seed)
        noise = uninformative(found, max(1, sum(self.given.without.values())), seed=self.seed)
        tables, start = {}, 0
        for code, names in self.asked.columns.items():
            own, made = [], self.given.without.get(code, 0)
            for name in names[: len(names) - made]:
                marker = self.given.markers.get(f"{code}.{name}") or self.given.markers[code]
                own.append(values[marker])
            own += list(noise[:, start : start + made].T)
            start += made
            tables[code] = made_table(
                code, columns=names, participants=people, values=np.column_stack(own)
            )
        return planned_data(
            plan,
            AnalysisSource(
                folder=Path(),
                records=trial_records(
                    found,
                    self.scenario,
                    seed=self.seed,
                    also={one.table for one in plan.recorded},
                    until_day=plan.timing.landmark_day or 0,
                    read_by=plan.primary().read_by,
                ),
                measurements=None,
                supplied=tables,
            ),
        )

    def _refuse_unknown(self, data: PlannedData) -> None:
        """Recorded predictors of which the simulated tables hold nothing."""
        empty = {one.code for one in self.asked.plan.recorded}
        unknown = [
            f"recorded[{one.predictor}] ({one.source})"
            for one in data.columns
            if one.predictor in empty and not one.known
        ]
        if unknown:
            raise DataError(
                f"The simulated tables hold no value of {', '.join(unknown)}.",
                remedy="Say what it is: --column CODE=MARKER, or --without-information CODE.",
            )
