"""Versions of a visit's lesions on its page: who corrected them, when, and what changed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from operandi.imaging.lesions.lesion_version import (
    LesionEdit,
    LesionVersion,
    difference_in_words,
)
from operandi.imaging.lesions.visit import LesionsOfVisit
from operandi.pipeline.lesion_pictures import projections
from operandi.reports.html import three_digits, two_digits
from operandi.reports.page import PageSection, PageTable
from operandi.reports.study_report import Figure

_NO: Final = "\N{EN DASH}"


def versions_sections(versions: Sequence[LesionsOfVisit]) -> tuple[PageSection, ...]:
    """Every version with its picture, and each correction's difference; nothing for one version.

    Parameters
    ----------
    versions : sequence of LesionsOfVisit
        The automatic one first, as of ``corrected_versions``.
    """
    if len(versions) < 2 or versions[-1].version is None:
        return ()
    history = versions[-1].versions
    overview = PageSection(
        title="Versions",
        paragraphs=(
            "Each version supersedes the one before; none is overwritten. This page shows the last "
            "one; lesions keep their name and color.",
        ),
        figures=tuple(
            _picture(found, version) for found, version in zip(versions, history, strict=True)
        ),
        beside=True,
        tables=(
            PageTable(
                caption="Who drew them",
                columns=("", "by", "when", "from", "lesions", "mL", "difference"),
                rows=tuple(
                    _row(found, version) for found, version in zip(versions, history, strict=True)
                ),
                of_words=("by", "when", "from", "difference"),
            ),
        ),
    )
    return (overview, *(_difference(one) for one in history[1:]))


def version_words(version: LesionVersion) -> str:
    """By whom and when.

    >>> from operandi.domain.identity import Digest
    >>> version_words(LesionVersion(number=1, digest=Digest("")))
    'found automatically'
    """
    if version.at is None:
        return "found automatically"
    return f"version {version.number}, {_by_whom(version)}"


def _by_whom(version: LesionVersion) -> str:
    if version.at is None:
        return "found automatically"
    return f"corrected by {version.reader}, {_when(version)}"


def _when(version: LesionVersion) -> str:
    return version.at.isoformat(sep=" ", timespec="seconds") if version.at else _NO


def _picture(found: LesionsOfVisit, version: LesionVersion) -> Figure:
    front = projections(found)[0]
    return replace(front, title=f"Version {version.number}.", caption=_sentence(_by_whom(version)))


def _row(found: LesionsOfVisit, version: LesionVersion) -> tuple[str, ...]:
    volume_ml = sum(one.volume_ml for one in found.segmented.lesions)
    return (
        f"{version.number}",
        f"{version.reader} ({version.reader_from})" if version.reader else "Operandi",
        _when(version),
        f"{version.source_name}, SHA-256 {version.source[:12]}" if version.source else _NO,
        f"{len(found.lesions)}",
        three_digits(volume_ml),
        difference_in_words(version.difference) if version.difference else _NO,
    )


def _difference(version: LesionVersion) -> PageSection:
    title = f"What version {version.number} changed"
    difference = version.difference
    if difference is None:
        return PageSection(title=title)
    return PageSection(
        title=title,
        paragraphs=(
            f"{_sentence(difference_in_words(difference))} All lesions: "
            f"{three_digits(difference.volume_before_ml)} mL before, "
            f"{three_digits(difference.volume_after_ml)} mL after; uptake (SUV times volume) "
            f"{three_digits(difference.uptake_before)} g before, "
            f"{three_digits(difference.uptake_after)} g after.",
        ),
        tables=(
            PageTable(
                caption="Lesion by lesion, against the version before",
                columns=(
                    *("", "what", "mL before", "mL after", "Dice"),
                    *("surfaces apart, mean, mm", "95 %, mm", "known by", "drawn as", "note"),
                ),
                rows=tuple(_edit(one) for one in difference.edits),
                of_words=("what", "known by", "drawn as", "note"),
            ),
        )
        if difference.edits
        else (),
        notes=tuple(_sentence(str(note)) for note in version.notes),
    )


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _edit(one: LesionEdit) -> tuple[str, ...]:
    return (
        one.lesion,
        one.fate.value,
        _NO if one.before_ml is None else three_digits(one.before_ml),
        _NO if one.after_ml is None else three_digits(one.after_ml),
        _NO if one.dice is None else f"{one.dice:.3f}",
        _NO if one.surface_mean_mm is None else _mm(one.surface_mean_mm),
        _NO if one.surface_95_mm is None else _mm(one.surface_95_mm),
        one.matched_by or _NO,
        one.drawn_as or _NO,
        one.note,
    )


def _mm(value: float) -> str:
    return two_digits(value) if value else "0"
