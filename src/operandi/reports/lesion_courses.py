"""The lesions of a participant over the visits, as the report's template draws them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from operandi.reports.figures import lesion_color
from operandi.reports.study_report import LesionCourse, LesionCourses


@dataclass(frozen=True, slots=True, kw_only=True)
class CoursesView:
    """A folded table.

    Parameters
    ----------
    title : str
        Shown while it is folded.
    headings : tuple of str
        Titles of the visits.
    rows : tuple of (color, LesionCourse)
        One a lesion; the color is that of its outline in every picture.
    notes : tuple of str
        Below the table.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, LesionCourse], ...]
    notes: tuple[str, ...]


def courses_view(found: LesionCourses, titles: Mapping[str, str]) -> CoursesView | None:
    """Lay the table out; None without a lesion.

    Parameters
    ----------
    found : LesionCourses
        What it says.
    titles : mapping of str to str
        Of the timepoints, by code.
    """
    if not found.courses:
        return None
    verdicts = Counter(one.verdict for one in found.courses if one.verdict)
    said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    count, visits = len(found.courses), len(found.timepoints)
    return CoursesView(
        title=f"{count} lesion{'' if count == 1 else 's'} over {visits} "
        f"visit{'' if visits == 1 else 's'}"
        + (f"; last change of SUVpeak: {said}" if said else ""),
        headings=tuple(titles[code] for code in found.timepoints),
        rows=tuple((lesion_color(one.name), one) for one in found.courses),
        notes=(*found.patient, *found.notes),
    )
