from operandi.protocol.explain import gate_text, proof_lines, rule_text, verdict_text
from operandi.protocol.formal import formal
from tests.protocol.participants import (
    eligible,
    having,
    result,
    screened,
    the_study,
    verdict_on,
    with_result,
)


def test_a_rule_is_a_sentence() -> None:
    criterion = the_study().criterion_named("E12a")
    assert criterion is not None
    assert criterion.proposed is not None

    assert rule_text(criterion.proposed.rule, the_study()) == (
        "platelet count < 75000 /mm3, latest result, from C1 - 1 month, to C1"
    )


def test_proof_says_what_was_asked_of_which_days_and_where_the_fact_stands() -> None:
    tables = with_result("platelets", result("platelets", "60000", "/mm3"))

    assert verdict_text(verdict_on("E12a", tables), the_study()).splitlines() == [
        "E12a (exclusion) platelets <75,000/mm³: met",
        "  yes: platelet count < 75000 /mm3, latest result, from 2026-06-14 to 2026-07-14",
        "    · platelet count: 60000 /mm3 = 60 10^9/L (2026-06-25, laboratory_results.csv, line 8)",
        "  holds until 2026-07-25",
    ]


def test_verdict_that_is_open_says_what_would_settle_it() -> None:
    text = verdict_text(verdict_on("E12a", with_result("platelets")), the_study())

    assert "undetermined: needs a platelet count dated from 2026-06-14 to 2026-07-14" in text


def test_proof_of_an_age_says_why_the_month_is_not_enough() -> None:
    person = eligible()["participants"][0] | {"birth_year": "2008", "birth_month": "6"}

    lines = "\n".join(
        proof_lines(verdict_on("I8", having("participants", person)).proof, the_study())
    )

    assert "the birth is recorded as 2008-06" in lines
    assert "from 2026-06-01 to 2026-06-30" in lines


def test_gate_says_what_is_against_and_what_is_missing() -> None:
    bad = screened(with_result("platelets", result("platelets", "74", "10^9/L"))).at("G1")
    open_ = screened(having("social_cover")).at("G1")
    assert bad is not None
    assert open_ is not None

    assert gate_text(bad).splitlines()[:2] == [
        "G1 (inclusion), proposed reading: not eligible",
        "  E12a platelets <75,000/mm³: met",
    ]
    assert gate_text(open_).splitlines() == [
        "G1 (inclusion), proposed reading: undetermined",
        "  needs the social cover (social_cover)",
    ]


def test_every_rule_of_the_study_has_a_sentence_and_a_formal_expression() -> None:
    study = the_study()
    said = {
        (rule_text(reading.rule, study), formal(reading.rule, study))
        for criterion in study.criterion
        for reading in {id(r): r for r in (criterion.literal, criterion.proposed) if r}.values()
    }

    assert all(text and expression for text, expression in said)
    assert not any("object at" in text + expression for text, expression in said)


def test_formal_expression_holds_items_windows_and_units() -> None:
    study = the_study()
    by_code = {c.code: formal(c.proposed.rule, study) for c in study.criterion if c.proposed}

    assert by_code["E12e"] == (
        "(LATEST(IT.prothrombin [from C1 - 1 month, to C1]: value < 70 [%]) and not "
        "LATEST(IT.albumin [from C1 - 1 month, to C1]: value > 30 [g/L]))"
    )
    assert by_code["E12c"] == ("LATEST(IT.bilirubin [from C1 - 1 month, to C1]: value > 3 * ULN)")
    assert by_code["I8"] == "AGE(CONS) >= 18 [a]"
    assert by_code["E13"] == (
        "COUNT(IT.therapies, reviewed therapies [from INC - 28 days, to INC]: (kind in ('prrt') "
        "and (started_on in [to INC] or last_on in [to INC]))) >= 1"
    )
