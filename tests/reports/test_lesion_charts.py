"""Passport, waterfall and swimmer: drawn from plain numbers, the same bytes each time."""

import numpy as np

from operandi.reports.charts import Words
from operandi.reports.cohort_charts import SwimmerLane, WaterfallBar, swimmer, waterfall
from operandi.reports.lesion_passport import PassportCourse, PassportPicture, lesion_passport
from operandi.reports.study_report import Figure

WORDS = Words(title="Title.", caption="Caption.", alt="Alt.")


def a_passport() -> Figure:
    inside = np.zeros((20, 20), dtype=np.bool_)
    inside[8:12, 8:12] = True
    plane = np.where(inside, 1.0, 0.2)
    return lesion_passport(
        title="Passport of L01.",
        caption="Caption.",
        color="#c01933",
        pictures=[
            PassportPicture(title="A", plane=plane, inside=inside, words="first seen"),
            PassportPicture(title="B", plane=None, inside=None, words="resolved (p > 0.99)"),
        ],
        courses=[
            PassportCourse(
                title="SUVpeak, g/mL",
                values=(12.0, None),
                expected=(None, (9.0, 15.0)),
                verdicts=("", ""),
            )
        ],
    )


def test_a_passport_tells_its_values_and_events_to_who_cannot_see_it() -> None:
    alt = a_passport().alt

    assert "A: first seen" in alt
    assert "B: resolved" in alt
    assert "SUVpeak, g/mL: 12, no value" in alt


def test_a_passport_is_the_same_bytes_each_time() -> None:
    assert a_passport().image == a_passport().image
    assert a_passport().image.startswith(b"\x89PNG")


def test_a_waterfall_of_any_order_is_the_same_picture() -> None:
    bars = [
        WaterfallBar(name=name, change=change, group="decreased")
        for name, change in (("P-1", -0.4), ("P-2", 0.3), ("P-3", 0.0))
    ]

    one, two = (
        waterfall(order, words=WORDS, groups=["increased", "decreased"], axis="%")
        for order in (bars, bars[::-1])
    )

    assert one.image == two.image


def test_a_swimmer_draws_every_lane() -> None:
    lanes = [
        SwimmerLane(name="P-1", length=12.0, marks=((0.0, "visit"), (12.0, "new"))),
        SwimmerLane(name="P-2", length=0.0, marks=((0.0, "visit"),)),
    ]

    figure = swimmer(lanes, words=WORDS, groups=["visit", "new"], axis="months")

    assert figure.mime == "image/svg+xml"
    assert figure.image == swimmer(lanes, words=WORDS, groups=["visit", "new"], axis="months").image
