"""The final model: its terms with their ratios, and where they hold: sites and subgroups."""

from collections.abc import Sequence

from operandi.reports.charts import Axis, Words
from operandi.reports.signature_charts import ForestRow, forest_chart
from operandi.reports.signature_parts.layout import (
    Listing,
    Numbers,
    Part,
    Plot,
    Reasons,
    a_listing,
    counted,
    fixed,
    named,
    of_estimate,
    percent,
    spanned,
)
from operandi.signatures.results_cohort import Estimated
from operandi.signatures.results_models import (
    FinalModelResult,
    FinalTerm,
    ModelResult,
    SitesResult,
    SubgroupLine,
)

_MOST_TERMS = 25


def coefficients_part(model: ModelResult, *, binary: bool) -> Part:
    """Terms of the final model."""
    found = model.final
    ratio = "odds ratio" if binary else "hazard ratio"
    if found is None or not found.terms:
        why = "has no term" if found is not None else "was not fitted to everybody"
        return Part(
            anchor="coefficients",
            title="The final model",
            paragraphs=(f"{model.model} {why}.",),
        )
    return Part(
        anchor="coefficients",
        title="The final model",
        paragraphs=(
            f"{model.model}, fitted to everybody: {counted(len(found.terms), 'term')} of "
            f"{counted(found.candidates, 'candidate column')}. {_imputed(model, found)}Ratios are "
            "those of one unit of a column after preparation. Coefficients of a model that shrinks "
            "or selects have no interval: it was chosen on the same participants.",
        ),
        plots=(_terms_plot(model, found, ratio=ratio),),
        listings=(_terms(model, found, ratio=ratio),),
        notes=(
            *(f"Left out: {one.name}, {one.reason}." for one in found.dropped[:_MOST_TERMS]),
            *_further_dropped(found),
            *_spread(found),
            *_under_intervals(found.interval_slope),
        ),
    )


def _imputed(model: ModelResult, found: FinalModelResult) -> str:
    if found.imputations == 1:
        return ""
    said = (
        f"It is the mean of {found.imputations} fits, one for each imputation of the missing "
        "values, and so are its coefficients"
    )
    if model.kind == "cox":
        return f"{said}; their intervals are by Rubin's rules. "
    return f"{said}, of which fits without the column count as 0. "


def sites_part(model: ModelResult) -> Part:
    """Every site left out of learning once."""
    found = model.sites
    if found is None:
        return Part(
            anchor="sites",
            title="Sites",
            paragraphs=("No site was left out: there is one, or they are too small.",),
        )
    reasons = Reasons()
    listing = a_listing(
        named("sites", model.endpoint, model.model, "numbers"),
        caption="Sites left out of learning",
        columns=("Site", "Participants", "Events", "Concordance"),
        rows=[
            (
                *(one.site, str(one.participants), str(one.events)),
                reasons.shown(one.concordance, digits=2),
            )
            for one in found.sites
        ],
        header=("site", "participants", "events", "concordance", "low", "high", "reason"),
        numbers=[
            (one.site, one.participants, one.events, *of_estimate(one.concordance))
            for one in found.sites
        ],
        notes=reasons.notes(),
    )
    i_squared = percent(found.i_squared)
    return Part(
        anchor="sites",
        title="Sites",
        paragraphs=(
            f"{model.model} learned without a site and judged there, pooled by random effects; "
            f"I² {i_squared}.",
        ),
        plots=_sites_plot(model, found),
        listings=(listing,),
    )


def subgroups_part(model: ModelResult) -> Part:
    """Whether predictions serve women and men, young and old alike."""
    if not model.subgroups:
        return Part(
            anchor="subgroups",
            title="Sex and age",
            paragraphs=("Sex and age are not in the tables, or no group was large enough.",),
        )
    return Part(
        anchor="subgroups",
        title="Sex and age",
        paragraphs=(
            "The same out-of-fold predictions, judged in each group. Groups of this size tell "
            "large differences only.",
        ),
        plots=_subgroups_plot(model, model.subgroups),
        listings=(_subgroups(model, model.subgroups),),
    )


def _terms_plot(model: ModelResult, found: FinalModelResult, *, ratio: str) -> Plot:
    terms = _largest(found.terms)
    rows = [
        ForestRow(
            name=_called(term),
            value=term.ratio.value,
            low=term.ratio.low,
            high=term.ratio.high,
            note=_note(term),
        )
        for term in terms
    ]
    left = len(found.terms) - len(terms)
    more = f" {counted(left, 'smaller term')} in the table." if left else ""
    return Plot(
        file=named("coefficients", model.endpoint, model.model),
        chart=forest_chart(
            rows,
            words=Words(
                title=f"{model.model} on {model.endpoint}: terms.",
                caption=f"{ratio.capitalize()} of one unit of the prepared column.{more}",
                alt=f"Forest of {len(rows)} terms.",
            ),
            x=Axis(title=ratio.capitalize(), logarithmic=True),
            reference=1.0,
        ),
    )


def _further_dropped(found: FinalModelResult) -> tuple[str, ...]:
    left = len(found.dropped) - _MOST_TERMS
    return (f"Left out: {counted(left, 'further column')}.",) if left > 0 else ()


def _spread(found: FinalModelResult) -> tuple[str, ...]:
    if found.spread is None:
        return ()
    return (
        f"Coefficients are multiplied by {fixed(found.spread, digits=2)}, the slope on linear "
        "predictors of the inner folds, drawn towards 1; ratios with an interval are without it.",
    )


def _under_intervals(slope: Estimated) -> tuple[str, ...]:
    if slope.value is None:
        return (f"Under interval censoring: {slope.reason}",) if slope.reason else ()
    return (
        "Slope of the linear predictor under interval censoring, on those it was fitted to: "
        f"{fixed(slope.value, digits=2)}; near 1 where right ends do no harm.",
    )


def _largest(terms: Sequence[FinalTerm]) -> list[FinalTerm]:
    """Unpenalized first, then by the size of the coefficient."""
    ordered = sorted(terms, key=lambda one: (not one.unpenalized, -abs(one.coefficient)))
    return ordered[:_MOST_TERMS]


def _called(term: FinalTerm) -> str:
    return f"{term.name} (natural logarithm)" if term.logged else term.name


def _note(term: FinalTerm) -> str:
    share = "in every fit" if term.selected_share is None else f"in {percent(term.selected_share)}"
    return f"{term.block}, {share}"


def _terms(model: ModelResult, found: FinalModelResult, *, ratio: str) -> Listing:
    reasons = Reasons()
    several = found.imputations > 1
    ordered = sorted(found.terms, key=lambda one: (not one.unpenalized, -abs(one.coefficient)))
    rows = [
        (
            _called(term),
            term.block,
            fixed(term.coefficient, digits=3, signed=True),
            reasons.shown(term.ratio, digits=2),
            reasons.shown(term.interval_ratio, digits=2),
            "by design" if term.selected_share is None else percent(term.selected_share),
            *((percent(term.imputed_share),) if several else ()),
        )
        for term in ordered
    ]
    numbers: list[Numbers] = [
        (
            *(term.name, term.block, term.coefficient, *of_estimate(term.ratio)),
            *(*of_estimate(term.interval_ratio), term.selected_share, term.imputed_share),
        )
        for term in ordered
    ]
    header = (
        *("column", "block", "coefficient", "ratio", "low", "high", "reason"),
        *("interval-censored ratio", "interval-censored low", "interval-censored high"),
        *("interval-censored reason", "share of outer fits", "share of imputations"),
    )
    return a_listing(
        named("terms", model.endpoint, model.model),
        caption="Terms",
        columns=(
            *("Column", "Block", "Coefficient", ratio.capitalize()),
            *("Under interval censoring", "Of outer fits"),
            *(("Of imputations",) if several else ()),
        ),
        rows=rows,
        of_words=("Block",),
        header=header,
        numbers=numbers,
        notes=reasons.notes(),
    )


def _concordances(file: str, rows: list[ForestRow], *, words: Words) -> tuple[Plot, ...]:
    """A forest of concordances beside 0.5; nothing where none could be computed."""
    if all(row.value is None for row in rows):
        return ()
    chart = forest_chart(rows, words=words, x=Axis(title="Concordance"), reference=0.5)
    return (Plot(file=file, chart=chart),)


def _sites_plot(model: ModelResult, found: SitesResult) -> tuple[Plot, ...]:
    rows = [
        _row(
            one.site,
            one.concordance,
            f"{counted(one.participants, 'participant')}, {counted(one.events, 'event')}",
        )
        for one in found.sites
    ]
    new = (
        f"a new site: {spanned(found.predicted_low, found.predicted_high, digits=2)}"
        if found.predicted_low is not None and found.predicted_high is not None
        else found.pooled.reason
    )
    pooled = found.pooled
    rows.append(
        ForestRow(
            name="Pooled",
            value=pooled.value,
            low=pooled.low,
            high=pooled.high,
            note=new,
            pooled=True,
        )
    )
    return _concordances(
        named("sites", model.endpoint, model.model),
        rows,
        words=Words(
            title=f"{model.model} on {model.endpoint}: sites left out.",
            caption="Concordance at each site of a model that never saw it.",
            alt=f"Concordance at {len(found.sites)} sites, and pooled.",
        ),
    )


def _subgroups_plot(model: ModelResult, lines: Sequence[SubgroupLine]) -> tuple[Plot, ...]:
    rows = [
        _row(
            f"{one.by}: {one.group}",
            one.concordance,
            f"{counted(one.participants, 'participant')}, {counted(one.events, 'event')}",
        )
        for one in lines
    ]
    return _concordances(
        named("subgroups", model.endpoint, model.model),
        rows,
        words=Words(
            title=f"{model.model} on {model.endpoint}: subgroups.",
            caption="Concordance within each group.",
            alt=f"Concordance in {len(rows)} subgroups.",
        ),
    )


def _subgroups(model: ModelResult, lines: Sequence[SubgroupLine]) -> Listing:
    reasons = Reasons()
    yes_no = any(one.brier is not None for one in lines)

    def briers(one: SubgroupLine) -> tuple[str, ...]:
        return () if one.brier is None else (reasons.shown(one.brier, digits=3),)

    return a_listing(
        named("subgroups", model.endpoint, model.model, "numbers"),
        caption="In numbers",
        columns=(
            *("Group", "Participants", "Events", "AUC" if yes_no else "Concordance"),
            *("Observed / expected", *(("Brier score",) if yes_no else ())),
        ),
        rows=[
            (
                f"{one.by}: {one.group}",
                str(one.participants),
                str(one.events),
                reasons.shown(one.concordance, digits=2),
                reasons.shown(one.observed_over_expected, digits=2),
                *briers(one),
            )
            for one in lines
        ],
        header=(
            *("by", "group", "participants", "events", "concordance", "low", "high", "reason"),
            *("observed/expected", "o/e low", "o/e high", "o/e reason"),
            *("Brier score", "Brier low", "Brier high", "Brier reason"),
        ),
        numbers=[
            (
                *(one.by, one.group, one.participants, one.events),
                *(*of_estimate(one.concordance), *of_estimate(one.observed_over_expected)),
                *of_estimate(one.brier),
            )
            for one in lines
        ],
        notes=reasons.notes(),
    )


def _row(name: str, estimate: Estimated, note: str) -> ForestRow:
    why = f"; {estimate.reason}" if estimate.value is None and estimate.reason else ""
    return ForestRow(
        name=name, value=estimate.value, low=estimate.low, high=estimate.high, note=note + why
    )
