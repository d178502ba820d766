"""What charts put on the sheet beside curves."""

import numpy as np

from operandi.reports.charts import Axis, Curve, Limit, Points, Span, Words, chart
from operandi.reports.page import PageSection, PageTable, render_page

LINE = Curve(name="a", x=np.array([0.0, 1.0]), y=np.array([1.00, 1.01]))
WORDS = Words(title="t", caption="c", alt="a")


def drawn(*marks: Limit | Span, from_zero: bool = True) -> str:
    figure = chart(
        words=WORDS,
        x=Axis(title="x"),
        y=Axis(title="y", from_zero=from_zero),
        curves=[LINE],
        limits=marks,
    )
    return figure.image.decode("utf-8")


def test_spans_of_one_name_are_shaded_each_and_named_once() -> None:
    one = drawn(Span(name="drug", start=0.0, end=0.2))
    two = drawn(Span(name="drug", start=0.0, end=0.2), Span(name="drug", start=0.5, end=0.7))

    assert drawn().count("#fbe9c8") == 0
    # The shade itself and its sample in the legend.
    assert (one.count("#fbe9c8"), two.count("#fbe9c8")) == (2, 3)


def test_an_axis_that_need_not_start_at_zero_fills_the_sheet() -> None:
    assert drawn(from_zero=False) != drawn(from_zero=True)
    assert "1.010" in _comments(drawn(from_zero=False))
    assert "1.010" not in _comments(drawn(from_zero=True))


def test_names_stand_on_an_axis_in_place_of_numbers() -> None:
    points = [Points(name="", x=np.array([at]), y=np.array([40.0])) for at in (0.0, 1.0)]
    figure = chart(
        words=WORDS, x=Axis(title="x", names=("left", "right")), y=Axis(title="y"), points=points
    )

    written = _comments(figure.image.decode("utf-8")).split()
    assert {"left", "right"} <= set(written)
    assert not {"0.0", "0.2", "1.0"} & set(written)


def _comments(svg: str) -> str:
    """Matplotlib writes the words that it draws as paths into comments."""
    return " ".join(part.partition("-->")[0] for part in svg.split("<!--")[1:])


def test_columns_of_words_begin_at_the_left() -> None:
    table = PageTable(
        caption="c", columns=("who", "n", "why"), rows=(("a", "1", "b"),), of_words=("why",)
    )
    section = PageSection(title="s", tables=(table,))

    page = render_page(title="t", eyebrow="e", lead="l", sections=[section])

    assert '<th scope="col" class="words">why</th>' in page
    assert '<td>1</td><td class="words">b</td>' in page


def test_codes_keep_their_small_letters_and_wide_tables_can_be_scrolled_with_keys() -> None:
    table = PageTable(caption="lowered", columns=("key", "n"), rows=(("a.b", "1"),), of_codes=True)

    page = render_page(
        title="t", eyebrow="e", lead="l", sections=[PageSection(title="s", tables=(table,))]
    )

    assert '<table class="values of-codes">' in page
    assert '<div class="scroll" tabindex="0" role="group" aria-label="lowered">' in page
