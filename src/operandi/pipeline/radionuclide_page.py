"""The comparison of radionuclides as rows of text, and as a page with its trade-off chart."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from operandi.pipeline.dose_page import with_spread
from operandi.pipeline.radionuclide_comparison import (
    BESIDE_ASSUMPTIONS,
    MARROW_ASSUMPTION,
    ComparedRadionuclides,
)
from operandi.reports.charts import Axis, Curve, Points, Words, chart
from operandi.reports.page import PageSection, PageTable, render_page
from operandi.reports.study_report import Figure
from operandi.therapy.comparison import ASSUMPTIONS, MUCH_UNSEEN, Compared, Outcome
from operandi.therapy.dose_effect import ALPHA_RBE
from operandi.therapy.measured_therapy import Role

COLUMNS: Final = ("", "activity", "kidneys, Gy", "tumors, Gy", "Gy(RBE)", "index", "unseen")
_ABSENT: Final = "absent"
MARROW_COLUMN: Final = "marrow (self), Gy"
_ON_ONE_ANOTHER: Final = 0.02
"""Points of a chart that differ by less share their label."""
_EQUAL: Final = {
    Role.KIDNEYS: "equal biologically effective dose of the kidneys",
    Role.MARROW: "equal RBE-weighted dose of the red marrow",
}


def columns_of(found: ComparedRadionuclides) -> tuple[str, ...]:
    """Heads of the columns: the marrow's only where it was compared."""
    return (*COLUMNS, *([MARROW_COLUMN] if _has_marrow(found) else []))


def rows_of(found: ComparedRadionuclides) -> tuple[tuple[str, ...], ...]:
    """A row of text for each nuclide; cells have up to three lines; all empty without a result."""
    of = {one.nuclide.name: one for one in found.compared}
    given = of.get(found.given)
    return tuple(
        (
            *_row(of[name], given),
            _unseen(of[name]),
            *(_marrow(of[name]) if _has_marrow(found) else ()),
        )
        if name in of
        else (name, _ABSENT, *[""] * (len(columns_of(found)) - 2))
        for name in found.asked
    )


def _unseen(one: Compared) -> str:
    """Share of the kidneys' decays that no scan saw."""
    kidneys = [dose.region.role for dose in one.nominal.doses].index(Role.KIDNEYS)
    share = one.before_first_scan[kidneys]
    return "" if share is None else f"{100 * share:.0f} %"


def _has_marrow(found: ComparedRadionuclides) -> bool:
    return any(one.nominal.of(Role.MARROW) for one in found.compared)


def _row(one: Compared, given: Compared | None) -> tuple[str, ...]:
    nominal = one.nominal
    [kidneys] = nominal.of(Role.KIDNEYS)
    policy = f"\n{one.daughters}" if one.daughters else ""
    physical, weighted = nominal.tumor_dose_gy, nominal.tumor_weighted_gy_rbe
    against = ""
    if given is not None and given is not one:
        # Of the two indices nearly all that is uncertain is the same, and cancels.
        ratio = nominal.therapeutic_index / given.nominal.therapeutic_index
        against = f"\n{100 * (ratio - 1):+.0f} %"
    return (
        one.nuclide.name + policy,
        _activity(one),
        f"{with_spread(kidneys.dose_gy, kidneys.uncertainty_gy.standard)}\n"
        f"BED {nominal.kidney_effective_dose_gy:.2f}",
        f"{physical.median:.3g}\n{_two(physical.lowest)}-{_two(physical.highest)}",
        f"{weighted.median:.3g}\n{_two(weighted.lowest)}-{_two(weighted.highest)}",
        index_text(one) + against,
    )


def _marrow(one: Compared) -> tuple[str, ...]:
    return tuple(
        with_spread(marrow.dose_gy, marrow.uncertainty_gy.standard)
        for marrow in one.nominal.of(Role.MARROW)
    )


def index_text(one: Compared) -> str:
    """Therapeutic index with its standard uncertainty and, where it has one, range over the RBE."""
    nominal = one.nominal
    text = with_spread(nominal.therapeutic_index, nominal.therapeutic_index_uncertainty.standard)
    return text + _range(one.low.therapeutic_index, one.high.therapeutic_index)


def _activity(one: Compared) -> str:
    """In MBq where GBq would be all zeros; the activity of alpha emitters hangs on their RBE."""
    factor, unit = (1e9, "GBq") if one.nominal.activity_bq >= 5e8 else (1e6, "MBq")
    value = one.nominal.activity_bq / factor
    spread = (one.nominal.activity_uncertainty_bq.standard or 0.0) / factor
    # What was given is known as it was given; what follows from equal toxicity, nearly so.
    text = with_spread(value, spread) if spread > 0.005 * value else f"{value:.3g}"
    return f"{text} {unit}" + _range(one.low.activity_bq / factor, one.high.activity_bq / factor)


def _two(value: float) -> str:
    """Two digits that count, and never an exponent: the end of a range needs no more."""
    return f"{value:.{max(0, 1 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def _range(first: float, second: float) -> str:
    low, high = (_two(end) for end in sorted((first, second)))
    return "" if low == high else f"\n[{low}-{high}]"


def what_is_equal(found: ComparedRadionuclides) -> str:
    """What was held equal, and to which administration."""
    return (
        f"{_EQUAL[found.equal]} to that of {found.administered_bq / 1e9:.2f} GBq {found.given} "
        f"(cycle {found.cycle})"
    )


def legend_of(found: ComparedRadionuclides) -> str:
    """What the columns of the table hold."""
    beside = ""
    for same in (one for one in found.compared if one.nuclide.name == found.given):
        [kidneys] = same.nominal.of(Role.KIDNEYS)
        beside = (
            f" The kidneys' dose by spheres, {kidneys.dose_gy:.2f} Gy, stands for the "
            f"{found.reported_kidney_gy:.2f} Gy that the cycle reports."
        )
    return (
        f"Tumors: median of {found.lesions} lesion(s), below it lowest to highest. Index: median "
        f"tumor over kidneys, RBE-weighted; below it, against {found.given}. ±: standard "
        "uncertainty, of which most is common to all nuclides. In brackets: over the RBE of "
        f"alphas, {ALPHA_RBE.low:g} to {ALPHA_RBE.high:g}; all else at {ALPHA_RBE.nominal:g}. "
        "Unseen: share of the kidneys' decays before the first scan at "
        f"{found.first_scan_h:.0f} h, where the course was not seen." + beside
    )


def remarks_of(found: ComparedRadionuclides) -> tuple[str, ...]:
    """Why nuclides have no result in this participant, and where that of others is a guess."""
    return (
        *([f"Kidneys: {found.one_kidney}"] if found.one_kidney else []),
        *(f"{name}: no result. {reason}" for name, reason in found.absent),
        *(
            f"{name}: {share:.0%} of the energy of its alphas is stated to escape and is in no "
            "dose; the activity is an upper bound"
            for name, share in found.alphas_lost
        ),
        *(_extrapolated(one) for one in found.compared if one.flags),
    )


def _extrapolated(one: Compared) -> str:
    """In one sentence what the comparison says of each region."""
    shares = [share for share in one.before_first_scan if share is not None]
    return (
        f"{one.nuclide.name}: in {len(one.flags)} of {len(one.nominal.doses)} regions more than "
        f"{MUCH_UNSEEN:.0%} of the decays lie before the first scan, up to {max(shares):.0%}; "
        "there the course is extrapolated"
    )


def notes_of(found: ComparedRadionuclides) -> tuple[str, ...]:
    """All that is taken for granted."""
    return (
        *ASSUMPTIONS,
        *BESIDE_ASSUMPTIONS,
        *([MARROW_ASSUMPTION] if _has_marrow(found) else []),
        *(f"{one.nuclide.name}: {one.daughters}" for one in found.compared if one.daughters),
        f"RBE of alphas: {ALPHA_RBE.source}",
    )


def radionuclide_page(found: Sequence[ComparedRadionuclides], *, study: str, title: str) -> str:
    """Write the comparison as one HTML page, a section for each participant.

    Parameters
    ----------
    found : sequence of ComparedRadionuclides
        One for each participant.
    study, title : str
        Above the page.
    """
    sections = [
        PageSection(
            title=f"{one.participant}, cycle {one.cycle}",
            paragraphs=(f"At {what_is_equal(one)}.", legend_of(one)),
            figures=(trade_off(one),),
            tables=(
                PageTable(
                    caption=f"At {_EQUAL[one.equal]}",
                    columns=columns_of(one),
                    rows=_on_one_line(rows_of(one)),
                ),
            ),
            notes=(*remarks_of(one), *notes_of(one)),
        )
        for one in found
    ]
    if len(found) > 1:
        sections.insert(0, _cohort(found))
    return render_page(
        title=title,
        eyebrow=study,
        lead="What the same peptide would do with another radionuclide, had it gone where it was "
        "measured to go. A calculation, not a result of treatment. Not for the care of a patient.",
        sections=sections,
    )


def cohort_rows(found: Sequence[ComparedRadionuclides]) -> tuple[tuple[str, ...], ...]:
    """A row for each participant: therapeutic index by nuclide."""
    rows = []
    for one in found:
        of = {nuclide.nuclide.name: index_text(nuclide) for nuclide in one.compared}
        cells = [of.get(name, _ABSENT) for name in one.asked]
        rows.append((one.participant, str(one.cycle), *cells))
    return tuple(rows)


def cohort_columns(found: Sequence[ComparedRadionuclides]) -> tuple[str, ...]:
    """Heads of the rows of the cohort."""
    return ("participant", "cycle", *found[0].asked)


def _cohort(found: Sequence[ComparedRadionuclides]) -> PageSection:
    return PageSection(
        title="All participants",
        tables=(
            PageTable(
                caption=f"Therapeutic index at {_EQUAL[found[0].equal]}",
                columns=cohort_columns(found),
                rows=_on_one_line(cohort_rows(found)),
            ),
        ),
    )


def _on_one_line(rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(cell.replace("\n", "; ") for cell in row) for row in rows)


def trade_off(found: ComparedRadionuclides) -> Figure:
    """Draw what tumors get for what kidneys get, as the activity rises: a line for each nuclide."""
    farthest = 1.25 * max(_kidneys(one.nominal) for one in found.compared)
    curves, points = [], []
    for group, one in enumerate(found.compared):
        x = np.linspace(0.0, farthest, 2)
        index = one.nominal.therapeutic_index
        # Of one nuclide only: what is uncertain of all is the same, and moves all lines together.
        spread = one.nominal.therapeutic_index_uncertainty.standard or 0.0
        banded = one.nuclide.name == found.given and spread > 0
        curves.append(
            Curve(
                name=one.nuclide.name,
                x=x,
                y=x * index,
                low=x * max(0.0, index - spread) if banded else None,
                high=x * (index + spread) if banded else None,
                group=group,
            )
        )
        at = np.array([_kidneys(one.nominal)])
        tumors = one.nominal.tumor_weighted_gy_rbe
        points.append(
            Points(
                name="",
                x=at,
                y=np.array([tumors.median]),
                y_spread=np.array(
                    [[tumors.median - tumors.lowest], [tumors.highest - tumors.median]]
                ),
                labels=_labels(found, one),
                group=group,
            )
        )
    return chart(
        words=Words(
            title="Tumors against kidneys",
            caption="Points: at the activities of the table, the median tumor; bars: from the "
            "lowest tumor to the highest. Lines: median tumor as the activity rises; band: one "
            f"standard uncertainty of the index of {found.given}, which moves all lines together. "
            "A line above another: more dose in tumors for the same in the kidneys."
            + _alphas(found),
            alt="RBE-weighted dose of the median tumor by that of the kidneys: "
            + ", ".join(
                f"{one.nuclide.name} {one.nominal.therapeutic_index:.2f}" for one in found.compared
            ),
        ),
        x=Axis(title="kidneys, Gy(RBE)"),
        y=Axis(title="median tumor, Gy(RBE)"),
        curves=curves,
        points=points,
    )


def _kidneys(outcome: Outcome) -> float:
    [kidneys] = outcome.of(Role.KIDNEYS)
    return kidneys.weighted_gy_rbe


def _labels(found: ComparedRadionuclides, one: Compared) -> tuple[str, ...]:
    """Names beside a point: one label where points fall on one another."""
    here = [other for other in found.compared if _nearly(other, one)]
    return (", ".join(other.nuclide.name for other in here) if here[0] is one else "",)


def _nearly(one: Compared, other: Compared) -> bool:
    pairs = (
        (_kidneys(one.nominal), _kidneys(other.nominal)),
        (
            one.nominal.tumor_weighted_gy_rbe.median,
            other.nominal.tumor_weighted_gy_rbe.median,
        ),
    )
    return all(abs(a - b) <= _ON_ONE_ANOTHER * max(a, b) for a, b in pairs)


def _alphas(found: ComparedRadionuclides) -> str:
    with_alphas = [
        one.nuclide.name
        for one in found.compared
        if any(dose.alpha_gy > 0 for dose in one.nominal.doses)
    ]
    return (
        f" {' and '.join(with_alphas)} at an RBE of {ALPHA_RBE.nominal:g}." if with_alphas else ""
    )
