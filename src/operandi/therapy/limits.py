"""Doses over all cycles beside the numbers that clinics go by. Information, not pass or fail."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scipy.stats import norm

from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ABSORBED_DOSE, BIOLOGICALLY_EFFECTIVE_DOSE, Kind
from operandi.therapy.uncertainty import Contribution, DoseUncertainty

_KINDS: Final = {kind.name: kind for kind in (ABSORBED_DOSE, BIOLOGICALLY_EFFECTIVE_DOSE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganLimit:
    """A number that clinics go by.

    Parameters
    ----------
    organ : str
        As in the measurements (``"kidneys"``).
    kind : Kind
        ABSORBED_DOSE or BIOLOGICALLY_EFFECTIVE_DOSE: the two are never compared.
    limit_gy : float, > 0
        Over all cycles, Gy.
    applies_to : str
        For whom.
    source : str
        Where the number is from, and whether it was seen.
    """

    organ: str
    kind: Kind
    limit_gy: float
    applies_to: str
    source: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.limit_gy) and self.limit_gy > 0) or not self.source:
            raise DataError(
                f"a limit needs a dose > 0 and its source, got {self.limit_gy} Gy, {self.source!r}",
                remedy="Name the guideline, protocol or paper.",
            )


PANEL: Final = (
    OrganLimit(
        organ="kidneys",
        kind=ABSORBED_DOSE,
        limit_gy=23.0,
        applies_to="all; from external beams, 5 % late nephropathy",
        source=(
            "Konijnenberg, Cancer Biother Radiopharm 18:619, 2003, and Menda et al., J Nucl Med"
            " 59:1692, 2018 (abstracts seen; the former argues for 30-35 Gy at low dose rate)"
        ),
    ),
    OrganLimit(
        organ="kidneys",
        kind=BIOLOGICALLY_EFFECTIVE_DOSE,
        limit_gy=28.0,
        applies_to="with risk factors (hypertension, diabetes)",
        source="Bodei et al., Eur J Nucl Med Mol Imaging 35:1847, 2008 (abstract seen)",
    ),
    OrganLimit(
        organ="kidneys",
        kind=BIOLOGICALLY_EFFECTIVE_DOSE,
        limit_gy=40.0,
        applies_to="without risk factors",
        source="Bodei et al., Eur J Nucl Med Mol Imaging 35:1847, 2008 (abstract seen)",
    ),
    OrganLimit(
        organ="red marrow",
        kind=ABSORBED_DOSE,
        limit_gy=2.0,
        applies_to="all",
        source="Menda et al., J Nucl Med 59:1692, 2018 (abstract seen)",
    ),
)
"""The panel where a study file names none."""


def limits_from(rows: Sequence[Mapping[str, object]]) -> tuple[OrganLimit, ...]:
    """A study's own panel, from its settings.

    Parameters
    ----------
    rows : sequence of mapping
        Each with ``organ``, ``kind`` (``"ABSORBED_DOSE"`` or ``"BIOLOGICALLY_EFFECTIVE_DOSE"``),
        ``limit_gy``, ``applies_to``, ``source``.

    Raises
    ------
    DataError
        If a field is missing, unknown or of another type.
    """
    panel = []
    needed = {"organ", "kind", "limit_gy", "applies_to", "source"}
    for row in rows:
        limit = row.get("limit_gy")
        kind = _KINDS.get(str(row.get("kind")))
        if set(row) != needed or kind is None or not isinstance(limit, int | float):
            raise DataError(
                f"a limit needs {', '.join(sorted(needed))} with one of {', '.join(_KINDS)},"
                f" got {dict(row)}",
                remedy="Correct the row of the panel.",
            )
        panel.append(
            OrganLimit(
                organ=str(row["organ"]),
                kind=kind,
                limit_gy=float(limit),
                applies_to=str(row["applies_to"]),
                source=str(row["source"]),
            )
        )
    return tuple(panel)


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleDose:
    """Dose of one cycle with its uncertainty, split by what the cycles share.

    Parameters
    ----------
    dose_gy : float, >= 0
        Gy, of the kind that is summed.
    own_uncertainty_gy : float, >= 0
        Random from cycle to cycle (counts, fit, voxels of an outline drawn anew), k = 1, Gy.
    shared_uncertainty_gy : float, >= 0
        The same error in all cycles (calibration, recovery, S value, blur of the outline, a
        population's half-life), Gy.
    """

    dose_gy: float
    own_uncertainty_gy: float
    shared_uncertainty_gy: float

    def __post_init__(self) -> None:
        parts = (self.dose_gy, self.own_uncertainty_gy, self.shared_uncertainty_gy)
        if not all(math.isfinite(part) and part >= 0 for part in parts):
            raise DataError(
                f"a cycle needs a dose and uncertainties >= 0, got {parts}",
                remedy="Supply them; an absent cycle is left out and said so, not taken as 0 Gy.",
            )

    @classmethod
    def of(
        cls,
        result: DoseUncertainty,
        *,
        prior_share_of_fit: float = 0.0,
        own_share_of_volume: float = 0.0,
    ) -> "CycleDose":
        """Absorbed dose of one cycle: counts and fit its own, everything else shared.

        Parameters
        ----------
        result : DoseUncertainty
            Of the cycle.
        prior_share_of_fit : float, 0 to 1
            Of the variance of the fit, what a population's courses leave: that patient's
            departure from them comes back in every cycle, and is shared.
        own_share_of_volume : float, 0 to 1
            Of the variance of the volume, what each cycle has anew. 0, the outline shared, gives
            the larger sum.
        """
        if not (0.0 <= prior_share_of_fit <= 1.0 and 0.0 <= own_share_of_volume <= 1.0):
            raise ValueError(f"no shares: {prior_share_of_fit}, {own_share_of_volume}")
        budget = result.propagation.budget
        own = math.hypot(
            budget[Contribution.COUNT_RATE],
            budget[Contribution.FIT] * math.sqrt(1.0 - prior_share_of_fit),
            budget[Contribution.VOLUME] * math.sqrt(own_share_of_volume),
        )
        share = min(1.0, (own / result.propagation.relative) ** 2)
        return cls(
            dose_gy=result.dose_gy,
            own_uncertainty_gy=math.sqrt(share) * result.standard_uncertainty_gy,
            shared_uncertainty_gy=math.sqrt(1.0 - share) * result.standard_uncertainty_gy,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CumulatedDose:
    """Over the cycles given.

    Parameters
    ----------
    organ : str
        Of what.
    kind : Kind
        Absorbed or biologically effective dose.
    after_cycle_gy : tuple of float
        Cumulated after each cycle, Gy.
    uncertainty_after_cycle_gy : tuple of float
        k = 1, Gy.
    missing_cycles : int
        Cycles that were given without a dose: the sum is then a lower bound.
    """

    organ: str
    kind: Kind
    after_cycle_gy: tuple[float, ...]
    uncertainty_after_cycle_gy: tuple[float, ...]
    missing_cycles: int

    @property
    def total_gy(self) -> float:
        """After the last cycle."""
        return self.after_cycle_gy[-1]

    @property
    def standard_uncertainty_gy(self) -> float:
        """Of the total, k = 1."""
        return self.uncertainty_after_cycle_gy[-1]


def cumulated(
    cycles: Sequence[CycleDose], *, organ: str, kind: Kind, missing_cycles: int = 0
) -> CumulatedDose:
    """Sum over cycles: own uncertainties in squares, shared ones linearly.

    ``u^2 = sum_c u_own^2 + (sum_c u_shared)^2``. Four cycles do not average a calibration out.

    Parameters
    ----------
    cycles : sequence of CycleDose, at least 1
        In order.
    organ : str
        Of what.
    kind : Kind
        ABSORBED_DOSE or BIOLOGICALLY_EFFECTIVE_DOSE (additive at intervals of weeks, see
        :func:`operandi.therapy.radiobiology.lea_catcheside_of_cycles`).
    missing_cycles : int, >= 0
        How many more were given whose dose is absent.

    Raises
    ------
    DataError
        If there is no cycle, or another kind.
    """
    if kind.name not in _KINDS or not cycles or missing_cycles < 0:
        raise DataError(
            f"cumulation needs at least one cycle of {' or '.join(_KINDS)}, got {len(cycles)} of"
            f" {kind.name}",
            remedy="Supply the doses per cycle in Gy, not per administered activity.",
        )
    totals, spreads = [], []
    total = own = shared = 0.0
    for cycle in cycles:
        total += cycle.dose_gy
        own += cycle.own_uncertainty_gy**2
        shared += cycle.shared_uncertainty_gy
        totals.append(total)
        spreads.append(math.sqrt(own + shared**2))
    return CumulatedDose(
        organ=organ,
        kind=kind,
        after_cycle_gy=tuple(totals),
        uncertainty_after_cycle_gy=tuple(spreads),
        missing_cycles=missing_cycles,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitReading:
    """A cumulated dose beside one limit.

    Parameters
    ----------
    limit : OrganLimit
        The number it stands beside.
    fraction : float
        Dose over limit.
    fraction_uncertainty : float
        k = 1.
    probability_above : float
        That the true dose lies above the limit, for a normal error. It says nothing about harm.
    lower_bound : bool
        Cycles are missing: the true sum is higher.
    """

    limit: OrganLimit
    fraction: float
    fraction_uncertainty: float
    probability_above: float
    lower_bound: bool

    @property
    def words(self) -> str:
        """One sentence for the report."""
        least = "at least " if self.lower_bound else ""
        return (
            f"{least}{self.fraction:.0%} (± {self.fraction_uncertainty:.0%}) of"
            f" {self.limit.limit_gy:g} Gy {self.limit.kind.title} to the {self.limit.organ},"
            f" {self.limit.applies_to};"
            f" information, not pass or fail [{self.limit.source}]"
        )


def beside_limits(dose: CumulatedDose, panel: Sequence[OrganLimit]) -> tuple[LimitReading, ...]:
    """All limits of *panel* for this organ and this kind of dose; none is an empty tuple."""
    readings = []
    for limit in panel:
        if limit.organ != dose.organ or limit.kind != dose.kind:
            continue
        gap, spread = dose.total_gy - limit.limit_gy, dose.standard_uncertainty_gy
        above = float(norm.cdf(gap / spread)) if spread > 0 else float(gap > 0)
        readings.append(
            LimitReading(
                limit=limit,
                fraction=dose.total_gy / limit.limit_gy,
                fraction_uncertainty=spread / limit.limit_gy,
                probability_above=above,
                lower_bound=dose.missing_cycles > 0,
            )
        )
    return tuple(readings)
