"""E12e/f, worked out from the text: "PT<70 % unless albumin>30; albumin<30 unless PT>70".

First half: PT below 70 excludes, but not with albumin above 30. Second half: albumin below 30
excludes, but not with PT above 70. Together: (PT < 70 and A <= 30) or (PT <= 70 and A < 30).
"""

from typing import Final

import pytest

from operandi.protocol.kleene import Truth, any_of
from tests.protocol.participants import result, verdict_on, with_result

YES, NO, OPEN = Truth.YES, Truth.NO, Truth.UNKNOWN

# prothrombin in %, albumin in g/L, excluded?, and why
CASES: Final = [
    ("60", "25", YES, "both halves: PT is low and albumin does not make up for it, and so back"),
    ("60", "30", YES, "first half: 30 is not above 30"),
    ("60", "35", NO, "first half: albumin above 30 makes up for PT; second: 35 is not below 30"),
    ("60", "", OPEN, "first half hangs on albumin"),
    ("70", "25", YES, "second half: 70 is not above 70"),
    ("70", "30", NO, "first half: 70 is not below 70; second: 30 is not below 30"),
    ("70", "35", NO, "neither is low"),
    ("70", "", OPEN, "second half hangs on albumin: below 30 it would exclude"),
    ("80", "25", NO, "second half: PT above 70 makes up for albumin"),
    ("80", "30", NO, "neither is low"),
    ("80", "35", NO, "neither is low"),
    ("80", "", NO, "PT above 70 settles both halves, whatever albumin is"),
    ("", "25", OPEN, "second half hangs on PT"),
    ("", "30", OPEN, "first half hangs on PT: below 70 it would exclude"),
    ("", "35", NO, "albumin above 30 settles both halves, whatever PT is"),
    ("", "", OPEN, "nothing is known"),
]


@pytest.mark.parametrize(
    ("prothrombin", "albumin", "excluded"),
    [pytest.param(pt, a, x, id=f"PT {pt or '-'}, A {a or '-'}: {why}") for pt, a, x, why in CASES],
)
def test_the_coupled_rule_is_what_the_text_says(
    prothrombin: str, albumin: str, excluded: Truth
) -> None:
    tables = with_result(
        "prothrombin_percent",
        *([result("prothrombin_percent", prothrombin, "%")] if prothrombin else []),
    )
    tables = with_result(
        "albumin", *([result("albumin", albumin, "g/L")] if albumin else []), base=tables
    )

    halves = [verdict_on(code, tables).proof.truth for code in ("E12e", "E12f")]

    assert any_of(halves) is excluded


def test_all_sixteen_combinations_are_there() -> None:
    assert {(pt, a) for pt, a, _, _ in CASES} == {
        (pt, a) for pt in ("60", "70", "80", "") for a in ("25", "30", "35", "")
    }


@pytest.mark.parametrize("code", ["E12e", "E12f"])
def test_one_good_value_is_all_that_is_asked_for(code: str) -> None:
    tables = with_result("albumin", base=with_result("prothrombin_percent"))

    asked = {missing.sentence for way in verdict_on(code, tables).alternatives for missing in way}

    assert asked == {
        "needs a prothrombin in % of normal (an INR is none) dated from 2026-06-14 to 2026-07-14",
        "needs an albumin dated from 2026-06-14 to 2026-07-14",
    }
    assert all(len(way) == 1 for way in verdict_on(code, tables).alternatives)


@pytest.mark.parametrize(("value", "unit"), [("1.2", "INR"), ("1.2", ""), ("12", "s")])
def test_refuses_an_inr_or_a_time_as_a_share_of_normal(value: str, unit: str) -> None:
    tables = with_result("prothrombin_percent", result("prothrombin_percent", value, unit or "1"))
    tables = with_result("albumin", result("albumin", "25", "g/L"), base=tables)

    verdict = verdict_on("E12f", tables)

    assert verdict.proof.truth is OPEN
    assert "in %, as" in verdict.missing[0].sentence


@pytest.mark.parametrize("code", ["E12e", "E12f"])
def test_a_stale_result_is_none(code: str) -> None:
    tables = with_result("albumin", result("albumin", "41", "g/L", on="2026-06-13"))
    tables = with_result(
        "prothrombin_percent",
        result("prothrombin_percent", "95", "%", on="2026-06-13"),
        base=tables,
    )

    assert verdict_on(code, tables).proof.truth is OPEN
