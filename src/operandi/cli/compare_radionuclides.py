"""``operandi compare-radionuclides PARTICIPANT``."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from operandi.cli import console
from operandi.cli.measured import page_folder, require_measured

_NAME_WIDTH: Final = 26
"""Of the first column, whose policies of daughters are long."""


def compare_radionuclides(
    participant: Annotated[
        str | None, typer.Argument(help="Study code, e.g. P-014; without one, all measured ones.")
    ] = None,
    study: Annotated[
        Path, typer.Option(help="Folder with study.toml, records/ and dicom/.")
    ] = Path(),
    equal: Annotated[
        Literal["kidney-bed", "marrow-dose"],
        typer.Option(help="What is held equal to the cycle that was measured."),
    ] = "kidney-bed",
    nuclides: Annotated[
        str | None,
        typer.Option(
            help="With commas between, e.g. 177Lu,161Tb,90Y,225Ac. By default 177Lu, 161Tb and "
            "90Y, and with --daughters also 225Ac and 212Pb."
        ),
    ] = None,
    daughters: Annotated[
        list[str] | None,
        typer.Option(
            metavar="POLICY",
            help="Where radioactive daughters decay: equilibrium, escape:0.3, escape:0.3:213Bi, "
            "local:10 (days) or neglected:REASON; for one nuclide as 225Ac=escape:0.3. Repeat it.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Local processes; the number of cores by default.")
    ] = os.cpu_count() or 1,
) -> None:
    """Say what another radionuclide on the same peptide would do, at equal toxicity.

    Starts from the doses of the first cycle after which SPECT was taken. The page with the
    trade-off of tumors and kidneys goes to STUDY/results/what-if. Exit status 3: some participants
    have no answer.

    Examples: [bold]operandi compare-radionuclides P-014 --study my-study[/bold];
    [bold]operandi compare-radionuclides P-014 --study my-study --daughters equilibrium[/bold];
    [bold]operandi compare-radionuclides --study my-study --nuclides 177Lu,161Tb[/bold]
    """
    from operandi.pipeline.atomic import atomic_write
    from operandi.pipeline.radionuclide_comparison import EQUAL, Question, candidates_of
    from operandi.pipeline.radionuclide_page import notes_of, radionuclide_page
    from operandi.pipeline.study import Options, read_study
    from operandi.quantities.errors import DataError

    # Before anything runs: what was asked for may be refused.
    candidates = candidates_of(nuclides.split(",") if nuclides is not None else [], daughters or [])
    with console.StudyProgress() as progress:
        read = read_study(study, today=datetime.now(UTC).date(), progress=progress)
        if read.settings.dosimetry is None:
            raise DataError(
                "study.toml says nothing of dosimetry, so that there are no doses to start from.",
                remedy="Add [dosimetry] to study.toml (docs/study-folder.md).",
            )
        found, without = _answers(
            read,
            participant,
            Question(
                candidates=candidates,
                equal=EQUAL[equal],
                density_g_cm3=read.settings.dosimetry.tissue_density_g_cm3,
            ),
            Options(workers=workers),
            progress,
        )
    if participant is None:
        _show_cohort(found)
    else:
        _show(found[0])
    console.out.print("Assumptions:", highlight=False)
    for note in notes_of(found[0]):
        console.out.print(f"  - {note}", highlight=False, markup=False)
    path = (
        page_folder(read.results) / f"{participant + '-' if participant else ''}radionuclides.html"
    )
    title = f"Radionuclides compared{f' for {participant}' if participant else ''}"
    page = radionuclide_page(found, study=read.settings.title, title=title)
    atomic_write(path, page.encode())
    console.out.print(str(path), soft_wrap=True, highlight=False, markup=False)
    for line in without:
        console.out.print(f"Not compared: {line}", highlight=False, markup=False)
    if without:
        raise typer.Exit(3)


def _answers(
    read: Any, participant: str | None, question: Any, options: Any, progress: Any
) -> tuple[list[Any], list[str]]:
    """Of one participant the answer or a refusal; of all, the answers and who has none, and why."""
    from operandi.pipeline.radionuclide_comparison import compared_radionuclides
    from operandi.pipeline.therapy_results import participant_doses
    from operandi.pipeline.what_if import whom_to_ask
    from operandi.quantities.errors import DataError, OperandiError

    if participant is not None:
        doses = participant_doses(read, participant, options, progress=progress)
        require_measured(doses)
        return [compared_radionuclides(doses, question)], []
    found, without = [], []
    for one in whom_to_ask(read):
        try:
            doses = participant_doses(read, one, options, progress=progress)
            found.append(compared_radionuclides(doses, question))
        except OperandiError as error:
            without.append(f"{one}: {error}")
    if not found:
        raise DataError(
            f"Nobody in this study can be compared. {' '.join(without)}".strip(),
            remedy="Send SPECT after a cycle into dicom/, with kidneys and lesions drawn on it "
            "(docs/study-folder.md, dosimetry).",
        )
    return found, without


def _show(found: Any) -> None:
    from operandi.pipeline.radionuclide_page import (
        columns_of,
        legend_of,
        remarks_of,
        rows_of,
        what_is_equal,
    )

    _print_table(f"{found.participant}: {what_is_equal(found)}", columns_of(found), rows_of(found))
    for line in (legend_of(found), *remarks_of(found)):
        console.out.print(line, highlight=False, markup=False)


def _show_cohort(found: Sequence[Any]) -> None:
    from operandi.pipeline.radionuclide_page import (
        cohort_columns,
        cohort_rows,
        legend_of,
        remarks_of,
    )

    _print_table("Therapeutic index", cohort_columns(found), cohort_rows(found))
    console.out.print(legend_of(found[0]), highlight=False, markup=False)
    for one in found:
        for line in remarks_of(one):
            console.out.print(f"{one.participant}, {line}", highlight=False, markup=False)


def _print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        title=escape(title),
        title_justify="left",
    )
    for place, head in enumerate(columns):
        # A narrow terminal breaks numbers over lines; it never hides their end.
        table.add_column(head, overflow="fold", max_width=None if place else _NAME_WIDTH)
    for row in rows:
        table.add_row(*map(escape, row))
    console.out.print(table)
