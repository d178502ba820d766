"""Sums of diameters of the target lesions, their nadir and their changes, exactly."""

from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist_reads import Category, LesionRead, Reading, RecistLesion, Seen

# A lesion that is seen and too small to measure counts 5 mm (Eisenhauer 2009, section 4.3.2).
TOO_SMALL_MM: Final = Decimal(5)
# A node below 10 mm in short axis is normal (section 3.1.1).
NORMAL_NODE_BELOW_MM: Final = Decimal(10)
# Sums must not round: PR and PD begin exactly at their bounds.
_EXACT: Final = Context(prec=200)


def diameter_mm(read: LesionRead | None) -> Decimal | None:
    """What a read adds to the sum; None where the lesion was not read or not measured."""
    if read is None:
        return None
    if read.state is Seen.ABSENT:
        return Decimal(0)
    if read.state is Seen.TOO_SMALL:
        return TOO_SMALL_MM
    return read.diameter_mm if read.state is Seen.MEASURED else None


def gone(lesion: RecistLesion, read: LesionRead | None) -> bool | None:
    """Whether a lesion is as complete response asks: absent, or a node of normal size.

    None where that cannot be told.
    """
    if read is None or read.state is Seen.NOT_EVALUABLE:
        return None
    if read.state is Seen.ABSENT:
        return True
    if not lesion.node or read.state is Seen.UNEQUIVOCAL_PROGRESSION:
        return False
    size = TOO_SMALL_MM if read.state is Seen.TOO_SMALL else read.diameter_mm
    if size is not None:
        return size < NORMAL_NODE_BELOW_MM
    # A non-target node need not be measured; of a target node nobody knows whether it is normal.
    return None if lesion.category is Category.TARGET else False


@dataclass(frozen=True, slots=True)
class SumOfDiameters:
    """Sum of the diameters of the target lesions at one exam.

    Parameters
    ----------
    on : DateInterval
    measured_mm : Decimal
        Sum over the lesions with a size: a lower bound of the sum where some are missing.
    missing : tuple of str
        Target lesions without a size at this exam.
    baseline_mm : Decimal, optional
        Sum at baseline; None where that is incomplete.
    nadir_mm : Decimal, optional
        Smallest complete sum before this exam, baseline included; None at baseline itself.
    """

    on: DateInterval
    measured_mm: Decimal
    missing: tuple[str, ...]
    baseline_mm: Decimal | None
    nadir_mm: Decimal | None

    @property
    def sum_mm(self) -> Decimal | None:
        """The sum; None where a lesion is missing."""
        return None if self.missing else self.measured_mm

    @property
    def change_mm(self) -> Decimal | None:
        """Change from baseline."""
        return _change(self.sum_mm, self.baseline_mm)

    @property
    def change_percent(self) -> Fraction | None:
        """Change from baseline in percent of it."""
        return _percent(self.sum_mm, self.baseline_mm)

    @property
    def change_from_nadir_mm(self) -> Decimal | None:
        """Change from the nadir."""
        return _change(self.sum_mm, self.nadir_mm)

    @property
    def change_from_nadir_percent(self) -> Fraction | None:
        """Change from the nadir in percent of it; None where the nadir is 0 mm."""
        return _percent(self.sum_mm, self.nadir_mm)

    @property
    def progressed(self) -> bool:
        """At least 20 % and at least 5 mm above the nadir.

        True of an incomplete sum too where the lesions that have a size suffice: those that
        are missing could only add. From 0 mm any increase is above 20 %.
        """
        added = _change(self.measured_mm, self.nadir_mm)
        if added is None or added < 5:
            return False
        percent = _percent(self.measured_mm, self.nadir_mm)
        return percent is None or percent >= 20


def sums_of_diameters(reading: Reading, baseline: DateInterval) -> tuple[SumOfDiameters, ...]:
    """Sum of diameters at baseline and at every exam after it.

    A node counts its short axis, also when normal; a lesion too small to measure counts 5 mm,
    one that is absent 0 mm. Only complete sums move the nadir.

    Parameters
    ----------
    reading : Reading
    baseline : DateInterval
        One of its exams.

    Returns
    -------
    tuple of SumOfDiameters
        In order of time; empty where there is no target lesion.

    References
    ----------
    .. [1] Eisenhauer et al., Eur J Cancer 45:228, 2009, sections 4.2 and 4.3.
    """
    targets = reading.chosen(Category.TARGET)
    sums: list[SumOfDiameters] = []
    if not targets:
        return ()
    for exam in (exam for exam in reading.exams if exam.earliest >= baseline.earliest):
        reads = reading.at(exam)
        total, missing = Decimal(0), []
        for lesion in targets:
            size = diameter_mm(reads.get(lesion.name))
            if size is None:
                missing.append(lesion.name)
            else:
                total = _EXACT.add(total, size)
        before = [one.sum_mm for one in sums if one.sum_mm is not None]
        start = sums[0].sum_mm if sums else None if missing else total
        nadir = min(before) if before and start is not None else None
        sums.append(SumOfDiameters(exam, total, tuple(missing), start, nadir))
    return tuple(sums)


def _change(now: Decimal | None, reference: Decimal | None) -> Decimal | None:
    return None if now is None or reference is None else _EXACT.subtract(now, reference)


def _percent(now: Decimal | None, reference: Decimal | None) -> Fraction | None:
    change = _change(now, reference)
    return (
        Fraction(change) * 100 / Fraction(reference) if change is not None and reference else None
    )
