"""``operandi track PARTICIPANT``."""

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from operandi.cli import console
from operandi.cli.lesions import Border


def track(
    participant: Annotated[
        str | None,
        typer.Argument(help="Study code, e.g. P-014; without one, all, and the cohort's page."),
    ] = None,
    *,
    study: Annotated[
        Path, typer.Option(help="Folder with study.toml, records/ and dicom/.")
    ] = Path(),
    resolution: Annotated[
        float | None,
        typer.Option(help="Resolution of the PET as reconstructed (FWHM), mm, at all sites."),
    ] = None,
    minimum_volume: Annotated[
        float | None, typer.Option(help="Smaller lesions are dropped, mL.")
    ] = None,
    uptake_window: Annotated[
        str | None,
        typer.Option(help="Earliest and latest uptake time that counts, min: 45-90."),
    ] = None,
    uptake_difference: Annotated[
        float | None,
        typer.Option(help="Largest difference of two visits' uptake times, min."),
    ] = None,
    method: Annotated[
        Border | None,
        typer.Option(help="How borders are found. docs/lesions.md says what each does."),
    ] = None,
    fixed_suv: Annotated[
        float | None, typer.Option(help="The border of the method fixed-suv, g/mL.")
    ] = None,
    test_retest: Annotated[
        Path | None,
        typer.Option(
            help="The study's own test and retest: CSV with participant, lesion, quantity, first, "
            "second; quantity as SUV_PEAK or VOLUME."
        ),
    ] = None,
    borrow: Annotated[
        list[str] | None,
        typer.Option(help="A published coefficient by its key, e.g. fdg-suv-review; repeatable."),
    ] = None,
    because: Annotated[
        str, typer.Option(help="Why a coefficient of another tracer may serve.")
    ] = "",
    override: Annotated[
        Path | None,
        typer.Option(
            help="What readers say: CSV with before and after (BASELINE/L03@-61 10 120, name at "
            "the visit and place, as the page has them), relation (same, different, part), reader, "
            "reason, and participant where several are tracked."
        ),
    ] = None,
    find_organs: Annotated[
        bool, typer.Option("--find-organs", help="Find organs even where an organ map arrived.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Local processes; the number of cores by default.")
    ] = os.cpu_count() or 1,
) -> None:
    """Follow lesions over all visits under one name, and judge whether each change is real.

    Every option counts in place of its key in the table of lesions in study.toml.

    A change is held against what repetition alone gives: the study's own --test-retest, else a
    published coefficient that you --borrow and say why. None is published for SSTR PET; without
    either, changes are shown and not judged. The page goes to
    STUDY/results/tracks/PARTICIPANT.html, with tables, DICOM SEG and SR of each visit beside it.

    Examples: [bold]operandi track P-014 --study my-study[/bold]; the same with [bold]--borrow
    fdg-suv-review --because "same scanner and count level"[/bold]
    """
    from operandi.pipeline.atomic import atomic_write
    from operandi.pipeline.lesion_tracks import participant_tracks
    from operandi.pipeline.study import Options, read_study
    from operandi.pipeline.track_cohort_page import summary_of, track_cohort_page
    from operandi.pipeline.track_files import write_tracks
    from operandi.pipeline.track_page import track_page
    from operandi.pipeline.track_request import lesion_options

    said = lesion_options(
        resolution_mm=resolution,
        minimum_volume_ml=minimum_volume,
        uptake_window=uptake_window,
        uptake_difference_min=uptake_difference,
        method=None if method is None else method.value,
        fixed_suv=fixed_suv,
        test_retest=test_retest,
        borrow=tuple(borrow or ()),
        because=because,
        override=override,
        find_organs=find_organs,
    )
    options = Options(workers=workers)
    refused = False
    with console.StudyProgress() as progress:
        read = read_study(
            study,
            today=datetime.now(UTC).date(),
            progress=progress,
            lesions=said,
            participant=participant,
        )
        everyone = [one.pseudonym for one in read.records.participants]
        folder = _folder(read.results)
        cohort = []
        for who in everyone if participant is None else [participant]:
            found = participant_tracks(read, who, options, progress=progress)
            write_tracks(folder, found)
            page = folder / f"{who}.html"
            atomic_write(page, track_page(found, study=read.settings.title).encode())
            refused |= _show(found)
            _say(str(page))
            cohort.append(summary_of(found))
    if participant is None:
        page = folder / "cohort.html"
        atomic_write(page, track_cohort_page(cohort, study=read.settings.title).encode())
        _say(str(page))
    if refused:
        raise typer.Exit(3)


def _folder(results: Path) -> Path:
    from operandi.quantities.errors import DataError

    folder = results / "tracks"
    if folder.exists() and not folder.is_dir():
        raise DataError(
            f"{folder} is a file; the pages of tracked lesions go into a folder of that name.",
            remedy="Move the file away.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _say(line: str) -> None:
    console.out.print(line, soft_wrap=True, highlight=False, markup=False)


def _show(found: Any) -> bool:
    """Print the lesions of one participant; say whether a visit was refused."""
    from operandi.imaging.lesions.track_changes import NO_LESION
    from operandi.pipeline.track_words import event_name, number, percent

    who = found.participant.pseudonym
    titles = {visit.timepoint: visit.title for visit in found.visits}
    for code, reason in found.refused:
        _say(f"{who}, {code}: no lesions. {reason}")
    for visit in found.visits:
        named = "candidates" if visit.found.are_candidates else "lesions"
        events = Counter(
            event_name(event.kind)
            for event in found.tracks.events
            if event.timepoint == visit.timepoint
        )
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(events.items()))
        _say(f"{who}, {visit.title}: {len(visit.found.lesions)} {named}{f' ({told})' * bool(told)}")
    for one in found.changes:
        if one.lesion == NO_LESION:
            verdict = one.verdict
            _say(
                f"{who}, {verdict.before.kind.title}, {titles[one.before]} to "
                f"{titles[one.after]}: {number(verdict.before.value)} to "
                f"{number(verdict.after.value)} {verdict.before.kind.unit} "
                f"{percent(verdict.change)}: {verdict.verdict}. {'; '.join(verdict.reasons)}"
            )
    counted = Counter(str(one.verdict.verdict) for one in found.changes if one.lesion != NO_LESION)
    if counted:
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counted.items()))
        _say(f"{who}, changes of lesions: {told}")
    return bool(found.refused)
