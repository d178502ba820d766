"""What stands first: the verdict in words, its rules, and the plan it rests on."""

from dataclasses import dataclass
from typing import Final

from operandi.quantities.errors import DataError
from operandi.reports.signature_parts.layout import (
    ABSENT,
    Listing,
    Part,
    a_listing,
    listed,
)
from operandi.signatures.results import (
    NOT_FITTED,
    NOT_SUPPORTED,
    SIGNATURE,
    SUPPORTED,
    UNDECIDABLE,
    WITHHELD,
    AnalysisResult,
    VerdictResult,
)

CONFIRMATORY: Final = "confirmatory"
_FOR_THE_WORD: Final = frozenset({"signal", "stability"})
_LOOKS: Final = {
    SUPPORTED: "holds",
    NOT_SUPPORTED: "fails",
    UNDECIDABLE: "open",
    NOT_FITTED: "fails",
}
_HOLDS: Final = {True: "yes", False: "no", None: "could not be judged"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of the page.

    Parameters
    ----------
    sentence : str
        The verdict in words: the first line.
    look : {"holds", "fails", "open"}
    answer : str
        Of the verdict.
    word : str
        What the finding may be called; empty where it is not supported and may have no name.
    exploratory : bool
    standing : str
        Whether it is, and why, in words.
    facts : tuple of (str, str)
    listings : tuple of Listing
        Rules of the plan; every answer first, where there are several.
    """

    sentence: str
    look: str
    answer: str
    word: str
    exploratory: bool
    standing: str
    facts: tuple[tuple[str, str], ...]
    listings: tuple[Listing, ...]


def head(result: AnalysisResult) -> Head:
    """Build the head of the page.

    Raises
    ------
    DataError
        If a verdict bears a word that its rules do not allow.
    """
    verdict = result.verdict
    for one in (*result.verdicts, verdict):
        _check_word(one)
    exploratory = is_exploratory(result)
    return Head(
        sentence=verdict.sentence,
        look=_LOOKS[verdict.answer],
        answer=verdict.answer,
        # By the rules a finding may have the word without being a gain; as a claim it needs both.
        word=verdict.word if verdict.answer == SUPPORTED or verdict.word == WITHHELD else "",
        exploratory=exploratory,
        standing=_standing(result) if exploratory else "Confirmatory: by the locked plan.",
        facts=_facts(result),
        listings=(*((_answers(result),) if len(_judged(result)) > 1 else ()), _rules(result)),
    )


def is_exploratory(result: AnalysisResult) -> bool:
    """Whether the whole analysis is: the plan was not locked, or is another one."""
    standing = result.standing
    return standing.label != CONFIRMATORY or standing.locked != standing.digest


def plan_part(result: AnalysisResult) -> Part:
    """The plan, and where the analysis departs from it."""
    standing = result.standing
    rows = [
        ("Plan", f"{result.title}, version {result.version}"),
        ("Study", result.study),
        ("Population", result.population),
        ("Time", result.timing),
        ("Digest of the plan", standing.digest),
        ("Digest of the locked plan", standing.locked or "no plan was locked"),
        ("Freeze", standing.freeze or "none: a folder of tables"),
        ("Software", f"Operandi {result.software}"),
    ]
    deviations = [*(f"Changed after the lock: {key}." for key in standing.changed_keys)]
    deviations += standing.reasons
    others = sorted(
        {f"{one.model} on {one.endpoint}" for one in result.models if one.label != CONFIRMATORY}
    )
    if others and not is_exploratory(result):
        deviations.append(f"Exploratory by themselves: {listed(others)}.")
    return Part(
        anchor="plan",
        title="Plan and deviations",
        paragraphs=("No deviation from the locked plan was found.",) if not deviations else (),
        listings=(
            a_listing(
                "plan.csv",
                caption="What was planned",
                columns=("What", "As planned"),
                rows=rows,
                of_words=("As planned",),
            ),
        ),
        notes=tuple(deviations),
    )


def _check_word(verdict: VerdictResult) -> None:
    if verdict.word != SIGNATURE:
        return
    missed = [one for one in verdict.rules if one.rule in _FOR_THE_WORD and one.holds is not True]
    held = {one.rule for one in verdict.rules}
    if missed or not held >= _FOR_THE_WORD:
        raise DataError(
            f"The verdict on {verdict.model} may be called a {SIGNATURE} only where the rules "
            f"{listed(sorted(_FOR_THE_WORD))} hold; found that they do not, or were not judged.",
            remedy=f"Withhold the word: '{WITHHELD}'.",
        )


def _standing(result: AnalysisResult) -> str:
    standing = result.standing
    why = [reason.rstrip(".") for reason in standing.reasons]
    if not standing.locked and not why:
        why = ["no plan was locked before outcomes were joined"]
    if standing.changed_keys:
        why.append(f"keys that differ from the locked plan: {', '.join(standing.changed_keys)}")
    if not why:
        why = ["this is not the plan that was locked"]
    return f"Exploratory, all of it: {'; '.join(why)}."


def _facts(result: AnalysisResult) -> tuple[tuple[str, str], ...]:
    primary = next((one for one in result.endpoints if one.code == result.primary), None)
    events = ABSENT if primary is None else str(primary.events)
    return (
        ("Participants", str(result.participants)),
        ("Events", events),
        ("Primary endpoint", result.primary),
        ("Judged model", result.verdict.model),
        ("Intervals", f"{100.0 * result.level:g} %"),
    )


def _rules(result: AnalysisResult) -> Listing:
    rows = [
        (one.model, rule.rule, rule.needed, rule.found, rule.open_because or _HOLDS[rule.holds])
        for one in _judged(result)
        for rule in one.rules
    ]
    columns = ("Model", "Rule of the plan", "Asked for", "Found", "Holds")
    return a_listing(
        "verdict-rules.csv",
        caption="By the rules of the plan",
        columns=columns,
        rows=rows,
        of_words=columns[1:],
    )


def _answers(result: AnalysisResult) -> Listing:
    columns = ("Model", "Endpoint", "Answer", "In words", "Standing")
    return a_listing(
        "verdicts.csv",
        caption="What was answered",
        columns=columns,
        rows=[
            (one.model, one.endpoint, one.answer, one.sentence, one.label)
            for one in _judged(result)
        ],
        of_words=columns[1:],
    )


def _judged(result: AnalysisResult) -> tuple[VerdictResult, ...]:
    seen = [one for one in result.verdicts if one != result.verdict]
    return (result.verdict, *seen)
