"""The lesions of one visit as a page: pictures, measures with flags, references, scores."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from operandi.domain.identity import LesionId
from operandi.domain.measurement import Measurement, SubjectType
from operandi.imaging.lesions.found_organs import FoundOrgans
from operandi.imaging.lesions.measures.targets import ProposedRole
from operandi.imaging.lesions.reference import BLOOD_POOL, LIVER, SPLEEN
from operandi.imaging.lesions.segmentation.found import SegmentedLesion
from operandi.imaging.lesions.segmentation.methods_agreement import (
    IntraclassCorrelation,
    MethodsAgreement,
)
from operandi.imaging.lesions.visit import LesionsOfVisit
from operandi.pipeline.lesion_pictures import projections, reference_slices, reference_spheres
from operandi.pipeline.lesion_reading import COLUMNS, VisitReading
from operandi.pipeline.lesion_versions_page import version_words, versions_sections
from operandi.reports.html import three_digits, two_digits
from operandi.reports.page import PageSection, PageTable, render_page

_NO: Final = "\N{EN DASH}"
_MEASURES: Final = (
    ("VOLUME", "volume, mL"),
    ("SUV_MAXIMUM", "SUVmax"),
    ("SUV_PEAK", "SUVpeak"),
    ("SUV_MEAN", "SUVmean"),
    ("LESION_TO_LIVER_RATIO", "to liver"),
    ("LESION_TO_SPLEEN_RATIO", "to spleen"),
    ("LESION_TO_BLOOD_RATIO", "to blood"),
    ("LONGEST_DIAMETER_3D", "longest axis, mm"),
    ("KRENNING_SCORE", "Krenning"),
    ("MODIFIED_KRENNING_SCORE", "modified"),
    ("ADC_MEAN", "ADC mean"),
)
_WEAK: Final = (
    "Organ finding is weak for the right adrenal gland, and often does not find the glands of head "
    "and neck: what is marked there may be no lesion. Gut and uncinate process may hold lesions "
    "that were taken for them."
)
_BLUR: Final = (
    "SUVmean, corrected: the uptake of the blurred uniform shape that fits best. On simulated "
    "lesions it has no bias on average and a median absolute error of 22 %; ± is the standard "
    "uncertainty of border and resolution alone."
)


def lesion_page(
    found: LesionsOfVisit,
    reading: VisitReading,
    agreement: tuple[MethodsAgreement, Mapping[LesionId, int]],
    *,
    series: str,
    notes: tuple[str, ...],
    versions: Sequence[LesionsOfVisit] = (),
) -> str:
    """Write everything that is known of a visit's lesions as one HTML page.

    Parameters
    ----------
    found : LesionsOfVisit
        The lesions.
    reading : VisitReading
        Scores and proposals.
    agreement : tuple of (MethodsAgreement, mapping)
        As of ``agreement_across_methods``.
    series : str
        Name of the PET series.
    notes : tuple of str
        Where the SUV comes from, which MR was used.
    versions : sequence of LesionsOfVisit
        All versions, *found* last, where readers corrected them; else empty.
    """
    return render_page(
        title=f"{_word(found).capitalize()}s of {found.of.participant}",
        eyebrow=" \N{MIDDLE DOT} ".join(filter(None, (found.of.timepoint, series))),
        lead=lesion_lead(found),
        sections=[
            _where(found),
            *versions_sections(versions),
            _lesions(found),
            _participant(found),
            _references(found),
            _organs(found.organs),
            _scores(reading),
            _targets(reading),
            _methods(found, *agreement),
            _how(found, notes),
        ],
    )


def _word(found: LesionsOfVisit) -> str:
    return "candidate" if found.are_candidates else "lesion"


def lesion_lead(found: LesionsOfVisit) -> str:
    """What was found, in two sentences; of candidates, why they are none."""
    count = len(found.lesions)
    volume = math.fsum(one.volume_ml for one in found.segmented.lesions)
    told = (
        f"{count} {_word(found)}{'' if count == 1 else 's'}"
        + (f", {three_digits(volume)} mL together" if count else "")
        + f"; border: {found.border}."
    )
    if found.are_candidates:
        lacking = " and ".join(found.segmented.unmapped)
        return (
            f"{told} They are candidates, not lesions: there is no mask of {lacking}, whose uptake "
            "may be among them. Give an organ map, or say that the organ was removed."
        )
    who = "Found automatically; a reader decides."
    if found.version is not None:
        words = version_words(found.version)
        who = f"{words[:1].upper()}{words[1:]}."
    return f"{told} {who} Not for the care of a patient."


def _where(found: LesionsOfVisit) -> PageSection:
    front, side = projections(found)
    same = "Lesions in colors, organs in thin gray, reference spheres in blue."
    return PageSection(
        title="Where they are",
        figures=(
            replace(front, title="From the front.", caption=f"{front.caption}. {same}"),
            replace(side, title="From the right.", caption=f"{side.caption}. {same}"),
        ),
        beside=True,
    )


# --- Lesions ----------------------------------------------------------------------------------


def _lesions(found: LesionsOfVisit) -> PageSection:
    word = _word(found)
    if not found.lesions:
        return PageSection(
            title=f"Each {word}",
            paragraphs=(f"None was found. Seeds were {found.segmented.rule}; {_dropped(found)}.",),
            notes=_left_out(found),
        )
    values = _by_subject(found)
    shown = [(kind, head) for kind, head in _MEASURES if any(kind in of for of in values.values())]
    return PageSection(
        title=f"Each {word}",
        tables=(
            PageTable(
                caption="SUV by body weight in g/mL",
                columns=("", "organ", *(head for _, head in shown), "SUVmean, corrected"),
                rows=tuple(
                    (
                        one.id,
                        one.organ or _NO,
                        *(_text(values[one.id].get(kind)) for kind, _ in shown),
                        _corrected(one),
                    )
                    for one in found.segmented.lesions
                ),
                of_words=("organ",),
            ),
            PageTable(
                caption="To be looked at",
                columns=("", "flags"),
                rows=tuple(
                    (one.id, "; ".join(one.flags) or "none") for one in found.segmented.lesions
                ),
                of_words=("flags",),
            ),
        ),
        notes=(
            _BLUR,
            *_absent(found),
            f"{_dropped(found).capitalize()}.",
            *_left_out(found),
        ),
    )


def _dropped(found: LesionsOfVisit) -> str:
    least = found.choices.segmentation.minimum_volume_ml
    if found.model is not None:
        return f"{found.segmented.dropped} of its components are smaller than {least:g} mL"
    return (
        f"{found.segmented.dropped - len(found.segmented.bowel)} seed(s) gave nothing: smaller "
        f"than {least:g} mL, or without a border by this method"
    )


def _left_out(found: LesionsOfVisit) -> tuple[str, ...]:
    """What was left out as bowel, as sentences."""
    return tuple(f"{one[0].upper()}{one[1:]}." for one in found.segmented.bowel_words)


def _by_subject(found: LesionsOfVisit) -> dict[str, dict[str, Measurement]]:
    values: dict[str, dict[str, Measurement]] = {one.id: {} for one in found.lesions}
    for one in found.measures.measurements:
        if one.subject.name in values:
            values[one.subject.name][one.kind.name] = one
    return values


def _text(one: Measurement | None) -> str:
    if one is None or one.value is None:
        return _NO
    if one.kind.name.endswith("_SCORE") or one.kind.name.endswith("_COUNT"):
        return f"{one.value:.0f}"
    return three_digits(one.value)


def _corrected(one: SegmentedLesion) -> str:
    mean = one.suv_mean
    if mean.value is None:
        return _NO
    spread = mean.standard_uncertainty
    return three_digits(mean.value) + (f" ± {two_digits(spread)}" if spread is not None else "")


def _absent(found: LesionsOfVisit) -> Iterator[str]:
    """Why a number is missing; one reason once, with all that it is missing from."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in found.measures.measurements:
        if one.value is None and one.subject.type is not SubjectType.PARTICIPANT:
            reasons.setdefault((one.kind.title, one.absent), []).append(one.subject.name)
    for (kind, why), names in reasons.items():
        yield f"No {kind} of {', '.join(names)}: {why}."
    for lesion in found.segmented.lesions:
        if lesion.suv_mean.value is None:
            yield f"No corrected SUVmean of {lesion.id}: {lesion.suv_mean.absent}."


def _participant(found: LesionsOfVisit) -> PageSection:
    of_all = [
        one for one in found.measures.measurements if one.subject.type is SubjectType.PARTICIPANT
    ]
    return PageSection(
        title="All together",
        tables=(
            PageTable(
                caption="Of the participant at this visit",
                columns=("", "value", "unit", "how, or why not"),
                rows=tuple(
                    (
                        one.kind.title,
                        _text(one),
                        "" if one.kind.unit == "1" or one.value is None else one.kind.unit,
                        one.absent or one.uncertainty.basis,
                    )
                    for one in of_all
                ),
                of_words=("unit", "how, or why not"),
            ),
        ),
    )


# --- What they are compared with --------------------------------------------------------------


def _references(found: LesionsOfVisit) -> PageSection:
    spheres = reference_spheres(found)
    slices = tuple(
        replace(figure, title=f"{one.organ.capitalize()}.", caption=figure.caption)
        for figure, one in zip(reference_slices(found), spheres, strict=True)
    )
    there = {one.organ for one in spheres}
    reasons = {
        LIVER: found.yardsticks.liver,
        SPLEEN: found.yardsticks.spleen,
        BLOOD_POOL: found.yardsticks.blood_pool,
    }
    table = PageTable(
        caption="Spheres, SUV in g/mL",
        columns=("", "mean", "SD", "voxels", "placed by"),
        rows=tuple(
            (
                one.organ,
                three_digits(one.mean),
                two_digits(one.standard_deviation),
                f"{one.voxels}",
                one.placed_by,
            )
            for one in spheres
        ),
        of_words=("placed by",),
    )
    return PageSection(
        title="References",
        paragraphs=(
            "To place one by hand: --sphere liver=X,Y,Z,RADIUS with --reader NAME (LPS, mm).",
        ),
        figures=slices,
        beside=True,
        tables=(table,) if spheres else (),
        notes=(
            *(
                f"No reference in the {one}: {why}"
                for one, why in reasons.items()
                if one not in there
            ),
            *(f"{note.capitalize()}." for note in found.references.notes),
        ),
    )


def _organs(organs: FoundOrgans) -> PageSection:
    tables = []
    if organs.organs:
        tables.append(
            PageTable(
                caption="Found",
                columns=("", "volume, mL", "checks passed", "how"),
                rows=tuple(
                    (
                        one.name,
                        three_digits(one.mask.volume_ml),
                        f"{one.confidence:.0%}",
                        one.how,
                    )
                    for one in organs.organs
                ),
                of_words=("how",),
            )
        )
    if organs.missing:
        tables.append(
            PageTable(
                caption="Not found",
                columns=("", "why"),
                rows=tuple((one.name, one.reason) for one in organs.missing),
                of_words=("why",),
            )
        )
    return PageSection(
        title="Organs with uptake of their own",
        tables=tuple(tables),
        notes=(*(f"{note[:1].upper()}{note[1:]}." for note in organs.notes), _WEAK),
    )


# --- What a reader would ask ------------------------------------------------------------------


def _scores(reading: VisitReading) -> PageSection:
    said = {True: "yes", False: "no", None: "not known"}
    positivity = reading.positivity
    rows = [
        ("most lesions on PET above the liver", positivity.majority_on_pet),
        ("most lesions that CT or MR shows", positivity.majority_on_anatomy),
        ("all target lesions", positivity.all_targets),
    ]
    by_reason: dict[str, list[str]] = {}
    for lesion, score in reading.rads:
        told = f"category {score.value}" if score.value else score.absent
        by_reason.setdefault(told, []).append(lesion)
    return PageSection(
        title="Scores",
        paragraphs=(
            "Krenning scores stand with each lesion; they are numbers in place of the eye, from "
            "SUVmax.",
        ),
        tables=(
            PageTable(
                caption="Uptake above the liver (SUVmax over the mean of the reference)",
                columns=("", "answer", "because"),
                rows=tuple((name, said[one.holds], one.sentence) for name, one in rows),
                of_words=("answer", "because"),
            ),
        ),
        notes=(
            *(f"SSTR-RADS of {', '.join(names)}: {told}." for told, names in by_reason.items()),
            f"NETPET: {reading.netpet.value or reading.netpet.absent}.",
            f"Choi: {reading.choi.value or reading.choi.absent}.",
        ),
    )


def _targets(reading: VisitReading) -> PageSection:
    if not reading.targets:
        return PageSection(title="Targets of RECIST, proposed", paragraphs=("No lesion.",))
    proposed = sum(one.role is ProposedRole.TARGET for one in reading.targets)
    words = f"{proposed} proposed; a reader decides."
    if not reading.measured:
        words = (
            "None is proposed: RECIST measures no size on PET. Measure lesions on MR and give "
            f"--sizes FILE.csv with the columns {', '.join(COLUMNS)}; axes below are of the uptake."
        )
    return PageSection(
        title="Targets of RECIST, proposed",
        paragraphs=(words,),
        tables=(
            PageTable(
                caption="At most five, two an organ, measurable and above the liver",
                columns=("", "role", "organ", "longest, mm", "short, mm", "because"),
                rows=tuple(
                    (
                        one.candidate.lesion,
                        one.role.value.replace("_", "-"),
                        one.candidate.organ,
                        f"{one.candidate.longest_mm:.1f}",
                        f"{one.candidate.short_mm:.1f}",
                        "; ".join(one.reasons),
                    )
                    for one in reading.targets
                ),
                of_words=("role", "organ", "because"),
            ),
        ),
    )


def _methods(
    found: LesionsOfVisit, agreement: MethodsAgreement, row_of: Mapping[LesionId, int]
) -> PageSection:
    title = "The same lesions by every border"
    if not row_of:
        return PageSection(title=title, paragraphs=("No lesion.",))
    volumes, means = (dict(agreement.values)[name] for name in ("volume_ml", "suv_mean"))
    tables = tuple(
        PageTable(
            caption=caption,
            columns=("", *(method.value for method in agreement.methods), "spread"),
            rows=tuple(
                (
                    lesion,
                    *(_NO if value is None else three_digits(value) for value in values[row]),
                    _share(agreement.relative_sd(feature, lesion=row)),
                )
                for lesion, row in row_of.items()
            ),
        )
        for caption, feature, values in (
            ("Volume, mL", "volume_ml", volumes),
            ("Plain SUVmean, g/mL", "suv_mean", means),
        )
    )
    return PageSection(
        title=title,
        paragraphs=(
            "How far numbers hang on the choice of the border; without the trim by MR. Spread: "
            "standard deviation over mean.",
        ),
        tables=tables,
        notes=tuple(
            f"ICC(A,1) of {name} over {one.lesions} lesions: {_correlation(one)}."
            for name, (_, one) in zip(
                ("volume", "SUVmean", "total uptake"), agreement.correlation, strict=True
            )
        ),
    )


def _share(value: float | None) -> str:
    return _NO if value is None else f"{value:.0%}"


def _correlation(one: IntraclassCorrelation) -> str:
    if one.value is None:
        return one.absent
    if one.low is None or one.high is None:
        return f"{one.value:.2f}"
    return f"{one.value:.2f} (95 %: {one.low:.2f} to {one.high:.2f})"


def _how(found: LesionsOfVisit, notes: tuple[str, ...]) -> PageSection:
    settings = found.choices.segmentation
    return PageSection(
        title="How",
        notes=(
            f"Seeds: {found.segmented.rule}.",
            f"Border: {found.border}; resolution {settings.fwhm_mm:g} mm (FWHM), as stated; "
            f"least volume {settings.minimum_volume_ml:g} mL.",
            f"SUVmean, corrected: {settings.correction}.",
            *(f"{note}." for note in notes),
        ),
    )
