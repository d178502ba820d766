"""What resampling says of a model, as the plain data of a result."""

from dataclasses import replace
from typing import Final

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.described import estimated, numbers
from operandi.signatures.metrics.calibration import CalibrationReport
from operandi.signatures.metrics.heterogeneity import pool_site_concordance
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.resampling.nested import NestedEvaluation
from operandi.signatures.resampling.sites import SiteResult
from operandi.signatures.resampling.stability import StabilityPlan, false_selection_bound
from operandi.signatures.results_cohort import Estimated
from operandi.signatures.results_models import (
    CalibrationPoint,
    CalibrationResult,
    SelectedShare,
    SiteLine,
    SitesResult,
)
from operandi.signatures.tables import PlannedData

_SELECTED_SHOWN: Final = 50
_FALSE: Final = 1.0
"""Columns selected by chance that stability selection may expect: a half selects so few."""
_FEWEST_TO_SELECT: Final = 3
_COPIES: Final = 9
"""Of each column: by chance one in ten comes back on a half."""


def stability_plan_of(plan: AnalysisPlan, *, candidates: int) -> StabilityPlan:
    """As many columns a half as leave fewer than one to chance, by the theorem; one at least.

    One or two candidates would come back whatever they are: each then stands among shuffled copies
    of itself, and comes back where it enters before them.
    """
    made = StabilityPlan(
        pairs=plan.resampling.stability_pairs,
        most=1,
        threshold=plan.verdict.stability,
        seed=plan.resampling.seed,
    )
    if candidates < _FEWEST_TO_SELECT:
        return replace(made, most=candidates, copies=_COPIES)
    for most in range(2, min(plan.penalty.support_cap, candidates - 1) + 1):
        wider = replace(made, most=most)
        bound = false_selection_bound(wider, candidates=candidates)
        if bound is None or bound > _FALSE:
            break
        made = wider
    return made


def subgroup_labels(data: PlannedData, rows: np.ndarray) -> dict[str, list[str | None]]:
    """Sex of each row, and whether it is under or over the median age; None where unknown."""
    sex = [data.sex[row] for row in rows] if data.sex else []
    years = [data.age[row] for row in rows] if data.age else []
    known = [one for one in years if one is not None]
    labels: dict[str, list[str | None]] = {"sex": list(sex)}
    if known:
        middle = round(float(np.median(known)))
        labels["age"] = [
            None if one is None else (f"under {middle}" if one < middle else f"{middle} or over")
            for one in years
        ]
    return {by: those for by, those in labels.items() if those}


def sites_result(found: tuple[SiteResult, ...], *, level: float) -> SitesResult:
    """Sites left out, pooled by random effects where two or more have a concordance."""
    lines = tuple(
        SiteLine(
            site=one.site,
            participants=one.participants,
            events=one.events,
            concordance=estimated(one.concordance),
        )
        for one in found
    )
    known = [
        (one.concordance.value, one.concordance.standard_error)
        for one in found
        if one.concordance.value is not None and one.concordance.standard_error
    ]
    if len(known) < 2:
        reason = f"{len(known)} sites have a concordance with a standard error; two are needed"
        return SitesResult(sites=lines, pooled=Estimated(value=None, reason=reason))
    try:
        pooled = pool_site_concordance(
            np.array([value for value, _ in known]),
            np.array([error for _, error in known]),
            level=level,
        )
    except DataError as refusal:
        return SitesResult(sites=lines, pooled=Estimated(value=None, reason=str(refusal)))
    return SitesResult(
        sites=lines,
        pooled=Estimated(value=pooled.pooled, low=pooled.low, high=pooled.high),
        predicted_low=pooled.predicted_low,
        predicted_high=pooled.predicted_high,
        i_squared=pooled.i_squared,
    )


def most_selected(nested: NestedEvaluation) -> tuple[SelectedShare, ...]:
    """Columns by how many outer fits selected them, the most often first."""
    ranked = sorted(nested.selected.items(), key=lambda one: (-one[1], one[0]))
    return tuple(SelectedShare(name=name, share=share) for name, share in ranked[:_SELECTED_SHOWN])


def calibration_result(
    report: CalibrationReport, risks: tuple[float, ...], *, horizon: float | None
) -> CalibrationResult:
    """A calibration report with the risks it is of."""
    curve = report.curve
    return CalibrationResult(
        horizon_days=horizon,
        slope=estimated(report.slope),
        intercept=estimated(report.intercept),
        observed_over_expected=estimated(report.observed_over_expected),
        ici=estimated(report.ici),
        e50=estimated(report.e50),
        e90=estimated(report.e90),
        predicted=() if curve is None else numbers(curve.predicted),
        observed=() if curve is None else numbers(curve.observed),
        low=() if curve is None or curve.low is None else numbers(curve.low),
        high=() if curve is None or curve.high is None else numbers(curve.high),
        groups=tuple(
            CalibrationPoint(
                predicted=one.predicted,
                observed=one.observed,
                low=one.low,
                high=one.high,
                participants=one.participants,
            )
            for one in report.groups
        ),
        risks=risks,
    )
