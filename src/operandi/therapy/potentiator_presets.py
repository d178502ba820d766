"""Wide priors for PARP inhibitors and CAPTEM: what is thought possible, labeled as such.

Hardly any of these ranges was measured in a patient.  They are shipped so that a schedule can be
looked at with all that is unknown about it, not to give a result: an outcome lists each one.
Tissues are named ``"tumor"``, ``"kidneys"`` and ``"marrow"``.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from operandi.therapy.drug_schedules import DrugSchedule
from operandi.therapy.pet_baseline import TumorGrade
from operandi.therapy.potentiators import Conversion, Potentiator, TissueResponse, TissueRole
from operandi.therapy.priors import Distribution, Evidence, Prior, fixed

TUMOR: Final = "tumor"
KIDNEYS: Final = "kidneys"
MARROW: Final = "marrow"


class Recombination(StrEnum):
    """Whether the tumor mends double-strand breaks by homologous recombination."""

    PROFICIENT = "proficient"
    DEFICIENT = "deficient"
    UNKNOWN = "unknown"


def _assumed(name: str, low: float, high: float, why: str) -> Prior:
    return Prior(
        name=name,
        distribution=Distribution.UNIFORM if low == 0 else Distribution.LOG_UNIFORM,
        low=low,
        high=high,
        evidence=Evidence.ASSUMED,
        source=why,
    )


def _recalled(name: str, low: float, high: float, what: str) -> Prior:
    return Prior(
        name=name,
        distribution=Distribution.LOG_NORMAL,
        low=low,
        high=high,
        evidence=Evidence.RECALLED,
        source=what,
    )


_ALPHA_OF_NORMAL: Final = "matters only where a drug kills by itself: it cancels otherwise"

TUMOR_RESPONSE: Final = TissueResponse(
    tissue=TUMOR,
    role=TissueRole.TUMOR,
    alpha_per_gy=Prior(
        name="tumor alpha, 1/Gy",
        distribution=Distribution.LOG_NORMAL,
        low=0.018,
        high=0.050,
        evidence=Evidence.ASSUMED,
        source="0.030, log sd 0.31: calibrated on virtual trials to published progression-free "
        "survival (course parameters, set A); far below values in vitro, never to be mixed",
    ),
    alpha_beta_gy=_recalled("tumor alpha/beta, Gy", 5.0, 20.0, "10 Gy is customary for tumors"),
    repair_half_time_h=_recalled("tumor repair half-time, h", 0.7, 3.0, "1.5 h is customary"),
    growth_per_day=Prior(
        name="tumor growth, 1/day",
        distribution=Distribution.LOG_NORMAL,
        low=0.00135,
        high=0.0052,
        evidence=Evidence.ASSUMED,
        source="0.0805 a month, log sd 0.41: calibrated (course parameters, set A)",
    ),
)

KIDNEY_RESPONSE: Final = TissueResponse(
    tissue=KIDNEYS,
    role=TissueRole.NORMAL,
    alpha_per_gy=_assumed("kidney alpha, 1/Gy", 0.02, 0.2, _ALPHA_OF_NORMAL),
    alpha_beta_gy=fixed(
        name="kidney alpha/beta, Gy",
        value=2.6,
        evidence=Evidence.PUBLISHED,
        source="2.6 Gy with repair 2.8 h, as PRRT dosimetry uses them (paper recalled: MIRD "
        "pamphlet 20)",
    ),
    repair_half_time_h=fixed(
        name="kidney repair half-time, h",
        value=2.8,
        evidence=Evidence.PUBLISHED,
        source="2.8 h with alpha/beta 2.6 Gy (paper recalled: MIRD pamphlet 20)",
    ),
)

MARROW_RESPONSE: Final = TissueResponse(
    tissue=MARROW,
    role=TissueRole.NORMAL,
    alpha_per_gy=_assumed("marrow alpha, 1/Gy", 0.05, 0.5, _ALPHA_OF_NORMAL),
    alpha_beta_gy=_recalled("marrow alpha/beta, Gy", 8.0, 15.0, "10 Gy is customary for marrow"),
    repair_half_time_h=_recalled("marrow repair half-time, h", 0.5, 2.0, "about 1 h"),
)

# Ki-67 marks all cycling cells: < 3 %, 3-20 %, > 20 % (WHO 2019); S phase is part of them.
_S_PHASE: Final = {
    TumorGrade.G1: (0.002, 0.015),
    TumorGrade.G2: (0.008, 0.10),
    TumorGrade.G3: (0.05, 0.35),
    TumorGrade.UNKNOWN: (0.002, 0.35),
}
_MENDED: Final = {
    Recombination.PROFICIENT: (0.80, 0.98),
    Recombination.DEFICIENT: (0.0, 0.30),
    Recombination.UNKNOWN: (0.0, 0.98),
}
_YIELD: Final = _assumed(
    "breaks converted per lethal lesion, replicating cell",
    1.0,
    10.0,
    "radiation makes tens of single-strand breaks for each double-strand break; how many meet a "
    "fork unmended under a PARP inhibitor is unknown",
)
_NORMAL_MENDED: Final = _assumed(
    "share mended by recombination, normal tissue", 0.80, 0.98, "proficient without a germline loss"
)


def parp_inhibitor(
    *, schedule: DrugSchedule, grade: TumorGrade, recombination: Recombination
) -> Potentiator:
    """Conversion of breaks where cells replicate, and slower repair everywhere.

    Marrow replicates more than a grade 1 or 2 tumor: unless the tumor cannot recombine, the
    inhibitor sensitizes marrow first.  Thrombocytopenia was what limited the dose (Hallqvist
    2025, three patients at 300 mg BID).
    """
    low, high = _S_PHASE[grade]
    mended = _assumed(
        f"share mended by recombination, {recombination} tumor",
        *_MENDED[recombination],
        "spans what deficient and proficient cells may do",
    )
    tumor_s = _assumed(f"S-phase share, {grade} tumor", low, high, "below Ki-67 of the WHO grade")
    kidney_s = _recalled("S-phase share, kidneys", 0.001, 0.01, "tubular cells hardly cycle")
    marrow_s = _recalled("S-phase share, marrow", 0.10, 0.30, "progenitors cycle")
    # One name: repair is slowed by the same unknown factor in all tissues.
    repair = _assumed("repair rate under a PARP inhibitor, times", 0.5, 1.0, "none to halved")
    return Potentiator(
        name=schedule.name,
        window=schedule.window,
        conversion={
            tissue: Conversion(
                s_phase_fraction=share,
                yield_per_lethal_lesion=_YIELD,
                recombination_repaired=mends,
            )
            for tissue, share, mends in (
                (TUMOR, tumor_s, mended),
                (KIDNEYS, kidney_s, _NORMAL_MENDED),
                (MARROW, marrow_s, _NORMAL_MENDED),
            )
        },
        repair_rate=dict.fromkeys((TUMOR, KIDNEYS, MARROW), repair),
    )


def captem(
    *,
    schedule: DrugSchedule,
    sensitizes: bool,
    kills: bool,
    slows_growth: bool,
) -> Potentiator:
    """Capecitabine and temozolomide with each of their three effects switched on or off.

    Parameters
    ----------
    schedule : DrugSchedule
        Days of both; effects last from the first to the last day of either.
    sensitizes, kills, slows_growth : bool
        Multiplier of alpha; kill of its own; growth rate within the window.
    """
    untouched = fixed(
        name="kidneys untouched by CAPTEM, times",
        value=1.0,
        evidence=Evidence.RECALLED,
        source="no renal toxicity of note with capecitabine and 177Lu (Claringbold 2011)",
    )
    no_kill = fixed(
        name="kidney cells killed by CAPTEM, decades",
        value=0.0,
        evidence=Evidence.RECALLED,
        source="cells that do not cycle",
    )

    def on(
        tumor: tuple[float, float], marrow: tuple[float, float], what: str, kidneys: Prior
    ) -> Mapping[str, Prior]:
        why = "not measured; from none to what the response rates leave room for"
        return {
            TUMOR: _assumed(f"{what}, tumor", *tumor, why),
            KIDNEYS: kidneys,
            MARROW: _assumed(f"{what}, marrow", *marrow, why),
        }

    return Potentiator(
        name=schedule.name,
        window=schedule.window,
        alpha=on((1.0, 1.5), (1.0, 1.5), "alpha under CAPTEM, times", untouched)
        if sensitizes
        else None,
        log10_kill_per_cycle=on((0.0, 0.3), (0.0, 0.3), "CAPTEM kill, decades a cycle", no_kill)
        if kills
        else None,
        growth_rate=on((0.3, 1.0), (0.3, 1.0), "growth under CAPTEM, times", untouched)
        if slows_growth
        else None,
    )
