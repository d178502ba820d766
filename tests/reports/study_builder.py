"""A made-up study for the report's tests: phantoms with lesions, refusals of several kinds.

Every number is invented, deterministic, and only as plausible as a picture and a table need.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.quantities.kinds import MR_SIGNAL, SUV_BODY_WEIGHT
from operandi.reports.figures import Overlay, coronal_maximum_projection, slice_with_contours
from operandi.reports.study_report import (
    Figure,
    Issue,
    MeasurementLine,
    MethodParagraph,
    OriginLine,
    ParticipantPage,
    SeriesLine,
    StudyReport,
    TimepointColumn,
    Trend,
    VisitSection,
    VisitStatus,
)

Point = tuple[float, float, float]

SPACING_MM = (4.07, 4.07, 4.0)
SHAPE = (120, 76, 236)
GRID = Grid(
    SHAPE,
    np.array(
        [
            [SPACING_MM[0], 0, 0, -SPACING_MM[0] * (SHAPE[0] - 1) / 2],
            [0, SPACING_MM[1], 0, -SPACING_MM[1] * (SHAPE[1] - 1) / 2],
            [0, 0, SPACING_MM[2], -SPACING_MM[2] * (SHAPE[2] - 1) / 2],
            [0, 0, 0, 1],
        ]
    ),
)

# Center and half axes in LPS mm, SUV: roughly where a DOTATATE scan is bright.
_ORGANS: tuple[tuple[Point, Point, float], ...] = (
    ((-85.0, -15.0, 60.0), (85.0, 62.0, 62.0), 5.5),  # liver
    ((95.0, 30.0, 75.0), (30.0, 36.0, 48.0), 18.0),  # spleen
    ((-58.0, 55.0, -15.0), (24.0, 24.0, 50.0), 13.0),  # kidneys
    ((62.0, 55.0, -5.0), (24.0, 24.0, 50.0), 13.5),
    ((0.0, -25.0, -330.0), (34.0, 30.0, 28.0), 11.0),  # bladder
    ((0.0, -20.0, 385.0), (6.0, 6.0, 6.0), 9.0),  # pituitary
    ((-42.0, -5.0, 330.0), (12.0, 14.0, 20.0), 3.5),  # salivary glands
    ((42.0, -5.0, 330.0), (12.0, 14.0, 20.0), 3.5),
    ((20.0, -35.0, -80.0), (60.0, 25.0, 40.0), 2.4),  # bowel
)
_BODY: tuple[tuple[Point, Point], ...] = (
    ((0.0, 0.0, 30.0), (165.0, 110.0, 270.0)),
    ((0.0, 0.0, -330.0), (160.0, 110.0, 260.0)),
    ((0.0, 0.0, 370.0), (78.0, 95.0, 115.0)),
    ((-190.0, 10.0, 80.0), (38.0, 42.0, 260.0)),
    ((190.0, 10.0, 80.0), (38.0, 42.0, 260.0)),
)
LESION_SITES: tuple[tuple[str, str, Point, float, float], ...] = (
    ("L01", "liver", (-110.0, -30.0, 85.0), 17.0, 24.0),
    ("L02", "liver", (-60.0, -10.0, 40.0), 12.0, 18.0),
    ("L03", "liver", (-120.0, 20.0, 35.0), 9.0, 15.0),
    ("L04", "mesentery", (15.0, -40.0, -70.0), 14.0, 21.0),
    ("L05", "lymph node", (35.0, 10.0, 160.0), 8.0, 11.0),
    ("L06", "vertebra", (0.0, 60.0, -60.0), 11.0, 14.0),
    ("L07", "left ilium", (85.0, 30.0, -220.0), 12.0, 12.0),
    ("L08", "", (-20.0, 40.0, 240.0), 7.0, 9.0),
)


def _edge(distance: npt.NDArray[np.float32], *, sharpness: float) -> npt.NDArray[np.float32]:
    """One inside, zero outside, with a soft border."""
    return (0.5 - 0.5 * np.tanh((distance - 1) * sharpness / 2)).astype(np.float32)


def _coordinates() -> tuple[npt.NDArray[np.float32], ...]:
    along = [
        (np.arange(count) * step + GRID.affine[axis, 3]).astype(np.float32)
        for axis, (count, step) in enumerate(zip(SHAPE, SPACING_MM, strict=True))
    ]
    return along[0][:, None, None], along[1][None, :, None], along[2][None, None, :]


def ellipsoid(center: Point, half_axes: Point) -> npt.NDArray[np.float32]:
    """Distance from the center in half axes: below one inside."""
    x, y, z = _coordinates()
    (cx, cy, cz), (a, b, c) = center, half_axes
    squared = ((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 + ((z - cz) / c) ** 2
    result: npt.NDArray[np.float32] = np.sqrt(squared, dtype=np.float32)
    return result


@lru_cache(maxsize=1)
def _healthy() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """SUV and MR signal of the phantom without lesions."""
    suv = np.zeros(SHAPE, dtype=np.float32)
    mr = np.zeros(SHAPE, dtype=np.float32)
    for center, half in _BODY:
        inside = ellipsoid(center, half)
        suv = np.maximum(suv, 0.55 * _edge(inside, sharpness=25))
        fat = 420 + 160 * np.clip(inside, 0, 1) ** 6
        mr = np.maximum(mr, fat * _edge(inside, sharpness=60))
    for center, half, value in _ORGANS:
        inside = ellipsoid(center, half)
        edge = _edge(inside, sharpness=14)
        suv = np.maximum(suv, value * edge)
        mr = mr * (1 - 0.35 * edge) + 90 * edge
    return suv, mr


def a_phantom(*, seed: int, lesions: int, strength: float) -> tuple[Volume, Volume, list[Lesion]]:
    """SUV, MR signal and the first *lesions* of ``LESION_SITES``, scaled by *strength*."""
    suv, mr = (part.copy() for part in _healthy())
    found = []
    for name, organ, center, radius, value in LESION_SITES[:lesions]:
        size = radius * strength ** (1 / 3)
        inside = ellipsoid(center, (size, size, size * 1.15))
        suv = np.maximum(suv, value * strength * _edge(inside, sharpness=9))
        mask = Mask(inside <= 1, GRID)
        found.append(Lesion(LesionId(name), mask, organ, "SUV >= 41 % of the maximum"))
    noise = np.random.default_rng(seed)
    suv += noise.normal(0, 1, SHAPE).astype(np.float32) * (0.03 + 0.06 * suv)
    mr += noise.normal(0, 14, SHAPE).astype(np.float32)
    return (
        Volume(np.clip(suv, 0, None), GRID, SUV_BODY_WEIGHT),
        Volume(np.clip(mr, 0, None), GRID, MR_SIGNAL),
        found,
    )


@lru_cache(maxsize=32)
def phantom_figures(*, seed: int, lesions: int, strength: float) -> tuple[Figure, ...]:
    suv, mr, found = a_phantom(seed=seed, lesions=lesions, strength=strength)
    return (
        coronal_maximum_projection(suv, lesions=found, ceiling=15.0),
        slice_with_contours(
            mr,
            plane="axial",
            position_mm=78.0,
            lesions=found,
            overlay=Overlay(suv, ceiling=15.0),
            window=(0.0, 700.0),
        ),
        slice_with_contours(
            suv, plane="coronal", position_mm=-20.0, lesions=found, overlay=None, window=(0.0, 15.0)
        ),
    )


# --- The study --------------------------------------------------------------------------------

TIMEPOINTS = (
    TimepointColumn(code="BASELINE", title="Baseline"),
    TimepointColumn(code="AFTER_CYCLE_2", title="After cycle 2"),
    TimepointColumn(code="YEAR_1", title="1 year"),
)
SITES = ("NANTES", "ANGERS", "RENNES")

NO_WEIGHT = Issue(
    what="SUV needs mass > 0 kg, and the participant's weight at this visit is not recorded: "
    "PatientWeight (0010,1030) is empty in all 267 files and records/vitals.csv has no row.",
    remedy="Record the weight of the day in records/vitals.csv, column body_mass_kg; it is never "
    "assumed.",
    who="study coordinator",
    where="step suv",
)
NO_DOSE = Issue(
    what="RadionuclideTotalDose (0018,1074) is 0 in PET_WB_AC: needed the injected activity in Bq.",
    remedy="Correct it at the console from the dose calibrator's log and send the series again, "
    "or record injected_mbq and residual_mbq in records/administrations.csv.",
    who="technologist",
    where="step suv, series 4 PET_WB_AC",
)
LATE_INJECTION = Issue(
    what="The injection is recorded 71 min after the scan began (09:42:10 and 08:31:00): one of "
    "the two clocks is wrong.",
    remedy="Compare the dose calibrator's clock with the scanner's and correct injected_at in "
    "records/administrations.csv.",
    who="technologist",
    where="records/administrations.csv row 14, field injected_at",
)
NO_LIVER = Issue(
    what="No ratio to liver: the reference sphere of 30 mm does not fit inside the liver that was "
    "found (68 mL, needed at least 400 mL).",
    remedy="Draw the reference region by hand and import it as DICOM SEG.",
    who="nuclear-medicine physician",
    where="step reference_regions",
)
NO_SCAN = Issue(
    what="No scan of this visit has arrived; its window closed on 14 February 2025.",
    remedy="Send the study from the archive, or record why the visit did not take place.",
    who="study coordinator",
    where="dicom/",
)
UNICODE = Issue(
    what="La série « Säulen-Übersicht µ-map ≥ 2 mm 検査 » has 266 slices where 267 were expected.",
    remedy="Send the missing slice again: InstanceNumber 131.",
    who="technologist",
    where="dicom/ANGERS/2025-01/1.2.826.0.1.3680043.8.498.11223344556677889900112233445566778899/"
    "PT/IM_0131.dcm",
)
PET = "PET_WB_AC"


def a_measurement(**changed: object) -> MeasurementLine:
    """Return SUVmax of lesion L01, 12.3 ± 0.62 g/mL, unless *changed*."""
    given: dict[str, object] = {
        "id": "m-0123456789ab",
        "subject_type": "lesion",
        "subject_name": "L01",
        "kind_title": "SUVmax",
        "kind_name": "SUV_MAXIMUM",
        "value": 12.345,
        "unit": "g/mL",
        "absent": "",
        "standard_uncertainty": 0.617,
        "uncertainty_text": "noise of the background propagated; calibration 3 % (k = 1)",
        "method": "largest voxel inside the lesion",
        "version": "1.0.0",
        "origin": (
            OriginLine(label="Series", text=f"{PET}, 267 files, SHA-256 9f2c41d07be6…"),
            OriginLine(label="Injected", text="152 MBq 68Ga at 08:31:00 UTC, residual 3.1 MBq"),
            OriginLine(label="Weight", text="71.5 kg, records/vitals.csv row 7"),
            OriginLine(label="Voxel", text="i 61, j 40, k 118 at (-110.2, -30.1, 84.6) mm LPS"),
        ),
    }
    return MeasurementLine(**{**given, **changed})  # type: ignore[arg-type]


_NO_SPREAD = "the border's uncertainty is not modeled for a fixed-threshold delineation"
_TOO_SMALL = "The 1 mL sphere does not fit inside the lesion (0.71 mL)."


def _lesion_lines(prefix: str, *, lesions: int, strength: float) -> list[MeasurementLine]:
    lines = []
    for name, organ, _, radius, value in LESION_SITES[:lesions]:
        highest, volume = value * strength, 4.19 * (radius / 10) ** 3 * strength
        small = volume < 1.6
        rows: tuple[tuple[str, str, float, str, float | None], ...] = (
            ("SUVmax", "SUV_MAXIMUM", highest, "g/mL", 0.05 * highest),
            ("SUVmean", "SUV_MEAN", 0.62 * highest, "g/mL", 0.03 * highest),
            ("SUVpeak (1 mL sphere)", "SUV_PEAK", 0.8 * highest, "g/mL", 0.035 * highest),
            ("volume", "VOLUME", volume, "mL", None),
            ("TL-SSTR (SUVmean x volume)", "TOTAL_LESION_SSTR", 0.62 * highest * volume, "g", None),
            ("lesion SUVmax / liver mean", "LESION_TO_LIVER_RATIO", highest / 5.4, "1", 0.3),
        )
        for title, kind, number, unit, spread in rows:
            absent = _TOO_SMALL if small and kind == "SUV_PEAK" else ""
            lines.append(
                a_measurement(
                    id=f"m-{prefix}-{name}-{kind}".lower(),
                    subject_name=name,
                    kind_title=title,
                    kind_name=kind,
                    value=None if absent else number,
                    unit=unit,
                    absent=absent,
                    standard_uncertainty=None if absent else spread,
                    uncertainty_text=_NO_SPREAD
                    if spread is None
                    else "noise of the background propagated; calibration 3 % (k = 1)",
                    method=f"SUV >= 41 % of the maximum, {organ or 'organ not known'}",
                )
            )
    return lines


def _organ_lines(prefix: str, *, liver: bool) -> list[MeasurementLine]:
    lines = []
    for organ, mean, deviation, volume in (
        ("liver", 5.42, 0.61, 14.1),
        ("spleen", 17.8, 1.92, 7.02),
        ("aorta (blood pool)", 0.58, 0.09, 3.3),
    ):
        absent = "" if liver or organ != "liver" else "The reference sphere does not fit."
        for title, kind, number, unit, spread in (
            ("SUVmean", "SUV_MEAN", mean, "g/mL", 0.04 * mean),
            ("SUV standard deviation", "SUV_STANDARD_DEVIATION", deviation, "g/mL", None),
            ("volume", "VOLUME", volume, "mL", None),
        ):
            lines.append(
                a_measurement(
                    id=f"m-{prefix}-{organ}-{kind}".lower(),
                    subject_type="organ",
                    subject_name=organ,
                    kind_title=title,
                    kind_name=kind,
                    value=None if absent else number,
                    unit=unit,
                    absent=absent,
                    standard_uncertainty=None if absent else spread,
                    uncertainty_text="a sphere has no border to be uncertain of",
                    method="sphere of 30 mm in the region's most even part",
                )
            )
    return lines


def _overall_lines(prefix: str, *, lesions: int, volume: float) -> list[MeasurementLine]:
    rows: tuple[tuple[str, str, float, str, str], ...] = (
        ("SSTR tumor volume", "SSTR_TUMOR_VOLUME", volume, "mL", ""),
        ("TL-SSTR of all lesions", "TOTAL_LESION_SSTR", 9.1 * volume, "g", ""),
        ("number of lesions", "LESION_COUNT", float(lesions), "1", ""),
        ("mean MR signal (arbitrary)", "MR_SIGNAL_MEAN", 412.7, "1", "t2_haste_tra"),
    )
    return [
        a_measurement(
            id=f"m-{prefix}-{kind}".lower(),
            subject_type="scan" if series else "participant",
            subject_name=series,
            kind_title=title,
            kind_name=kind,
            value=number,
            unit=unit,
            standard_uncertainty=0.12 * number if unit == "mL" else None,
            uncertainty_text="borders moved by half a voxel"
            if unit == "mL"
            else "a count has no standard uncertainty"
            if kind == "LESION_COUNT"
            else _NO_SPREAD,
            method="sum over lesions",
        )
        for title, kind, number, unit, series in rows
    ]


SERIES = (
    SeriesLine(
        description=PET,
        what="PET, attenuation corrected",
        evidence="CorrectedImage has ATTN and DECY, Units BQML",
        status="measured",
    ),
    SeriesLine(
        description="t2_haste_tra_mbh <p4>",
        what="MR T2-weighted",
        evidence="EchoTime 92 ms, RepetitionTime 1400 ms",
        status="drawn under the PET",
    ),
    SeriesLine(
        description="",
        what="localizer",
        evidence="three orientations in one series",
        status="not needed",
    ),
)

# One word a participant, one letter a visit: Complete, Partial, Refused, Missing, Not due.
_COURSE = ("CCC", "CCN", "CPC", "CRN", "CCM", "RCN", "CCN", "PCC", "CCR", "CMN", "CNN", "RNN")
_STATUS = {
    "C": VisitStatus.COMPLETE,
    "P": VisitStatus.PARTIAL,
    "R": VisitStatus.REFUSED,
    "M": VisitStatus.MISSING,
    "N": VisitStatus.NOT_DUE,
}


def _visit_issues(letter: str, number: int) -> tuple[Issue, ...]:
    """What went wrong at this visit, to be mended at the participant's site."""
    refused = ((NO_WEIGHT,), (NO_DOSE, UNICODE), (), (LATE_INJECTION,))[number % 4]
    issues = {"P": (NO_LIVER,), "M": (NO_SCAN,), "R": refused}.get(letter, ())
    site = SITES[number % 3]
    return tuple(replace(issue, who=f"{issue.who} at {site}") for issue in issues)


def a_visit(number: int, column: int, *, drawn: bool = True) -> VisitSection:
    """Visit of participant *number* (from zero) at the timepoint *column*."""
    letter = _COURSE[number % len(_COURSE)][column]
    timepoint = TIMEPOINTS[column].code
    day = dt.date(2024, 3, 4) + dt.timedelta(days=9 * number + (0, 112, 371)[column])
    measured = letter in "CP"
    lesions, strength = _burden(number, column)
    prefix = f"{number}-{timepoint}"
    return VisitSection(
        timepoint=timepoint,
        date=None if letter in "MN" else day,
        status=_STATUS[letter],
        issues=_visit_issues(letter, number),
        series=SERIES if letter in "CPR" else (),
        figures=phantom_figures(seed=column, lesions=lesions, strength=_FADING[column])
        if measured and drawn
        else (),
        measurements=(
            *_overall_lines(prefix, lesions=lesions, volume=_volume(number, column)),
            *_lesion_lines(prefix, lesions=lesions, strength=strength),
            *_organ_lines(prefix, liver=letter == "C"),
        )
        if measured
        else (),
    )


_FADING = (1.0, 0.72, 0.48)


def _burden(number: int, column: int) -> tuple[int, float]:
    return 4 + number % 5, _FADING[column] * (1 + 0.05 * (number % 4))


def _volume(number: int, column: int) -> float:
    lesions, strength = _burden(number, column)
    return sum(4.19 * (site[3] / 10) ** 3 for site in LESION_SITES[:lesions]) * strength


def a_participant(number: int, *, drawn: bool = True) -> ParticipantPage:
    visits = tuple(a_visit(number, column, drawn=drawn) for column in range(len(TIMEPOINTS)))
    measured = [bool(visit.measurements) for visit in visits]

    def trend(title: str, unit: str, values: Sequence[float], spread: float | None) -> Trend:
        return Trend(
            title=title,
            unit=unit,
            points=tuple(
                (column.code, value, None if spread is None else spread * value)
                if there
                else (column.code, None, None)
                for column, value, there in zip(TIMEPOINTS, values, measured, strict=True)
            ),
        )

    volumes = [_volume(number, column) for column in range(3)]
    peaks = [24.0 * _burden(number, column)[1] for column in range(3)]
    counts = [float(_burden(number, column)[0]) for column in range(3)]
    return ParticipantPage(
        pseudonym=f"P-{number + 1:03d}",
        site=SITES[number % 3],
        sex="FM"[number % 2],
        age_text=f"{52 + 3 * number % 29} years at baseline",
        visits=visits,
        trends=(
            trend("SSTR tumor volume", "mL", volumes, 0.12),
            trend("TL-SSTR", "g", [9.1 * volume for volume in volumes], None),
            trend("Highest SUVmax", "g/mL", peaks, 0.05),
            trend("Number of lesions", "1", counts, None),
        ),
    )


def a_study(*, participants: int = 12, drawn: bool = True) -> StudyReport:
    """Study with every kind of visit, at three sites."""
    return StudyReport(
        title="Early response to 177Lu-DOTATATE by 68Ga-DOTATATE PET/MR",
        protocol="NCT06256705, version 3.1 of 9 January 2024",
        data_cut="30 April 2025, 18:00 UTC",
        sites=SITES,
        timepoints=TIMEPOINTS,
        participants=tuple(a_participant(number, drawn=drawn) for number in range(participants)),
        totals=(
            ("scans read", "24"),
            ("lesions followed", "71"),
            ("measurements", "1 408"),
            ("values absent, each with its reason", "96"),
            ("files read", "18 204"),
        ),
        record_faults=(
            Issue(
                what="body_mass_kg is '7l.5': needed a number, found the letter l.",
                remedy="Correct the cell in records/vitals.csv.",
                who="study coordinator at NANTES",
                where="records/vitals.csv row 19, column body_mass_kg",
            ),
        ),
        unplaced=(
            Issue(
                what="PatientID 'HEGP^0042' belongs to no participant of records/participants.csv.",
                remedy="Add the participant, or take the files out of dicom/.",
                who="data manager",
                where="dicom/incoming/0042, 267 files",
            ),
            Issue(
                what="Not readable as DICOM: no DICM prefix, and no valid data set without it.",
                remedy="Send the file again.",
                who="data manager",
                where="dicom/incoming/Thumbs.db",
            ),
        ),
        methods=(
            MethodParagraph(
                title="Standardized uptake value",
                text="SUV is activity concentration divided by injected activity per body mass, "
                "both at the same instant: decay is corrected to the start of the acquisition or "
                "of the injection as DecayCorrection states. Weight, activity and times are taken "
                "from the records or the DICOM header and never assumed.",
                version="suv 1.0.0",
            ),
            MethodParagraph(
                title="Lesions",
                text="Voxels at or above 41 % of the lesion's maximum, connected by their faces. A "
                "lesion keeps its name over the visits when its centers lie within 15 mm after "
                "rigid alignment of the liver.",
                version="lesions 1.0.0",
            ),
            MethodParagraph(
                title="Reference regions",
                text="A sphere of 30 mm is laid where the region is most even. If none fits, there "
                "is no ratio.",
                version="regions 1.0.0",
            ),
            MethodParagraph(
                title="Uncertainty",
                text="Standard uncertainties (k = 1) combine the scanner's calibration, the noise "
                "of the background and, for volumes, borders moved by half a voxel.",
                version="",
            ),
        ),
        provenance=(
            ("Operandi", "0.1.0"),
            ("Source revision", "4be1f0c2a97d5e6381b0"),
            ("Lock file", "sha256 " + "9f2c41d07be65a38" * 4),
            ("Settings", "sha256 " + "0a1b2c3d4e5f6071" * 4),
            ("Measurements", "sha256 " + "77aa01c2be65a389" * 4),
        ),
    )
