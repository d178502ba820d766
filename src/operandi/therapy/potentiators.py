"""What a drug does to each tissue, and how the tissues answer dose without it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.therapy.drug_schedules import Window
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.priors import Prior

Floats = npt.NDArray[np.float64]


class TissueRole(StrEnum):
    """Which side of the ratio a tissue stands on."""

    TUMOR = "tumor"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class TissueResponse:
    """How a tissue answers dose without any drug.

    Parameters
    ----------
    tissue : str
        Its name, as in the cycles and in the drugs' effects.
    role : TissueRole
        Tumor or normal.
    alpha_per_gy : Prior
        Radiosensitivity, 1/Gy.
    alpha_beta_gy : Prior
        alpha / beta, Gy.
    repair_half_time_h : Prior
        Half-time of sublethal damage, h.
    growth_per_day : Prior or None
        Rate of growth, 1/day; None where it does not grow.
    """

    tissue: str
    role: TissueRole
    alpha_per_gy: Prior
    alpha_beta_gy: Prior
    repair_half_time_h: Prior
    growth_per_day: Prior | None = None

    def __post_init__(self) -> None:
        for prior in (self.alpha_per_gy, self.alpha_beta_gy, self.repair_half_time_h):
            if prior.low <= 0:
                raise DataError(
                    f"{self.tissue}: {prior.name} must be positive, not from {prior.low}.",
                    remedy="Without it there is no linear-quadratic response.",
                )

    def priors(self) -> list[Prior]:
        """All that its response hangs on."""
        response = [self.alpha_per_gy, self.alpha_beta_gy, self.repair_half_time_h]
        return response + ([self.growth_per_day] if self.growth_per_day else [])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One administration and the dose rates it causes.

    Parameters
    ----------
    day : float
        When, in days from any origin.
    dose_rate_gy_per_s : mapping of tissue to ExponentialSum
        Gy/s since this administration.
    """

    day: float
    dose_rate_gy_per_s: Mapping[str, ExponentialSum]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Single- turned into double-strand breaks where a cell replicates past them.

    With its repair blocked by a PARP inhibitor, radiosensitivity becomes
    ``alpha (1 + s c (1 - h))``.

    Parameters
    ----------
    s_phase_fraction : Prior
        *s*, share of cells that replicate their DNA, 0-1.
    yield_per_lethal_lesion : Prior
        *c*, breaks so converted in a replicating cell per lethal lesion without the drug.
    recombination_repaired : Prior
        *h*, share of them mended by homologous recombination, 0-1: near 1 in proficient,
        near 0 in deficient cells (HRD).

    References
    ----------
    .. [1] Ryhiner et al., Eur J Nucl Med Mol Imaging 52:3252, 2025: the same two processes,
       trapping in S phase and defective repair of replicated DNA, in a model of DNA damage.
    """

    s_phase_fraction: Prior
    yield_per_lethal_lesion: Prior
    recombination_repaired: Prior

    def __post_init__(self) -> None:
        for share in (self.s_phase_fraction, self.recombination_repaired):
            if share.high > 1:
                raise DataError(
                    f"{share.name} is a share and must not exceed 1, not {share.high}.",
                    remedy="Give it as a fraction between 0 and 1.",
                )

    def priors(self) -> list[Prior]:
        """The three numbers that it is made of."""
        return [self.s_phase_fraction, self.yield_per_lethal_lesion, self.recombination_repaired]

    def multiplier(self, draws: Mapping[str, Floats]) -> Floats:
        """What alpha is multiplied with in every sample; (samples,)."""
        share, made, mended = (draws[prior.name] for prior in self.priors())
        return 1.0 + share * made * (1.0 - mended)


class UptakeResponse(Protocol):
    """Dose multiplier of a tissue for a multiplier of its receptors or uptake rate."""

    def __call__(self, multiplier: Floats, *, tissue: str) -> Floats:
        """Same shape as *multiplier*; 1 at 1."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Potentiator:
    """What one drug does, and when.

    Every effect names all tissues: a tissue left out would silently count as untouched and
    flatter the ratio.  One that is believed untouched is stated with a fixed 1 and the reason.

    Parameters
    ----------
    name : str
        For reports.
    window : Window
        Days in which it acts, around each administration.
    alpha, repair_rate, growth_rate, uptake : mapping of tissue to Prior, or None
        Multipliers, >= 0, within the window; *uptake* multiplies the dose rate of cycles whose
        administration lies in the window.
    conversion : mapping of tissue to Conversion, or None
        A mechanistic multiplier of alpha.
    log10_kill_per_cycle : mapping of tissue to Prior, or None
        Cells killed by the drug itself, in decades a cycle, independent of radiation.
    uptake_response : UptakeResponse or None
        How the dose answers receptor capacity: the hook for saturable kinetics.  None: in
        proportion, and the outcome says so.
    cycles : tuple of int, or None
        Indices of the cycles it goes with; None for all.
    """

    name: str
    window: Window
    alpha: Mapping[str, Prior] | None = None
    conversion: Mapping[str, Conversion] | None = None
    repair_rate: Mapping[str, Prior] | None = None
    growth_rate: Mapping[str, Prior] | None = None
    log10_kill_per_cycle: Mapping[str, Prior] | None = None
    uptake: Mapping[str, Prior] | None = None
    uptake_response: UptakeResponse | None = None
    cycles: tuple[int, ...] | None = None

    def effects(self) -> Iterator[tuple[str, Mapping[str, Prior] | Mapping[str, Conversion]]]:
        """Name and content of each effect that is switched on."""
        for effect in (
            "alpha",
            "conversion",
            "repair_rate",
            "growth_rate",
            "log10_kill_per_cycle",
            "uptake",
        ):
            content = getattr(self, effect)
            if content is not None:
                yield effect, content

    def priors_on(self, tissue: str) -> list[Prior]:
        """All that this drug's effect on *tissue* hangs on.

        Raises
        ------
        DataError
            If an effect that is switched on leaves the tissue out.
        """
        found: list[Prior] = []
        for effect, content in self.effects():
            if tissue not in content:
                raise DataError(
                    f"{self.name}: what it does to {tissue} through {effect} is not stated.",
                    remedy="State it; a fixed 1 (or a kill of 0) with the reason if untouched.",
                )
            what = content[tissue]
            found += what.priors() if isinstance(what, Conversion) else [what]
        return found


def interpolated_uptake(
    capacity: npt.ArrayLike, dose_multiplier: Mapping[str, npt.ArrayLike]
) -> UptakeResponse:
    """Turn doses simulated at some receptor capacities into the hook of a `Potentiator`.

    Parameters
    ----------
    capacity : array, (knots,), ascending
        Multipliers of receptor capacity or uptake rate that the kinetics were run with.
    dose_multiplier : mapping of tissue to array, (knots,)
        Dose at each over that at 1.

    Returns
    -------
    UptakeResponse
        Linear between the knots; refuses to go beyond them.
    """
    knots = np.asarray(capacity, dtype=np.float64)
    curves = {t: np.asarray(m, dtype=np.float64) for t, m in dose_multiplier.items()}
    if knots.ndim != 1 or np.any(np.diff(knots) <= 0):
        raise ValueError("capacities must ascend")

    def response(multiplier: Floats, *, tissue: str) -> Floats:
        if tissue not in curves:
            raise DataError(
                f"No dose of {tissue} was simulated for changed receptors.",
                remedy="Run the kinetics for it.",
            )
        if multiplier.min() < knots[0] or multiplier.max() > knots[-1]:
            raise DataError(
                f"Receptors were simulated from {knots[0]} to {knots[-1]} times, needed are "
                f"{multiplier.min():.3g} to {multiplier.max():.3g}.",
                remedy="Run the kinetics over the whole range of the prior.",
            )
        return np.interp(multiplier, knots, curves[tissue])

    return response
