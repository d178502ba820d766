import html
import re
from dataclasses import replace

import pytest

from operandi.reports.html import render
from operandi.reports.study_report import (
    CriterionCell,
    CriterionRow,
    EligibilityPage,
    ScreenedParticipant,
    Standing,
)
from tests.reports.study_builder import a_study
from tests.reports.test_html import Page, plain

LETS_IN = CriterionCell(
    standing=Standing.FAVORABLE,
    outcome="not met",
    proof=("no: platelets < 75 10^9/L", "  · platelets: 210 10^9/L (2026-06-25, lab.csv, line 2)"),
    valid_until="2026-07-25",
)
KEEPS_OUT = CriterionCell(
    standing=Standing.AGAINST,
    outcome="met",
    proof=("yes: platelets < 75 10^9/L",),
    cautions=("Values of a transfused participant.",),
)
OPEN = CriterionCell(
    standing=Standing.UNKNOWN,
    outcome="unknown",
    proof=("unknown: platelets < 75 10^9/L",),
    missing=("needs a platelet count", "needs a <b>transfusion</b> record"),
    literal="not met",
    literal_proof=("no: read by the letter",),
)


def someone(
    number: int, standing: Standing, eligibility: str, **more: object
) -> ScreenedParticipant:
    return replace(
        ScreenedParticipant(
            pseudonym=f"P-{number:03d}", site="D1", standing=standing, eligibility=eligibility
        ),
        **more,  # type: ignore[arg-type]
    )


def a_page(
    *cells: CriterionCell, text: str = 'platelets <75,000/mm³ & "low" <script>'
) -> EligibilityPage:
    named = {
        Standing.FAVORABLE: "eligible",
        Standing.AGAINST: "not eligible",
        Standing.UNKNOWN: "undetermined",
    }
    return EligibilityPage(
        study="NCT06256705",
        on="2026-06-30",
        participants=tuple(
            someone(
                number,
                cell.standing,
                named[cell.standing],
                missing=cell.missing[:1],
                queries=(("Which of <i>two</i> counts is right?", ("lab.csv, line 4", "line 5")),),
            )
            for number, cell in enumerate(cells, start=1)
        ),
        criteria=(CriterionRow(code="E12a", polarity="exclusion", text=text, cells=cells),),
    )


def drawn(page: EligibilityPage | None) -> str:
    return render(replace(a_study(participants=1, drawn=False), eligibility=page))


def panels(page: str) -> list[str]:
    """Words of each panel of a proof."""
    parts = page.split('aria-label="Proof of a criterion">')[1:]
    texts = [re.sub(r"<[^>]*>", " ", part.partition("</section>")[0]) for part in parts]
    return [plain(html.unescape(text)) for text in texts]


def test_the_section_shows_everything_it_is_told() -> None:
    text = plain(Page(drawn(a_page(LETS_IN, KEEPS_OUT, OPEN))).text)

    assert 'E12a exclusion platelets <75,000/mm³ & "low" <script>' in text
    assert "1 eligible, 1 not eligible, 1 undetermined" in text
    assert "on 2026-06-30, the day of the data cut" in text
    assert "Against inclusion E12a" in text
    assert "Missing for inclusion needs a platelet count" in text
    assert "Which of <i>two</i> counts is right? lab.csv, line 4; line 5" in text


def test_a_panel_holds_proof_missing_facts_the_last_day_and_the_other_reading() -> None:
    lets_in, keeps_out, unknown = panels(drawn(a_page(LETS_IN, KEEPS_OUT, OPEN)))

    assert "P-001 · E12a, exclusion" in lets_in
    assert "Favorable: not met" in lets_in
    assert "Holds until 2026-07-25" in lets_in
    assert "· platelets: 210 10^9/L (2026-06-25, lab.csv, line 2)" in lets_in
    assert "Literal" not in lets_in
    assert "Against: met" in keeps_out
    assert "Caution Values of a transfused participant." in keeps_out
    assert "Missing, any one of needs a platelet count needs a <b>transfusion</b> record" in unknown
    assert "Literal reading: not met no: read by the letter" in unknown


def test_a_sign_is_never_its_color_alone_and_marks_another_literal_reading() -> None:
    page = Page(drawn(a_page(LETS_IN, KEEPS_OUT, OPEN)))
    labels = [label for label in page.values("aria-label") if label.endswith("Show its proof")]
    icons = {found.get("href", "") for tag, found in page.elements if tag == "use"}

    assert labels == [
        "P-001, E12a: favorable: not met. Show its proof",
        "P-002, E12a: against: met. Show its proof",
        "P-003, E12a: unknown; literal reading: not met. Show its proof",
    ]
    assert {"#icon-complete", "#icon-refused", "#icon-unknown"} <= icons
    assert (
        sum(found == {"class": "differs", "aria-hidden": "true"} for _, found in page.elements) == 2
    )


def test_every_address_is_unique_and_every_link_leads_somewhere() -> None:
    page = Page(drawn(a_page(*[LETS_IN, KEEPS_OUT, OPEN] * 7)))
    ids = page.values("id")

    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.values("href") if link.startswith("#")} <= set(ids)
    assert set(page.values("popovertarget")) <= set(ids)


def test_many_participants_stand_in_tables_that_fit_a_sheet() -> None:
    page = drawn(a_page(*[LETS_IN] * 17))

    assert page.count('<table class="criteria">') == 3


def test_markup_in_texts_stays_text() -> None:
    page = drawn(a_page(replace(OPEN, proof=("<img src=x onerror=alert(1)>",))))

    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<b>transfusion</b>" not in page
    assert "<script>" not in page.partition("<main")[2].partition("</main>")[0]


def test_without_screening_the_page_is_as_if_there_were_none() -> None:
    page = drawn(None)

    assert "ligibility" not in page
    assert ".criteria" not in page


def test_refuses_a_row_that_has_not_one_cell_for_each_participant() -> None:
    page = a_page(LETS_IN, OPEN)

    with pytest.raises(ValueError, match="E12a has 1 cells for 2 participants"):
        replace(page, criteria=(replace(page.criteria[0], cells=(OPEN,)),))
