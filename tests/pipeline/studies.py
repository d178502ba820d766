"""Study folders to run and to spoil, and what a run of one says."""

import atexit
import contextlib
import csv
import functools
import html
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from unittest import mock

import polars as pl
import pydicom

from operandi.pipeline.runner import How, RunOutcome
from operandi.pipeline.study import Options, Study, read_study, run_study
from tests.three_participants import study as three_participants

TODAY = date(2026, 3, 1)
Rows = list[dict[str, str]]


class _EnoughError(Exception):
    pass


def write_small_study(folder: Path) -> None:
    """Write the demonstration study's first two visits on coarse grids: it runs in a second.

    OP-001, BASELINE and AFTER_CYCLE_2: PET of 8 mm, its organ map and one MR series each. It is
    written once a process, and copied.
    """
    shutil.copytree(_small_study(), folder, dirs_exist_ok=True)


@functools.cache
def _small_study() -> Path:
    made = Path(tempfile.mkdtemp(prefix="operandi-small-study-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    folder = made / "study"

    def stop_after_two(_: str, done: int, __: int) -> None:
        if done == 2:
            raise _EnoughError

    with (
        mock.patch.object(three_participants, "PET_GRID", three_participants.UNCORRECTED_PET_GRID),
        mock.patch.object(three_participants, "DIXON_GRID", three_participants.DIFFUSION_GRID),
        contextlib.suppress(_EnoughError),
    ):
        three_participants.write_three_participants(folder, progress=stop_after_two)
    for name in ("pet_nac", "t1_dixon_fat", "dwi"):
        for series in (folder / "dicom").rglob(name):
            shutil.rmtree(series)
    for table in ("participants", "cycles", "imaging_visits", "vitals", "tracer_administrations"):
        change_rows(folder, table, lambda rows: [row for row in rows if _is_kept(row)])
    change_study_file(folder, _without_the_last_timepoint)
    return folder


def _is_kept(row: dict[str, str]) -> bool:
    return row["participant"] == "OP-001" and row.get("timepoint") != "YEAR_1"


def _without_the_last_timepoint(text: str) -> str:
    before, _, after = text.partition('[[timepoint]]\ncode = "YEAR_1"')
    return before + after[after.index("[site.") :]


def change_rows(folder: Path, table: str, change: Callable[[Rows], Rows]) -> None:
    """Write a table anew."""
    path = folder / "records" / f"{table}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        rows = change(list(reader))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def change_cells(folder: Path, table: str, row: dict[str, str], **cells: str) -> None:
    """Write cells anew, in the rows that hold what *row* says."""
    change_rows(
        folder,
        table,
        lambda rows: [found | cells if row.items() <= found.items() else found for found in rows],
    )


def change_study_file(folder: Path, change: Callable[[str], str]) -> None:
    """Write study.toml anew."""
    path = folder / "study.toml"
    path.write_text(change(path.read_text("utf-8")), "utf-8")


def change_headers(folder: Path, pattern: str, **attributes: str) -> None:
    """Write attributes into the headers of the DICOM files that match."""
    paths = sorted((folder / "dicom").glob(pattern))
    assert paths, pattern
    for path in paths:
        ds = pydicom.dcmread(path)
        for keyword, value in attributes.items():
            setattr(ds, keyword, value)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.save_as(path)


@dataclass(frozen=True)
class Ran:
    """A run of a study: what was laid out, how it came out, and what was published."""

    study: Study
    outcome: RunOutcome

    @property
    def results(self) -> Path:
        return self.study.results

    @property
    def table(self) -> pl.DataFrame:
        return pl.read_parquet(self.results / "measurements.parquet")

    @property
    def report(self) -> str:
        """The words of the report, without its pictures."""
        page = (self.results / "report.html").read_text("utf-8")
        page = re.sub(r"<style.*?</style>|<script.*?</script>", "", page, flags=re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())

    @property
    def measured(self) -> set[tuple[str, str]]:
        """Visits whose liver has an SUV."""
        found = self.table.filter(
            (pl.col("subject") == "liver") & (pl.col("kind") == "SUV_MEAN"),
            pl.col("value").is_not_null(),
        )
        return set(found.select("participant", "timepoint").iter_rows())

    @property
    def computed(self) -> set[str]:
        """Nodes that were computed or refused anew, by step and subject."""
        return {
            result.node.label
            for result in self.outcome.results
            if result.how is How.COMPUTED or (result.answer.ran and result.how is not How.REUSED)
        }

    @property
    def told(self) -> set[tuple[str, str, str]]:
        """All that stands in the way: what, how to mend it, and who can."""
        placement = self.study.placement
        obstacles = [*placement.unplaced]
        for visit, _ in self.study.visits:
            obstacles += visit.obstacles
        return (
            {(one.what, one.remedy, one.who) for one in obstacles}
            | {(str(fault), "", "") for fault in self.study.records.faults}
            | {(one.what, one.remedy, one.who) for one in self.outcome.refusals}
        )


def run_it(folder: Path, scheduler: str, *, today: date = TODAY) -> Ran:
    """Run a study on the tests' own scheduler; a defect of the program is a failure."""
    study = read_study(folder, today=today)
    outcome, _ = run_study(study, Options(scheduler=scheduler))
    assert outcome.counts[How.DEFECT] == 0, outcome.refusals
    return Ran(study, outcome)


def published(results: Path) -> Iterator[tuple[str, bytes]]:
    """What a run leaves, but for what serves the next run on this machine only."""
    for path in sorted(results.rglob("*")):
        name = path.relative_to(results).as_posix()
        if path.is_file() and not name.startswith(("cache/", "log/", ".lock", ".store/tmp/")):
            yield name, path.read_bytes()
