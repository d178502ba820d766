"""``operandi schedule-potentiator P-014 --study STUDY --drug olaparib``."""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from operandi.cli import console
from operandi.cli.measured import page_folder, require_measured


def schedule_potentiator(
    participant: Annotated[
        str | None, typer.Argument(help="Whom; everyone with measured doses by default.")
    ] = None,
    *,
    drug: Annotated[Literal["olaparib", "captem"], typer.Option(help="Which drug.")],
    study: Annotated[
        Path, typer.Option(help="Folder with study.toml, records/ and dicom/.")
    ] = Path(),
    schedule: Annotated[
        str | None,
        typer.Option(
            metavar="PRESET",
            help="Olaparib: nci, peter-mac, gothenburg; CAPTEM: control-nets, perth. The first by "
            "default.",
        ),
    ] = None,
    first_day: Annotated[
        int | None, typer.Option(help="First day of olaparib; the administration is on day 0.")
    ] = None,
    last_day: Annotated[int | None, typer.Option(help="Its last day, taken too.")] = None,
    administration_day: Annotated[
        int | None, typer.Option(help="Perth: day of capecitabine on which 177Lu is given.")
    ] = None,
    grade: Annotated[
        Literal["G1", "G2", "G3", "unknown"] | None,
        typer.Option(help="Of the tumor; by default of the last histology on record."),
    ] = None,
    recombination: Annotated[
        Literal["proficient", "deficient", "unknown"],
        typer.Option(help="Whether the tumor mends breaks by homologous recombination."),
    ] = "unknown",
    marrow_gy_per_gbq: Annotated[
        float | None, typer.Option(help="Marrow dose known from elsewhere, with its half-life.")
    ] = None,
    marrow_half_life_h: Annotated[
        float | None, typer.Option(help="Effective half-life of the dose rate in marrow.")
    ] = None,
    samples: Annotated[int, typer.Option(min=100, max=100_000, help="Draws of the priors.")] = 4000,
    compare_starts: Annotated[
        bool, typer.Option("--compare-starts", help="Let the drug start on days -3 to 10.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Local processes; the number of cores by default.")
    ] = os.cpu_count() or 1,
) -> None:
    """Ask what a radiopotentiator would add to tumor, kidneys and marrow.

    The dose rates of the first measured cycle are repeated at the dates of all cycles, given or
    planned. Nearly all that is put in of the drugs is assumed: the page lists every range and
    its source. A page is written to STUDY/results/what-if. Exit status 3: some participants
    have no answer.

    Examples: [bold]operandi schedule-potentiator P-014 --study my-study --drug olaparib[/bold];
    [bold]operandi schedule-potentiator P-014 --study my-study --drug olaparib
    --schedule gothenburg --first-day 2 --last-day 15 --compare-starts[/bold];
    [bold]operandi schedule-potentiator --study my-study --drug captem[/bold]
    """
    from operandi.pipeline.drug_choice import DrugChoice, chosen_schedule
    from operandi.pipeline.potentiator_plan import Question, everyone, potentiated
    from operandi.pipeline.potentiator_tissues import stated_marrow
    from operandi.pipeline.study import Options, read_study
    from operandi.pipeline.therapy_results import participant_doses
    from operandi.therapy.pet_baseline import TumorGrade
    from operandi.therapy.potentiator_presets import Recombination

    question = Question(
        choice=DrugChoice(
            drug=drug,
            schedule=chosen_schedule(
                drug,
                schedule,
                first_day=first_day,
                last_day=last_day,
                administration_day=administration_day,
            ),
            recombination=Recombination(recombination),
        ),
        grade=TumorGrade(grade) if grade else None,
        marrow=stated_marrow(gy_per_gbq=marrow_gy_per_gbq, half_life_h=marrow_half_life_h),
        samples=samples,
        compare_starts=compare_starts,
    )
    with console.StudyProgress() as progress:
        read = read_study(study, today=datetime.now(UTC).date(), progress=progress)
        options = Options(workers=workers)
        left_out: list[tuple[str, str]] = []
        if participant is not None:
            doses = participant_doses(read, participant, options, progress=progress)
            require_measured(doses)
            answers = [potentiated(read, doses, question)]
        else:
            answers, left_out = everyone(read, question, options, progress=progress)
    if participant is not None:
        _show(answers[0])
    else:
        _show_cohort(answers)
    _write(page_folder(read.results), participant, answers, left_out)
    for who, why in left_out:
        console.err.print(
            f"No answer for {who}: {why}", markup=False, highlight=False, soft_wrap=True
        )
    if left_out:
        raise typer.Exit(3)


def _show(answer: Any) -> None:
    from operandi.pipeline.potentiator_page import (
        RATIO_COLUMNS,
        TISSUE_COLUMNS,
        best_starts,
        ratio_rows,
        tissue_rows,
    )

    cycles = ", ".join(
        f"{one.number} ({one.on}{'' if one.given else ', planned'})" for one in answer.cycles
    )
    _say(f"{answer.participant}: {answer.choice.schedule.name}. Cycles {cycles}.")
    _table(TISSUE_COLUMNS, tissue_rows(answer))
    _say("Ratio of enhancements:")
    _table(RATIO_COLUMNS, ratio_rows(answer))
    for line in best_starts(answer):
        _say(f"First day of the drug, {line}")
    _list("How it was made:", answer.notes)
    _list("Assumed or recalled, not measured:", answer.outcome.assumptions)


def _show_cohort(answers: Sequence[Any]) -> None:
    from operandi.pipeline.potentiator_page import COHORT_COLUMNS, cohort_rows, notes_of_all

    _say(f"{answers[0].choice.schedule.name}. Ratio of enhancements, smallest dose of a lesion:")
    _table(COHORT_COLUMNS, cohort_rows(answers))
    _list("How it was made:", notes_of_all(answers))
    assumed = dict.fromkeys(said for one in answers for said in one.outcome.assumptions)
    _list("Assumed or recalled, not measured:", tuple(assumed))


def _write(
    folder: Path,
    participant: str | None,
    answers: Sequence[Any],
    left_out: Sequence[tuple[str, str]],
) -> None:
    from operandi.pipeline.atomic import atomic_write
    from operandi.pipeline.potentiator_page import cohort_page, potentiator_page

    page = cohort_page(answers, left_out) if participant is None else potentiator_page(answers[0])
    path = folder / f"{participant or 'cohort'}-{answers[0].choice.drug}.html"
    atomic_write(path, page.encode("utf-8"))
    console.out.print(str(path), soft_wrap=True, highlight=False, markup=False)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*map(escape, row))
    console.out.print(table)


def _list(title: str, lines: Sequence[str]) -> None:
    _say(title)
    for line in lines:
        console.out.print(f"  - {line}", markup=False, highlight=False)


def _say(text: str) -> None:
    console.out.print(text, markup=False, highlight=False)
