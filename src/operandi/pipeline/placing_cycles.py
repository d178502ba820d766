"""Which images were taken after which therapy cycle, to see where the activity went."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

from operandi.domain.participant import Participant
from operandi.imaging.dicom.classify import SeriesType
from operandi.imaging.dicom.index import Series
from operandi.records.tables import Cycle, Records

EMISSION: Final = frozenset({SeriesType.SPECT, SeriesType.NUCLEAR_MEDICINE})
_DRAWN: Final = frozenset({SeriesType.STRUCTURE_SET, SeriesType.SEGMENTATION})
LATEST_DAYS: Final = 21
"""Three half-lives of 177Lu: later nothing is left to image, and the next cycle is near."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlacedCycle:
    """A therapy cycle with the images that were taken after it.

    Parameters
    ----------
    participant : Participant
        Who.
    cycle : Cycle
        The row in cycles.
    series : tuple of Series
        Emission tomography, in the order of its days, and what belongs to its studies.
    """

    participant: Participant
    cycle: Cycle
    series: tuple[Series, ...]

    @property
    def emission(self) -> tuple[Series, ...]:
        """The tomograms of the therapy's own radiation."""
        return tuple(one for one in self.series if one.classification.type in EMISSION)

    @property
    def drawn(self) -> tuple[Series, ...]:
        """Contours and segmentations."""
        return tuple(one for one in self.series if one.classification.type in _DRAWN)


def place_after_cycles(series: Sequence[Series], records: Records) -> tuple[PlacedCycle, ...]:
    """Match emission tomograms to the latest cycle at most three weeks before them.

    The other series of the same studies go with them. A tomogram's own day counts, not that of
    its study: a study may be opened once for all scans after a cycle.
    """
    found: dict[tuple[str, int], list[Series]] = defaultdict(list)
    of_study: dict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
    for one in series:
        if one.classification.type not in EMISSION:
            continue
        cycle = _cycle_before(one.patient_id, day_of(one), records)
        if cycle is not None:
            found[cycle.participant, cycle.number].append(one)
            of_study[one.patient_id, one.study_uid].add((cycle.participant, cycle.number))
    for one in series:
        if one.classification.type in EMISSION:
            continue
        for key in of_study.get((one.patient_id, one.study_uid), ()):
            found[key].append(one)
    return tuple(_placed(records, found))


def _placed(records: Records, found: dict[tuple[str, int], list[Series]]) -> Iterable[PlacedCycle]:
    for cycle in records.cycles:
        of_cycle = found.get((cycle.participant, cycle.number))
        participant = records.participant(cycle.participant)
        if of_cycle and participant is not None:
            ordered = sorted(of_cycle, key=lambda one: (day_of(one) or date.min, one.uid))
            yield PlacedCycle(participant=participant, cycle=cycle, series=tuple(ordered))


def _cycle_before(patient_id: str, on: date | None, records: Records) -> Cycle | None:
    if on is None:
        return None
    given = [
        cycle
        for cycle in records.cycles
        if cycle.participant == patient_id and 0 <= (on - cycle.on).days <= LATEST_DAYS
    ]
    return max(given, key=lambda cycle: cycle.on, default=None)


def started(series: Series) -> datetime:
    """Clock of the acquisition, without its zone, by which scans are told apart and ordered.

    A header that states no time of day counts as midnight, so that tomograms of one such day are
    taken for one scan and a person is asked.
    """
    day = day_of(series) or date.min
    clocks = [
        str(instance.header.get("AcquisitionTime") or "").split(".")[0]
        for instance in series.instances
    ]
    stated = sorted(clock for clock in clocks if len(clock) == 6 and clock.isdigit())
    if not stated or stated[0] > "235959":
        return datetime.combine(day, time())
    return datetime.combine(day, datetime.strptime(stated[0], "%H%M%S").replace(tzinfo=UTC).time())


def day_of(series: Series) -> date | None:
    """The day on which a series was acquired; None where its headers state none."""
    header = series.instances[0].header
    for keyword in ("AcquisitionDate", "SeriesDate", "StudyDate"):
        stated = str(header.get(keyword) or "")
        try:
            return datetime.strptime(stated[:8], "%Y%m%d").replace(tzinfo=UTC).date()
        except ValueError:
            continue
    return None
