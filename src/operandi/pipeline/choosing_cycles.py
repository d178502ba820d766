"""Which series after a cycle the dose is computed from, and what could not be chosen."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from operandi.domain.administration import Administration
from operandi.domain.identity import Digest, SeriesUid
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.index import Series
from operandi.pipeline.choosing import source_of
from operandi.pipeline.placing import (
    PHYSICIST,
    READER,
    TECHNOLOGIST,
    WHOSE_IMAGES,
    Obstacle,
    other_person,
)
from operandi.pipeline.placing_cycles import PlacedCycle, day_of, started
from operandi.pipeline.settings import Settings, cycle_code
from operandi.pipeline.step import Source
from operandi.pipeline.step_settings import (
    CameraCalibration,
    CycleSettings,
    DosimetrySettings,
    MarrowFacts,
    ScanSettings,
    Visit,
)
from operandi.records.rows_dosimetry import BloodActivityRow, SpectCalibrationRow, SpectRecoveryRow
from operandi.records.tables import Records

_SEED: Final = 20261125
"""Of the Monte Carlo twin of every uncertainty: any will do, as long as it stays."""
_RECONSTRUCTIONS_APART: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChosenCycle:
    """The inputs of the dose of one cycle.

    Parameters
    ----------
    placed : PlacedCycle
        The cycle.
    scans : tuple of (Series, Source, ScanSettings)
        One emission tomogram a scan, in the order of time, with what its activity needs.
    drawn : Source or None
        Contours and segmentations, of all scans.
    organ_s_values : Source or None
        Table of organ S values.
    settings : CycleSettings or None
        What the doses need; None where the study computes none.
    marrow : MarrowFacts or None
        What the marrow's dose needs; None where nobody asks for one.
    measured : Visit
        Whose measurements they are.
    obstacles : tuple of Obstacle
        What could not be chosen.
    use : mapping of series UID to text
        What became of each series, for the report.
    """

    placed: PlacedCycle
    scans: tuple[tuple[Series, Source, ScanSettings], ...]
    drawn: Source | None
    organ_s_values: Source | None
    settings: CycleSettings | None
    marrow: MarrowFacts | None
    measured: Visit
    obstacles: tuple[Obstacle, ...]
    use: Mapping[str, str]

    @property
    def subject(self) -> str:
        """Name of the cycle in steps and messages."""
        return f"{self.measured.participant}/{self.measured.timepoint}"


def choose_after_cycle(
    placed: PlacedCycle,
    records: Records,
    settings: Settings,
    digests: Mapping[FileRef, Digest],
    *,
    organ_s_values: Source | None,
) -> ChosenCycle:
    """Choose one tomogram a scan, and what was drawn on them.

    Parameters
    ----------
    placed : PlacedCycle
        The cycle and what came after it.
    records, settings : Records, Settings
        The study's tables and file.
    digests : mapping of FileRef to Digest
        Of every DICOM file.
    organ_s_values : Source or None
        Table of organ S values.
    """
    others = tuple(_of_others(placed))
    barred = {uid for uid, _ in others} | {one.uid for one in placed.series if one.conflicts}
    usable = [one for one in placed.emission if one.uid not in barred]
    obstacles = [*_conflicts(placed), *(obstacle for _, obstacle in others)]
    scans: list[Series] = []
    if settings.dosimetry is None:
        obstacles.append(
            Obstacle(
                what="Images after the cycle have arrived, and study.toml says nothing of "
                "dosimetry: no absorbed dose is computed.",
                remedy="Add [dosimetry] to study.toml, or remove the images.",
                who=PHYSICIST,
                where="study.toml",
            )
        )
    else:
        scans, unclear = _one_a_scan(placed, usable, settings.dosimetry)
        obstacles += unclear
    if others:
        # As at visits: where one file is somebody else's, nobody knows whose the others are.
        scans = []
    drawn = [one for one in placed.drawn if one.uid not in barred]
    if scans and not drawn:
        obstacles.append(
            Obstacle(
                what="Nothing was drawn on the images after the cycle: there is no region to give "
                "a dose for.",
                remedy="Draw kidneys and lesions on each scan, and send the RT structure set or "
                "DICOM segmentation into dicom/.",
                who=f"{READER} at {placed.participant.site}",
                where=_where(placed),
            )
        )
    used = dict.fromkeys(barred, "refused")
    used |= {one.uid: "measured" for one in scans} | {one.uid: "read" for one in drawn}
    sources = tuple(
        (one, source_of([one], digests), _scan_settings(placed, one, records, settings))
        for one in scans
    )
    visit = Visit(
        participant=placed.participant.pseudonym,
        timepoint=cycle_code(placed.cycle.number),
        inputs=tuple(source.digest for _, source, _ in sources),
    )
    return ChosenCycle(
        placed=placed,
        scans=sources if drawn else (),
        drawn=source_of(drawn, digests) if drawn else None,
        organ_s_values=organ_s_values,
        settings=_cycle_settings(placed, visit, settings.dosimetry),
        marrow=marrow_facts(placed, records, settings.dosimetry),
        measured=visit,
        obstacles=tuple(obstacles),
        use={one.uid: used.get(one.uid, "not needed") for one in placed.series},
    )


def _cycle_settings(
    placed: PlacedCycle, visit: Visit, dosimetry: DosimetrySettings | None
) -> CycleSettings | None:
    if dosimetry is None:
        return None
    return CycleSettings(
        visit=visit,
        nuclide=placed.cycle.nuclide.name,
        administered_bq=placed.cycle.activity_bq,
        tissue_density_g_cm3=dosimetry.tissue_density_g_cm3,
        organ_s_phantom=dosimetry.organ_s_phantom,
        organ_s_unit=dosimetry.organ_s_unit,
        seed=_SEED,
    )


def marrow_facts(
    placed: PlacedCycle, records: Records, dosimetry: DosimetrySettings | None
) -> MarrowFacts | None:
    """Blood samples after a cycle, and who the marrow belongs to.

    None where the study computes no doses, or neither has samples nor settings for the marrow.
    Samples after a cycle without scans wait for the scans, whose organs shine on the marrow, too.
    """
    cycle = placed.cycle
    rows = [
        row
        for row in records.rows.get("blood_activity", ())
        if isinstance(row, BloodActivityRow)
        and (row.participant, row.cycle) == (cycle.participant, cycle.number)
    ]
    if dosimetry is None or not (rows or dosimetry.marrow):
        return None
    samples: tuple[tuple[float, float, float], ...] = ()
    missing = ""
    if not rows:
        missing = "No blood sample after the cycle is in blood_activity."
    elif cycle.administered_at is None:
        missing = "The table cycles has no administered_at, from which blood samples are timed."
    else:
        samples = tuple(
            (
                (row.drawn_at - cycle.administered_at).total_seconds(),
                float(row.concentration_kbq_per_ml) * 1e3,
                float(row.standard_uncertainty_kbq_per_ml) * 1e3,
            )
            for row in sorted(rows, key=lambda row: row.drawn_at)
        )
    weighed = max(
        (
            one
            for one in records.vitals
            if one.participant == cycle.participant and one.measured_on <= cycle.on
        ),
        key=lambda one: one.measured_on,
        default=None,
    )
    return MarrowFacts(
        settings=dosimetry.marrow,
        samples=samples,
        no_samples=missing,
        sex=placed.participant.sex.value,
        body_mass_kg=weighed.body_mass_kg if weighed else None,
        weighed_on=weighed.measured_on if weighed else None,
        organ_s_phantom=dosimetry.organ_s_phantom,
        organ_s_unit=dosimetry.organ_s_unit,
    )


def _scan_settings(
    placed: PlacedCycle, series: Series, records: Records, settings: Settings
) -> ScanSettings:
    cycle = placed.cycle
    code = cycle_code(cycle.number)
    administered = None
    if cycle.administered_at is not None:
        administered = Administration(
            nuclide=cycle.nuclide,
            activity_bq=cycle.activity_bq,
            at=cycle.administered_at,
            half_life_s=cycle.nuclide.half_life_s,
        )
    assert settings.dosimetry is not None  # noqa: S101 - scans are chosen only where it is there
    day, site, nuclide = day_of(series) or cycle.on, placed.participant.site, cycle.nuclide.name
    return ScanSettings(
        timezone=settings.timezone,
        declared=settings.declaration_at(cycle.participant, code),
        administered=administered,
        calibrations=calibrations_on(day, site=site, nuclide=nuclide, records=records),
        spatial_resolution_mm=settings.dosimetry.spatial_resolution_mm,
        nuclide=nuclide,
        not_held=tuple(_not_held(day, site=site, nuclide=nuclide, records=records)),
    )


def _not_held(day: date, *, site: str, nuclide: str, records: Records) -> Iterator[tuple[str, str]]:
    """Camera and reason of each row of spect_calibrations that does not count on a day."""
    for fault in records.faults:
        if fault.table == "spect_calibrations":
            yield fault.camera, f"a row was rejected: {str(fault).removesuffix('.')}"
    for row in records.rows.get("spect_calibrations", ()):
        assert isinstance(row, SpectCalibrationRow)  # noqa: S101 - the table's own type
        if row.site != site:
            yield row.camera, f"that of {row.measured_on} is of the site {row.site}, not {site}"
        elif row.nuclide.name != nuclide:
            yield row.camera, f"that of {row.measured_on} is of {row.nuclide.name}"
        elif row.measured_on > day:
            yield row.camera, f"its measured_on is {row.measured_on}, after the scan of {day}"
        elif row.valid_to is not None and row.valid_to < day:
            yield row.camera, f"its valid_to is {row.valid_to}, before the scan of {day}"


def calibrations_on(
    day: date, *, site: str, nuclide: str, records: Records
) -> tuple[CameraCalibration, ...]:
    """The latest calibration of each camera of a site that held on a day, with its spheres."""
    latest: dict[str, SpectCalibrationRow] = {}
    for row in records.rows.get("spect_calibrations", ()):
        assert isinstance(row, SpectCalibrationRow)  # noqa: S101 - the table's own type
        held = row.measured_on <= day and (row.valid_to is None or day <= row.valid_to)
        if row.site != site or row.nuclide.name != nuclide or not held:
            continue
        # As cameras are told apart at the scan: by their letters, not by their case.
        other = latest.get(row.camera.casefold())
        if other is None or other.measured_on < row.measured_on:
            latest[row.camera.casefold()] = row
    return tuple(
        CameraCalibration(
            camera=row.camera,
            nuclide=row.nuclide.name,
            relative_uncertainty=float(row.relative_uncertainty_percent) / 100.0,
            factor_cps_per_mbq=_number(row.factor_cps_per_mbq),
            collimator=row.collimator or "",
            windows_kev=row.windows,
            heads=row.heads or 0,
            projection_time_s=_number(row.projection_time_s),
            dead_time_corrected=bool(row.dead_time_corrected),
            spheres=_spheres_on(day, row, records),
            spheres_refused=_spheres_refused(day, row, records),
        )
        for row in latest.values()
    )


def _spheres_on(
    day: date, calibration: SpectCalibrationRow, records: Records
) -> tuple[tuple[float, float, float], ...]:
    """Spheres of the latest phantom scan of the camera before the day."""
    spheres = [
        row
        for row in records.rows.get("spect_recovery", ())
        if isinstance(row, SpectRecoveryRow) and not _other_sphere(day, calibration, row)
    ]
    last = max((row.measured_on for row in spheres), default=day)
    return tuple(
        (float(row.volume_ml), float(row.recovery), float(row.standard_uncertainty))
        for row in sorted(spheres, key=lambda row: row.volume_ml)
        if row.measured_on == last
    )


def _other_sphere(day: date, calibration: SpectCalibrationRow, row: SpectRecoveryRow) -> str:
    """Why a sphere is not of the camera that was calibrated; empty where it is."""
    if row.camera.casefold() != calibration.camera.casefold() or row.site != calibration.site:
        return f"{row.camera} of {row.site}"
    if row.nuclide.name != calibration.nuclide.name:
        return f"{row.camera} with {row.nuclide.name}"
    return "" if row.measured_on <= day else f"{row.camera} only from {row.measured_on} on"


def _spheres_refused(day: date, calibration: SpectCalibrationRow, records: Records) -> str:
    """Recovery must not vanish as one of its rows is faulty, or names another camera.

    A set without the sphere that was rejected is another set, and one of another camera is no
    sign that recovery was left out on purpose.
    """
    camera = calibration.camera
    for fault in records.faults:
        if fault.table == "spect_recovery" and fault.camera.casefold() in {"", camera.casefold()}:
            return f"a row of spect_recovery was rejected: {fault}"
    others = {
        _other_sphere(day, calibration, row)
        for row in records.rows.get("spect_recovery", ())
        if isinstance(row, SpectRecoveryRow)
    }
    if not others or "" in others:
        return ""
    return (
        f"spect_recovery has spheres of {', '.join(sorted(others))}, and none of {camera} of "
        f"{calibration.site} with {calibration.nuclide.name}. Add those, or correct "
        "site, camera, nuclide or measured_on."
    )


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _one_a_scan(
    placed: PlacedCycle, usable: Sequence[Series], settings: DosimetrySettings
) -> tuple[list[Series], list[Obstacle]]:
    """Of several reconstructions of one scan only one counts, and which is for people to say."""
    scans, obstacles = [], []
    for of_scan in _same_scan(usable):
        named = [one for one in of_scan if one.uid in settings.series]
        if len(named or of_scan) == 1:
            scans += named or of_scan
            continue
        listed = "; ".join(f"{one.description!r} {one.uid}" for one in of_scan)
        obstacles.append(
            Obstacle(
                what=f"{len(of_scan)} tomograms of one scan arrived ({day_of(of_scan[0])}): "
                f"{listed}.",
                remedy="Declare the one that counts in study.toml, [dosimetry] series.",
                who=f"{PHYSICIST} at {placed.participant.site}",
                where=_where(placed),
            )
        )
    return ([] if obstacles else scans), obstacles


def _same_scan(usable: Sequence[Series]) -> list[list[Series]]:
    """Group tomograms that began within a quarter of an hour of one another."""
    groups: list[list[Series]] = []
    for one in sorted(usable, key=started):
        if groups and started(one) - started(groups[-1][0]) <= _RECONSTRUCTIONS_APART:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _conflicts(placed: PlacedCycle) -> Iterable[Obstacle]:
    for series in placed.series:
        for conflict in series.conflicts:
            yield Obstacle(
                what=f"Series {series.description or series.uid!r} contradicts itself: {conflict}.",
                remedy="Export the series again, alone, from the PACS.",
                who=f"{TECHNOLOGIST} at {placed.participant.site}",
                where=_where(placed),
            )


def _of_others(placed: PlacedCycle) -> Iterable[tuple[SeriesUid, Obstacle]]:
    """Scans and contours whose headers are of another sex or birth date than the participant."""
    for series in (*placed.emission, *placed.drawn):
        for fault, file in other_person(series, placed.participant).items():
            yield (
                series.uid,
                Obstacle(
                    what=f"Series {series.description or series.uid!r} in {file}: {fault}. No "
                    "dose of the cycle is computed.",
                    remedy=WHOSE_IMAGES,
                    who=f"{TECHNOLOGIST} at {placed.participant.site}",
                    where=_where(placed),
                    refuses=True,
                ),
            )


def _where(placed: PlacedCycle) -> str:
    return f"{placed.participant.pseudonym} {cycle_code(placed.cycle.number)}"
