"""Tissues, priors and cycles, built by hand: what tests of radiopotentiators start from."""

import math

from operandi.therapy.drug_schedules import (
    Window,
)
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.potentiation import (
    PotentiationOutcome,
    potentiate,
)
from operandi.therapy.potentiators import (
    Cycle,
    Potentiator,
    TissueResponse,
    TissueRole,
)
from operandi.therapy.priors import Distribution, Evidence, Prior, fixed

HOUR = 3600.0


WHOLE_CYCLE = Window(start_day=-7.0, end_day=49.0)


def known(name: str, value: float) -> Prior:
    return fixed(name=name, value=value, evidence=Evidence.PUBLISHED, source="a test")


def between(name: str, low: float, high: float) -> Prior:
    return Prior(
        name=name,
        distribution=Distribution.LOG_UNIFORM,
        low=low,
        high=high,
        evidence=Evidence.ASSUMED,
        source="a test",
    )


def a_dose_rate(*, dose_gy: float, half_life_h: float) -> ExponentialSum:
    rate = math.log(2) / (half_life_h * HOUR)
    return ExponentialSum((dose_gy * rate,), (rate,))


def a_response(
    tissue: str,
    *,
    alpha: float = 0.03,
    alpha_beta: float = 10.0,
    repair_h: float = 2.8,
    growth: float | None = None,
) -> TissueResponse:
    return TissueResponse(
        tissue=tissue,
        role=TissueRole.TUMOR if tissue == "tumor" else TissueRole.NORMAL,
        alpha_per_gy=known(f"alpha of {tissue}", alpha),
        alpha_beta_gy=known(f"alpha/beta of {tissue}", alpha_beta),
        repair_half_time_h=known(f"repair half-time of {tissue}", repair_h),
        growth_per_day=None if growth is None else known(f"growth of {tissue}", growth),
    )


TISSUES = (a_response("tumor"), a_response("kidney", alpha_beta=2.6))


def four_cycles(*, tumor_gy: float = 26.9, kidney_gy: float = 4.847) -> tuple[Cycle, ...]:
    """Doses a cycle: mean tumor of 301 (Cancers 15:1134, 2023); kidney of the research file."""
    return tuple(
        Cycle(
            day=56.0 * c,
            dose_rate_gy_per_s={
                "tumor": a_dose_rate(dose_gy=tumor_gy, half_life_h=84.0),
                "kidney": a_dose_rate(dose_gy=kidney_gy, half_life_h=51.0),
            },
        )
        for c in range(4)
    )


def outcome_of(
    *potentiators: Potentiator,
    tissues: tuple[TissueResponse, ...] = TISSUES,
    samples: int = 200,
    seed: int = 1,
) -> PotentiationOutcome:
    return potentiate(
        cycles=four_cycles(),
        tissues=tissues,
        potentiators=potentiators,
        samples=samples,
        seed=seed,
    )


def on_all(name: str, value: float) -> dict[str, Prior]:
    return {t: known(f"{name} of {t}", value) for t in ("tumor", "kidney")}
