import dataclasses
import hashlib
import html
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.reports import picture_bytes
from operandi.reports.html import render, three_digits, two_digits
from operandi.reports.study_report import (
    Figure,
    Issue,
    ParticipantPage,
    StudyReport,
    Trend,
    VisitSection,
    VisitStatus,
)
from tests.reports.study_builder import (
    NO_WEIGHT,
    TIMEPOINTS,
    a_measurement,
    a_participant,
    a_study,
    a_visit,
)

VOID = {"meta", "link", "img", "input", "br"}
REFERENCES = ("for", "aria-labeledby", "popovertarget")


class Page(HTMLParser):
    """The page's elements, texts and addresses; refuses tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in {"style", "script"}:
            self.text += data

    def values(self, attribute: str) -> list[str]:
        return [found[attribute] for _, found in self.elements if attribute in found]


def plain(text: str) -> str:
    """Words of a text, whatever stands between them."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def study() -> StudyReport:
    return a_study(drawn=False)


@pytest.fixture(scope="module")
def page(study: StudyReport) -> Page:
    return Page(render(study))


def a_report(*visits: VisitSection, **changed: Any) -> StudyReport:
    """Return a study of one participant with these visits."""
    participant = replace(a_participant(0, drawn=False), visits=visits, trends=())
    return replace(a_study(participants=0), participants=(participant,), **changed)


def a_measured_visit(*lines: Any) -> VisitSection:
    return VisitSection(
        timepoint="BASELINE", date=None, status=VisitStatus.COMPLETE, measurements=lines
    )


# --- Everything is there ----------------------------------------------------------------------


def all_issues(study: StudyReport) -> Iterator[Issue]:
    yield from study.record_faults
    yield from study.unplaced
    for participant in study.participants:
        for visit in participant.visits:
            yield from visit.issues


def test_every_issue_is_told_with_its_remedy_its_place_and_who_can_mend_it(
    study: StudyReport, page: Page
) -> None:
    text = plain(page.text)
    issues = list(all_issues(study))

    assert len(issues) > 8
    for issue in issues:
        for words in (issue.what, issue.remedy, issue.who, issue.where):
            assert plain(words) in text


def test_every_measurement_is_shown_at_its_own_address(study: StudyReport, page: Page) -> None:
    lines = [
        line
        for participant in study.participants
        for visit in participant.visits
        for line in visit.measurements
    ]
    buttons = [
        found for tag, found in page.elements if tag == "button" and "value" in found["class"]
    ]

    assert len(lines) == len(buttons) > 800
    for line in lines:
        assert line.id in page.text
    for line, button in zip(
        sorted(lines, key=lambda line: re.sub(r"[^a-z0-9_-]+", "-", line.id).strip("-")),
        sorted(buttons, key=lambda button: button["id"]),
        strict=True,
    ):
        shown = "no value" if line.value is None else f": {round_trip(line.value, line.kind_name)} "
        assert shown in button["aria-label"]
        assert line.kind_title in button["aria-label"]


def round_trip(value: float, kind_name: str) -> str:
    return str(int(value)) if kind_name == "LESION_COUNT" else three_digits(value)


def test_head_and_foot_tell_the_study_its_methods_and_its_provenance(
    study: StudyReport, page: Page
) -> None:
    text = plain(page.text)
    methods = [(method.title, method.text, method.version) for method in study.methods]

    assert study.title in text
    assert study.protocol in text
    assert study.data_cut in text
    assert ", ".join(study.sites) in text
    for words in (*study.totals, *methods, *study.provenance):
        assert all(plain(part) in text for part in words)


def test_every_participant_and_every_series_is_described(study: StudyReport, page: Page) -> None:
    text = plain(page.text)

    for participant in study.participants:
        assert f"{participant.site} · {participant.sex} · {participant.age_text}" in text
        for visit in participant.visits:
            for series in visit.series:
                assert series.description in text
                assert f"{series.status} {series.what}: {series.evidence}" in text
    assert "(no description)" in text


def test_an_absent_value_is_a_dash_with_its_reason_in_a_note() -> None:
    line = a_measurement(value=None, absent="Too small for the sphere.", standard_uncertainty=None)

    text = plain(Page(render(a_report(a_measured_visit(line)))).text)

    assert "\N{EM DASH}a" in text
    assert "a No value: Too small for the sphere." in text


def test_a_value_without_uncertainty_says_why_in_a_note() -> None:
    line = a_measurement(standard_uncertainty=None, uncertainty_text="the border is not modeled")

    text = plain(Page(render(a_report(a_measured_visit(line)))).text)

    assert "12.3a" in text
    assert "a No uncertainty: the border is not modeled" in text


def test_one_reason_has_one_note_however_often_it_holds() -> None:
    lines = [
        a_measurement(id=f"m-{number}", subject_name=f"L{number}", standard_uncertainty=None)
        for number in range(40)
    ]

    text = plain(Page(render(a_report(a_measured_visit(*lines)))).text)

    assert text.count("No uncertainty: ") == 1


def test_notes_go_on_after_z() -> None:
    lines = [
        a_measurement(id=f"m-{n}", subject_name=f"L{n}", value=None, absent=f"reason {n}.")
        for n in range(28)
    ]

    text = plain(Page(render(a_report(a_measured_visit(*lines)))).text)

    assert "z No value: reason 25. aa No value: reason 26. ab No value: reason 27." in text


def test_a_kind_without_a_column_of_its_own_gets_one() -> None:
    names = ["SUV_MAXIMUM", "SUV_MEAN", *(f"RADIOMIC_{number}" for number in range(9))]
    lines = [
        a_measurement(id=f"m-{name}", kind_name=name, kind_title=f"feature {name}")
        for name in names
    ]

    page = Page(render(a_report(a_measured_visit(*lines))))

    assert page.text.count("Lesions, further values") == 1
    for name in names[2:]:
        assert f"feature {name}" in page.text


def test_two_methods_for_one_kind_stand_in_one_cell() -> None:
    lines = [
        a_measurement(id="m-1", value=1.11, method="41 %"),
        a_measurement(id="m-2", value=2.22, method="50 %"),
    ]

    document = render(a_report(a_measured_visit(*lines)))

    cell = re.search(r'class="values">.*?<td>(.*?)</td>', document, flags=re.DOTALL)
    assert cell is not None
    assert "1.11" in cell[1]
    assert "2.22" in cell[1]


def test_the_origin_of_a_value_is_in_the_page_and_opens_without_script() -> None:
    page = Page(render(a_report(a_measured_visit(a_measurement()))))

    buttons = [found for tag, found in page.elements if found.get("class") == "value"]
    panels = [found for tag, found in page.elements if "popover" in found]
    assert [button["popovertarget"] for button in buttons] == [panel["id"] for panel in panels]
    for words in ("Injected", "152 MBq 68Ga at 08:31:00 UTC", "largest voxel inside the lesion"):
        assert words in page.text


def test_the_summary_counts_visits_and_matters(page: Page) -> None:
    """By hand from the builder's courses; 12 different matters wait at 8 desks."""
    text = plain(page.text)

    assert (
        "12 participants at 3 sites, 36 visits: 19 measured completely, 2 in part, "
        "4 refused by the checks, 2 without a scan and 9 not due yet; "
        "12 matters at 8 desks need attention."
    ) in text


def test_the_same_matter_at_several_visits_is_told_once_with_all_places() -> None:
    visits = tuple(
        replace(a_visit(0, column, drawn=False), issues=(NO_WEIGHT,)) for column in range(3)
    )

    document = render(a_report(*visits, record_faults=(), unplaced=()))

    desk = re.search(r'<article class="desk".*?</article>', document, flags=re.DOTALL)
    assert desk is not None
    assert desk[0].count(html.escape(NO_WEIGHT.what, quote=False).replace("'", "&#39;")) == 1
    assert all(f"P-001 · {column.title}" in desk[0] for column in TIMEPOINTS)
    assert "1 matter<" in desk[0]


def test_a_refused_visit_links_to_who_can_mend_it() -> None:
    visit = VisitSection(
        timepoint="YEAR_1", date=None, status=VisitStatus.REFUSED, issues=(NO_WEIGHT,)
    )

    page = Page(render(a_report(visit, record_faults=(), unplaced=())))

    (desk,) = [found["id"] for tag, found in page.elements if found.get("class") == "desk"]
    (link,) = [found for tag, found in page.elements if found.get("class") == "to-desk"]
    assert link["href"] == f"#{desk}"


def test_a_status_is_told_by_a_word_and_a_sign_not_by_color_alone(page: Page) -> None:
    cells = [found for tag, found in page.elements if found.get("class", "").startswith("state ")]
    signs = page.values("href")

    for status, word in (
        ("complete", "Complete"),
        ("partial", "Partial"),
        ("refused", "Refused"),
        ("missing", "Missing"),
        ("not-due", "Not due"),
    ):
        count = sum(cell["class"] == f"state {status}" for cell in cells)
        assert count > 0
        assert signs.count(f"#icon-{status}") >= count
        assert page.text.count(word) >= count


def test_an_empty_study_is_still_a_page() -> None:
    empty = StudyReport(
        title="Empty",
        protocol="none",
        data_cut="2025-01-01",
        sites=(),
        timepoints=(),
        participants=(),
    )

    text = plain(Page(render(empty)).text)

    assert "0 participants at 0 sites, no visits; nothing needs attention." in text
    assert "Nothing. Every visit that was due has been measured." in text


def test_a_trend_tells_its_values_in_words_too() -> None:
    trend = Trend(
        title="SSTR tumor volume",
        unit="mL",
        points=(("BASELINE", 42.42, 5.09), ("AFTER_CYCLE_2", None, None), ("YEAR_1", 20.3, None)),
    )
    participant = replace(a_participant(0, drawn=False), trends=(trend,))

    page = Page(render(replace(a_study(participants=0), participants=(participant,))))

    assert (
        "SSTR tumor volume. Baseline: 42.4 ± 5.1 mL; After cycle 2: no value; 1 year: 20.3 mL"
        in page.values("aria-label")
    )


@pytest.mark.parametrize("values", [(0.0, 0.0), (-2.0, 3.0), (5.0,), (1e-9, 1e9)])
def test_a_trend_stays_inside_its_chart(values: tuple[float, ...]) -> None:
    codes = [column.code for column in TIMEPOINTS]
    points = tuple(
        (code, value, abs(value) / 2) for code, value in zip(codes, values, strict=False)
    )
    participant = replace(
        a_participant(0, drawn=False), trends=(Trend(title="t", unit="1", points=points),)
    )

    page = Page(render(replace(a_study(participants=0), participants=(participant,))))

    circles = [found for tag, found in page.elements if tag == "circle" and found.get("r") == "3"]
    assert len(circles) == len(values)
    for circle in circles:
        assert 0 <= float(circle["cx"]) <= 232
        assert 20 <= float(circle["cy"]) <= 90


# --- One page that needs nothing else ---------------------------------------------------------


def test_every_address_is_unique_and_every_reference_resolves(page: Page) -> None:
    addresses = page.values("id")
    links = page.values("href")

    assert len(addresses) == len(set(addresses))
    assert {link[1:] for link in links if link != "data:,"} <= set(addresses)
    for attribute in REFERENCES:
        assert set(page.values(attribute)) <= set(addresses)


def test_equal_ids_and_strange_names_still_have_addresses_of_their_own() -> None:
    strange = replace(a_participant(0, drawn=False), pseudonym="Ü / #1 ?")
    twins = (a_measurement(), a_measurement())
    stranger = replace(strange, pseudonym="? 1", visits=(a_measured_visit(*twins),))

    page = Page(render(replace(a_study(participants=0), participants=(strange, stranger))))

    test_every_address_is_unique_and_every_reference_resolves(page)


def test_nothing_is_fetched_from_anywhere(study: StudyReport) -> None:
    drawn = replace(study, participants=(a_participant(0),))

    document = render(drawn)
    page = Page(document)

    assert "http:" not in document
    assert "https:" not in document
    assert re.findall(r"url\(|@import|src=\"(?!data:)", document) == []
    assert page.values("src")
    assert all(source.startswith("data:image/") for source in page.values("src"))
    assert [found["href"] for tag, found in page.elements if tag == "link"] == ["data:,"]


def test_the_policy_allows_exactly_the_script_of_the_page(study: StudyReport) -> None:
    document = render(study)

    (script,) = re.findall(r"<script>(.*?)</script>", document, flags=re.DOTALL)
    (policy,) = [
        content for content in Page(document).values("content") if "default-src" in content
    ]
    digest = re.search(r"script-src 'sha256-([^']+)'", policy)
    assert policy.startswith("default-src 'none'")
    assert digest is not None
    assert hashlib.sha256(script.encode()).digest().hex() == _hexadecimal(digest[1])


def _hexadecimal(base64_text: str) -> str:
    import base64  # noqa: PLC0415 - only here

    return base64.b64decode(base64_text).hex()


def test_twelve_participants_with_three_visits_stay_under_15_mb() -> None:
    """Nine pictures a participant, each as large as a picture may be, and eight lesions."""
    largest = Figure(
        title="Maximum projection",
        caption="",
        image=bytes(picture_bytes.MAXIMUM_BYTES),
        mime="image/webp",
        width=1,
        height=1,
        alt="",
    )
    full = replace(a_visit(4, 0, drawn=False), figures=(largest,) * 3)
    assert len([line for line in full.measurements if line.kind_name == "SUV_MAXIMUM"]) == 8
    participants = tuple(
        replace(
            a_participant(number, drawn=False),
            visits=tuple(replace(full, timepoint=column.code) for column in TIMEPOINTS),
        )
        for number in range(12)
    )

    document = render(replace(a_study(participants=0), participants=participants))

    assert len(document.encode()) < 15_000_000


def test_a_drawn_visit_shows_its_pictures_with_words_for_who_does_not_see_them() -> None:
    page = Page(render(replace(a_study(participants=0), participants=(a_participant(0),))))

    pictures = [found for tag, found in page.elements if tag == "img" and "src" in found]
    assert len(pictures) == 9
    assert all("patient's right" in picture["alt"] for picture in pictures)
    assert all(int(picture["width"]) > 0 < int(picture["height"]) for picture in pictures)


def test_the_same_report_gives_the_same_bytes_in_another_process() -> None:
    program = (
        "import hashlib\n"
        "from operandi.reports.html import render\n"
        "from tests.reports.study_builder import a_study\n"
        "page = render(a_study(participants=4, drawn=False))\n"
        "print(hashlib.sha256(page.encode()).hexdigest())"
    )
    root = Path(__file__).parents[2]
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            cwd=root,
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": os.pathsep.join([str(root), str(root / "src")]),
            },
        ).stdout.strip()
        for seed in ("1", "2")
    }
    here = render(a_study(participants=4, drawn=False))

    assert digests == {hashlib.sha256(here.encode()).hexdigest()}


# --- Hostile and odd texts --------------------------------------------------------------------

HOSTILE = (
    "</style></script><script>alert('x')</script>\"'><img src=x onerror=alert(1)>&amp;{{ 7*7 }}"
)


def poisoned(value: Any) -> Any:
    """Put the hostile text in every text of the report but those that must name something."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = {"timepoint", "code", "subject_type", "mime", "absent"}
        if isinstance(value, ParticipantPage):
            value = replace(value, site=HOSTILE, pseudonym=f"{value.pseudonym}{HOSTILE}")
            kept.add("pseudonym")
        return replace(
            value,
            **{
                field.name: poisoned(getattr(value, field.name))
                for field in dataclasses.fields(value)
                if field.name not in kept
                and not (isinstance(value, Trend) and field.name == "points")
            },
        )
    if isinstance(value, tuple):
        return tuple(poisoned(item) for item in value)
    return HOSTILE if type(value) is str else value


def test_hostile_texts_are_shown_and_never_run() -> None:
    report: StudyReport = poisoned(a_study(participants=4, drawn=False))

    document = render(report)
    page = Page(document)

    assert [tag for tag, _ in page.elements].count("script") == 1
    assert [tag for tag, _ in page.elements].count("style") == 1
    assert not page.values("onerror")
    assert "x" not in page.values("src")
    assert page.text.count("{{ 7*7 }}") > 100
    test_every_address_is_unique_and_every_reference_resolves(page)


def test_long_and_foreign_texts_come_through_unchanged(page: Page) -> None:
    assert "« Säulen-Übersicht µ-map ≥ 2 mm 検査 »" in page.text
    assert "t2_haste_tra_mbh <p4>" in page.text


def test_a_participant_of_a_study_with_one_visit_is_a_page_too() -> None:
    participant = ParticipantPage(
        pseudonym="P-1", site="NANTES", sex="", age_text="", visits=(), trends=()
    )

    text = plain(Page(render(replace(a_study(participants=0), participants=(participant,)))).text)

    assert "P-1 NANTES" in text
    assert "no visit on record" in text


# --- Numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (12.345, "12.3"),
        (9.999, "10.0"),
        (99.95, "100"),
        (0.0012345, "0.00123"),
        (1234.5, "1230"),
        (12345.0, "12\N{NARROW NO-BREAK SPACE}300"),
        (-0.5, "\N{MINUS SIGN}0.500"),
        (
            1.234e-5,
            "1.23\N{NARROW NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NARROW NO-BREAK SPACE}10⁻⁵",
        ),
        (
            -6.02214e23,
            "\N{MINUS SIGN}6.02\N{NARROW NO-BREAK SPACE}\N{MULTIPLICATION SIGN}"
            "\N{NARROW NO-BREAK SPACE}10²³",
        ),
    ],
)
def test_a_value_has_three_significant_digits(value: float, text: str) -> None:
    assert three_digits(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.617, "0.62"), (12.7, "13"), (0.0, "0"), (0.0999, "0.10"), (149.0, "150")]
)
def test_an_uncertainty_has_two_significant_digits(value: float, text: str) -> None:
    assert two_digits(value) == text


@given(st.floats(min_value=1e-4, max_value=1e6) | st.floats(min_value=-1e6, max_value=-1e-4))
def test_a_written_value_is_within_half_a_unit_of_its_third_digit(value: float) -> None:
    written = three_digits(value)
    read = float(written.replace("\N{MINUS SIGN}", "-").replace("\N{NARROW NO-BREAK SPACE}", ""))

    assert read == pytest.approx(value, rel=0.00501)


def test_a_count_is_written_in_full() -> None:
    line = a_measurement(kind_name="LESION_COUNT", kind_title="lesions", value=1234.0, unit="1")

    labels = Page(render(a_report(a_measured_visit(line)))).values("aria-label")

    assert any("1234" in label for label in labels)


def test_units_stand_in_the_headings_and_a_pure_number_has_none() -> None:
    lines = [
        a_measurement(id="m-1", kind_name="VOLUME", kind_title="volume", unit="mL"),
        a_measurement(id="m-2", kind_name="LESION_TO_LIVER_RATIO", unit="1"),
    ]

    document = render(a_report(a_measured_visit(*lines)))

    assert re.findall(r'<th scope="col"><abbr.*?<span class="unit">(.*?)</span>', document) == [
        "mL",
        "",
    ]
