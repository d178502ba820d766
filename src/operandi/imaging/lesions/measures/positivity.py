"""Whether most lesions and all targets take up more than the liver: criteria I4, I5 of the study.

Words and counting follow ``receptor_lesions`` and criterion I5 of ``nct06256705.toml``; a test
holds the two together, as imaging may not import protocol.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from operandi.domain.identity import LesionId
from operandi.domain.measurement import Measurement
from operandi.imaging.lesions.measures.lesion_uptake import LesionUptake, Statistic
from operandi.imaging.lesions.measures.origin import MeasurementOrigin
from operandi.imaging.lesions.measures.yardsticks import Yardsticks, mean_of
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import SHARE_ABOVE_LIVER

_HALF: Final = Fraction(1, 2)


class LiverComparison(StrEnum):
    """How a lesion's uptake stands to the liver's, in the words of ``receptor_lesions``."""

    ABOVE = "above_liver"
    EQUAL = "equal_to_liver"
    BELOW = "below_liver"
    NOT_ASSESSABLE = "not_assessable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceptorLesion:
    """One lesion as the criteria ask about it.

    Parameters
    ----------
    lesion : LesionId
        Its name.
    uptake : LiverComparison
        Compared with the liver.
    on_anatomical_imaging : bool or None
        Whether CT or MR shows it; None where nobody said.
    volume_ml : float or None
        On PET.
    """

    lesion: LesionId
    uptake: LiverComparison
    on_anatomical_imaging: bool | None = None
    volume_ml: float | None = None

    @property
    def positive(self) -> bool | None:
        """Whether its uptake is above the liver's, strictly; None where not assessable."""
        if self.uptake is LiverComparison.NOT_ASSESSABLE:
            return None
        return self.uptake is LiverComparison.ABOVE


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceptorAnswer:
    """Yes, no or not known, with the count and the lesions that decide.

    Parameters
    ----------
    holds : bool or None
        None where what is not known could turn it.
    positive, counted, not_known : int
        Lesions above the liver, of those that surely count; and those of which either is not known.
    deciding : tuple of LesionId
        For yes the positive ones, for no those that are not, for unknown those not known.
    sentence : str
        One line to show.
    """

    holds: bool | None
    positive: int
    counted: int
    not_known: int
    deciding: tuple[LesionId, ...]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Positivity:
    """Criterion I5 from images: both ways of counting a majority, and the targets.

    Parameters
    ----------
    majority_on_pet : ReceptorAnswer
        More than half of the lesions that the PET lists (the literal reading).
    majority_on_anatomy : ReceptorAnswer
        More than half of those that CT or MR shows too (the proposed reading). Its way round by
        signed statements, where lesions are too many to count, is no matter of images.
    all_targets : ReceptorAnswer
        Every target lesion of RECIST.
    literal, proposed : bool or None
        The majority of that reading and all targets.
    share_of_volume : float or None
        Share of the volume in lesions above the liver, for information; None where a volume or a
        comparison is missing.
    """

    majority_on_pet: ReceptorAnswer
    majority_on_anatomy: ReceptorAnswer
    all_targets: ReceptorAnswer
    literal: bool | None
    proposed: bool | None
    share_of_volume: float | None


def compared_with_liver(
    uptake: LesionUptake, yardsticks: Yardsticks, *, statistic: Statistic
) -> LiverComparison:
    """Compare a lesion's uptake with the mean of the liver reference, exactly.

    Not assessable without a liver reference, or where the lesion lacks the statistic. The table
    ``receptor_lesions`` holds what a reader saw by eye; this is a measurement to put beside it.
    """
    value, liver = uptake.by(statistic), mean_of(yardsticks.liver)
    if value is None or liver is None:
        return LiverComparison.NOT_ASSESSABLE
    if value == liver:
        return LiverComparison.EQUAL
    return LiverComparison.ABOVE if value > liver else LiverComparison.BELOW


def receptor_lesions(
    uptakes: Sequence[LesionUptake],
    yardsticks: Yardsticks,
    *,
    statistic: Statistic = Statistic.MAXIMUM,
    on_anatomical_imaging: Mapping[LesionId, bool],
) -> tuple[ReceptorLesion, ...]:
    """Lesions as the criteria ask about them, by name.

    A lesion that MR shows without uptake belongs among ``uptakes`` too, measured in its MR mask
    brought onto the PET: left out, it would not count against the majority.

    Parameters
    ----------
    uptakes : sequence of LesionUptake
        All lesions.
    yardsticks : Yardsticks
        Of the same volume.
    statistic : Statistic
        SUVmax by default, as criterion I4 measures.
    on_anatomical_imaging : mapping of LesionId to bool
        Whether CT or MR shows it; a lesion that is not in it is unknown.
    """
    return tuple(
        ReceptorLesion(
            lesion=one.lesion,
            uptake=compared_with_liver(one, yardsticks, statistic=statistic),
            on_anatomical_imaging=on_anatomical_imaging.get(one.lesion),
            volume_ml=one.volume_ml,
        )
        for one in sorted(uptakes, key=lambda one: one.lesion)
    )


def receptor_positivity(
    lesions: Sequence[ReceptorLesion], *, targets: Collection[LesionId]
) -> Positivity:
    """Majority of lesions and all targets with uptake above the liver.

    A majority is more than half of the number of lesions, strictly. Lesions that are not
    assessable, or of which nobody said whether CT or MR shows them, leave the answer open only
    where they could turn it.

    Parameters
    ----------
    lesions : sequence of ReceptorLesion
        All lesions of one PET, in any order.
    targets : collection of LesionId
        Target lesions of RECIST. Without any the answer about them is open, as in the criterion;
        one that is not among ``lesions`` is not known.

    Raises
    ------
    DataError
        If two lesions have one name.
    """
    in_order = sorted(lesions, key=lambda one: one.lesion)
    if len({one.lesion for one in in_order}) < len(in_order):
        raise DataError("Two lesions have one name.", remedy="Name each lesion once.")
    on_pet = _majority([(True, one) for one in in_order], "lesions on PET")
    on_anatomy = _majority(
        [(one.on_anatomical_imaging, one) for one in in_order], "lesions that CT or MR shows"
    )
    all_targets = _every_target(in_order, targets)
    return Positivity(
        majority_on_pet=on_pet,
        majority_on_anatomy=on_anatomy,
        all_targets=all_targets,
        literal=_both(on_pet.holds, all_targets.holds),
        proposed=_both(on_anatomy.holds, all_targets.holds),
        share_of_volume=_share_of_volume(in_order),
    )


def measure_positivity(found: Positivity, *, origin: MeasurementOrigin) -> Measurement:
    """Share of the PET's lesions above the liver; the answers stand in the basis."""
    answer = found.majority_on_pet
    said = "; ".join(one.sentence for one in (answer, found.majority_on_anatomy, found.all_targets))
    return origin.value(
        SHARE_ABOVE_LIVER,
        answer.positive / answer.counted if answer.counted and not answer.not_known else None,
        method="lesions with uptake above the liver mean over all lesions on PET",
        basis=said,
        absent=f"{answer.sentence}; {answer.not_known} not assessable",
    )


def _majority(lesions: Sequence[tuple[bool | None, ReceptorLesion]], what: str) -> ReceptorAnswer:
    sure = [one for counts, one in lesions if counts]
    positive = [one.lesion for one in sure if one.positive]
    negative = [one.lesion for one in sure if one.positive is False]
    unknown = [
        one.lesion for counts, one in lesions if counts is None or (counts and one.positive is None)
    ]
    holds: bool | None = None
    deciding, sentence = unknown, f"no {what}"
    if sure:
        least, most = _share_bounds(lesions)
        holds = True if least > _HALF else False if most <= _HALF else None
        deciding = {True: positive, False: negative, None: unknown}[holds]
        sentence = f"{len(positive)} of {len(sure)} {what} above the liver"
    return ReceptorAnswer(
        holds=holds,
        positive=len(positive),
        counted=len(sure),
        not_known=len(unknown),
        deciding=tuple(deciding),
        sentence=_with_names(sentence, holds, deciding),
    )


def _share_bounds(
    lesions: Sequence[tuple[bool | None, ReceptorLesion]],
) -> tuple[Fraction, Fraction]:
    """Least and greatest share of positive lesions that what is not known leaves possible.

    One that may or may not count is left out of the least share if it is positive, and counts in
    it if it may be negative; for the greatest the other way round.
    """
    low = high = low_of = high_of = 0
    for counts, one in lesions:
        if counts is False:
            continue
        if counts or not one.positive:
            low_of += 1
            low += one.positive is True
        if counts or one.positive is not False:
            high_of += 1
            high += one.positive is not False
    return Fraction(low, low_of), Fraction(high, high_of)


def _every_target(
    lesions: Sequence[ReceptorLesion], targets: Collection[LesionId]
) -> ReceptorAnswer:
    listed = {one.lesion: one for one in lesions}
    chosen = [listed[name] for name in sorted(targets) if name in listed]
    positive = [one.lesion for one in chosen if one.positive]
    negative = [one.lesion for one in chosen if one.positive is False]
    unknown = [name for name in sorted(targets) if name not in {*positive, *negative}]
    holds: bool | None = None
    deciding, sentence = unknown, "no target lesion is chosen"
    if targets:
        holds = False if negative else None if unknown else True
        deciding = {True: positive, False: negative, None: unknown}[holds]
        sentence = f"{len(positive)} of {len(set(targets))} target lesions above the liver"
    return ReceptorAnswer(
        holds=holds,
        positive=len(positive),
        counted=len(set(targets)),
        not_known=len(unknown),
        deciding=tuple(deciding),
        sentence=_with_names(sentence, holds, deciding),
    )


def _with_names(sentence: str, holds: bool | None, names: Sequence[LesionId]) -> str:  # noqa: FBT001 - three-valued
    said = {True: "yes", False: "no", None: "not known"}[holds]
    return f"{sentence}, {said}{': ' if names else ''}{', '.join(names)}"


def _both(one: bool | None, two: bool | None) -> bool | None:  # noqa: FBT001 - three-valued
    if one is False or two is False:
        return False
    return None if one is None or two is None else True


def _share_of_volume(lesions: Sequence[ReceptorLesion]) -> float | None:
    total = above = 0.0
    for one in lesions:
        if one.volume_ml is None or one.positive is None:
            return None
        total += one.volume_ml
        above += one.volume_ml if one.positive else 0.0
    return above / total if total > 0 else None
