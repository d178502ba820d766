from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import pytest

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist_reads import LesionRead, Reading, Role, Seen
from operandi.protocol.recist_rows import from_rows
from operandi.quantities.errors import DataError
from tests.protocol.recist_builders import a_read, a_reading, day, non_target, target


@dataclass(frozen=True)
class LesionRowDouble:
    participant: str = "P-001"
    lesion: str = "T1"
    organ: str = "lung"
    side: str | None = "left"
    node: bool = False
    category: str = "target"
    previously_irradiated: bool = False
    progressed_since_irradiation: bool | None = None


@dataclass(frozen=True)
class ReadRowDouble:
    participant: str = "P-001"
    reader: str = "A"
    role: str = "reader_1"
    exam_on: date = date(2025, 1, 1)
    lesion: str = "T1"
    modality: str = "ct"
    slice_thickness_mm: Decimal | None = Decimal(3)
    diameter_mm: Decimal | None = Decimal("21.5")
    state: str = "measured"
    place: str = "recist_reads.csv, line 2"


def test_rows_become_one_reading_a_participant_and_reader() -> None:
    first = ReadRowDouble()
    second = replace(first, reader="B", role="reader_2", diameter_mm=Decimal(22))

    one, two = from_rows([LesionRowDouble()], [second, first])

    assert (one.reader, one.role, two.reader, two.role) == ("A", Role.READER_1, "B", Role.READER_2)
    assert (one.lesions[0].organ, one.lesions[0].side) == ("lung", "left")
    assert one.reads[0].on == DateInterval.on(date(2025, 1, 1))
    assert [reading.reads[0].diameter_mm for reading in (one, two)] == [Decimal("21.5"), 22]


def test_refuses_rows_with_every_contradiction_and_its_place() -> None:
    rows = [
        ReadRowDouble(diameter_mm=None),
        ReadRowDouble(exam_on=date(2025, 3, 1), lesion="T9", place="line 3"),
        ReadRowDouble(participant="P-002", place="line 4"),
    ]

    with pytest.raises(DataError) as refusal:
        from_rows([LesionRowDouble()], rows)

    said = str(refusal.value)
    assert "recist_reads.csv, line 2: Lesion T1 on 2025-01-01 is measured, without" in said
    assert "lesion T9 on 2025-03-01 is measured, neither listed nor new before" in said
    assert "P-002, reader_1 A: no lesion is listed" in said


@pytest.mark.parametrize("size", ["0", "-3", "NaN", "Infinity"])
def test_refuses_a_diameter_that_is_no_size(size: str) -> None:
    with pytest.raises(DataError, match=r"a diameter of .* mm.*a lesion that is gone is absent"):
        a_read("T1", 0, size)


@pytest.mark.parametrize("state", [Seen.ABSENT, Seen.TOO_SMALL, Seen.NOT_EVALUABLE])
def test_refuses_a_diameter_of_what_has_none(state: Seen) -> None:
    with pytest.raises(DataError, match=f"is {state} and 4 mm at once"):
        LesionRead("T1", day(0), state, diameter_mm=Decimal(4))


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        ({0: {"T1": Seen.UNEQUIVOCAL_PROGRESSION}}, "T1 on .* unequivocal_progression, and listed"),
        ({0: {"T1": Seen.NEW}}, "T1 on 2025-01-01 is new, and listed as target"),
        ({0: {"B1": Seen.NEW_EQUIVOCAL}}, "B1 on .* is new_equivocal, and listed as non_target"),
        ({0: {"X": Seen.PRESENT}, 9: {"X": Seen.NEW}}, "X on .* present, neither listed nor new"),
    ],
)
def test_refuses_what_cannot_be_said_of_such_a_lesion(
    seen: dict[int, dict[str, str | Seen]], fault: str
) -> None:
    with pytest.raises(DataError, match=fault):
        a_reading([target("T1"), non_target("B1")], seen)


def test_refuses_two_reads_of_one_lesion_and_one_lesion_listed_twice() -> None:
    reads = (a_read("T1", 0, "20"), a_read("T1", 0, "21"))

    with pytest.raises(
        DataError, match="T1 is listed twice; lesion T1 is read twice on 2025-01-01"
    ):
        Reading("P-001", "A", Role.INVESTIGATOR, (target("T1"), target("T1")), reads)


@pytest.mark.parametrize("on", [14, 30])
def test_refuses_exams_of_which_nobody_can_tell_the_order(on: int) -> None:
    january = LesionRead("T1", DateInterval.parse("2025-01"), Seen.ABSENT)
    reads = (a_read("T1", on, "9"), january)

    with pytest.raises(DataError, match=f"2025-01 and {day(on)} came first cannot be told"):
        Reading("P-001", "A", Role.INVESTIGATOR, (target("T1"),), reads)


def test_an_exam_known_to_the_month_is_put_in_order_where_that_suffices() -> None:
    february = LesionRead("T1", DateInterval.parse("2025-02"), Seen.ABSENT)

    reading = Reading(
        "P-001", "A", Role.INVESTIGATOR, (target("T1"),), (february, a_read("T1", 14, "9"))
    )

    assert [str(exam) for exam in reading.exams] == ["2025-01-15", "2025-02"]
