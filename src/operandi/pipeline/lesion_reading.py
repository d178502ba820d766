"""What a visit's lesions come to for a reader: scores, positivity and a proposal of targets."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from operandi.domain.identity import LesionId
from operandi.imaging.lesions.measures.positivity import (
    Positivity,
    ReceptorLesion,
    receptor_lesions,
    receptor_positivity,
)
from operandi.imaging.lesions.measures.scores import CHOI, Finding, Score, netpet_grade, sstr_rads
from operandi.imaging.lesions.measures.targets import (
    Proposed,
    ProposedRole,
    SizeModality,
    TargetCandidate,
    propose_targets,
)
from operandi.imaging.lesions.visit import LesionsOfVisit
from operandi.quantities.errors import DataError

COLUMNS: Final = (
    "lesion",
    "organ",
    "node",
    "modality",
    "longest_mm",
    "short_mm",
    "slice_thickness_mm",
)
ORGAN_UNKNOWN: Final = "organ not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionSize:
    """A lesion's size as a reader measured it on CT or MR.

    Parameters
    ----------
    organ : str
        Organ; of a node its station.
    node : bool
        Whether it is a lymph node.
    modality : SizeModality
        What it was measured on.
    longest_mm, short_mm : float
        In the image plane.
    slice_thickness_mm : float or None
        Of the series.
    """

    organ: str
    node: bool
    modality: SizeModality
    longest_mm: float
    short_mm: float
    slice_thickness_mm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitReading:
    """Scores and proposals of a visit; each may be absent with its reason.

    Parameters
    ----------
    rads : tuple of (LesionId, Score)
        SSTR-RADS of each lesion.
    netpet, choi : Score
        Of the patient.
    positivity : Positivity
        Whether most lesions and all targets are above the liver.
    targets : tuple of Proposed
        For RECIST.
    measured : bool
        Whether a reader's sizes were given.
    """

    rads: tuple[tuple[LesionId, Score], ...]
    netpet: Score
    choi: Score
    positivity: Positivity
    targets: tuple[Proposed, ...]
    measured: bool


def read_visit(
    found: LesionsOfVisit, *, tracers: Sequence[str], sizes: Mapping[LesionId, LesionSize]
) -> VisitReading:
    """Score a visit as far as images alone allow, and propose targets.

    Parameters
    ----------
    found : LesionsOfVisit
        Lesions with their measures.
    tracers : sequence of str
        Of the participant's PET at this visit, as far as known.
    sizes : mapping of LesionId to LesionSize
        From CT or MR. RECIST measures no size on PET: a lesion without one is never proposed.
    """
    uptakes = found.measures.uptakes
    receptors = receptor_lesions(
        uptakes, found.yardsticks, on_anatomical_imaging=dict.fromkeys(sizes, True)
    )
    targets = propose_targets(_candidates(found, receptors, sizes))
    chosen = [one.candidate.lesion for one in targets if one.role is ProposedRole.TARGET]
    return VisitReading(
        rads=tuple(
            (
                one.lesion,
                sstr_rads(
                    one,
                    found.yardsticks,
                    Finding(anatomical_correlate=True if one.lesion in sizes else None),
                ),
            )
            for one in uptakes
        ),
        netpet=netpet_grade(tracers),
        choi=Score(
            scale=CHOI,
            value=None,
            absent="not evaluable on PET-MRI: attenuation in HU is of CT only",
        ),
        positivity=receptor_positivity(receptors, targets=chosen),
        targets=targets,
        measured=bool(sizes),
    )


def _candidates(
    found: LesionsOfVisit,
    receptors: Sequence[ReceptorLesion],
    sizes: Mapping[LesionId, LesionSize],
) -> list[TargetCandidate]:
    above = {one.lesion: one.positive for one in receptors}
    axes = {
        (one.subject.name, one.kind.name): one.value
        for one in found.measures.measurements
        if one.value is not None
    }
    made = []
    for lesion in found.lesions:
        size = sizes.get(lesion.id)
        longest = axes.get((lesion.id, "LONGEST_DIAMETER"))
        short = axes.get((lesion.id, "SHORT_AXIS"))
        if size is None and (not longest or not short):
            continue
        made.append(
            TargetCandidate(
                lesion=lesion.id,
                organ=(size.organ if size else "") or lesion.organ or ORGAN_UNKNOWN,
                node=bool(size and size.node),
                modality=size.modality if size else SizeModality.PET,
                longest_mm=size.longest_mm if size else float(longest or 0),
                short_mm=size.short_mm if size else float(short or 0),
                slice_thickness_mm=size.slice_thickness_mm if size else None,
                above_liver=above[lesion.id],
            )
        )
    return made


def read_sizes(path: Path, *, lesions: Sequence[LesionId]) -> dict[LesionId, LesionSize]:
    """Read sizes that a reader measured on CT or MR.

    Parameters
    ----------
    path : Path
        CSV with ``COLUMNS``: ``node`` is yes or no, ``modality`` ct, mri, clinical or xray, lengths
        in mm; ``slice_thickness_mm`` may be empty.
    lesions : sequence of LesionId
        Those that were found, whose names the table uses.

    Raises
    ------
    DataError
        If a column is missing, a name is no lesion or appears twice, or a number is none.
    """
    try:
        reader = csv.DictReader(io.StringIO(path.read_text("utf-8-sig")), strict=True)
        rows = list(reader)
        columns = reader.fieldnames or ()
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise DataError(
            f"{path.name} cannot be read as CSV in UTF-8: {error}.", remedy="Check the path."
        ) from error
    lacking = [column for column in COLUMNS if column not in columns]
    if lacking:
        raise DataError(
            f"{path.name} lacks the columns {', '.join(lacking)}.",
            remedy=f"Its columns are {', '.join(COLUMNS)}.",
        )
    sizes: dict[LesionId, LesionSize] = {}
    for number, cells in enumerate(rows, start=2):
        where = f"{path.name}, line {number}"
        if None in cells or None in cells.values():
            raise DataError(
                f"{where} has not as many cells as columns.", remedy="Fill in every column."
            )
        name = LesionId(cells["lesion"].strip())
        if name not in lesions:
            raise DataError(
                f"{where}: {name!r} is no lesion of this visit; there are {', '.join(lesions)}.",
                remedy="Name lesions as lesions.csv does; another border may number them anew.",
            )
        if name in sizes:
            raise DataError(f"{where}: lesion {name} a second time.", remedy="Keep one line.")
        sizes[name] = _size(cells, where=where)
    return sizes


def _size(cells: Mapping[str, str], *, where: str) -> LesionSize:
    node = {"yes": True, "no": False}.get(cells["node"].strip().casefold())
    modality = cells["modality"].strip().casefold()
    if node is None or modality not in {*SizeModality} - {SizeModality.PET}:
        raise DataError(
            f"{where}: node must be yes or no, and modality ct, mri, clinical or xray; found "
            f"{cells['node']!r} and {cells['modality']!r}.",
            remedy="RECIST measures no size on PET.",
        )
    thickness = cells["slice_thickness_mm"].strip()
    return LesionSize(
        organ=cells["organ"].strip(),
        node=node,
        modality=SizeModality(modality),
        longest_mm=_length(cells["longest_mm"], where=where),
        short_mm=_length(cells["short_mm"], where=where),
        slice_thickness_mm=_length(thickness, where=where) if thickness else None,
    )


def _length(text: str, *, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise DataError(f"{where}: a length must be above 0 mm, got {text!r}.")
    return value
