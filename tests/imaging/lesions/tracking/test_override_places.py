"""A reader's word binds to the lesion at the place that it states, or is refused."""

from dataclasses import replace

import pytest

from operandi.imaging.lesions.tracking.override_places import require_places
from operandi.imaging.lesions.tracking.tracks import Override, Relation
from operandi.quantities.errors import DataError
from tests.imaging.lesions.tracking.test_track import (
    BASELINE,
    CYCLE2,
    YEAR,
    a_lesion,
    a_visit,
    four,
    sighting,
    without,
)

VISITS = (four(BASELINE), four(CYCLE2))
MEANT = Override(
    before=sighting(BASELINE, "L02"),
    after=sighting(CYCLE2, "L03"),
    relation=Relation.SAME,
    reader="AB",
    before_mm=(60.0, 0.0, 0.0),
    after_mm=(2.0, 71.0, 17.0),
)


def test_a_place_in_the_lesion_or_near_it_is_its() -> None:
    require_places([MEANT], VISITS)
    # Its ball of 7 mL ends 11.9 mm from the center.
    require_places([replace(MEANT, before_mm=(81.0, 0.0, 0.0))], VISITS)


def test_refuses_a_word_without_a_place_and_says_what_to_write() -> None:
    with pytest.raises(DataError, match="not where it lies") as told:
        require_places([replace(MEANT, after_mm=None)], VISITS)

    assert "CYCLE2/L03@0 70 20 if the lesion of 6 mL is meant" in told.value.remedy


def test_refuses_a_name_that_is_another_lesions_by_now_and_names_it() -> None:
    """A correction of the visit before let a lesion be found that is the largest of this one."""
    (first, *rest) = four(CYCLE2).lesions
    renumbered = a_visit(
        CYCLE2,
        a_lesion("L01", (-90.0, -60.0, -120.0), ml=20.0),
        *(
            replace(one, name=sighting(CYCLE2, f"L{number:02d}").name)
            for number, one in enumerate((first, *rest), start=2)
        ),
    )

    with pytest.raises(DataError, match="where L04 lies: lesions of this visit were") as told:
        require_places([MEANT], (four(BASELINE), renumbered))

    assert "CYCLE2/L04@0 70 20" in told.value.remedy


def test_refuses_a_place_where_nothing_lies() -> None:
    with pytest.raises(DataError, match="where no lesion lies within 10 mm"):
        require_places([replace(MEANT, before_mm=(85.0, 0.0, 0.0))], VISITS)


def test_refuses_a_place_of_a_lesion_that_was_removed() -> None:
    with pytest.raises(DataError, match="a reader removed it"):
        require_places([MEANT], (four(BASELINE), without(four(CYCLE2), "L03")))


def test_a_visit_that_is_not_there_is_left_to_the_tracking() -> None:
    require_places([replace(MEANT, after=sighting(YEAR, "L01"))], VISITS)
