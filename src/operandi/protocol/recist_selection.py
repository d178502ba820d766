"""Whether the lesions of the baseline exam were chosen as RECIST 1.1 asks."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist_reads import (
    Category,
    LesionRead,
    Modality,
    Reading,
    RecistLesion,
    Seen,
)
from operandi.protocol.recist_sums import NORMAL_NODE_BELOW_MM

MOST_TARGETS: Final = 5
MOST_TARGETS_AN_ORGAN: Final = 2
TARGET_NODE_MM: Final = Decimal(15)
# Smallest longest diameter by modality (Eisenhauer 2009, section 3.1.1).
MEASURABLE_MM: Final = {
    Modality.CT: Decimal(10),
    Modality.MRI: Decimal(10),
    Modality.CLINICAL: Decimal(10),
    Modality.XRAY: Decimal(20),
}
_SLICED: Final = {Modality.CT, Modality.MRI}
_BASELINE_WITHIN: Final = timedelta(weeks=4)
_SIDE: Final = re.compile(r"\b(left|right|bilateral)\b")


@dataclass(frozen=True, slots=True)
class SelectionFault:
    """A rule of selection that lesions break.

    Parameters
    ----------
    lesions : tuple of str
        Their names; empty where the exam itself is at fault.
    rule : str
        What the guideline asks.
    found : str
        What was found.
    """

    lesions: tuple[str, ...]
    rule: str
    found: str

    def __str__(self) -> str:
        """One line to show."""
        return f"{', '.join(self.lesions) or 'baseline'}: {self.found} ({self.rule})"


def selection_faults(
    reading: Reading, baseline: DateInterval, *, treatment_start: date
) -> tuple[SelectionFault, ...]:
    """Every rule that the choice of lesions at baseline breaks.

    Whether a bone lesion has a soft tissue component is not recorded, and so not checked.

    Parameters
    ----------
    reading : Reading
    baseline : DateInterval
        One of its exams.
    treatment_start : date

    Returns
    -------
    tuple of SelectionFault
        Of the whole first, then lesion by lesion.

    References
    ----------
    .. [1] Eisenhauer et al., Eur J Cancer 45:228, 2009, sections 3.1 and 4.2.
    """
    reads = reading.at(baseline)
    faults = [*_faults_of_number(reading)]
    if treatment_start - baseline.earliest > _BASELINE_WITHIN:
        days = (treatment_start - baseline.earliest).days
        rule = "baseline is at most 4 weeks before treatment"
        faults.append(SelectionFault((), rule, f"exam of {baseline} is up to {days} days before"))
    for lesion in reading.lesions:
        check = _target_faults if lesion.category is Category.TARGET else _non_target_faults
        faults += [
            SelectionFault((lesion.name,), rule, found)
            for rule, found in check(lesion, reads.get(lesion.name))
        ]
    return tuple(faults)


def _organ(lesion: RecistLesion) -> str:
    """All nodes are one organ, and so is a pair."""
    if lesion.node:
        return "lymph nodes"
    return " ".join(_SIDE.sub(" ", lesion.organ.casefold()).split())


def _faults_of_number(reading: Reading) -> Iterator[SelectionFault]:
    targets = reading.chosen(Category.TARGET)
    if len(targets) > MOST_TARGETS:
        names = tuple(lesion.name for lesion in targets)
        yield SelectionFault(names, "at most 5 target lesions", f"{len(names)} target lesions")
    by_organ = defaultdict(list)
    for lesion in targets:
        by_organ[_organ(lesion)].append(lesion.name)
    for organ, found in sorted(by_organ.items()):
        if len(found) > MOST_TARGETS_AN_ORGAN:
            rule = "at most 2 target lesions an organ; all nodes are one organ, a pair is one"
            yield SelectionFault(tuple(found), rule, f"{len(found)} in {organ}")


def _target_faults(lesion: RecistLesion, read: LesionRead | None) -> Iterator[tuple[str, str]]:
    if lesion.previously_irradiated and not lesion.progressed_since_irradiation:
        said = "no" if lesion.progressed_since_irradiation is False else "not recorded"
        yield (
            "an irradiated lesion is a target only if it progressed since",
            f"irradiated before; progression since: {said}",
        )
    if read is None or read.state is not Seen.MEASURED or read.diameter_mm is None:
        state = read.state if read else "not read"
        yield "a target is measured at baseline", f"{state} at baseline"
        return
    if read.modality is None:
        yield "a target is measurable by its modality", "no modality is recorded"
        return
    if read.modality in _SLICED and read.slice_thickness_mm is None:
        yield (
            "measurable by CT or MRI depends on the slice thickness",
            "no slice thickness is recorded",
        )
        return
    least = TARGET_NODE_MM if lesion.node else MEASURABLE_MM[read.modality]
    rule = f"a target has a longest diameter of at least {least} mm"
    if lesion.node:
        rule = f"a target node has a short axis of at least {least} mm; from 10 mm it is non-target"
    thickness = read.slice_thickness_mm
    # Up to 5 mm, twice the thickness is never above 10 mm.
    if thickness and 2 * thickness > least:
        least = 2 * thickness
        rule = f"above 5 mm of slice thickness a target has at least twice that, {least} mm"
    if read.diameter_mm < least:
        axis = "short axis" if lesion.node else "longest diameter"
        yield rule, f"{axis} {read.diameter_mm} mm"


def _non_target_faults(lesion: RecistLesion, read: LesionRead | None) -> Iterator[tuple[str, str]]:
    if read is None or read.state is Seen.NOT_EVALUABLE:
        yield "a non-target lesion is seen at baseline", "not evaluated at baseline"
    elif read.state is Seen.ABSENT:
        yield "a non-target lesion is seen at baseline", "absent at baseline"
    elif lesion.node and read.diameter_mm is not None and read.diameter_mm < NORMAL_NODE_BELOW_MM:
        yield "a node below 10 mm is normal", f"short axis {read.diameter_mm} mm"
