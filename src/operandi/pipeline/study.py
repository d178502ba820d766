"""Run a study: read its folder, walk the road, publish what comes out."""

import contextlib
import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, Protocol

import polars as pl

import operandi
from operandi.domain.identity import Digest
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.index import Index, Series, index_dicom
from operandi.imaging.lesions.tracking.tracks import Override
from operandi.pipeline.atomic import atomic_write
from operandi.pipeline.choosing import ChosenVisit, choose
from operandi.pipeline.choosing_cycles import ChosenCycle, choose_after_cycle
from operandi.pipeline.choosing_radiomics import plan_radiomics
from operandi.pipeline.eligibility import eligibility_page
from operandi.pipeline.explain import explain
from operandi.pipeline.file_digests import file_digests
from operandi.pipeline.lesion_results import LesionObjects
from operandi.pipeline.lesion_settings import ChangeFacts, LesionFiles, TrackFacts
from operandi.pipeline.manifest import digest_of_file, write_manifest
from operandi.pipeline.methods import methods_text
from operandi.pipeline.placing import COORDINATOR, READER, Obstacle, Placement, place
from operandi.pipeline.placing_cycles import day_of
from operandi.pipeline.road import (
    ParticipantNodes,
    VisitNodes,
    cycle_nodes,
    descriptors_node,
    participant_nodes,
    report_node,
    reported,
    table_node,
)
from operandi.pipeline.runner import How, RunOutcome, run
from operandi.pipeline.runner import Progress as NodeProgress
from operandi.pipeline.settings import FILE_NAME, Settings, cycle_code, read_settings
from operandi.pipeline.step import Node, Refusal, Source
from operandi.pipeline.step_settings import (
    ParticipantFacts,
    RadiomicsPlan,
    StudyFacts,
    VisitFacts,
)
from operandi.pipeline.store import Store
from operandi.pipeline.track_request import lesion_files
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
DESCRIPTORS: Final = "radiomics_descriptors.parquet"
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
    followed : tuple of ParticipantNodes
        The road of each participant's visits.
    cycles : tuple of (ChosenCycle, VisitNodes)
        The road of the scans after each cycle that has any.
    digests : mapping of FileRef to Digest
        Of every DICOM file.
    inputs : mapping of str to Digest
        Of study.toml, every table and the study file beside them, as they were read.
    eligibility : EligibilityPage or None
        Who may be included at the data cut; None where nobody is screened.
    overrides : mapping of str to tuple of Override
        By participant what readers said of lesions.
    """

    folder: Path
    settings: Settings
    records: Records
    index: Index
    placement: Placement
    followed: tuple[ParticipantNodes, ...]
    cycles: tuple[tuple[ChosenCycle, VisitNodes], ...]
    digests: Mapping[FileRef, Digest]
    inputs: Mapping[str, Digest]
    eligibility: EligibilityPage | None = None
    overrides: Mapping[str, tuple[Override, ...]] = field(default_factory=dict)

    @property
    def results(self) -> Path:
        """Where results go."""
        return self.folder / RESULTS

    @property
    def visits(self) -> tuple[tuple[ChosenVisit, VisitNodes], ...]:
        """The road of each visit."""
        return tuple(one for participant in self.followed for one in participant.visits)

    def nodes(self) -> tuple[Node, Node, Node | None]:
        """The table and the report, which hang on everything, and the table of descriptors."""
        laid = [nodes for _, _, nodes in self.in_order()]
        changes = [VisitNodes(features=one.features) for one in self.followed]
        return (
            table_node([*laid, *changes]),
            report_node(tuple(self._reported()), self._facts(laid)),
            descriptors_node(laid),
        )

    def lesions_of(self, participant: str) -> ParticipantNodes | None:
        """The road of a participant's visits; None where there are none."""
        for one in self.followed:
            if any(chosen.measured.participant == participant for chosen, _ in one.visits):
                return one
        return None

    def _reported(self) -> Iterator[Node]:
        """The report's inputs as its facts name them: visits, then the lesions over them."""
        for participant in self.records.participants:
            for whose, _, nodes in self.in_order():
                if whose == participant.pseudonym:
                    yield from reported(nodes)
            followed = self.lesions_of(participant.pseudonym)
            if followed is not None and followed.courses is not None:
                yield followed.courses

    def in_order(self) -> Iterator[tuple[str, ChosenVisit | ChosenCycle, VisitNodes]]:
        """Every visit and every scanned cycle with its participant, in the order of the report."""
        order = [column.code for column in self._columns()]
        both: list[tuple[ChosenVisit | ChosenCycle, VisitNodes]] = [*self.visits, *self.cycles]
        both.sort(key=lambda pair: order.index(pair[0].measured.timepoint))
        for participant in self.records.participants:
            for chosen, nodes in both:
                if chosen.measured.participant == participant.pseudonym:
                    yield participant.pseudonym, chosen, nodes

    def _columns(self) -> tuple[TimepointColumn, ...]:
        """The declared visits, and after them the cycles after which somebody was scanned."""
        numbers = {chosen.placed.cycle.number for chosen, _ in self.cycles}
        return (
            *(TimepointColumn(code=t.code, title=t.title) for t in self.settings.timepoints),
            *(
                TimepointColumn(
                    code=cycle_code(number), title=f"Dose of cycle {number}", after_cycle=True
                )
                for number in sorted(numbers)
            ),
        )

    def _facts(self, laid: Sequence[VisitNodes]) -> StudyFacts:
        every = [node for visit in laid for node in _upstream(visit)]
        every += [one.changes for one in self.followed if one.changes is not None]
        # A visit's own faults stand in its section, with the desk that can mend them.
        told = {one.what for _, chosen, _ in self.in_order() for one in chosen.obstacles}
        return StudyFacts(
            title=self.settings.title,
            protocol=self.settings.protocol,
            data_cut=f"{self.settings.data_cut}",
            sites=tuple(f"{code}: {name}" for code, name in self.settings.sites),
            timepoints=self._columns(),
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


def read_study(
    folder: Path,
    *,
    today: date,
    progress: Progress | None = None,
    lesions: Mapping[str, Any] | None = None,
    participant: str | None = None,
) -> Study:
    """Read a study folder and lay out its road, computing nothing.

    Parameters
    ----------
    folder : Path
        With ``study.toml``, ``records/`` and ``dicom/``.
    today : date
        Dates after it are faults.
    progress : Progress, optional
        Told of each stage.
    lesions : mapping, optional
        Keys of ``[lesions]`` that count in place of study.toml's.
    participant : str, optional
        Whose the words of readers are where their file does not say.

    Raises
    ------
    DataError
        If study.toml is missing or faulty, the study file beside it is faulty, or no participant
        can be read.
    """
    folder = folder.resolve()
    settings = read_settings(folder, lesions=lesions)
    said = lesion_files(folder, settings.lesions, participant=participant)
    radiomics = plan_radiomics(folder, settings)
    recipes = settings.radiomics.settings_file if settings.radiomics else ""
    named = (settings.lesions.test_retest, settings.lesions.overrides)
    inputs = _inputs(folder, settings.protocol, recipes, *named)
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
    organ_s_values = _organ_s_values(folder, settings)
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
        followed=tuple(_followed(chosen, settings, said, radiomics)),
        overrides=said.overrides,
        cycles=tuple(
            (cycle, cycle_nodes(cycle))
            for placed in placement.cycles
            for cycle in [
                choose_after_cycle(
                    placed, records, settings, digests, organ_s_values=organ_s_values
                )
            ]
        ),
    )


def _followed(
    chosen: Sequence[ChosenVisit],
    settings: Settings,
    said: LesionFiles,
    radiomics: RadiomicsPlan | None,
) -> Iterator[ParticipantNodes]:
    """Lay the road participant by participant: lesions hang together over the visits."""
    lesions = settings.lesions
    judged = ChangeFacts(
        study=settings.title,
        uptake_window_min=lesions.uptake_window_min,
        uptake_difference_min=lesions.uptake_difference_min,
        borrowed=lesions.borrowed,
        repetitions=said.repetitions,
    )
    for whose in dict.fromkeys(one.measured.participant for one in chosen):
        yield participant_nodes(
            [one for one in chosen if one.measured.participant == whose],
            followed=TrackFacts(participant=whose, overrides=said.overrides.get(whose, ())),
            judged=judged,
            radiomics=radiomics,
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
    table, page, descriptors = study.nodes()
    beside = [node for _, nodes in study.visits for node in nodes.objects]
    if descriptors is not None:
        beside.append(descriptors)
    with Store(study.results / STORE) as store:
        outcome = run(
            [table, page, *beside],
            store,
            workers=options.workers,
            threads=options.threads,
            scheduler=options.scheduler,
            progress=progress,
        )
        return outcome, _publish(study, outcome, table, page, descriptors)


def refused_visits(study: Study, outcome: RunOutcome) -> tuple[str, ...]:
    """Name the visits that took place and were refused, wholly or in part.

    And participants whose row is faulty, so that nothing of theirs is read.
    """
    lost = {fault.participant for fault in study.records.faults if fault.table == "participants"}
    known = {participant.pseudonym for participant in study.records.participants}
    return (*sorted(lost - known - {""}), *_refused_visits(study, outcome))


def matters(study: Study) -> int:
    """Count what needs somebody's attention beyond the visits that are refused."""
    told = {
        one.what for _, chosen, _ in study.in_order() for one in chosen.obstacles if not one.refuses
    }
    faults = {str(fault) for fault in study.records.faults}
    return len(told | faults) + len(study.placement.unplaced)


def _refused_visits(study: Study, outcome: RunOutcome) -> tuple[str, ...]:
    return tuple(
        chosen.subject
        for _, chosen, nodes in study.in_order()
        if "refused" in chosen.use.values()
        or (isinstance(chosen, ChosenVisit) and _nothing_to_measure(chosen))
        or any(outcome.of(node).how is How.REFUSED for node in reported(nodes))
    )


def _nothing_to_measure(visit: ChosenVisit) -> bool:
    return visit.placed.refused or (visit.placed.visit is not None and visit.pet is None)


def explained(study: Study) -> tuple[tuple[Node, str], ...]:
    """Why each step of the study will run, or not, told without running any."""
    table, page, descriptors = study.nodes()
    beside = [node for _, nodes in study.visits for node in nodes.objects]
    if descriptors is not None:
        beside.append(descriptors)
    with Store(study.results / STORE) as store:
        return explain([table, page, *beside], store)


def _publish(
    study: Study, outcome: RunOutcome, table: Node, page: Node, descriptors: Node | None
) -> tuple[Path, ...]:
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
    for name, data in _objects(study, outcome):
        put(name, data)
    if descriptors is None:
        (study.results / DESCRIPTORS).unlink(missing_ok=True)
    else:
        described = outcome.value(descriptors)
        if isinstance(described, Refusal):
            raise DataError(f"The table of descriptors could not be made: {described}")
        assert isinstance(described, pl.DataFrame)  # noqa: S101 - the step's own type
        put(DESCRIPTORS, _parquet(described))
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


def _objects(study: Study, outcome: RunOutcome) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the DICOM objects of all visits; a refusal has none."""
    for visit, nodes in study.visits:
        name = f"lesions/{visit.placed.subject.replace('/', '_')}"
        for node in nodes.objects:
            value = outcome.value(node)
            if isinstance(value, LesionObjects):
                version = f"_v{value.version}" if value.version > 1 else ""
                written = (
                    (f"{version}.dcm", value.segmentation),
                    (f"{version}_report.dcm", value.report),
                )
                yield from ((f"{name}{ending}", data) for ending, data in written if data)


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
            # What is no DICOM is one file, whose digest is the source's own.
            "files": [
                [file.name, study.digests.get(file, source.digest)] for file in _files(source)
            ],
        }
        for _, _, nodes in study.in_order()
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
    waiting = [*reported(visit), *visit.objects, *(node for node, _ in visit.descriptors)]
    while waiting:
        node = waiting.pop()
        if id(node) not in found:
            found[id(node)] = node
            waiting += [one for one in node.inputs if isinstance(one, Node)]
    return list(found.values())


def _participants(study: Study) -> Iterable[ParticipantFacts]:
    for participant in study.records.participants:
        yield ParticipantFacts(
            pseudonym=participant.pseudonym,
            site=participant.site,
            sex={"F": "female", "M": "male"}.get(participant.sex, "other"),
            age_text=f"born {participant.birth_year}-{participant.birth_month:02d}",
            reader=f"{READER} at {participant.site}",
            followed=_is_followed(study, participant.pseudonym),
            visits=tuple(
                _visit_facts(chosen, nodes)
                if isinstance(chosen, ChosenVisit)
                else _cycle_facts(chosen, nodes)
                for whose, chosen, nodes in study.in_order()
                if whose == participant.pseudonym
            ),
        )


def _is_followed(study: Study, participant: str) -> bool:
    found = study.lesions_of(participant)
    return found is not None and found.courses is not None


def _visit_facts(chosen: ChosenVisit, nodes: VisitNodes) -> VisitFacts:
    placed = chosen.placed
    return VisitFacts(
        participant=placed.participant.pseudonym,
        timepoint=placed.timepoint.code,
        on=placed.visit.on if placed.visit else None,
        expected=placed.expected,
        issues=tuple(_issue(obstacle) for obstacle in chosen.obstacles),
        series=_series_lines(placed.series, chosen.use),
        origin=_origin("PET", chosen.pet) if chosen.pet else (),
        results=tuple((node.step.name, node.subject) for node in reported(nodes)),
    )


def _cycle_facts(chosen: ChosenCycle, nodes: VisitNodes) -> VisitFacts:
    days = [day for series, *_ in chosen.scans if (day := day_of(series))]
    return VisitFacts(
        participant=chosen.measured.participant,
        timepoint=chosen.measured.timepoint,
        on=min(days, default=chosen.placed.cycle.on),
        expected=False,
        issues=tuple(_issue(obstacle) for obstacle in chosen.obstacles),
        series=_series_lines(chosen.placed.series, chosen.use),
        origin=tuple(line for _, source, _ in chosen.scans for line in _origin("SPECT", source)),
        results=tuple((node.step.name, node.subject) for node in reported(nodes)),
        after_cycle=True,
    )


def _origin(what: str, source: Source) -> tuple[OriginLine, ...]:
    return (
        OriginLine(label=f"{what} series", text=source.name),
        OriginLine(label="First file", text=f"dicom/{_files(source)[0].name}"),
        OriginLine(label="Digest of the series", text=source.digest),
    )


def _series_lines(series: Sequence[Series], use: Mapping[str, str]) -> tuple[SeriesLine, ...]:
    return tuple(
        SeriesLine(
            description=one.description or one.uid,
            what=one.classification.type.value,
            evidence="; ".join(one.classification.evidence),
            status=use[one.uid],
        )
        for one in series
    )


def _issue(obstacle: Obstacle) -> Issue:
    return Issue(what=obstacle.what, remedy=obstacle.remedy, who=obstacle.who, where=obstacle.where)


def _inputs(folder: Path, *named: str) -> dict[str, Digest]:
    """Digests of study.toml, the tables and the files that study.toml names."""
    files = [folder / FILE_NAME, *sorted((folder / "records").glob("*"))]
    digests = {}
    for file in files:
        # What cannot be read is a fault of its table, which says so.
        with contextlib.suppress(OSError):
            if file.is_file():
                digests[file.relative_to(folder).as_posix()] = digest_of_file(file)
    for name in filter(None, named):
        if (folder / name).is_file():
            digests[name] = digest_of_file(folder / name)
    return digests


def _organ_s_values(folder: Path, settings: Settings) -> Source | None:
    """The table of organ S values that study.toml names."""
    name = settings.dosimetry.organ_s_values if settings.dosimetry else ""
    if not name:
        return None
    if not (folder / name).is_file():
        raise DataError(
            f"study.toml names the table of organ S values {name}, which is not in the study "
            "folder.",
            remedy="Put the file there, or correct organ_s_values.",
        )
    return Source(name, digest_of_file(folder / name), (FileRef(str(folder), name),))


def _digest_of(lines: Sequence[str]) -> Digest:
    return Digest(hashlib.sha256("\n".join(lines).encode()).hexdigest())
