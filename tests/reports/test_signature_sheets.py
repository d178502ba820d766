"""Sheets to fill in and head of the page of an analysis, without drawing a chart."""

from dataclasses import replace

import pytest

from operandi.reports.signature_parts.checklists import metrics_sheet, tripod_sheet
from operandi.reports.signature_parts.head import head
from operandi.reports.signature_parts.layout import fixed, named, p_text
from operandi.reports.signature_parts.metrics_worksheet import METRICS_ITEMS
from tests.reports.analysis_builder import an_analysis, an_undecided_analysis


def test_an_item_of_tripod_is_judged_by_a_person_who_writes_the_page() -> None:
    sheet = tripod_sheet({"methods": "Methods"})

    assert {row.answers for row in sheet.rows} == {("reported",)}
    assert sheet.blank == "page"


def test_only_parts_that_the_page_has_are_named_as_material() -> None:
    rows = {row.number: row for row in tripod_sheet({"methods": "Methods"}).rows}

    assert rows["12a"].links == (("methods", "Methods"),)
    assert rows["23a"].links == ()
    assert rows["23a"].elsewhere == "for the authors to write"


def test_an_item_of_metrics_can_be_left_out_only_under_a_condition() -> None:
    sheet = metrics_sheet({})

    for item, row in zip(METRICS_ITEMS, sheet.rows, strict=True):
        assert ("does not apply" in row.answers) == (item.condition > 0)
    assert len(sheet.questions) == 5


def test_weights_that_were_not_read_in_the_paper_are_marked() -> None:
    recalled = [row.number for row in metrics_sheet({}).rows if row.applies.endswith("*")]

    assert recalled == [str(number) for number in range(24, 31)]


def test_the_facts_of_the_head_are_those_of_the_primary_endpoint() -> None:
    facts = dict(head(an_analysis()).facts)

    assert facts["Events"] == str(an_analysis().endpoints[0].events)
    assert facts["Intervals"] == "95 %"


def test_an_unknown_number_of_events_is_a_dash() -> None:
    result = replace(an_undecided_analysis(), endpoints=())

    assert dict(head(result).facts)["Events"] == "\N{EM DASH}"


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0495, "0.05"), (-0.004, "0.00"), (-0.006, "\N{MINUS SIGN}0.01"), (12345.6, "12 345.60")],
)
def test_a_number_that_rounds_to_nothing_bears_no_sign(value: float, written: str) -> None:
    assert fixed(value, digits=2) == written.replace(" ", "\N{NARROW NO-BREAK SPACE}")


def test_a_p_value_is_never_written_as_nothing() -> None:
    assert [p_text(1e-9), p_text(0.05), p_text(None)] == ["< 0.001", "0.0500", "\N{EM DASH}"]


def test_the_name_of_a_file_has_no_character_that_a_file_system_refuses() -> None:
    assert named("terms", "pfs/right", "M 1: ä") == "terms-pfs-right-M-1.csv"
