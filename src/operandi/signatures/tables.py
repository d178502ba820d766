"""What a plan is analyzed on: predictors at time zero, outcomes after it, and who was left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from operandi.domain.identity import Digest, Pseudonym
from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, IntervalCensored, Predictors, RightCensored
from operandi.signatures.endpoint_values import BinaryEndpoint, TimeEndpoint
from operandi.signatures.plan_format import PlannedEndpoint
from operandi.signatures.preparation.suspicion import Suspicion
from operandi.signatures.results_cohort import CourseMark, SizePoint

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutParticipants:
    """Participants that a step left out, and why, in words."""

    reason: str
    participants: tuple[Pseudonym, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortStep:
    """One step of the participant flow.

    Parameters
    ----------
    step : str
        What was asked for, such as ``"treated"``.
    before, after : int
        Participants.
    left_out : tuple of LeftOutParticipants
        By reason; together ``before - after``.
    """

    step: str
    before: int
    after: int
    left_out: tuple[LeftOutParticipants, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedColumn:
    """Where a column of predictors comes from.

    Parameters
    ----------
    name, block : str
        Of the column, in ``Predictors``.
    predictor : str
        Code in the plan; several columns share it where the plan has ``*``.
    source : str
        Table and column, or kind and visit, in words.
    unit : str
        As recorded or measured; empty where the source states none.
    logged : bool
        Whether the values are natural logarithms of that unit.
    levels : mapping of str to float
        Codes and their numbers; empty where there are none.
    known : int
        Participants with a value.
    absent : mapping of str to int
        Why the others have none, and how many. Never 0 in their place.
    """

    name: str
    block: str
    predictor: str
    source: str
    unit: str
    logged: bool
    levels: Mapping[str, float]
    known: int
    absent: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EndpointData:
    """An endpoint of the plan, of those of the population who have it after time zero.

    Parameters
    ----------
    plan : PlannedEndpoint
        As the plan has it.
    described : TimeEndpoint or BinaryEndpoint
        Before the landmark, days since cycle 1, with who has no value and why.
    rows : (m,) int
        Rows of ``PlannedData.predictors`` that have it, ascending; the outcomes are in this order.
    intervals : IntervalCensored or None
        Days since time zero: for likelihoods of intervals. None of a binary endpoint.
    times : RightCensored or None
        The same with the right end of each interval as time (``RIGHT_END_TIME``): for Cox models
        and all metrics. None of a binary endpoint.
    value : (m,) bool or None
        Of a binary endpoint.
    straddling : int
        Kept after a landmark with an interval that begins before it.
    flow : tuple of CohortStep
        From the population to these rows.
    """

    plan: PlannedEndpoint
    described: TimeEndpoint | BinaryEndpoint
    rows: Rows
    intervals: IntervalCensored | None
    times: RightCensored | None
    value: Bools | None
    straddling: int
    flow: tuple[CohortStep, ...]

    @property
    def events(self) -> int:
        """Events, or participants of whom it is true."""
        if self.times is not None:
            return self.times.events
        return 0 if self.value is None else int(np.count_nonzero(self.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class TumorSizes:
    """Sums of diameters of a participant over time, and what was seen besides.

    Parameters
    ----------
    changes : tuple of SizePoint
        Of every exam after baseline; empty where there is no target lesion.
    best_change : float or None
        Smallest; None where no exam was evaluable.
    marks : tuple of CourseMark
    """

    changes: tuple[SizePoint, ...] = ()
    best_change: float | None = None
    marks: tuple[CourseMark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlannedData:
    """All that an analysis sees.

    Parameters
    ----------
    predictors : Predictors
        A row a participant of the population, in the order of the records; columns in the order
        of the plan. No row is left out for want of an outcome: each endpoint names its own.
    columns : tuple of PlannedColumn
        Of ``predictors``, in order.
    endpoints : mapping of str to EndpointData
        By code, in the order of the plan.
    sex : tuple of (str or None)
        ``F``, ``M``, ``O`` of each row; for subgroups.
    age : tuple of (float or None)
        Years at the start of each row.
    flow : tuple of CohortStep
        From everybody to the population.
    suspicions : tuple of Suspicion
        Columns that follow time, event or site and that the plan explains; others are refused.
    notes : tuple of str
        What a reader must know besides, in sentences: values after time zero that were passed
        over, sites with one participant, codes of who left before the landmark.
    repeatability : mapping
        For ``preparation.planned.planned_chain``: table, column, value.
    freeze : Digest or None
        Name of the freeze; None for a plain folder.
    files : mapping of str to Digest
        Files that were read, and their SHA-256.
    treated : int
        Participants of the records who had cycle 1; 0 where that is not known.
    sizes : mapping of Pseudonym to TumorSizes
        By the primary endpoint's reader; empty where nobody read tumors.
    """

    predictors: Predictors
    columns: tuple[PlannedColumn, ...]
    endpoints: Mapping[str, EndpointData]
    sex: tuple[str | None, ...]
    age: tuple[float | None, ...]
    flow: tuple[CohortStep, ...]
    suspicions: tuple[Suspicion, ...] = ()
    notes: tuple[str, ...] = ()
    repeatability: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    freeze: Digest | None = None
    files: Mapping[str, Digest] = field(default_factory=dict)
    treated: int = 0
    sizes: Mapping[Pseudonym, TumorSizes] = field(default_factory=dict)

    def predictors_of(self, codes: tuple[str, ...], rows: Rows | None = None) -> Predictors:
        """Columns of predictors by their codes in the plan (``Plan.predictors_of``), and rows.

        Raises
        ------
        DataError
            If none of the codes has a column.
        """
        wanted = [at for at, column in enumerate(self.columns) if column.predictor in codes]
        if not wanted:
            raise DataError(f"None of {', '.join(codes)} has a column in the data.")
        whole = self.predictors
        kept = np.arange(len(whole.participants)) if rows is None else rows
        return Predictors(
            values=np.ascontiguousarray(whole.values[kept][:, wanted]),
            names=tuple(whole.names[at] for at in wanted),
            blocks=tuple(whole.blocks[at] for at in wanted),
            participants=tuple(whole.participants[at] for at in kept),
            sites=tuple(whole.sites[at] for at in kept),
        )
