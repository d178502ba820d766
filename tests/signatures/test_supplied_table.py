"""Tables beside a plan as spreadsheets really export them."""

import gzip
import hashlib

import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.plan_format import SuppliedTable
from operandi.signatures.supplied_table import SuppliedRows, plain_number, read_supplied


def read(content: bytes) -> SuppliedRows:
    table = SuppliedTable(
        code="scores",
        file="scores.csv",
        participant="who",
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return read_supplied(table, [content])


def test_a_mark_of_the_byte_order_and_windows_lines_change_nothing() -> None:
    plain = read(b"who,x\nP1,2\n")
    assert read(b"\xef\xbb\xbfwho,x\r\nP1,2\r\n").columns == plain.columns == ("x",)
    assert read(gzip.compress(b"who,x\nP1,2\n")).rows == plain.rows


@pytest.mark.parametrize("content", [b"who;x\nP1;2\n", b"who;x\nP1;0,5\n", b"who\tx\nP1\t2\n"])
def test_other_marks_between_cells_are_named_in_the_remedy(content: bytes) -> None:
    with pytest.raises(DataError) as refused:
        read(content)
    assert "commas between the cells, and points in the numbers" in refused.value.remedy


def test_a_damaged_archive_is_refused_with_the_key() -> None:
    content = bytearray(
        gzip.compress(b"who,x\n" + b"".join(b"P%d,%d\n" % (n, n * n) for n in range(99)))
    )
    content[60] ^= 0xFF
    content[61] ^= 0xFF
    with pytest.raises(DataError, match=r"table\[scores\]: scores.csv is no CSV"):
        read(bytes(content))


def test_a_control_character_is_named_with_its_row() -> None:
    with pytest.raises(DataError, match=r"scores.csv, row 2 holds the control character '\\x00'"):
        read(b"who,x\nP1,2\nP2\x00,3\n")


@pytest.mark.parametrize("slip", ["1_0", "\u0661\u0662", "0,5", "G2"])
def test_what_only_programs_take_for_a_number_is_none(slip: str) -> None:
    with pytest.raises(ValueError, match=slip):
        plain_number(slip)
    assert plain_number(" -1.5e2".strip()) == -150.0
