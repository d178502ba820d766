"""``operandi dose PARTICIPANT``."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from operandi.cli import console


def dose(
    participant: Annotated[
        str | None, typer.Argument(help="Study code, e.g. P-014; without one, all are listed.")
    ] = None,
    study: Annotated[
        Path, typer.Option(help="Folder with study.toml, records/ and dicom/.")
    ] = Path(),
    workers: Annotated[
        int, typer.Option(min=1, help="Local processes; the number of cores by default.")
    ] = os.cpu_count() or 1,
) -> None:
    """Say which absorbed doses a participant received, with u(D), and draw them.

    Doses are measured from SPECT after a cycle where there is any, and predicted from the PET
    before the first cycle where study.toml asks for it. The page goes to
    STUDY/results/doses/PARTICIPANT.html. What SPECT needs: docs/study-folder.md, dosimetry.

    Examples: [bold]operandi dose P-014 --study my-study[/bold];
    [bold]operandi dose --study my-study[/bold]
    """
    from operandi.pipeline.atomic import atomic_write
    from operandi.pipeline.dose_page import dose_page
    from operandi.pipeline.study import Options, read_study
    from operandi.pipeline.therapy_results import participant_doses
    from operandi.quantities.errors import DataError

    options = Options(workers=workers)
    refused = False
    with console.StudyProgress() as progress:
        read = read_study(study, today=datetime.now(UTC).date(), progress=progress)
        everyone = [one.pseudonym for one in read.records.participants]
        asked = everyone if participant is None else [participant]
        found = [participant_doses(read, one, options, progress=progress) for one in asked]
    if participant is None:
        for fault in read.records.faults:
            if fault.table == "participants" and fault.participant not in everyone:
                refused = True
                _say(f"{fault.participant or 'Somebody'}: not read. {fault}")
    folder = read.results / "doses"
    if folder.exists() and not folder.is_dir():
        raise DataError(
            f"{folder} is a file; the pages of doses go into a folder of that name.",
            remedy="Move the file away.",
        )
    for doses in found:
        refused |= _show(doses)
        path = folder / f"{doses.participant.pseudonym}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, dose_page(doses, study=read.settings.title).encode())
        console.out.print(str(path), soft_wrap=True, highlight=False, markup=False)
    if refused:
        raise typer.Exit(3)


def _show(doses: Any) -> bool:
    """Print the doses of one participant; say whether any was refused."""
    from operandi.pipeline.dose_page import NO_SCAN
    from operandi.pipeline.step import Refusal

    who = doses.participant.pseudonym
    measured = dict(doses.measured)
    unread = dict(doses.unread)
    refused = bool(doses.faults or doses.unused)
    for line in doses.faults:
        _say(f"{who}: not read. {line}")
    for cycle in doses.given:
        one = measured.get(cycle.number)
        if cycle.number in unread:
            refused = True
            reason = f"{who}, cycle {cycle.number}: no dose. {unread[cycle.number]}"
            console.out.print(reason, highlight=False, markup=False)
        elif one is None:
            console.out.print(f"{who}, cycle {cycle.number}: {NO_SCAN}.", highlight=False)
        elif isinstance(one, Refusal):
            refused = True
            console.out.print(f"{who}, cycle {cycle.number}: {one}", highlight=False, markup=False)
        else:
            refused |= _show_cycle(who, cycle.number, one, dict(doses.marrow).get(cycle.number))
    for line in doses.unused:
        _say(f"{who}: in no dose. {line}")
    if isinstance(doses.predicted, Refusal):
        refused = True
        console.out.print(f"{who}: {doses.predicted}", highlight=False, markup=False)
    elif doses.predicted is not None:
        _show_predicted(who, doses.predicted)
    elif not (measured or unread):
        console.out.print(f"{who}: no dose is measured or predicted.", highlight=False)
    _show_sums(who, doses)
    return refused


def _say(line: str) -> None:
    console.out.print(line, highlight=False, markup=False)


def _show_sums(who: str, doses: Any) -> None:
    from operandi.pipeline.dose_page import cumulated_doses, kidney_notes, with_spread
    from operandi.therapy.limits import beside_limits

    for one in cumulated_doses(doses):
        given = len(doses.given)
        title = (
            f"{who}, {one.organ}: {with_spread(one.total_gy, one.standard_uncertainty_gy)} Gy "
            f"{one.kind.title} from {given - one.missing_cycles} of {given} cycle(s)"
        )
        readings = beside_limits(one, doses.panel)
        beside = ", ".join(
            f"{'at least ' if reading.lower_bound else ''}{reading.fraction:.0%} of "
            f"{reading.limit.limit_gy:g} Gy ({reading.limit.applies_to})"
            for reading in readings
        )
        console.out.print(
            f"{title}{f': {beside}' if beside else ''}", highlight=False, markup=False
        )
    for line in kidney_notes(doses):
        _say(f"{who}: {line}")


def _show_cycle(who: str, number: int, doses: Any, marrow: Any) -> bool:
    from operandi.pipeline.dose_page import (
        POPULATION_NOTE,
        by_population,
        dose_row,
        marrow_notes,
        marrow_row,
        region_notes,
    )

    table = Table(
        "region",
        *("n", "Gy", "95 %, Gy", "Gy/GBq", "BED, Gy", "T½, h", "tail"),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=f"{who}, cycle {number}: measured, {doses.administered_bq / 1e9:.2f} GBq "
        f"{doses.nuclide}",
        title_justify="left",
    )
    for region in doses.regions:
        *cells, half_life, tail = dose_row(region, doses)
        mark = "*" if by_population(region) else ""
        table.add_row(*map(escape, (*cells, half_life.split(" ")[0] + mark, tail)))
    of_marrow = marrow_row(marrow)
    if of_marrow:
        table.add_row(*of_marrow)
    console.out.print(table)
    console.out.print(
        "n: scans; Gy ± standard uncertainty; BED: biologically effective dose; T½: effective "
        "half-life; tail: share of the decays after the last scan.",
        highlight=False,
    )
    if any(by_population(region) for region in doses.regions):
        _say(POPULATION_NOTE.replace("(population)", "*"))
    for line in (*doses.cautions, *region_notes(doses)):
        _say(line)
    for name, _, reason in doses.refused:
        console.out.print(f"{name}: no dose. {reason}", highlight=False, markup=False)
    if not of_marrow:
        for line in marrow_notes(marrow):
            _say(line)
    return bool(doses.refused) or (marrow is not None and not of_marrow)


def _show_predicted(who: str, predicted: Any) -> None:
    table = Table(
        "region",
        "median, Gy/GBq",
        "90 % interval",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title=f"{who}: predicted from the PET before cycle 1, not measured",
        title_justify="left",
    )
    for one in (*predicted.lesions, *predicted.organs):
        table.add_row(
            escape(one.name),
            f"{one.median_gy_per_gbq:.2f}",
            f"{one.low_gy_per_gbq:.2f} to {one.high_gy_per_gbq:.2f}",
        )
    console.out.print(table)
    for name, _, reason in predicted.refused:
        console.out.print(f"{name}: no prediction. {reason}", highlight=False, markup=False)
