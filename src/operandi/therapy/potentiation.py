"""What a radiopotentiator adds to a tumor, and what it adds to kidney and marrow.

A drug acts in windows of days around each administration, through up to six handles, each a
`Prior` with its provenance: radiosensitivity (a multiplier, or the conversion of single- to
double-strand breaks in cells that replicate), repair rate, uptake, kill of its own, and growth.
The cell's answer is the linear-quadratic model as an ordinary differential equation
(`lesion_steps`).  Reported is not how much the tumor gains but how much more it gains than the
organs that limit the therapy: a repair inhibitor that doubles the repair half-time everywhere
adds some 8 % to both, and is then said to raise both alike (decision 0025).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.therapy.lesion_steps import lesions_at_breaks
from operandi.therapy.potentiators import Cycle, Potentiator, TissueResponse, TissueRole
from operandi.therapy.priors import Evidence, Prior, one_definition_each

Floats = npt.NDArray[np.float64]

# A difference between tissues that nobody would act on, when the doses themselves are known to
# 10-20 %.
NEGLIGIBLE = 0.05

DAY_S = 86_400.0
HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Median and central interval over the priors.  Not a number: it has no single value."""

    low: float
    median: float
    high: float
    probability: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.probability:.0%}: {self.low:.3g} to {self.high:.3g})"

    def within(self, share: float) -> bool:
        """Whether all of it lies within *share* of 1."""
        return abs(self.low - 1.0) <= share and abs(self.high - 1.0) <= share

    def covers(self, value: float) -> bool:
        """Whether *value* lies within, a rounding error included."""
        slack = 1e-9 * max(abs(self.low), abs(self.high))
        return self.low - slack <= value <= self.high + slack


@dataclass(frozen=True, slots=True, kw_only=True)
class TissueOutcome:
    """One tissue with and without the drugs.  Doses in Gy.

    Parameters
    ----------
    tissue, role
        Which.
    bed_gy : Interval
        ``L / alpha`` without drugs.
    radiation_bed_gy : Interval
        The same of radiation with them, still over the *unpotentiated* alpha.
    enhancement : Interval
        ``radiation_bed_gy / bed_gy``, sample by sample.
    by_drug_kill_gy, by_growth_avoided_gy : Interval
        What the drugs kill by themselves, and growth avoided while they act, as the dose that
        would do the same.  Not part of the enhancement: marrow makes up for it between cycles,
        and over a small dose any kill looks like a large factor.
    enhanced_bed_gy : Interval
        All three together.
    """

    tissue: str
    role: TissueRole
    bed_gy: Interval
    radiation_bed_gy: Interval
    enhancement: Interval
    by_drug_kill_gy: Interval
    by_growth_avoided_gy: Interval
    enhanced_bed_gy: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Advantage:
    """Enhancement of a tumor over that of a normal tissue."""

    tumor: str
    normal: str
    ratio: Interval
    probability_above_one: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PotentiationOutcome:
    """What a schedule does to every tissue and to the ratio between them.

    ``assumptions`` names every prior that nobody measured and every simplification in use.
    """

    tissues: tuple[TissueOutcome, ...]
    advantages: tuple[Advantage, ...]
    assumptions: tuple[str, ...]
    samples: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionTimeCourse:
    """One tissue over time at the medians of all priors: what a plot draws.

    All arrays have the shape of ``time_day``.
    """

    time_day: Floats
    dose_rate_gy_per_h: Floats
    repairable_gy: Floats
    lethal: Floats
    drug_kill: Floats
    """Natural logarithm of cells that the drug itself killed."""
    log_cells: Floats
    """Natural logarithm of viable cells over those at the first instant."""


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Coefficients between breaks, (samples, breaks - 1), and terms of the dose rate."""

    breaks_s: Floats
    amplitude: Floats
    rate: Floats
    start_s: Floats
    scale: Floats
    alpha: Floats
    beta: Floats
    mu: Floats
    growth_per_s: Floats
    kill_per_s: Floats


@dataclass(frozen=True, slots=True)
class _Plan:
    cycles: tuple[Cycle, ...]
    potentiators: tuple[Potentiator, ...]
    priors: Mapping[str, Prior] = field(default_factory=dict)

    def active(self, drug: Potentiator) -> list[tuple[float, float]]:
        chosen = range(len(self.cycles)) if drug.cycles is None else drug.cycles
        return [
            (
                (self.cycles[c].day + drug.window.start_day) * DAY_S,
                (self.cycles[c].day + drug.window.end_day) * DAY_S,
            )
            for c in chosen
        ]

    def breaks_s(self) -> Floats:
        instants = {cycle.day * DAY_S for cycle in self.cycles}
        for drug in self.potentiators:
            for window in self.active(drug):
                instants.update(window)
        return np.array(sorted(instants), dtype=np.float64)


def potentiate(
    *,
    cycles: Sequence[Cycle],
    tissues: Sequence[TissueResponse],
    potentiators: Sequence[Potentiator],
    samples: int,
    seed: int,
    probability: float = 0.90,
) -> PotentiationOutcome:
    """Compare tumor and normal tissues with and without drugs, over all priors at once.

    Both arms of a sample share its draws, so the ratio's interval holds only what the drugs and
    what is unknown about them can change.

    Parameters
    ----------
    cycles : sequence of Cycle
        Administrations with dose rates for every tissue.
    tissues : sequence of TissueResponse
        At least one tumor; normal tissues to compare it with.
    potentiators : sequence of Potentiator
        The drugs; their windows may overlap, their multipliers then multiply.
    samples, seed : int
        How many draws of the priors; the result is the same for the same seed.
    probability : float
        Of the central intervals.

    Returns
    -------
    PotentiationOutcome

    Raises
    ------
    DataError
        If a cycle lacks the dose rate of a tissue, an effect leaves a tissue out, a drug names a
        cycle that does not exist, or two priors of one name differ.

    References
    ----------
    .. [1] Hallqvist et al., Biomedicines 9:1570, 2021 (tumor-to-normal tissue enhanced dose).
    """
    plan = _checked_plan(cycles, tissues, potentiators)
    if samples < 2 or not 0 < probability < 1:
        raise ValueError(f"{samples} samples, probability {probability}")
    draws = {name: p.draw(samples=samples, seed=seed) for name, p in plan.priors.items()}
    bare = _Plan(plan.cycles, (), plan.priors)

    def interval(values: Floats) -> Interval:
        low, median, high = np.quantile(values, [(1 - probability) / 2, 0.5, (1 + probability) / 2])
        return Interval(
            low=float(low), median=float(median), high=float(high), probability=probability
        )

    outcomes: list[TissueOutcome] = []
    gains: dict[str, Floats] = {}
    for tissue in tissues:
        alpha = draws[tissue.alpha_per_gy.name]
        plain = _effect(_pieces(bare, tissue, draws, samples))[0] / alpha
        radiation, kill, avoided = (
            part / alpha for part in _effect(_pieces(plan, tissue, draws, samples))
        )
        gains[tissue.tissue] = radiation / plain
        outcomes.append(
            TissueOutcome(
                tissue=tissue.tissue,
                role=tissue.role,
                bed_gy=interval(plain),
                radiation_bed_gy=interval(radiation),
                enhancement=interval(gains[tissue.tissue]),
                by_drug_kill_gy=interval(kill),
                by_growth_avoided_gy=interval(avoided),
                enhanced_bed_gy=interval(radiation + kill + avoided),
            )
        )
    advantages = []
    for tumor in (t for t in outcomes if t.role is TissueRole.TUMOR):
        for normal in (t for t in outcomes if t.role is TissueRole.NORMAL):
            quotient = gains[tumor.tissue] / gains[normal.tissue]
            ratio = interval(quotient)
            advantages.append(
                Advantage(
                    tumor=tumor.tissue,
                    normal=normal.tissue,
                    ratio=ratio,
                    probability_above_one=float(np.mean(quotient > 1 + 1e-12)),
                    words=_words(tumor, normal, ratio),
                )
            )
    return PotentiationOutcome(
        tissues=tuple(outcomes),
        advantages=tuple(advantages),
        assumptions=_assumptions(plan),
        samples=samples,
        seed=seed,
    )


def lesion_time_course(
    *,
    cycles: Sequence[Cycle],
    tissue: TissueResponse,
    potentiators: Sequence[Potentiator],
    time_day: npt.ArrayLike,
) -> LesionTimeCourse:
    """Follow one tissue through the schedule, at the medians of all priors.

    Parameters
    ----------
    cycles, tissue, potentiators
        As for `potentiate`.
    time_day : array, (times,), ascending
        When; on the axis of the cycles' days.
    """
    time = np.asarray(time_day, dtype=np.float64)
    if time.ndim != 1 or time.size < 2 or np.any(np.diff(time) <= 0):
        raise ValueError("times must ascend and be at least two")
    plan = _checked_plan(cycles, (tissue,), potentiators)
    medians = {name: np.array([prior.median]) for name, prior in plan.priors.items()}
    pieces = _pieces(plan, tissue, medians, 1, also_s=time * DAY_S)
    repairable, lethal = _solve(pieces)
    at = np.searchsorted(pieces.breaks_s, time * DAY_S)
    spans = np.diff(pieces.breaks_s[:-1])

    def accumulated(rate: Floats) -> Floats:
        return np.concatenate([[0.0], np.cumsum(rate[0, :-1] * spans)])[at]

    kill = accumulated(pieces.kill_per_s)
    growth = accumulated(pieces.growth_per_s)
    log_cells = growth - lethal[0, at] - kill
    since = time[:, None] * DAY_S - pieces.start_s
    terms = pieces.scale[0] * pieces.amplitude * np.exp(-pieces.rate * np.maximum(since, 0.0))
    return LesionTimeCourse(
        time_day=time,
        dose_rate_gy_per_h=np.where(since >= 0, terms, 0.0).sum(axis=1) * HOUR_S,
        repairable_gy=repairable[0, at],
        lethal=lethal[0, at],
        drug_kill=kill,
        log_cells=log_cells - log_cells[0],
    )


def _checked_plan(
    cycles: Sequence[Cycle],
    tissues: Sequence[TissueResponse],
    potentiators: Sequence[Potentiator],
) -> _Plan:
    if not cycles:
        raise DataError("A schedule needs at least one cycle.", remedy="Give its administrations.")
    for number, cycle in enumerate(cycles, start=1):
        for tissue in tissues:
            if tissue.tissue not in cycle.dose_rate_gy_per_s:
                raise DataError(
                    f"Cycle {number} (day {cycle.day:g}) has no dose rate for {tissue.tissue}.",
                    remedy="Supply the dose rate of every tissue in every cycle.",
                )
    for drug in potentiators:
        absent = [c for c in drug.cycles or () if not 0 <= c < len(cycles)]
        if absent:
            raise DataError(
                f"{drug.name} goes with cycle {absent[0] + 1}, but there are {len(cycles)}.",
                remedy="Name cycles that are given.",
            )
    priors = [prior for tissue in tissues for prior in tissue.priors()]
    priors += [p for drug in potentiators for t in tissues for p in drug.priors_on(t.tissue)]
    return _Plan(tuple(cycles), tuple(potentiators), one_definition_each(priors))


def _pieces(
    plan: _Plan,
    tissue: TissueResponse,
    draws: Mapping[str, Floats],
    samples: int,
    *,
    also_s: Floats | None = None,
) -> _Pieces:
    name = tissue.tissue
    instants = plan.breaks_s()
    if also_s is not None:
        instants = np.union1d(instants, also_s)
    breaks = np.append(instants, np.inf)
    shape = (samples, breaks.size - 1)

    alpha = draws[tissue.alpha_per_gy.name]
    beta = alpha / draws[tissue.alpha_beta_gy.name]
    repair = math.log(2.0) / (draws[tissue.repair_half_time_h.name] * HOUR_S)
    sensitivity, repairing, growing = (np.ones(shape) for _ in range(3))
    kill = np.zeros(shape)
    boost = np.ones((samples, len(plan.cycles)))
    for drug in plan.potentiators:
        windows = plan.active(drug)
        inside = np.zeros(shape[1], dtype=bool)
        for start, end in windows:
            during = (instants >= start) & (instants < end)
            # A window longer than a cycle meets the next one's: it acts once, not twice.
            inside |= during
            kill[:, during] += _drawn(drug.log10_kill_per_cycle, name, draws, otherwise=0.0) * (
                math.log(10.0) / (end - start)
            )
        sensitivity[:, inside] *= _drawn(drug.alpha, name, draws)
        if drug.conversion is not None:
            sensitivity[:, inside] *= drug.conversion[name].multiplier(draws)[:, None]
        repairing[:, inside] *= _drawn(drug.repair_rate, name, draws)
        growing[:, inside] *= _drawn(drug.growth_rate, name, draws)
        within = [
            any(start <= cycle.day * DAY_S < end for start, end in windows) for cycle in plan.cycles
        ]
        multiplier = _drawn(drug.uptake, name, draws)
        if drug.uptake is not None and drug.uptake_response is not None:
            multiplier = drug.uptake_response(multiplier, tissue=name)
        boost[:, within] *= multiplier

    growth = np.zeros(samples)
    if tissue.growth_per_day is not None:
        growth = draws[tissue.growth_per_day.name] / DAY_S
    courses = [cycle.dose_rate_gy_per_s[name] for cycle in plan.cycles]
    owner = [c for c, course in enumerate(courses) for _ in course.amplitudes]
    return _Pieces(
        breaks_s=breaks,
        amplitude=np.array([a for course in courses for a in course.amplitudes]),
        rate=np.array([r for course in courses for r in course.rates_per_s]),
        start_s=np.array([plan.cycles[c].day * DAY_S for c in owner]),
        scale=np.ascontiguousarray(boost[:, owner]),
        alpha=alpha[:, None] * sensitivity,
        beta=np.broadcast_to(beta[:, None], shape).copy(),
        mu=repair[:, None] * repairing,
        growth_per_s=growth[:, None] * growing,
        kill_per_s=kill,
    )


def _drawn(
    effect: Mapping[str, Prior] | None,
    tissue: str,
    draws: Mapping[str, Floats],
    *,
    otherwise: float = 1.0,
) -> Floats:
    """Samples of an effect as a column; *otherwise* where it is switched off."""
    return np.array([[otherwise]]) if effect is None else draws[effect[tissue].name][:, None]


def _solve(pieces: _Pieces) -> tuple[Floats, Floats]:
    repairable, lethal = lesions_at_breaks(
        pieces.breaks_s,
        pieces.amplitude,
        pieces.rate,
        pieces.start_s,
        pieces.scale,
        pieces.alpha,
        pieces.beta,
        pieces.mu,
    )
    return repairable, lethal


def _effect(pieces: _Pieces) -> tuple[Floats, Floats, Floats]:
    """Logarithms of cells lost to radiation, lost to the drug, and not grown; (samples,)."""
    spans = np.diff(pieces.breaks_s[:-1])
    kill = pieces.kill_per_s[:, :-1] @ spans
    # No drug acts after the last break, so growth there is growth without drugs.
    avoided = (pieces.growth_per_s[:, -1:] - pieces.growth_per_s[:, :-1]) @ spans
    return _solve(pieces)[1][:, -1], kill, avoided


def _words(tumor: TissueOutcome, normal: TissueOutcome, ratio: Interval) -> str:
    one, other = tumor.tissue, normal.tissue
    gain, price = tumor.enhancement, normal.enhancement
    numbers = f"ratio of enhancements {ratio}; {one} {gain}, {other} {price}"
    if all(e.within(NEGLIGIBLE) or e.covers(1.0) for e in (gain, price)):
        verdict = f"No enhancement of dose in {one} or {other} is established: {numbers}."
    elif ratio.within(NEGLIGIBLE):
        verdict = f"Raises {one} and {other} alike, within {NEGLIGIBLE:.0%}: {numbers}."
    elif ratio.covers(1.0):
        verdict = (
            f"Raises {one} and {other} alike as far as is known, for the interval covers 1: "
            f"{numbers}."
        )
    else:
        more, less = (one, other) if ratio.low > 1.0 else (other, one)
        verdict = f"Raises {more} more than {less}: {numbers}."
    if max(tumor.by_drug_kill_gy.high, normal.by_drug_kill_gy.high) > 0:
        verdict += (
            f" The drugs' own kill stands beside it, as much as {tumor.by_drug_kill_gy} Gy in "
            f"{one} and {normal.by_drug_kill_gy} Gy in {other}."
        )
    return verdict


def _assumptions(plan: _Plan) -> tuple[str, ...]:
    said = [
        f"{prior.name}: {prior.low:g} to {prior.high:g} is {prior.evidence} ({prior.source})"
        for prior in plan.priors.values()
        if prior.evidence is not Evidence.PUBLISHED
    ]
    said += [
        f"{drug.name}: dose follows uptake in proportion, without saturation"
        for drug in plan.potentiators
        if drug.uptake is not None and drug.uptake_response is None
    ]
    if len(plan.potentiators) > 1:
        said.append("Drugs act independently: multipliers of overlapping windows multiply")
    return tuple(said)
