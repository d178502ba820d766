"""Which lesions could be the targets of RECIST 1.1, and why the others not.

A proposal for a reader, who decides. The rules are those of ``protocol.recist_selection``, which
judges what was chosen; imaging may not import it, so that a test holds the two together.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from operandi.domain.identity import LesionId
from operandi.quantities.errors import DataError

MOST_PROPOSED: Final = 5
MOST_PROPOSED_AN_ORGAN: Final = 2
LEAST_NODE_MM: Final = 15.0
LEAST_ABNORMAL_NODE_MM: Final = 10.0
"""A node with a shorter axis is normal: neither target nor non-target."""

_SIDE: Final = re.compile(r"\b(left|right|bilateral)\b")


class SizeModality(StrEnum):
    """What a lesion's size was measured on."""

    CT = "ct"
    MRI = "mri"
    CLINICAL = "clinical"
    XRAY = "xray"
    PET = "pet"


_LEAST_MM: Final = {
    SizeModality.CT: 10.0,
    SizeModality.MRI: 10.0,
    SizeModality.CLINICAL: 10.0,
    SizeModality.XRAY: 20.0,
}


class ProposedRole(StrEnum):
    """What a lesion could serve as."""

    TARGET = "target"
    NON_TARGET = "non_target"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetCandidate:
    """A lesion of the baseline exam.

    Parameters
    ----------
    lesion : LesionId
        Its name.
    organ : str
        Organ it lies in; of a node its station. Never empty.
    node : bool
        Whether it is a lymph node, measured by its short axis.
    modality : SizeModality
        What it was measured on. RECIST measures no size on PET.
    longest_mm, short_mm : float, > 0
        Longest diameter and short axis in the image plane.
    slice_thickness_mm : float or None, > 0
        Of CT and MR.
    above_liver : bool or None
        Whether its uptake is above the liver's; None where not known.
    previously_irradiated : bool
        Before the baseline.
    progressed_since_irradiation : bool or None
        Of an irradiated lesion; None where nobody said.
    bone_without_soft_tissue : bool
        Whether it is a bone lesion without a soft tissue component.
    """

    lesion: LesionId
    organ: str
    node: bool
    modality: SizeModality
    longest_mm: float
    short_mm: float
    slice_thickness_mm: float | None
    above_liver: bool | None
    previously_irradiated: bool = False
    progressed_since_irradiation: bool | None = None
    bone_without_soft_tissue: bool = False

    def __post_init__(self) -> None:
        sizes = (self.longest_mm, self.short_mm, self.slice_thickness_mm)
        if not all(size is None or 0 < size < float("inf") for size in sizes):
            raise DataError(f"Lesion {self.lesion} needs sizes above 0 mm, got {sizes}.")
        if not self.organ.strip():
            raise DataError(
                f"Lesion {self.lesion} has no organ, and two targets an organ is the most.",
                remedy="Name the organ; of a node its station.",
            )

    @property
    def size_mm(self) -> float:
        """What RECIST measures: the short axis of a node, the longest diameter of all else."""
        return self.short_mm if self.node else self.longest_mm

    @property
    def organ_counted(self) -> str:
        """All nodes are one organ, and so is a pair."""
        if self.node:
            return "lymph nodes"
        return " ".join(_SIDE.sub(" ", self.organ.casefold()).split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """What a lesion could serve as.

    Parameters
    ----------
    candidate : TargetCandidate
        The lesion.
    role : ProposedRole
        Target, non-target, or neither.
    reasons : tuple of str
        Why it is no target; of a target its place in the choice.
    """

    candidate: TargetCandidate
    role: ProposedRole
    reasons: tuple[str, ...]


def propose_targets(candidates: Sequence[TargetCandidate]) -> tuple[Proposed, ...]:
    """Propose at most 5 targets, at most 2 an organ, measurable and above the liver.

    Each organ's largest lesion first, organs by that lesion's size, then each organ's second: the
    targets shall be large and represent all organs involved [1]_. Equal sizes: by name. That a
    target be above the liver is the study's (criterion I5), not RECIST's: without it the patient
    would not be eligible by a lesion that was our choice.

    Parameters
    ----------
    candidates : sequence of TargetCandidate
        All lesions of the baseline, in any order.

    Returns
    -------
    tuple of Proposed
        Targets in the order of choice, then the others by name.

    Raises
    ------
    DataError
        If two lesions have one name.

    References
    ----------
    .. [1] Eisenhauer et al., Eur J Cancer 45:228, 2009, sections 3.1 and 4.2.
    """
    if len({one.lesion for one in candidates}) < len(candidates):
        raise DataError("Two lesions have one name.", remedy="Name each lesion once.")
    faults = {one.lesion: (*not_measurable(one), *_not_wanted(one)) for one in candidates}
    chosen = _chosen([one for one in candidates if not faults[one.lesion]])
    names = {one.lesion for one in chosen}
    targets = [
        Proposed(
            candidate=one,
            role=ProposedRole.TARGET,
            reasons=(f"choice {place}: {one.size_mm:.1f} mm in {one.organ_counted}",),
        )
        for place, one in enumerate(chosen, start=1)
    ]
    full = (f"larger lesions of {MOST_PROPOSED_AN_ORGAN} an organ and {MOST_PROPOSED} in all",)
    rest = [
        Proposed(candidate=one, role=_other_role(one), reasons=faults[one.lesion] or full)
        for one in sorted(candidates, key=lambda one: one.lesion)
        if one.lesion not in names
    ]
    return (*targets, *rest)


def not_measurable(one: TargetCandidate) -> tuple[str, ...]:
    """Why RECIST 1.1 does not take a lesion for measurable or for a target; empty where it does."""
    faults = []
    if one.previously_irradiated and not one.progressed_since_irradiation:
        faults.append("irradiated before, and no progression since is recorded")
    if one.bone_without_soft_tissue:
        faults.append("a bone lesion without a soft tissue component is not measurable")
    least = _LEAST_MM.get(one.modality)
    if least is None:
        return (*faults, f"no size by CT, MR, X-ray or caliper, but by {one.modality}")
    if one.node:
        least = LEAST_NODE_MM
    if one.slice_thickness_mm is not None:
        # Up to 5 mm, twice the thickness is never above 10 mm.
        least = max(least, 2.0 * one.slice_thickness_mm)
    elif one.modality in {SizeModality.CT, SizeModality.MRI}:
        return (*faults, "no slice thickness, on which being measurable depends")
    if one.size_mm < least:
        axis = "short axis" if one.node else "longest diameter"
        faults.append(f"{axis} {one.size_mm:.1f} mm, needs {least:g} mm")
    return tuple(faults)


def _not_wanted(one: TargetCandidate) -> tuple[str, ...]:
    if one.above_liver is None:
        return ("whether its uptake is above the liver is not known",)
    return () if one.above_liver else ("its uptake is not above the liver",)


def _chosen(measurable: Sequence[TargetCandidate]) -> list[TargetCandidate]:
    by_organ: defaultdict[str, list[TargetCandidate]] = defaultdict(list)
    for one in sorted(measurable, key=lambda one: (-one.size_mm, one.lesion)):
        by_organ[one.organ_counted].append(one)
    rounds = [
        (turn, -one.size_mm, one.lesion, one)
        for lesions in by_organ.values()
        for turn, one in enumerate(lesions[:MOST_PROPOSED_AN_ORGAN])
    ]
    return [one for *_, one in sorted(rounds, key=lambda key: key[:3])][:MOST_PROPOSED]


def _other_role(one: TargetCandidate) -> ProposedRole:
    normal = (
        one.node and one.modality is not SizeModality.PET and one.short_mm < LEAST_ABNORMAL_NODE_MM
    )
    return ProposedRole.NONE if normal else ProposedRole.NON_TARGET
