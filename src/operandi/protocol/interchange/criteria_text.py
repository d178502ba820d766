"""The free text of a registry's eligibility criteria, split into criteria with their own words.

Nothing is read into the words. Where headings or bullets leave a doubt, the criterion says so.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

Polarity = Literal["inclusion", "exclusion"]

_EXCLUSION: Final = r"non[ -]?inclusion|exclusion"
_HEADING: Final = re.compile(
    rf"(?P<before>(?:[\w/-]+ ){{0,3}}?)(?:criteria (?:for|of) )?(?P<which>{_EXCLUSION}|inclusion)"
    r"(?P<word> criteri(?:a|on|um|as))?(?P<more>[^:]*)(?P<colon>:?)(?P<rest>.*)",
    re.I,
)
_WHO: Final = re.compile(
    r"(?:(?:all|the|potential) )?(?:patients?|subjects?|participants?|individuals|persons|they) "
    r"(?:(?:will|would|may|must|can|are|is|should|be) )*"
    r"(?:(?P<out>excluded|ineligible|not (?:be )?(?:eligible|included))|eligible|included)\b.*:",
    re.I,
)
"""A heading that is a sentence: "Patients will be excluded if:". One on some of the patients, such
as "Patients with metastases are eligible if:", is none."""
_BULLET: Final = re.compile(
    r"(?P<indent>[ \t]*)(?P<mark>\*(?!\*)|[•●▪◦‣·]|[-–—](?=\s|[^\W\d_])"
    r"|\(?\d{1,3}[.)](?=\s|[^\W\d_])|\(?[a-zA-Z][.)](?=\s)|\(?[ivxIVX]{2,5}[.)](?=\s))"
    r"(?:\s+|(?=\S))(?P<text>.*)"
)
_EMPTY_BULLET: Final = re.compile(r"\s*[*•●▪◦‣·–—-]+\s*")
_USUAL: Final = frozenset(
    {"additional", "general", "key", "main", "major", "patient", "principal", "study", "the"}
)
"""What stands before a heading that has no colon."""
_ESCAPED: Final = re.compile(r"\\([\\`*_{}\[\]()#+\-.!<>~|&])")
"""Markdown's escapes, as API v2 writes them: ``\\>= 18`` is ``>= 18`` in the record."""
_ASSUMED: Final = "The record has this under no heading: inclusion is assumed."
_MOST_WORDS: Final = 12


@dataclass(slots=True)
class Found:
    """A criterion in the record's words, and those that stand under it."""

    text: str
    polarity: Polarity
    note: str = ""
    below: list["Found"] = field(default_factory=list)

    def words(self) -> Iterator[str]:
        """Its words and all below, in the record's order."""
        yield self.text
        for one in self.below:
            yield from one.words()


@dataclass(slots=True)
class _Open:
    """A criterion that the next line may still belong to."""

    indent: int
    mark: str
    found: Found


def split_criteria(text: str) -> list[Found]:
    """Split the text of ``eligibilityCriteria``.

    A bullet starts a criterion, one that is indented further starts one below it; a line without
    bullet goes on with the one before. Without bullets each line is one, unless it goes on in
    lower case.
    """
    splitter = _Splitter()
    for line in re.split(r"\r\n|\r|\n", text):
        splitter.read(line)
    return splitter.found


class _Splitter:
    __slots__ = ("_blank", "_note", "_open", "_polarity", "found")

    def __init__(self) -> None:
        self.found: list[Found] = []
        self._open: list[_Open] = []
        self._polarity: Polarity = "inclusion"
        self._note = _ASSUMED
        self._blank = False

    def read(self, line: str) -> None:
        if not line.strip() or _EMPTY_BULLET.fullmatch(line):
            self._blank = True
            return
        bullet = _BULLET.fullmatch(line)
        heading = _heading(line, bullet)
        if heading is not None:
            self._polarity, self._note, rest = heading
            self._open = []
            if rest:
                self.read(rest)
        elif bullet is not None and bullet["text"].strip():
            indent = len(bullet["indent"].expandtabs(4))
            self._start(indent, _kind(bullet["mark"]), bullet["text"])
        else:
            self._go_on(line)
        self._blank = False

    def _start(self, indent: int, mark: str, text: str) -> None:
        found = Found(_plain(text), self._polarity, self._note)
        while self._open and not self._is_above(indent, mark):
            self._open.pop()
        (self._open[-1].found.below if self._open else self.found).append(found)
        self._open.append(_Open(indent, mark, found))

    def _is_above(self, indent: int, mark: str) -> bool:
        """Whether the open criterion has the next one below it."""
        last = self._open[-1]
        if last.indent != indent:
            return last.indent < indent
        # Some records number the outer list and dash the inner one at the same margin.
        known = any(one.mark == mark and one.indent == indent for one in self._open)
        return not known and last.found.text.endswith(":")

    def _go_on(self, line: str) -> None:
        indent = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
        last = self._open[-1] if self._open else None
        bulleted = last is not None and last.mark != ""
        lower = line.lstrip()[0].islower()
        # What announces a list at the margin does not go on with a bullet.
        announced = line.rstrip().endswith(":") and not lower and not line[0].isspace()
        goes_on = not self._blank and ((bulleted and not announced) or lower)
        if last is not None and (goes_on or (bulleted and indent > last.indent)):
            last.found.text += f" {_plain(line)}"
        else:
            # A paragraph stands at the margin; bullets are below it if it announces them.
            announces = line.rstrip().endswith(":")
            self._open = []
            self._start(-1 if announces else 0, "", line)


def _heading(line: str, bullet: re.Match[str] | None) -> tuple[Polarity, str, str] | None:
    """Polarity, what the heading says beyond it, and what follows on its line."""
    words = re.sub(r"^[#\s]+|(?<!\\)[*_]{2,}", "", bullet["text"] if bullet else line)
    words = re.sub(r"\s*(?:[-–—]|\\:)\s*$", ":", words.strip())
    match = _HEADING.fullmatch(words)
    if match is None:
        return _sentence(words) if bullet is None else None
    before, more, rest = (_plain(match[key]) for key in ("before", "more", "rest"))
    alone = not before and not more and not rest
    if bullet is not None and not (alone and match["word"]):
        return None
    # "Exclusion of pregnancy" is a criterion; a heading has the word, or nothing beside it.
    if not match["word"] and not (not before and not more):
        return None
    if len(f"{before} {more}".split()) > _MOST_WORDS:
        return None
    # Without a colon a sentence may speak of the criteria: "Meets an exclusion criterion."
    usual = set(before.lower().split()) <= _USUAL
    qualified = not more or more.lower().startswith(("(", "for ", "of ", "- ", "– "))
    if not match["colon"] and not (usual and qualified and not more.endswith(".")):
        return None
    which: Polarity = "inclusion" if match["which"].lower() == "inclusion" else "exclusion"
    note = _note(words[: match.start("rest")]) if before or more else ""
    return which, note, rest


def _sentence(words: str) -> tuple[Polarity, str, str] | None:
    match = _WHO.fullmatch(words)
    if match is None or len(words.split()) > _MOST_WORDS:
        return None
    return "exclusion" if match["out"] else "inclusion", _note(words), ""


def _note(heading: str) -> str:
    return f"Stands under the heading {_plain(heading).rstrip(': ')!r}."


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text).strip()


def _kind(mark: str) -> str:
    """Marks of one list: all numbers are one kind, all letters one."""
    core = mark.strip("().")
    if core.isdigit():
        return "1"
    return "a" if core.isalpha() else mark
