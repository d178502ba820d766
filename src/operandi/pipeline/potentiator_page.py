"""The page that shows what a radiopotentiator would add: verdict, time courses, other starts."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.pipeline.potentiator_plan import STARTS, Answer, AtStart
from operandi.pipeline.potentiator_tissues import Tissue
from operandi.reports.charts import Axis, Curve, Limit, Points, Span, Words, chart
from operandi.reports.page import PageSection, PageTable, render_page
from operandi.therapy.potentiation import (
    NEGLIGIBLE,
    Advantage,
    Interval,
    LesionTimeCourse,
    lesion_time_course,
)
from operandi.therapy.potentiators import TissueRole
from operandi.therapy.priors import one_definition_each

Floats = npt.NDArray[np.float64]

_FIRST_DAYS: Final = 35.0
"""How much of the first cycle is shown at large: dose rates have gone by then."""
_AFTER_LAST: Final = 42.0
_INSTANTS: Final = 1200
_PUT_IN: Final = " Put in, not found: see the notes."


def potentiator_page(answer: Answer) -> str:
    """Draw the page of one participant as HTML."""
    sections = [_verdict(answer), _first_cycle(answer), _all_cycles(answer)]
    if answer.by_start:
        sections.append(_starts(answer))
    sections.append(_foundations([answer]))
    return render_page(
        title=f"{answer.participant} with {answer.choice.title}",
        eyebrow=f"What if · {answer.nuclide} and a radiopotentiator",
        lead=f"{answer.choice.schedule.name}, around {len(answer.cycles)} cycles. A calculation "
        "from what is thought possible, not a forecast, and no advice for treatment.",
        sections=sections,
    )


def cohort_page(answers: Sequence[Answer], left_out: Sequence[tuple[str, str]]) -> str:
    """Draw the page of several participants, asked the same question.

    Parameters
    ----------
    answers : sequence of Answer
        At least one.
    left_out : sequence of (participant, reason)
        Who has no answer.
    """
    choice = answers[0].choice
    figure = chart(
        words=Words(
            title="Ratio of enhancements of everyone.",
            caption="Of the lesion with the smallest dose; median and 90 % interval over the "
            "priors, which all share: people differ by their doses, dates and grades alone. "
            "Dashed: both alike.",
            alt="Points with bars of the ratio of enhancements over the dose of the lesion.",
        ),
        x=Axis(title="smallest dose of a lesion over all cycles, Gy"),
        y=Axis(title="ratio of enhancements", from_zero=False),
        points=_points_of_all(answers),
        limits=[Limit(name="", value=1.0)],
    )
    section = PageSection(
        title="Tumor against normal tissue",
        figures=(figure,),
        tables=(
            PageTable(
                caption="Ratio of enhancements, tumor over normal tissue",
                columns=COHORT_COLUMNS,
                of_words=("tumor to normal", "in words"),
                rows=cohort_rows(answers),
            ),
        ),
        notes=(
            *notes_of_all(answers),
            *(f"{who}: no answer. {why}" for who, why in left_out),
        ),
    )
    return render_page(
        title=f"Everyone with {choice.title}",
        eyebrow="What if · the same radiopotentiator for all who have measured doses",
        lead=f"{choice.schedule.name}. A calculation from what is thought possible, not a "
        "forecast, and no advice for treatment.",
        sections=[section, _foundations(answers)],
    )


def cohort_rows(answers: Sequence[Answer]) -> tuple[tuple[str, ...], ...]:
    """A row for each participant and normal tissue, in the order of `COHORT_COLUMNS`."""
    return tuple(
        (
            one.participant,
            f"{ratio.tumor} to {ratio.normal}",
            str(one.grade),
            str(len(one.cycles)),
            _limits(ratio.ratio),
            f"{ratio.probability_above_one:.0%}",
            _verdict_of(ratio.words, foregone=(ratio.tumor, ratio.normal) in one.foregone),
        )
        for one in answers
        for ratio in _smallest(one)
    )


def _smallest(answer: Answer) -> list[Advantage]:
    """Ratios of the lesion with the smallest dose."""
    tumor = _shown(answer)[0].name
    return [one for one in answer.outcome.advantages if one.tumor == tumor]


def _points_of_all(answers: Sequence[Answer]) -> list[Points]:
    found: dict[str, list[tuple[Answer, Interval]]] = {}
    for answer in answers:
        for one in _smallest(answer):
            found.setdefault(one.normal, []).append((answer, one.ratio))
    points = []
    for group, (normal, ratios) in enumerate(found.items()):
        medians = np.array([ratio.median for _, ratio in ratios])
        lows = np.array([ratio.low for _, ratio in ratios])
        highs = np.array([ratio.high for _, ratio in ratios])
        points.append(
            Points(
                name=f"to {normal}",
                x=np.array([_shown(answer)[0].dose_gy for answer, _ in ratios]),
                y=medians,
                y_spread=np.array([medians - lows, highs - medians]),
                labels=tuple(answer.participant for answer, _ in ratios),
                group=group,
            )
        )
    return points


COHORT_COLUMNS: Final = (
    "participant",
    "tumor to normal",
    "grade",
    "cycles",
    "median (90 %)",
    "above 1",
    "in words",
)


def _verdict_of(words: str, *, foregone: bool) -> str:
    """The sentence without its numbers, which stand beside it in a table."""
    said = words.partition(": ratio of enhancements")[0] + "."
    return said + (_PUT_IN if foregone else "")


def _dose_words(tissue: Tissue) -> str:
    """Dose over all cycles with its standard uncertainty, where there is one."""
    if tissue.standard_uncertainty_gy is None:
        return f"{tissue.dose_gy:.3g}, u not stated"
    return f"{tissue.dose_gy:.3g} ± {tissue.standard_uncertainty_gy:.2g}"


def tissue_rows(answer: Answer) -> tuple[tuple[str, ...], ...]:
    """Cells of the table of tissues, in the order of `TISSUE_COLUMNS`."""
    return tuple(
        (
            tissue.label,
            _dose_words(tissue),
            _limits(one.bed_gy),
            _limits(one.enhanced_bed_gy),
            _limits(one.enhancement),
            _limits(one.by_drug_kill_gy) if one.by_drug_kill_gy.high > 0 else "none",
        )
        for tissue, one in zip(answer.tissues, answer.outcome.tissues, strict=True)
    )


TISSUE_COLUMNS: Final = (
    "tissue",
    "dose, Gy ± u",
    "BED without, at this dose, Gy",
    "BED with, at this dose, Gy",
    "enhancement",
    "of the drug's own kill, Gy",
)


def ratio_rows(answer: Answer) -> tuple[tuple[str, ...], ...]:
    """Cells of the table of ratios, in the order of `RATIO_COLUMNS`."""
    return tuple(
        (
            f"{one.tumor} to {one.normal}",
            _limits(one.ratio),
            f"{one.probability_above_one:.0%}",
            "{:.3g} to {:.3g}".format(*answer.by_dose[one.tumor, one.normal]),
            _verdict_of(one.words, foregone=(one.tumor, one.normal) in answer.foregone),
        )
        for one in answer.outcome.advantages
    )


RATIO_COLUMNS: Final = (
    "tumor to normal",
    "median (90 %)",
    "above 1",
    "median, doses at ends of 95 %",
    "in words",
)


def _limits(interval: Interval) -> str:
    return f"{interval.median:.3g} ({interval.low:.3g} to {interval.high:.3g})"


def _verdict(answer: Answer) -> PageSection:
    return PageSection(
        title="Does the tumor gain more than what limits the therapy?",
        paragraphs=tuple(
            one.words + (_PUT_IN if (one.tumor, one.normal) in answer.foregone else "")
            for one in answer.outcome.advantages
        ),
        tables=(
            PageTable(
                caption="Over all cycles, medians with 90 % intervals over the priors",
                columns=TISSUE_COLUMNS,
                rows=tissue_rows(answer),
            ),
            PageTable(
                caption="Ratio of enhancements, tumor over normal tissue",
                columns=RATIO_COLUMNS,
                of_words=("in words",),
                rows=ratio_rows(answer),
            ),
        ),
        notes=answer.notes,
    )


def _windows(answer: Answer, *, until: float) -> list[Span]:
    window = answer.potentiator.window
    return [
        Span(
            name=f"{answer.choice.title} acts",
            start=cycle.day + window.start_day,
            end=min(cycle.day + window.end_day, until),
        )
        for cycle in answer.therapy
        if cycle.day + window.start_day < until
    ]


def _courses(
    answer: Answer, tissue: Tissue, time: Floats
) -> tuple[LesionTimeCourse, LesionTimeCourse]:
    """Without and with the drug."""
    without, with_drug = (
        lesion_time_course(
            cycles=answer.therapy, tissue=tissue.response, potentiators=drugs, time_day=time
        )
        for drugs in ((), (answer.potentiator,))
    )
    return without, with_drug


def _shown(answer: Answer) -> list[Tissue]:
    """The lesion with the smallest dose, and the normal tissues."""
    tumors = [one for one in answer.tissues if one.response.role is TissueRole.TUMOR]
    return [tumors[0], *(one for one in answer.tissues if one not in tumors)]


def _first_cycle(answer: Answer) -> PageSection:
    first = min(0.0, answer.potentiator.window.start_day) - 1.0
    second = answer.therapy[1].day if len(answer.therapy) > 1 else _FIRST_DAYS
    time = np.linspace(first, min(_FIRST_DAYS, second), _INSTANTS)
    spans = _windows(answer, until=float(time[-1]))
    rates, repairable = [], []
    for group, tissue in enumerate(_shown(answer)):
        without, with_drug = _courses(answer, tissue, time)
        rates.append(Curve(name=tissue.name, x=time, y=without.dose_rate_gy_per_h, group=group))
        repairable += [
            Curve(name=f"{tissue.name}, alone", x=time, y=without.repairable_gy, group=group),
            Curve(name=f"{tissue.name}, with drug", x=time, y=with_drug.repairable_gy, group=group),
        ]
    figures = (
        chart(
            words=Words(
                title="Dose rate and days of the drug.",
                caption="Of the cycle that was measured, at the first administration (day 0). "
                "A drug that comes after the dose rate has fallen meets little of it.",
                alt="Dose rates of tumor and normal tissues over days, the drug's days shaded.",
            ),
            x=Axis(title="days since the first administration"),
            y=Axis(title="dose rate, Gy/h"),
            curves=rates,
            limits=spans,
        ),
        chart(
            words=Words(
                title="Repairable lesions.",
                caption="Dose whose damage is not yet repaired, at the medians of the priors. "
                "Slower repair keeps more of it, in every tissue that it slows.",
                alt="Unrepaired dose of each tissue over days, without and with the drug.",
            ),
            x=Axis(title="days since the first administration"),
            y=Axis(title="unrepaired dose, Gy"),
            curves=repairable,
            limits=spans,
        ),
    )
    return PageSection(
        title="The first cycle",
        paragraphs=(
            "Shown are the lesion with the smallest dose and the normal tissues that have one.",
        ),
        figures=figures,
    )


def _all_cycles(answer: Answer) -> PageSection:
    first = min(0.0, answer.potentiator.window.start_day) - 1.0
    time = np.linspace(first, answer.therapy[-1].day + _AFTER_LAST, _INSTANTS)
    curves = []
    for group, tissue in enumerate(_shown(answer)):
        alpha = tissue.response.alpha_per_gy.median
        for course, how in zip(_courses(answer, tissue, time), ("alone", "with drug"), strict=True):
            curves.append(
                Curve(name=f"{tissue.name}, {how}", x=time, y=course.lethal / alpha, group=group)
            )
    planned = [one for one in answer.cycles if not one.given]
    return PageSection(
        title="All cycles",
        figures=(
            chart(
                words=Words(
                    title="Lethal lesions.",
                    caption="Lethal lesions per cell over alpha without drug, at the medians of "
                    "the priors: a scale in Gy (BED) on which tissues can be compared. The drug's "
                    "own kill is not in it.",
                    alt="Accumulated lethal lesions of each tissue, without and with the drug.",
                ),
                x=Axis(title="days since the first administration"),
                y=Axis(title="lethal lesions / α, Gy"),
                curves=curves,
                limits=_windows(answer, until=float(time[-1])),
            ),
        ),
        tables=(
            PageTable(
                caption="Cycles" + (", the last of them planned" if planned else ""),
                columns=("cycle", "day", "date", "GBq", ""),
                of_words=("",),
                rows=tuple(
                    (
                        str(one.number),
                        f"{cycle.day:.0f}",
                        str(one.on),
                        f"{one.activity_bq / 1e9:.3g}",
                        "given" if one.given else "planned",
                    )
                    for one, cycle in zip(answer.cycles, answer.therapy, strict=True)
                ),
            ),
        ),
    )


def best_starts(answer: Answer) -> tuple[str, ...]:
    """Say for each pair of tissues which first day has the greatest ratio, and if it matters."""
    said = []
    for pair, found in _pairs(answer.by_start).items():
        best = max(found, key=lambda one: one.ratio.median)
        worst = min(found, key=lambda one: one.ratio.median)
        apart = best.ratio.median - worst.ratio.median
        said.append(
            f"{pair[0]} to {pair[1]}: greatest with a start on day {best.first_day} "
            f"({_limits(best.ratio)}), least on day {worst.first_day} ({_limits(worst.ratio)}); "
            f"medians are {apart:.2g} apart"
            + (", too little to act on." if apart < NEGLIGIBLE else ".")
        )
    return tuple(said)


def _pairs(starts: Sequence[AtStart]) -> dict[tuple[str, str], list[AtStart]]:
    pairs: dict[tuple[str, str], list[AtStart]] = {}
    for one in starts:
        pairs.setdefault((one.tumor, one.normal), []).append(one)
    return pairs


def _starts(answer: Answer) -> PageSection:
    # Bands of two lesions would hide one another.
    tumor = _shown(answer)[0].name
    shown = [(pair, found) for pair, found in _pairs(answer.by_start).items() if pair[0] == tumor]
    curves = [
        Curve(
            name=f"{pair[0]} to {pair[1]}",
            x=np.array([float(one.first_day) for one in found]),
            y=np.array([one.ratio.median for one in found]),
            low=np.array([one.ratio.low for one in found]),
            high=np.array([one.ratio.high for one in found]),
            group=group,
        )
        for group, (pair, found) in enumerate(shown)
    ]
    return PageSection(
        title="Another first day",
        paragraphs=best_starts(answer),
        figures=(
            chart(
                words=Words(
                    title="Ratio of enhancements over the drug's first day.",
                    caption=f"The whole course moved so that it starts on day {STARTS[0]} to "
                    f"{STARTS[-1]} from the administration; bands are 90 % over the priors. Bands "
                    "share their draws, so a difference between days is better known than they "
                    "look. Drawn is the lesion with the smallest dose; dashed: both alike.",
                    alt="Ratio of enhancements with bands for each first day of the drug.",
                ),
                x=Axis(title="first day of the drug, from the administration"),
                y=Axis(title="ratio of enhancements", from_zero=False),
                curves=curves,
                limits=[Limit(name="", value=1.0)],
            ),
        ),
    )


def _foundations(answers: Sequence[Answer]) -> PageSection:
    outcome = answers[0].outcome
    priors = one_definition_each(prior for one in answers for prior in one.priors()).values()
    named = tuple(f"{prior.name}: " for prior in priors)
    return PageSection(
        title="What it rests on",
        paragraphs=(
            f"Schedule: {answers[0].choice.schedule.source}.",
            f"{outcome.samples} draws of the priors below, seed {outcome.seed}.",
        ),
        tables=(
            PageTable(
                caption="Priors: their range, how well it is founded, and by whom",
                columns=("what", "range", "shape", "evidence", "source"),
                of_words=("shape", "evidence", "source"),
                rows=tuple(
                    (
                        prior.name,
                        f"{prior.low:g}"
                        if prior.low == prior.high
                        else f"{prior.low:g} to {prior.high:g}",
                        prior.distribution.value.replace("_", "-"),
                        prior.evidence.value,
                        prior.source,
                    )
                    for prior in priors
                ),
            ),
        ),
        # The table has those that are of a prior.
        notes=tuple(one for one in outcome.assumptions if not one.startswith(named)),
    )


def notes_of_all(answers: Sequence[Answer]) -> tuple[str, ...]:
    """What is said of everyone once, and of some with their names."""
    said: dict[str, list[str]] = {}
    for answer in answers:
        for note in answer.notes:
            said.setdefault(note, []).append(answer.participant)
    return tuple(
        note if len(who) == len(answers) else f"{', '.join(who)}: {note}"
        for note, who in said.items()
    )
