"""The page of an analysis: what it says first, what it withholds, and that its numbers agree."""

import base64
import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from operandi.quantities.errors import DataError
from operandi.reports.signature_page import signature_page, signature_tables
from operandi.reports.signature_parts.cohort import participants_part
from operandi.reports.signature_parts.endpoints import endpoints_part
from operandi.reports.signature_parts.head import head
from operandi.reports.signature_parts.layout import Reasons, p_said
from operandi.reports.signature_parts.methods import why_part
from operandi.reports.signature_parts.metrics_worksheet import METRICS_ITEMS
from operandi.reports.signature_parts.risks import calibration_part, risk_groups_part
from operandi.reports.signature_parts.terms import coefficients_part
from operandi.reports.signature_parts.tripod import TRIPOD_AI
from operandi.signatures.results import AnalysisResult, RuleOutcome
from operandi.signatures.results_cohort import Estimated
from operandi.signatures.results_models import DroppedColumn
from tests.reports.analysis_builder import (
    DIGEST,
    TOO_FEW,
    a_binary_endpoint,
    an_analysis,
    an_undecided_analysis,
    an_unlocked_analysis,
    an_unsupported_analysis,
)

NO_BREAK = "\N{NO-BREAK SPACE}"


class Page(HTMLParser):
    """Visible text, pictures, downloads, addresses, links and boxes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.pictures: list[str] = []
        self.downloads: dict[str, bytes] = {}
        self.ids: list[str] = []
        self.links: list[str] = []
        self.boxes: list[dict[str, str | None]] = []
        self._hidden = False
        self.feed(text)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self._hidden = tag == "style"
        if address := said.get("id"):
            self.ids.append(address)
        if tag == "img":
            self.pictures.append(said["src"] or "")
        if tag == "input":
            self.boxes.append(said)
        if tag == "a" and (file := said.get("download")):
            content = (said["href"] or "").partition("base64,")[2]
            self.downloads[file] = base64.b64decode(content)
        elif tag == "a":
            self.links.append(said["href"] or "")

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.words.append(" ".join(data.split()))


def short(result: AnalysisResult) -> AnalysisResult:
    """Without models and courses: words are the same, and few charts are to be drawn."""
    return replace(result, models=(), comparisons=(), courses=())


@pytest.fixture(scope="module")
def drawn() -> tuple[str, Mapping[str, bytes]]:
    result = an_analysis()
    return signature_page(result), signature_tables(result)


@pytest.fixture(scope="module")
def document(drawn: tuple[str, Mapping[str, bytes]]) -> str:
    return drawn[0]


@pytest.fixture(scope="module")
def tables(drawn: tuple[str, Mapping[str, bytes]]) -> Mapping[str, bytes]:
    return drawn[1]


@pytest.fixture(scope="module")
def supported(document: str) -> Page:
    return Page(document)


def test_the_first_line_of_the_page_is_the_verdict_in_words(supported: Page) -> None:
    title, first = supported.words[:2]

    assert title.startswith("Early PET-MRI markers")  # of the window, not of the page
    assert first == an_analysis().verdict.sentence


def test_a_plan_that_was_not_locked_is_called_exploratory_at_the_head_and_at_every_figure() -> None:
    unlocked = Page(signature_page(short(an_unlocked_analysis())))

    assert "Exploratory, all of it: the plan was not locked." in unlocked.text
    tags = sum(word == "Exploratory" for word in unlocked.words)
    sections = len([one for one in unlocked.ids if one in _anchors(unlocked)])
    assert tags == len(unlocked.pictures) + sections
    assert "Confirmatory: by the locked plan." not in unlocked.text


def test_another_plan_than_the_locked_one_is_exploratory_and_names_its_keys() -> None:
    result = short(an_unsupported_analysis())
    standing = replace(
        result.standing,
        label="exploratory",
        locked="aa" * 32,
        changed_keys=("model[M1].blocks", "resampling.seed"),
    )

    page = Page(signature_page(replace(result, standing=standing)))

    assert "keys that differ from the locked plan: model[M1].blocks, resampling.seed" in page.text
    assert "Changed after the lock: resampling.seed." in page.text


def test_a_label_alone_does_not_make_an_unlocked_plan_confirmatory() -> None:
    result = short(an_unsupported_analysis())
    standing = replace(result.standing, locked="")

    page = Page(signature_page(replace(result, standing=standing)))

    assert "no plan was locked before outcomes were joined" in page.text


def test_a_locked_plan_is_called_confirmatory_and_the_word_is_given_where_supported(
    supported: Page,
) -> None:
    assert "Confirmatory: by the locked plan." in supported.words
    assert "signature" in supported.words
    assert not any(word == "Exploratory" for word in supported.words)


@pytest.mark.parametrize("build", [an_unsupported_analysis, an_undecided_analysis])
def test_the_word_is_nowhere_on_the_page_unless_supported(
    build: Callable[[], AnalysisResult],
) -> None:
    page = Page(signature_page(replace(build(), courses=())))

    assert "signature" not in page.text.lower()
    assert "prognostic under PRRT" in page.text


def test_a_finding_without_a_gain_is_not_given_the_word_beside_its_answer() -> None:
    result = short(an_analysis())
    gain = replace(result.verdict.rules[2], holds=None)
    verdict = replace(
        result.verdict,
        answer="undecidable at this n",
        sentence="Undecidable at this n.",
        rules=(*result.verdict.rules[:2], gain),
    )

    page = Page(signature_page(replace(result, verdict=verdict, verdicts=(verdict,))))

    assert "undecidable at this n" in page.words
    assert "signature" not in page.text.lower()
    assert "could not be judged" in page.words


def test_refuses_a_verdict_that_bears_a_word_its_rules_do_not_allow() -> None:
    result = an_unsupported_analysis()
    verdict = replace(result.verdict, word="signature")

    with pytest.raises(DataError, match="only where the rules signal and stability hold"):
        signature_page(replace(result, verdict=verdict))


def test_refuses_a_number_that_is_not_finite() -> None:
    result = an_analysis()
    broken = replace(
        result.models[0],
        metrics=(
            replace(result.models[0].metrics[0], estimate=Estimated(value=float("nan"))),
            *result.models[0].metrics[1:],
        ),
    )

    with pytest.raises(DataError, match="finite"):
        signature_page(replace(result, models=(broken, *result.models[1:])))


def test_every_figure_and_table_offers_the_numbers_that_are_also_given_as_files(
    document: str, supported: Page, tables: Mapping[str, bytes]
) -> None:
    assert supported.downloads == dict(tables)
    assert len(supported.pictures) >= 20
    figures = re.findall(r"<figure>.*?</figure>", document, flags=re.DOTALL)
    offered = [re.findall(r'download="([^"]+)"', figure) for figure in figures]
    assert all(len(files) == 1 for files in offered)
    assert len({files[0] for files in offered}) == len(figures)


def test_the_table_of_a_curve_has_the_numbers_of_the_result(
    tables: Mapping[str, bytes],
) -> None:
    result = an_analysis()
    curve = result.endpoints[0].curve
    assert curve is not None

    rows = _rows(tables["kaplan-meier-pfs.csv"])

    steps = [row for row in rows if row["kind"] == "step"]
    assert [float(row["from"]) for row in steps] == pytest.approx(curve.days)
    assert [float(row["value"]) for row in steps] == pytest.approx(curve.survival)
    assert [float(row["low"]) for row in steps] == pytest.approx(curve.low)
    at_risk = [int(row["number"]) for row in rows if row["kind"] == "at risk"]
    assert at_risk == [round(number) for number in curve.at_risk]


def test_the_tables_of_the_judged_model_have_the_numbers_of_the_result(
    tables: Mapping[str, bytes],
) -> None:
    result = an_analysis()
    model = next(one for one in result.models if (one.endpoint, one.model) == ("pfs", "M3"))
    assert model.permutation is not None
    assert model.calibration is not None
    assert model.instability is not None

    null = [
        float(row["value"])
        for row in _rows(tables["permutations-pfs-M3.csv"])
        if row["kind"] == "permutation"
    ]
    assert null == pytest.approx(model.permutation.null)
    observed = [
        float(row["observed"])
        for row in _rows(tables["calibration-pfs-M3-M0.csv"])
        if (row["model"], row["kind"]) == ("M3", "curve")
    ]
    assert observed == pytest.approx(model.calibration.observed)
    low = [float(row["low"]) for row in _rows(tables["instability-pfs-M3.csv"])]
    assert low == pytest.approx([row.low for row in model.instability.rows])


def test_a_slope_that_means_nothing_is_said_so_of_its_model_alone() -> None:
    closed = next(one for one in an_analysis().models if one.calibration is not None)
    assert closed.calibration is not None
    wide = Estimated(value=1.4, low=-0.1, high=2.9)
    flat = replace(closed, model="M9", calibration=replace(closed.calibration, slope=wide))

    assert calibration_part([closed]).paragraphs == ()
    (said,) = calibration_part([closed, flat]).paragraphs
    assert said.startswith("The slope of M9 means nothing")


def test_harrells_correction_says_that_the_nested_concordance_decides(supported: Page) -> None:
    assert "The nested concordance under Models is the one that decides." in supported.text


def test_an_absent_metric_is_a_dash_with_its_reason_and_empty_in_the_file(
    supported: Page, tables: Mapping[str, bytes]
) -> None:
    rows = _rows(tables["metrics-pfs-discrimination.csv"])
    absent = [row for row in rows if (row["metric"], row["horizon days"]) == ("auc", "730")]

    assert {row["value"] for row in absent} == {""}
    assert {row["reason"] for row in absent} == {"too few were followed to the horizon"}
    assert "— ¹" in supported.words
    assert "¹ too few were followed to the horizon" in supported.words
    assert any(TOO_FEW in word for word in supported.words)


def test_no_number_of_the_page_is_nan_none_or_infinite(supported: Page) -> None:
    written = " ".join(word for word in supported.words)

    assert not re.search(r"\b(nan|NaN|None|inf)\b", written)


def test_an_estimate_without_a_value_is_never_written_as_a_number() -> None:
    reasons = Reasons()

    written = [
        reasons.shown(Estimated(value=None, reason="no event"), digits=2),
        reasons.shown(None, digits=2),
        reasons.shown(Estimated(value=0.0, low=-0.1, high=0.1), digits=2),
        reasons.shown(Estimated(value=None, reason="no event"), digits=2),
    ]

    assert written == ["— ¹", "—", "0.00\n\N{MINUS SIGN}0.10 to 0.10", "— ¹"]
    assert reasons.notes() == ("¹ no event",)


def test_no_box_of_a_checklist_is_ticked(supported: Page, tables: Mapping[str, bytes]) -> None:
    conditions = sum(item.condition > 0 for item in METRICS_ITEMS)

    assert len(supported.boxes) == len(TRIPOD_AI) + 2 * 30 + conditions + 2 * 5
    assert all("checked" not in box for box in supported.boxes)
    rows = _rows(tables["tripod-ai.csv"])
    assert {row["reported"] + row["page"] + row["by whom"] for row in rows} == {""}


def test_the_checklists_have_all_their_items() -> None:
    """27 items in 52 parts (Collins 2024); 30 items whose weights add up to 1 (Kocak 2024)."""
    numbers = list(dict.fromkeys(int(re.sub(r"\D", "", item.number)) for item in TRIPOD_AI))

    assert numbers == list(range(1, 28))
    assert len(TRIPOD_AI) == 52
    assert [item.number for item in METRICS_ITEMS] == list(range(1, 31))
    assert sum(item.weight for item in METRICS_ITEMS) == pytest.approx(1.0, abs=1e-9)


def test_every_link_leads_to_a_place_of_the_page_and_no_place_is_named_twice(
    supported: Page,
) -> None:
    anchors = {link[1:] for link in supported.links}

    assert anchors <= set(supported.ids)
    assert len(set(supported.ids)) == len(supported.ids)
    wanted = {anchor for item in (*TRIPOD_AI, *METRICS_ITEMS) for anchor in item.anchors}
    assert wanted <= set(supported.ids)


def test_the_same_result_gives_the_same_bytes(document: str, tables: Mapping[str, bytes]) -> None:
    signature_page(short(an_unlocked_analysis()))  # another between: nothing is remembered

    again = signature_page(an_analysis()), signature_tables(an_analysis())

    assert again == (document, tables)


def test_a_missing_exam_stays_missing_in_the_table_of_the_spider(
    tables: Mapping[str, bytes],
) -> None:
    result = an_analysis()
    missing = sum(point.change is None for one in result.courses for point in one.changes)

    rows = _rows(tables["spider.csv"])

    assert sum(row["change"] == "" for row in rows) == missing > 0


def test_the_interval_censored_curve_ends_where_events_were_no_longer_seen(
    tables: Mapping[str, bytes],
) -> None:
    """Mass without a right end drawn as a drop would look like events on the last day."""
    curve = an_analysis().endpoints[0].interval_curve
    assert curve is not None
    assert curve.right[-1] is None

    rows = _rows(tables["interval-censored-pfs.csv"])

    known = [row for row in rows if row["kind"] in {"known", "falls within"}]
    assert max(float(row["to"]) for row in known) == curve.left[-1]
    assert min(float(row["value at end"]) for row in known) == pytest.approx(curve.mass[-1])


def test_groups_that_tell_numbers_at_risk_on_other_days_are_drawn_without_a_risk_table() -> None:
    result = an_analysis()
    model = next(one for one in result.models if (one.endpoint, one.model) == ("pfs", "M3"))
    low, high = model.risk_groups
    other = replace(high.curve, at_risk_days=tuple(day + 1.0 for day in high.curve.at_risk_days))

    part = risk_groups_part(replace(model, risk_groups=(low, replace(high, curve=other))))

    assert b"at risk" not in part.plots[0].chart.table
    assert b"high risk,step" in part.plots[0].chart.table


def test_the_waterfall_tells_its_denominator(supported: Page) -> None:
    assert re.search(r"68 evaluable of 84 treated", supported.text)


def test_an_analysis_without_models_says_so_instead_of_failing() -> None:
    bare = replace(
        short(an_undecided_analysis()),
        flow=(),
        predictors=(),
        suspects=(),
        sample_size=(),
        preparation=(),
    )

    page = Page(signature_page(bare))

    assert "No model was judged on the primary endpoint." in page.words
    assert "The tables have no courses of single tumors." in page.words


def test_text_from_outside_is_escaped() -> None:
    result = replace(short(an_undecided_analysis()), title="<script>alert(1)</script>")

    page = signature_page(result)

    assert "<script" not in page  # the page has no script of its own either
    assert "&lt;script&gt;" in page


def test_the_page_names_the_plan_it_rests_on(supported: Page) -> None:
    assert any(DIGEST in word for word in supported.words)


def _rows(table: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.decode())))


def _anchors(page: Page) -> set[str]:
    """Parts of the page that bear the tag: those named in the contents, without the sheets."""
    named = {link[1:] for link in page.links[: page.links.index("#metrics") + 1]}
    return named - {"tripod", "metrics"}


def test_nobody_is_called_treated_where_no_cycles_are_known() -> None:
    made = replace(an_analysis(), endpoints=(a_binary_endpoint(),))
    said = endpoints_part(made).within[0].paragraphs[0]
    assert "80 were treated" in said
    said = endpoints_part(replace(made, treated=0)).within[0].paragraphs[0]
    assert "treated" not in said
    assert said.endswith(f"76{NO_BREAK}evaluable participants among 80{NO_BREAK}participants.")


def test_why_prognostic_names_what_was_given() -> None:
    given = replace(an_analysis(), therapy="PRRT")
    assert "prognostic under PRRT" in why_part(given).paragraphs[1]
    unknown = why_part(replace(given, therapy="")).paragraphs
    assert "prognostic under the treatment that was given" in unknown[1]


def test_the_final_model_names_what_was_left_out_and_its_logarithms() -> None:
    model = next(one for one in an_analysis().models if one.final is not None)
    assert model.final is not None
    first = replace(model.final.terms[0], logged=True)
    out = DroppedColumn(name="cga", reason="known in 38 of 80 training rows, 52% missing")
    final = replace(model.final, terms=(first,), dropped=(out,))
    part = coefficients_part(replace(model, final=final), binary=False)
    assert part.notes[0] == "Left out: cga, known in 38 of 80 training rows, 52% missing."
    assert f"{first.name} (natural logarithm)" in str(part.listings[0].table.rows)


def test_predictors_say_that_they_are_logarithms_and_of_whom_they_are() -> None:
    made = an_analysis()
    first = replace(made.predictors[0], logged=True)
    result = replace(made, predictors=(first, *made.predictors[1:]), participants=71)
    listing = participants_part(result).listings[0]
    assert listing.table.rows[0][0] == f"{first.name} (natural logarithm)"
    assert listing.notes == ("Of all 80 of the population; 71 have the primary endpoint.",)
    same = participants_part(replace(made, participants=80)).listings[0]
    assert same.notes == ()


def test_a_p_below_its_level_is_not_rounded_to_it() -> None:
    assert (p_said(0.0495), p_said(0.31)) == ("p = 0.0495", "p = 0.310")


def test_a_rule_whose_interval_holds_both_says_so_in_place_of_could_not_be_judged() -> None:
    made = an_undecided_analysis()
    both = "the interval -0.020 to 0.200 holds both"
    rule = RuleOutcome(rule="gain", needed="a gain", found="0.1", holds=None, open_because=both)
    verdict = replace(made.verdict, rules=(rule,), word="")
    listing = head(replace(made, verdict=verdict, verdicts=())).listings[-1]
    assert listing.table.rows[0][-1] == both
