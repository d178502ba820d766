"""Two readers and an adjudicator: where they agree, where not, and who decides."""

from collections.abc import Iterable
from dataclasses import dataclass

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist import Assessed, Response, TimepointResponse
from operandi.protocol.recist_reads import Role
from operandi.quantities.errors import DataError


@dataclass(frozen=True, slots=True)
class Decision:
    """What holds at one exam.

    Parameters
    ----------
    on : DateInterval
    reader_1, reader_2, adjudicator : Response, optional
        None where that reader did not read the exam.
    decided_by : Role, optional
        Reader 1 where both agree, else the adjudicator; None where nobody decided.
    timepoint : TimepointResponse, optional
        Response of who decided.
    """

    on: DateInterval
    reader_1: Response | None
    reader_2: Response | None
    adjudicator: Response | None
    decided_by: Role | None
    timepoint: TimepointResponse | None

    @property
    def discordant(self) -> bool:
        """Whether the two readers differ, or one of them did not read the exam."""
        return self.reader_1 is not self.reader_2


@dataclass(frozen=True, slots=True)
class Consensus:
    """Decisions on all exams of a participant, in order of time."""

    participant: str
    decisions: tuple[Decision, ...]

    @property
    def discordant(self) -> tuple[Decision, ...]:
        """Exams on which the readers differ."""
        return tuple(one for one in self.decisions if one.discordant)

    @property
    def undecided(self) -> tuple[Decision, ...]:
        """Exams on which the readers differ and nobody decided."""
        return tuple(one for one in self.decisions if one.timepoint is None)

    @property
    def timepoints(self) -> tuple[TimepointResponse, ...]:
        """The responses that hold.

        Raises
        ------
        DataError
            If an exam is undecided.
        """
        if self.undecided:
            exams = ", ".join(
                f"{one.on} ({one.reader_1 or 'not read'} and {one.reader_2 or 'not read'})"
                for one in self.undecided
            )
            raise DataError(
                f"{self.participant}: the readers differ and nobody decided on {exams}.",
                remedy="Have the adjudicator read these exams.",
            )
        return tuple(one.timepoint for one in self.decisions if one.timepoint)


def adjudicate(readings: Iterable[Assessed]) -> Consensus:
    """Compare the overall responses of two readers, exam by exam.

    Parameters
    ----------
    readings : iterable of Assessed
        Of one participant: a reader 1, a reader 2, and an adjudicator if there is one. Readings
        of the investigator are left aside.

    Returns
    -------
    Consensus

    Raises
    ------
    DataError
        If a reader is missing, a role is held by two, or the participants differ.
    """
    by_role: dict[Role, Assessed] = {}
    participants = set()
    for reading in readings:
        participants.add(reading.participant)
        if reading.role is Role.INVESTIGATOR:
            continue
        if reading.role in by_role:
            raise DataError(
                f"{reading.participant}: {by_role[reading.role].reader} and {reading.reader} are "
                f"both {reading.role}.",
                remedy="Correct the role in recist_reads.",
            )
        by_role[reading.role] = reading
    if len(participants) > 1:
        raise DataError(
            f"Readings of several participants: {', '.join(sorted(participants))}.",
            remedy="Compare the readers of one participant at a time.",
        )
    if missing := [role for role in (Role.READER_1, Role.READER_2) if role not in by_role]:
        raise DataError(
            f"{''.join(participants) or 'No participant'}: no reading by {' and '.join(missing)}.",
            remedy="Two readers are compared; record the reads of both.",
        )
    return Consensus(next(iter(participants)), _decisions(by_role))


def _decisions(by_role: dict[Role, Assessed]) -> tuple[Decision, ...]:
    read = {role: {one.on: one for one in one.timepoints} for role, one in by_role.items()}
    first, second = read[Role.READER_1], read[Role.READER_2]
    third = read.get(Role.ADJUDICATOR, {})
    decisions = []
    for exam in sorted(first.keys() | second.keys(), key=lambda day: (day.earliest, day.latest)):
        one, two, judge = first.get(exam), second.get(exam), third.get(exam)
        agreed = one is not None and two is not None and one.overall is two.overall
        by = Role.READER_1 if agreed else Role.ADJUDICATOR if judge else None
        decisions.append(
            Decision(
                on=exam,
                reader_1=one.overall if one else None,
                reader_2=two.overall if two else None,
                adjudicator=judge.overall if judge else None,
                decided_by=by,
                timepoint=one if agreed else judge,
            )
        )
    return tuple(decisions)
