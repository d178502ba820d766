"""``operandi power SCENARIO --plan plan.toml``: says what is assumed, runs it, prints and draws."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from operandi.cli import console
from operandi.cli.plan_power import (
    GivenColumns,
    PlanPower,
    given_columns,
    known_markers,
    plan_power,
    prepared,
    unused_codes,
)
from operandi.cli.plan_power_page import (
    assumed_lines,
    lowered_lines,
    plan_power_page,
    plan_power_rows,
    refusal_lines,
)
from operandi.pipeline.atomic import atomic_write
from operandi.signatures.plan import read_plan
from operandi.signatures.rehearsal_plan import RehearsalPlan
from operandi.simulation.scenario import read_scenario


def power_of_plan(
    scenario: str,
    plan: Path,
    *,
    page: Path,
    sizes: Sequence[int],
    trials: int,
    seed: int,
    columns: Sequence[str],
    without: Sequence[str],
    models: Sequence[str],
    whole: bool,
    chance: bool,
    threads: int,
) -> None:
    """Say the power of a plan's whole recipe.

    Parameters
    ----------
    scenario : str
        Name or file.
    plan : Path
    page : Path
        To write; its folder is there.
    sizes : sequence of int
    trials, seed : int
    columns, without, models : sequence of str
        As the options say.
    whole : bool
        Whether the plan's own resampling is run.
    chance : bool
        Whether outcomes are dealt anew too.
    threads : int

    Raises
    ------
    DataError
        If the plan cannot be tried on simulated trials, with what mends it.
    """
    chosen, read = read_scenario(scenario), read_plan(plan)
    given = given_columns(
        read, columns=columns, without=without, markers=known_markers(chosen, seed=seed)
    )
    asked = prepared(read, given, models=models, whole=whole)
    _announce(asked, given, sizes=sizes, trials=trials, chance=chance)
    for code in unused_codes(asked, given):
        _say(f"{code}: no model that is judged uses it; what is said of it changes nothing.")
    with console.StudyProgress() as progress:
        found = plan_power(
            chosen,
            asked,
            given=given,
            sizes=sizes,
            trials=trials,
            seed=seed,
            chance=chance,
            threads=threads,
            progress=_timed(progress.stage("trials through the plan"), sizes=len(sizes)),
        )
    # First, so that a pipe that is closed early costs no page.
    atomic_write(page, plan_power_page(found, scenario=chosen.title, seed=seed).encode())
    _print(found)
    _say(str(page))


def _announce(
    asked: RehearsalPlan, given: GivenColumns, *, sizes: Sequence[int], trials: int, chance: bool
) -> None:
    """Before hours of work: what is assumed, lowered and changed, and how much is to be done."""
    for code, what in assumed_lines(asked, given):
        _say(f"{code}: {what}")
    for sentence in asked.changed:
        _say(sentence)
    for key, planned, used, because in lowered_lines(asked):
        _say(f"{key}: {used} in place of {planned} ({because})")
    count = trials * len(sizes) * (2 if chance else 1)
    also = ", each also with outcomes dealt anew" if chance else ""
    _say(
        f"{trials} trials of {', '.join(map(str, sizes))} participants{also}: {count} analyses of "
        f"{', '.join(one.code for one in asked.plan.model)}."
    )


def _timed(move: Callable[[int, int], None], *, sizes: int) -> Callable[[int, int], None]:
    """Move a bar, and say once how long it takes: by the second trial, as the first compiles."""
    began = time.monotonic()
    second = 0.0

    def moved(done: int, total: int) -> None:
        nonlocal second
        move(done, total)
        now = time.monotonic()
        if done == sizes:
            second = now
        if done == 2 * sizes:
            left = (total - done) / sizes * (now - second)
            console.err.print(
                f"operandi: a trial takes {now - second:.0f} s; the other {total // sizes - 2} "
                f"about {left / 60.0:.0f} min more ({(now - began) / 60.0:.0f} min so far)",
                soft_wrap=True,
                highlight=False,
            )

    return moved


def _print(found: PlanPower) -> None:
    for code in found.asked.judged:
        table = Table(escape(code), *(f"n = {size}" for size in found.sizes), box=box.SIMPLE)
        for row in plan_power_rows(found, code):
            table.add_row(*row)
        console.out.print(table)
    for line in refusal_lines(found):
        _say(line)


def _say(text: str) -> None:
    console.out.print(text, soft_wrap=True, highlight=False, markup=False)
