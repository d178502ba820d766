"""The answer in words, by the plan's rules: supported, not supported, undecidable at this n.

1. With fewer events than ``verdict.least_events``: undecidable. Without an evaluation: could not be
   fitted, with the reason and the remedy; more participants would not mend it.
2. Unless the permutation p is below ``verdict.permutation_p`` and ``verdict.stable_features``
   columns pass stability selection, the word signature is withheld: no reproducible signal, not
   supported.
3. Against the reference (that of the plan's comparison of the model, else M0) the gain of
   concordance, or what the comparison names, must exceed ``verdict.gain_over_baseline``: with the
   whole interval it is supported, with none of it not supported, else undecidable at this n. Of
   several comparisons of the plan the p adjusted for all of them must hold too, else it is
   undecidable: one of many intervals excludes 0 by chance.

No two treatments are compared: what is found is prognostic under what was given, never predictive
of what another would do.
"""

from collections.abc import Iterator
from typing import Literal

from operandi.signatures.candidates_of import columns_named
from operandi.signatures.plan_format import AnalysisPlan, PlannedModel
from operandi.signatures.results import (
    NOT_FITTED,
    NOT_SUPPORTED,
    SIGNATURE,
    SUPPORTED,
    UNDECIDABLE,
    WITHHELD,
    ComparisonResult,
    RuleOutcome,
    VerdictResult,
    prognostic_under,
)
from operandi.signatures.results_cohort import Estimated
from operandi.signatures.results_models import ModelResult

_NAMED = {
    "harrell_c": "Harrell's C",
    "uno_c": "Uno's C",
    "auc": "AUC",
    "brier": "Brier score",
    "integrated_brier": "integrated Brier score",
    "net_benefit": "net benefit",
}
_RULES = {
    "signal": "whether its concordance is beyond chance",
    "stability": "whether its columns come back on halves of the participants",
}
Answer = Literal["supported", "not supported", "undecidable at this n", "could not be fitted"]


def verdict_of(
    plan: AnalysisPlan,
    result: ModelResult,
    *,
    events: int,
    gain: ComparisonResult | None,
    standing: str,
    therapy: str = "",
) -> VerdictResult:
    """Judge a model of the ladder.

    Parameters
    ----------
    plan : AnalysisPlan
    result : ModelResult
        On the primary endpoint.
    events : int
        Of the endpoint.
    gain : ComparisonResult or None
        Against its reference; None where the ladder has no other model.
    standing : {"confirmatory", "exploratory"}
    therapy : str
        What everybody was given; empty where it is not known.
    """
    rules = tuple(_rules(plan, result, events, gain))
    answer = _answer(rules)
    signal = all(one.holds for one in rules if one.rule != "gain")
    nameless = answer in {UNDECIDABLE, NOT_FITTED} and not signal
    word = "" if nameless else (SIGNATURE if signal else WITHHELD)
    sentence = _sentence(
        result, rules, gain, answer=answer, word=word, prognostic=prognostic_under(therapy)
    )
    if standing != "confirmatory":
        sentence = f"Exploratory. {sentence}"
    return VerdictResult(
        model=result.model,
        endpoint=result.endpoint,
        answer=answer,
        word=word,
        sentence=sentence,
        rules=rules,
        label=standing,
    )


def head_model(plan: AnalysisPlan) -> PlannedModel:
    """The model that the head of a report speaks of.

    That of the first comparison on the primary endpoint, if it is of the ladder: the question put
    first. Else the top of the ladder.
    """
    ladder = {one.code: one for one in plan.ladder()}
    primary = plan.primary().code
    for one in plan.comparison:
        if one.endpoint == primary and one.model in ladder:
            return ladder[one.model]
    return list(ladder.values())[-1] if ladder else plan.model[0]


def words_of(found: Estimated, *, digits: int = 2) -> str:
    """A number with its interval, in words."""
    if found.value is None:
        return f"not computed ({found.reason})"
    text = _fixed(found.value, digits)
    if found.low is None or found.high is None:
        return text
    return f"{text} ({_fixed(found.low, digits)} to {_fixed(found.high, digits)})"


def _fixed(value: float, digits: int) -> str:
    """With so many decimals; what rounds to nothing has no sign."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def gain_decides(plan: AnalysisPlan, gain: ComparisonResult) -> bool | None:
    """Whether a gain exceeds what the plan asks for.

    None where the interval holds both, or the p adjusted for the plan's comparisons does not hold.
    """
    above = _interval_above(plan, gain)
    return None if above and _one_of_many(plan, gain) else above


def _interval_above(plan: AnalysisPlan, gain: ComparisonResult) -> bool | None:
    low, high = gain.difference.low, gain.difference.high
    if low is None or high is None:
        return None
    least = plan.verdict.gain_over_baseline
    if not gain.higher_is_better:
        low, high = -high, -low
    if low > least:
        return True
    return False if high <= least else None


def _one_of_many(plan: AnalysisPlan, gain: ComparisonResult) -> bool:
    """Whether a gain is one that some comparison of so many shows by chance."""
    p, said = gain.adjusted_p, plan.multiplicity
    return said.method != "none" and p is not None and p >= said.level


def _rules(
    plan: AnalysisPlan, result: ModelResult, events: int, gain: ComparisonResult | None
) -> Iterator[RuleOutcome]:
    asked = plan.verdict
    yield RuleOutcome(
        rule="events",
        needed=f"{asked.least_events} or more",
        found=str(events),
        holds=events >= asked.least_events,
    )
    yield RuleOutcome(
        rule="evaluation",
        needed="nested cross-validation of the whole recipe",
        found=result.reason or "done",
        holds=not result.reason,
    )
    p = result.permutation
    yield RuleOutcome(
        rule="signal",
        needed=f"permutation p < {asked.permutation_p:g}",
        found=_absent(result, "permutations") if p is None else p_in_words(p.p_value),
        holds=None if p is None else p.p_value < asked.permutation_p,
    )
    yield _stability(plan, result)
    if gain is not None:
        better = "gain" if gain.higher_is_better else "fall"
        yield RuleOutcome(
            rule="gain",
            needed=f"{better} of {metric_named(gain.metric)} over {gain.against} above "
            f"{asked.gain_over_baseline:g}, with its whole interval",
            found=words_of(gain.difference, digits=3),
            holds=gain_decides(plan, gain),
            open_because=_open_gain(plan, gain),
        )


def _open_gain(plan: AnalysisPlan, gain: ComparisonResult) -> str:
    """Why a gain decides nothing, where it has an interval."""
    low, high = gain.difference.low, gain.difference.high
    if low is None or high is None or gain_decides(plan, gain) is not None:
        return ""
    if _interval_above(plan, gain) and gain.adjusted_p is not None:
        p = p_in_words(gain.adjusted_p)
        return f"{p}, adjusted for the plan's comparisons; {plan.multiplicity.level:g} is asked for"
    return f"the interval {_fixed(low, 3)} to {_fixed(high, 3)} holds both"


def _stability(plan: AnalysisPlan, result: ModelResult) -> RuleOutcome:
    """Whether columns beyond the rung below come back: those of the rung are no finding of it."""
    asked, stable = plan.verdict, result.stability
    model = next((one for one in plan.model if one.code == result.model), None)
    below = () if model is None else plan.below(model)
    beyond = " beyond the model below" if below else ""
    found, holds = _absent(result, "stability selection"), None
    if stable is not None:
        known = columns_named(below, stable.stable)
        names = [one for one in stable.stable if one not in known]
        found = f"{len(names)} ({', '.join(names[:5])})" if names else "none"
        if stable.copies:
            who = "single candidate" if stable.candidates == 1 else "two candidates"
            found += f"; of the {who}, beside shuffled copies"
        holds = len(names) >= asked.stable_features
    return RuleOutcome(
        rule="stability",
        needed=f"{asked.stable_features} or more columns{beyond} on {asked.stability:.0%} of the "
        "halves",
        found=found,
        holds=holds,
    )


def metric_named(code: str) -> str:
    """A metric as it stands within a sentence."""
    return _NAMED.get(code, code.replace("_", " "))


def _absent(result: ModelResult, what: str) -> str:
    said = next((one for one in result.absent if one.startswith(f"{what}: ")), "")
    return said.removeprefix(f"{what}: ") or result.reason or "the plan does not ask for it"


def _answer(rules: tuple[RuleOutcome, ...]) -> Answer:
    holds = {one.rule: one.holds for one in rules}
    if not holds["events"]:
        return UNDECIDABLE
    if not holds["evaluation"]:
        return NOT_FITTED
    if holds["signal"] is False or holds["stability"] is False:
        return NOT_SUPPORTED
    if holds["signal"] is None or holds["stability"] is None:
        return UNDECIDABLE
    gain = holds.get("gain", True)
    if gain is None:
        return UNDECIDABLE
    return SUPPORTED if gain else NOT_SUPPORTED


def _sentence(
    result: ModelResult,
    rules: tuple[RuleOutcome, ...],
    gain: ComparisonResult | None,
    *,
    answer: Answer,
    word: str,
    prognostic: str,
) -> str:
    name = f"{result.model} ({result.title})"
    of = f"of {result.endpoint}"
    by_name = {one.rule: one for one in rules}
    if not by_name["events"].holds:
        few = by_name["events"]
        return (
            f"{name} {of}: {answer}, with {few.found} events where the plan asks for "
            f"{few.needed}. What would be found is {prognostic}."
        )
    if not by_name["evaluation"].holds:
        return f"{name} {of}: {answer}. {_as_sentence(result.reason)}"
    metric = result.metric("harrell_c") or result.metric("auc")
    called = "AUC" if metric is not None and metric.metric == "auc" else "C"
    judged = f"{called} {words_of(metric.estimate)}" if metric is not None else ""
    signal, stable = by_name["signal"], by_name["stability"]
    if word == WITHHELD:
        failed = [one.found for one in (signal, stable) if one.holds is False]
        return (
            f"{name} {of}: {answer}, {WITHHELD}. {judged}; {signal.found}; stable columns: "
            f"{stable.found}."
            if failed
            else f"{name} {of}: {answer}."
        )
    if not word:
        open_ = next(one for one in (signal, stable) if one.holds is None)
        return (
            f"{name} {of}: {answer}. {judged}; {_RULES[open_.rule]} could not be judged: "
            f"{open_.found.rstrip('.')}."
        )
    found = f"{judged}; {signal.found}; stable columns: {stable.found}."
    signature = f"A {SIGNATURE} that is {prognostic}"
    says = signature if answer == SUPPORTED else f"Its signal is reproducible and {prognostic}"
    text = f"{name} {of}: {answer}. {says}: {found}"
    return text if gain is None else f"{text} {_gained(gain, answer=answer)}"


def _as_sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def p_in_words(value: float) -> str:
    """A p value in a sentence, with enough digits to lie on its side of 0.05.

    >>> p_in_words(0.0495), p_in_words(0.2)
    ('p = 0.0495', 'p = 0.200')
    """
    return f"p = {value:.3f}" if value >= 0.1 else f"p = {value:.4f}"


def _gained(gain: ComparisonResult, *, answer: str) -> str:
    """What a model adds to its reference, and whether that decides."""
    changed = words_of(gain.difference, digits=3)
    over = f"{metric_named(gain.metric)} changes by {changed} against {gain.against}"
    ends = {
        SUPPORTED: ".",
        NOT_SUPPORTED: ": no better.",
        UNDECIDABLE: ": whether it is better cannot be told from so few.",
    }
    text = f"{over}{ends[answer]}"
    return text[0].upper() + text[1:]
