"""A whole digital cohort as a study folder, with its truth beside it.

::

    OUT/study.toml, records/, dicom/, variants/    what a trial would hold
    OUT/truth/                                     what only the simulator knows

Participants are planned first, so that what cannot be is refused before anything is written. Each
is then written on its own: the number of processes changes no byte. The folder is built beside its
place under the name ``OUT.partial``, and an interrupted one is gone on with.
"""

import csv
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from operandi import __version__
from operandi.quantities.errors import DataError
from operandi.simulation.cycle_scans import first_cycles
from operandi.simulation.disease.outcomes import Outcomes, simulate_outcomes
from operandi.simulation.participant import ParticipantImages, plan_images, with_disturbances
from operandi.simulation.processes import Progress, each
from operandi.simulation.scenario import Scenario
from operandi.simulation.trial.conduct_noise import CANDIDATES_FROM, Disturbance, disturb
from operandi.simulation.trial.study_file import study_toml
from operandi.simulation.trial.tables import tables_of, write_tables
from operandi.simulation.trial.tables_inclusion import Tables
from operandi.simulation.trial.visits import visit_plans
from operandi.simulation.truth_tables import lesion_table, outcome_table
from operandi.simulation.variants.files import genome_tables, genome_truth, write_variants
from operandi.simulation.visit_writing import received_series, write_participant

BATCH: Final = 5_000
"""Participants simulated at once: what fits a processor's cache, and any memory."""
_MARGIN: Final = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is written beside tables and outcomes.

    Parameters
    ----------
    images, true_images : bool
        DICOM; and what is true of each visit, as NIfTI.
    """

    images: bool = True
    true_images: bool = True


def write_cohort(
    folder: Path,
    scenario: Scenario,
    *,
    seed: int,
    wanted: Wanted,
    workers: int,
    progress: Progress | None = None,
) -> None:
    """Write a cohort as a study folder.

    Parameters
    ----------
    folder : Path
        Must be empty or not there.
    scenario : Scenario
    seed : int, >= 0
        Equal scenarios and seeds give equal bytes.
    wanted : Wanted
    workers : int, >= 1
        Processes.
    progress : callable, optional

    Raises
    ------
    DataError
        If the folder holds something, the disk has no room, or a lesion fits nowhere.
    """
    tell = progress or _silent
    folder = folder.resolve()
    note = _note(scenario, seed=seed, wanted=wanted)
    building, noted = _place(folder), Path("truth", "simulation.json")
    _refuse_what_is_there(folder, building / noted, note)
    tell("planning participants", 0, scenario.cohort.participants)
    outcomes = simulate_outcomes(scenario, participants=scenario.cohort.participants, seed=seed)
    plans = visit_plans(outcomes, scenario, seed=seed)
    tables, disturbances = _tables(outcomes, scenario, seed=seed)
    plan = partial(plan_images, outcomes, plans, scenario, seed=seed)
    planned = each(
        plan, range(len(outcomes)), workers=workers, tell=partial(tell, "planning participants")
    )
    everyone = [with_disturbances(images, disturbances) for images in planned]
    cycles = first_cycles(outcomes, scenario, seed=seed)
    everyone = [
        replace(one, cycle=cycles.get(one.person.pseudonym))
        if one.visits and one.visits[0].number == 0
        else one
        for one in everyone
    ]
    with _begun(folder, building / noted, note):
        if wanted.images:
            _write_images(building, everyone, scenario, seed, wanted, workers, tell)
            tables["imaging_series"] = received_series(building / "dicom", everyone)
        write_tables(building / "records", tables)
        if scenario.genome.files:
            write_variants(building / "variants", outcomes, seed=seed)
        _write_truth(building / "truth", outcomes, everyone, disturbances, scenario, seed=seed)
        # Last, so that no unfinished folder is taken for a study.
        (building / _STUDY).write_text(study_toml(scenario), "utf-8", newline="\n")
        _finish(building, folder)


def write_outcomes(
    folder: Path, scenario: Scenario, *, seed: int, progress: Progress | None = None
) -> None:
    """Write ``outcomes.parquet`` and ``simulation.json`` alone: for simulations of trials.

    Raises
    ------
    DataError
        If the folder holds something.
    """
    tell = progress or _silent
    folder = folder.resolve()
    note = _note(scenario, seed=seed, wanted=None)
    building = _place(folder)
    _refuse_what_is_there(folder, building / "simulation.json", note)
    n, parts = scenario.cohort.participants, []
    for first in range(0, n, BATCH):
        batch = simulate_outcomes(
            scenario, participants=min(BATCH, n - first), seed=seed, first_participant=first
        )
        parts.append(outcome_table(batch))
        tell("simulating outcomes", min(first + BATCH, n), n)
    with _begun(folder, building / "simulation.json", note):
        pl.concat(parts).write_parquet(building / "outcomes.parquet")
        _finish(building, folder)


def _tables(
    outcomes: Outcomes, scenario: Scenario, *, seed: int
) -> tuple[Tables, tuple[Disturbance, ...]]:
    """Tables as they were filled, faults of conduct included."""
    whole = tables_of(outcomes, scenario, seed=seed)
    if scenario.genome.files:
        whole |= genome_tables(outcomes, scenario, seed=seed)
    candidates = None
    if scenario.conduct.screening_failures:
        others = simulate_outcomes(
            scenario,
            participants=len(outcomes),
            seed=seed,
            first_participant=CANDIDATES_FROM,
        )
        candidates = tables_of(others, scenario, seed=seed)
    return disturb(whole, scenario, candidates=candidates, seed=seed)


def _note(scenario: Scenario, *, seed: int, wanted: Wanted | None) -> str:
    """What a cohort is made from, and how to make it again; None means outcomes alone."""
    choices = {
        "--outcomes-only": wanted is None,
        "--without-images": wanted is not None and not wanted.images,
        "--without-true-images": wanted is not None and not wanted.true_images,
    }
    chosen = [option for option, taken in choices.items() if taken]
    command = ["operandi simulate OUT --scenario simulation.json --seed", str(seed), *chosen]
    return json.dumps(
        {
            "again": " ".join(command),
            "operandi": __version__,
            "seed": seed,
            "scenario": scenario.model_dump(mode="json"),
        },
        indent=1,
    )


def _place(folder: Path) -> Path:
    """Where a cohort is built."""
    if not folder.name:
        raise DataError(f"{folder} cannot become a cohort.", remedy="Give a folder in it.")
    return folder.with_name(f"{folder.name}.partial")


def _require_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            f"{folder} is there already and is not empty.",
            remedy="Give a folder that is empty or not there.",
        )


def _refuse_what_is_there(folder: Path, noted: Path, note: str) -> None:
    """Refuse a folder that holds something, and a building that is not this cohort's."""
    _require_free(folder)
    if folder.is_mount():
        raise DataError(
            f"{folder} is a disk of its own; a cohort is built beside its place and moved there.",
            remedy="Give a folder in it.",
        )
    building = _place(folder)
    if building.is_dir():
        os.close(_locked(building))
    _require_mine(building, noted, note)


def _require_mine(building: Path, noted: Path, note: str) -> None:
    if noted.is_file():
        mine = noted.read_text("utf-8") == note
    else:
        # One that was left before its note was whole holds no file.
        mine = not building.exists() or (
            building.is_dir()
            and all(one.is_dir() or one.name == _UNFINISHED for one in building.rglob("*"))
        )
    if not mine:
        raise DataError(
            f"{building} was begun from another scenario or seed, or by something else.",
            remedy="Remove it, or give another folder.",
        )


_UNFINISHED: Final = "simulation.json.part"
_STUDY: Final = "study.toml"


@contextmanager
def _begun(folder: Path, noted: Path, note: str) -> Iterator[None]:
    """Be alone in the building; note, before anything else is written, what is being made."""
    building = _place(folder)
    building.mkdir(parents=True, exist_ok=True)
    handle = _locked(building)
    try:
        # Again, as another process may have been here since the place was looked at.
        _require_free(folder)
        _require_mine(building, noted, note)
        if not noted.is_file():
            noted.parent.mkdir(parents=True, exist_ok=True)
            unfinished = noted.with_name(_UNFINISHED)
            unfinished.write_text(note, "utf-8", newline="\n")
            unfinished.replace(noted)
        yield
    except OSError as failure:
        # A disk that fills while a file is written names none.
        if failure.filename is None:
            failure.filename = str(building)
        raise
    finally:
        os.close(handle)


def _locked(building: Path) -> int:
    """Lock the folder for as long as the handle is open; a process that is killed holds nothing."""
    handle = os.open(building, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise DataError(
            f"Another process is writing {building}.",
            remedy="Wait until it has ended, or give another folder.",
        ) from None
    except OSError as failure:
        # A file system without locks is no reason to write nothing.
        if failure.errno not in {errno.ENOLCK, errno.ENOTSUP, errno.EBADF, errno.EINVAL}:
            os.close(handle)
            raise
    return handle


def _finish(building: Path, folder: Path) -> None:
    if folder.exists() and folder.samefile(Path.cwd()):
        # Filled, as a shell in a folder that was replaced sees nothing in it.
        for one in sorted(building.iterdir(), key=lambda one: (one.name == _STUDY, one.name)):
            one.rename(folder / one.name)
        building.rmdir()
        return
    if folder.exists():
        folder.rmdir()
    building.rename(folder)


def _write_images(  # noqa: PLR0913, PLR0917 - handed on as they came
    building: Path,
    everyone: Sequence[ParticipantImages],
    scenario: Scenario,
    seed: int,
    wanted: Wanted,
    workers: int,
    tell: Progress,
) -> None:
    """Write who is not yet written: first one alone, to know what room the others need."""
    dicom = building / "dicom"
    # Whoever has most visits, as nobody can tell anything from one who has none.
    left = sorted(
        (one for one in everyone if not (dicom / one.person.pseudonym).exists()),
        key=lambda one: -len(one.visits),
    )
    write = partial(
        write_participant,
        dicom,
        building / "truth" / "images" if wanted.true_images else None,
        scenario=scenario,
        seed=seed,
    )
    total = len(everyone)
    done = total - len(left)
    tell("writing images", done, total)
    if not left:
        return
    first, *others = left
    for _ in each(write, [first], workers=1, name=_who):
        tell("writing images", done + 1, total)
    _require_room(building, first, others)
    for _ in each(
        write,
        others,
        workers=workers,
        tell=lambda number, _: tell("writing images", done + 1 + number, total),
        name=_who,
    ):
        pass


def _who(images: ParticipantImages) -> str:
    return str(images.person.pseudonym)


def _require_room(
    building: Path, one: ParticipantImages, others: Sequence[ParticipantImages]
) -> None:
    folders = (building / "dicom", building / "truth" / "images")
    used = sum(
        file.stat().st_size
        for folder in folders
        for file in (folder / one.person.pseudonym).rglob("*")
        if file.is_file()
    )
    visits = sum(len(other.visits) for other in others)
    needed = round(used / max(1, len(one.visits)) * visits * _MARGIN)
    free = shutil.disk_usage(building).free
    if needed > free:
        raise DataError(
            f"{len(others)} more participants need about {needed / 1e9:.1f} GB; the disk of "
            f"{building} has {free / 1e9:.1f} GB free.",
            remedy="Make room and run again, which goes on from here; or begin anew in another "
            "folder with fewer cohort.participants, a larger imaging.pet_voxel_mm or "
            "--without-true-images.",
        )


def _write_truth(
    folder: Path,
    outcomes: Outcomes,
    everyone: Sequence[ParticipantImages],
    disturbances: Sequence[Disturbance],
    scenario: Scenario,
    *,
    seed: int,
) -> None:
    folder.mkdir(exist_ok=True)
    outcome_table(outcomes).write_csv(folder / "participants.csv")
    lesion_table(everyone, outcomes).write_csv(folder / "lesions.csv")
    if scenario.genome.files:
        genome_truth(outcomes, seed=seed).write_csv(folder / "genomes.csv")
    with (folder / "disturbances.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Disturbance)])
        for one in disturbances:
            *cells, criteria, on = astuple(one)
            writer.writerow([*cells, " ".join(criteria), on])


def _silent(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""
