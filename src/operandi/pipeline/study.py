"""Run a study: read its folder, walk the road, publish what comes out."""

import contextlib
import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Protocol

import polars as pl

import operandi
from operandi.domain.identity import Digest
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.index import Index, index_dicom
from operandi.pipeline.atomic import atomic_write
from operandi.pipeline.choosing import ChosenVisit, choose
from operandi.pipeline.eligibility import eligibility_page
from operandi.pipeline.explain import explain
from operandi.pipeline.file_digests import file_digests
from operandi.pipeline.manifest import digest_of_file, write_manifest
from operandi.pipeline.methods import methods_text
from operandi.pipeline.placing import COORDINATOR, Obstacle, Placement, place
from operandi.pipeline.road import VisitNodes, report_node, reported, table_node, visit_nodes
from operandi.pipeline.runner import How, RunOutcome, run
from operandi.pipeline.runner import Progress as NodeProgress
from operandi.pipeline.settings import FILE_NAME, Settings, read_settings
from operandi.pipeline.step import Node, Refusal, Source
from operandi.pipeline.step_settings import ParticipantFacts, StudyFacts, VisitFacts
from operandi.pipeline.store import Store
from operandi.quantities.errors import DataError
from operandi.records.reading import read_records
from operandi.records.tables import Records
from operandi.reports.study_report import (
    EligibilityPage,
    Issue,
    OriginLine,
    SeriesLine,
    TimepointColumn,
)

RESULTS: Final = "results"
STORE: Final = ".store"
MEASUREMENTS: Final = "measurements.parquet"
REPORT: Final = "report.html"
SOURCES: Final = "sources.json"
MANIFEST: Final = "manifest.json"


class Progress(NodeProgress, Protocol):
    """Who is told how a study gets on."""

    def stage(self, title: str) -> Callable[[int, int], None]:
        """Begin a stage; returns what is called with (done, of how many)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run, which changes no result.

    Parameters
    ----------
    scheduler : str or None
        Address of a dask scheduler; None starts a local cluster of processes.
    workers, threads : int
        Local processes, and threads of each for kernels that release the lock.
    """

    scheduler: str | None = None
    workers: int = 2
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """A study folder, read and laid out, before anything runs.

    Parameters
    ----------
    folder : Path
        The study folder.
    settings : Settings
        Its study.toml.
    records : Records
        Its tables.
    index : Index
        Its DICOM.
    placement : Placement
        Which series belongs to which visit.
    visits : tuple of (ChosenVisit, VisitNodes)
        The road of each visit.
    digests : mapping of FileRef to Digest
        Of every DICOM file.
    inputs : mapping of str to Digest
        Of study.toml, every table and the study file beside them, as they were read.
    eligibility : EligibilityPage or None
        Who may be included at the data cut; None where nobody is screened.
    """

    folder: Path
    settings: Settings
    records: Records
    index: Index
    placement: Placement
    visits: tuple[tuple[ChosenVisit, VisitNodes], ...]
    digests: Mapping[FileRef, Digest]
    inputs: Mapping[str, Digest]
    eligibility: EligibilityPage | None = None

    @property
    def results(self) -> Path:
        """Where results go."""
        return self.folder / RESULTS

    def nodes(self) -> tuple[Node, Node]:
        """The table and the report, which hang on everything."""
        laid = [nodes for _, nodes in self.visits]
        return table_node(laid), report_node(laid, self._facts(laid))

    def _facts(self, laid: Sequence[VisitNodes]) -> StudyFacts:
        every = [node for visit in laid for node in _upstream(visit)]
        # A visit's own faults stand in its section, with the desk that can mend them.
        told = {one.what for visit, _ in self.visits for one in visit.obstacles}
        return StudyFacts(
            title=self.settings.title,
            protocol=self.settings.protocol,
            data_cut=f"{self.settings.data_cut}",
            sites=tuple(f"{code}: {name}" for code, name in self.settings.sites),
            timepoints=tuple(
                TimepointColumn(code=t.code, title=t.title) for t in self.settings.timepoints
            ),
            participants=tuple(_participants(self)),
            record_faults=tuple(
                Issue(
                    what=str(fault),
                    remedy="",
                    who=COORDINATOR,
                    where=f"records/{fault.file}",
                )
                for fault in self.records.faults
                if str(fault) not in told
            ),
            unplaced=tuple(_issue(obstacle) for obstacle in self.placement.unplaced),
            methods=methods_text(every, self.settings),
            provenance=(
                ("Operandi", operandi.__version__),
                ("Python", platform.python_version()),
                ("study.toml", f"SHA-256 {self.inputs[FILE_NAME]}"),
                ("DICOM files", str(len(self.digests))),
                ("DICOM series", str(len(self.index.series))),
                ("files that are not DICOM", str(len(self.index.other_files))),
                ("duplicate files left out", str(len(self.index.duplicates))),
            ),
            eligibility=self.eligibility,
        )


def read_study(folder: Path, *, today: date, progress: Progress | None = None) -> Study:
    """Read a study folder and lay out its road, computing nothing.

    Parameters
    ----------
    folder : Path
        With ``study.toml``, ``records/`` and ``dicom/``.
    today : date
        Dates after it are faults.
    progress : Progress, optional
        Told of each stage.

    Raises
    ------
    DataError
        If study.toml is missing or faulty, the study file beside it is faulty, or no participant
        can be read.
    """
    folder = folder.resolve()
    settings = read_settings(folder)
    inputs = _inputs(folder, settings.protocol)
    records = read_records(
        folder / "records",
        timezone=settings.zone,
        today=today,
        timepoints=[timepoint.code for timepoint in settings.timepoints],
        sites=[code for code, _ in settings.sites],
    )
    if not (folder / "dicom").exists():
        raise DataError(
            f"{folder.name} has no folder dicom.", remedy="Put the images there, in any tree."
        )
    index = index_dicom(
        folder / "dicom", progress=progress.stage("reading DICOM headers") if progress else None
    )
    digests = file_digests(
        [instance.file for series in index.series for instance in series.instances],
        memory=folder / RESULTS / "cache" / "file_digests.json",
        progress=progress.stage("digesting new files") if progress else None,
    )
    placement = place(index, records, settings)
    chosen = [choose(placed, records, settings, digests) for placed in placement.visits]
    return Study(
        folder=folder,
        settings=settings,
        records=records,
        index=index,
        placement=placement,
        digests=digests,
        inputs=inputs,
        eligibility=eligibility_page(folder, settings, records),
        visits=tuple(
            (
                visit,
                visit_nodes(
                    visit,
                    lesion_settings=settings.lesions_at(
                        visit.measured.participant, visit.measured.timepoint
                    ),
                ),
            )
            for visit in chosen
        ),
    )


def run_study(
    study: Study, options: Options, *, progress: Progress | None = None
) -> tuple[RunOutcome, tuple[Path, ...]]:
    """Walk the road and publish the results.

    Returns
    -------
    RunOutcome, tuple of Path
        How every node came out, and the files written.

    Raises
    ------
    DataError
        If another run of this study is under way.
    """
    table, page = study.nodes()
    objects = [node for _, nodes in study.visits for node in nodes.objects]
    with Store(study.results / STORE) as store:
        outcome = run(
            [table, page, *objects],
            store,
            workers=options.workers,
            threads=options.threads,
            scheduler=options.scheduler,
            progress=progress,
        )
        return outcome, _publish(study, outcome, table, page)


def refused_visits(study: Study, outcome: RunOutcome) -> tuple[str, ...]:
    """Name the visits that took place and were refused, wholly or in part.

    And participants whose row is faulty, so that nothing of theirs is read.
    """
    lost = {fault.participant for fault in study.records.faults if fault.table == "participants"}
    known = {participant.pseudonym for participant in study.records.participants}
    return (*sorted(lost - known - {""}), *_refused_visits(study, outcome))


def matters(study: Study) -> int:
    """Count what needs somebody's attention beyond the visits that are refused."""
    told = {one.what for visit, _ in study.visits for one in visit.obstacles if not one.refuses}
    faults = {str(fault) for fault in study.records.faults}
    return len(told | faults) + len(study.placement.unplaced)


def _refused_visits(study: Study, outcome: RunOutcome) -> tuple[str, ...]:
    return tuple(
        visit.placed.subject
        for visit, nodes in study.visits
        if visit.placed.refused
        or "refused" in visit.use.values()
        or (visit.placed.visit is not None and visit.pet is None)
        or any(outcome.of(node).how is How.REFUSED for node in reported(nodes))
    )


def explained(study: Study) -> tuple[tuple[Node, str], ...]:
    """Why each step of the study will run, or not, told without running any."""
    table, page = study.nodes()
    objects = [node for _, nodes in study.visits for node in nodes.objects]
    with Store(study.results / STORE) as store:
        return explain([table, page, *objects], store)


def _publish(study: Study, outcome: RunOutcome, table: Node, page: Node) -> tuple[Path, ...]:
    """Write the results that people open, each whole or not at all."""
    written: list[Path] = []
    _remove_parts(study.results)

    def put(name: str, data: bytes) -> None:
        path = study.results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != data:
            atomic_write(path, data)
        written.append(path)

    frame, text = outcome.value(table), outcome.value(page)
    for value, what in ((frame, "table"), (text, "report")):
        if isinstance(value, Refusal):
            raise DataError(f"The {what} could not be made: {value}")
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - the step's own type
    assert isinstance(text, str)  # noqa: S101 - the step's own type
    put(MEASUREMENTS, _parquet(frame))
    put(REPORT, text.encode())
    for visit, nodes in study.visits:
        for node in nodes.objects:
            value = outcome.value(node)
            if isinstance(value, bytes) and value:
                put(f"lesions/{visit.placed.subject.replace('/', '_')}.dcm", value)
    put(SOURCES, _sources(study))
    _remove_stale(study.results / "lesions", written)
    manifest = study.results / MANIFEST
    write_manifest(
        manifest,
        published=written,
        inputs={
            **study.inputs,
            "dicom": _digest_of(sorted(f"{d} {f.name}" for f, d in study.digests.items())),
        },
    )
    return (*written, manifest)


def _parquet(frame: pl.DataFrame) -> bytes:
    import io  # noqa: PLC0415

    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _remove_parts(results: Path) -> None:
    """What a run that was killed here had half written stays under its temporary name."""
    for folder in (results, results / "lesions"):
        for path in folder.glob(".*.part"):
            path.unlink()


def _remove_stale(folder: Path, written: Sequence[Path]) -> None:
    """An object of a visit that has no lesion any more must not stay beside the new report."""
    for path in folder.glob("*.dcm"):
        if path not in written:
            path.unlink()


def _sources(study: Study) -> bytes:
    """Each source's digest with its files and theirs, so that a number can be traced to them."""
    sources = {
        source.digest: {
            "name": source.name,
            "files": [[file.name, study.digests[file]] for file in _files(source)],
        }
        for _, nodes in study.visits
        for node in _upstream(nodes)
        for source in node.inputs
        if isinstance(source, Source) and source.value is not None
    }
    return (json.dumps(sources, sort_keys=True, indent=1) + "\n").encode()


def _files(source: Source) -> tuple[FileRef, ...]:
    return source.value if isinstance(source.value, tuple) else ()


def _upstream(visit: VisitNodes) -> list[Node]:
    """Every node of a visit, each once."""
    found: dict[int, Node] = {}
    waiting = [*reported(visit), *visit.objects]
    while waiting:
        node = waiting.pop()
        if id(node) not in found:
            found[id(node)] = node
            waiting += [one for one in node.inputs if isinstance(one, Node)]
    return list(found.values())


def _participants(study: Study) -> Iterable[ParticipantFacts]:
    for participant in study.records.participants:
        visits = [
            _visit_facts(study, chosen, nodes)
            for chosen, nodes in study.visits
            if chosen.placed.participant == participant
        ]
        yield ParticipantFacts(
            pseudonym=participant.pseudonym,
            site=participant.site,
            sex={"F": "female", "M": "male"}.get(participant.sex, "other"),
            age_text=f"born {participant.birth_year}-{participant.birth_month:02d}",
            visits=tuple(visits),
        )


def _visit_facts(study: Study, chosen: ChosenVisit, nodes: VisitNodes) -> VisitFacts:
    placed = chosen.placed
    pet = chosen.pet
    origin = (
        ()
        if pet is None
        else (
            OriginLine(label="PET series", text=pet.name),
            OriginLine(label="First file", text=f"dicom/{_files(pet)[0].name}"),
            OriginLine(label="Digest of the series", text=pet.digest),
        )
    )
    return VisitFacts(
        participant=placed.participant.pseudonym,
        timepoint=placed.timepoint.code,
        on=placed.visit.on if placed.visit else None,
        expected=placed.expected,
        issues=tuple(_issue(obstacle) for obstacle in chosen.obstacles),
        series=tuple(
            SeriesLine(
                description=series.description or series.uid,
                what=series.classification.type.value,
                evidence="; ".join(series.classification.evidence),
                status=chosen.use[series.uid],
            )
            for series in placed.series
        ),
        origin=origin,
        results=tuple((node.step.name, node.subject) for node in reported(nodes)),
    )


def _issue(obstacle: Obstacle) -> Issue:
    return Issue(what=obstacle.what, remedy=obstacle.remedy, who=obstacle.who, where=obstacle.where)


def _inputs(folder: Path, protocol: str) -> dict[str, Digest]:
    files = [folder / FILE_NAME, *sorted((folder / "records").glob("*"))]
    digests = {}
    for file in files:
        # What cannot be read is a fault of its table, which says so.
        with contextlib.suppress(OSError):
            if file.is_file():
                digests[file.relative_to(folder).as_posix()] = digest_of_file(file)
    if protocol and (folder / protocol).is_file():
        digests[protocol] = digest_of_file(folder / protocol)
    return digests


def _digest_of(lines: Sequence[str]) -> Digest:
    return Digest(hashlib.sha256("\n".join(lines).encode()).hexdigest())
