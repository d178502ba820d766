import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operandi.domain.grid import Grid
from operandi.domain.identity import NOT_A_VISIT, Pseudonym
from operandi.domain.mask import Mask
from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.domain.participant import Sex
from operandi.domain.volume import Frame, Volume
from operandi.pipeline.codec import decode, described, digest_of, encode
from operandi.quantities.kinds import SUV_BODY_WEIGHT, SUV_MAXIMUM, Kind
from operandi.quantities.nuclides import GA68

OFFSETS = st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(max_size=200)
    | st.decimals(allow_nan=False)
    | st.datetimes(timezones=st.none() | OFFSETS)
    | st.dates()
    | st.timedeltas()
    | st.sampled_from([Sex.FEMALE, SubjectType.LESION, SUV_MAXIMUM, GA68])
    | st.builds(Kind, st.text(), st.text(), st.text(), st.booleans())
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.frozensets(SCALARS, max_size=4)
    ),
    max_leaves=12,
)
ARRAYS = arrays.arrays(
    dtype=arrays.boolean_dtypes()
    | arrays.integer_dtypes()
    | arrays.unsigned_integer_dtypes()
    | arrays.floating_dtypes()
    | arrays.complex_number_dtypes()
    | arrays.datetime64_dtypes()
    | arrays.unicode_string_dtypes(),
    shape=arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(VALUES)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    back = decode(encode(value))

    assert back == value
    assert type(back) is type(value)


@QUICK
@given(VALUES)
def test_what_came_back_has_the_same_bytes(value: object) -> None:
    data = encode(value)

    assert encode(decode(data)) == data


@QUICK
@given(ARRAYS)
def test_an_array_comes_back_bit_by_bit_and_read_only(array: np.ndarray[Any, Any]) -> None:
    back = decode(encode(array))

    assert isinstance(back, np.ndarray)
    assert (back.shape, back.dtype) == (array.shape, array.dtype.newbyteorder("<"))
    assert back.tobytes() == array.astype(back.dtype).tobytes()
    assert not back.flags.writeable


@QUICK
@given(ARRAYS)
def test_memory_layout_does_not_change_the_bytes(array: np.ndarray[Any, Any]) -> None:
    doubled = np.repeat(array[..., np.newaxis], 2, axis=-1)

    assert encode(np.array(array, order="F")) == encode(array)
    assert encode(doubled[..., 0]) == encode(array)
    assert encode(array.astype(array.dtype.newbyteorder(">"))) == encode(array)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -0.0, 5e-324])
def test_rare_floats_come_back(number: float) -> None:
    assert repr(decode(encode(number))) == repr(number)


@pytest.mark.parametrize("scalar", [np.float32(1.5), np.int16(-3), np.bool_(True), np.float64(2)])  # noqa: FBT003
def test_a_numpy_scalar_keeps_its_type(scalar: np.generic) -> None:
    back = decode(encode(scalar))

    assert back == scalar
    assert type(back) is type(scalar)


def test_a_truth_array_takes_one_bit_a_voxel() -> None:
    inside = np.arange(80 * 80 * 80).reshape(80, 80, 80) % 3 == 0

    data = encode(inside)

    assert len(data) < inside.size / 8 + 300
    np.testing.assert_array_equal(decode(data), inside)


def test_a_volume_is_read_without_a_copy() -> None:
    grid = Grid((20, 30, 40), np.diag([2.0, 2.0, 3.0, 1.0]), "1.2.3")
    volume = Volume(np.random.default_rng(1).normal(size=grid.shape), grid, SUV_BODY_WEIGHT)
    data = encode(volume)

    back = decode(data)

    assert isinstance(back, Volume)
    np.testing.assert_array_equal(back.values, volume.values)
    assert np.shares_memory(back.values, np.frombuffer(data, np.uint8))
    assert back.values.flags.aligned
    assert back.grid.same_as(grid)
    assert back.kind == SUV_BODY_WEIGHT


def test_nouns_of_the_domain_come_back() -> None:
    started = datetime(2025, 3, 1, 12, tzinfo=UTC)
    mask = Mask(np.eye(3, dtype=bool).reshape(3, 3, 1), Grid((3, 3, 1), np.eye(4)))
    measurement = Measurement(
        subject=Subject(participant=Pseudonym("P-1"), type=SubjectType.LESION, name="L1"),
        timepoint=NOT_A_VISIT,
        kind=SUV_MAXIMUM,
        value=4.5,
        uncertainty=Uncertainty(None, "test"),
        method="max",
        version="1",
    )

    back = decode(encode((Frame(started, None), mask, measurement)))

    assert isinstance(back, tuple)
    assert back[0] == Frame(started, None)
    np.testing.assert_array_equal(back[1].inside, mask.inside)
    assert back[2] == measurement


def test_sharing_and_order_of_insertion_do_not_change_the_bytes() -> None:
    shared = np.arange(3.0)

    assert encode((shared, shared)) == encode((shared.copy(), np.arange(3.0)))
    assert encode({"a": 1, "b": 2}) == encode({"b": 2, "a": 1})


def test_equal_tables_have_equal_bytes_however_they_were_made() -> None:
    """What lies under a null, beside a slice or in which chunk differs in memory only."""
    text = "a text of more than twelve characters"
    table = pl.DataFrame({"n": [1, None, 3], "t": ["x", None, text]})
    chunked = pl.concat([table[:1], table[1:]], rechunk=False)
    sliced = pl.concat([table, table])[3:]
    masked = pl.DataFrame({"n": [1, 99, 3], "t": ["x", "hidden", text]}).select(
        pl.when(pl.int_range(3) != 1).then(pl.all()).otherwise(None).name.keep()
    )

    assert {digest_of(one) for one in (chunked, sliced, masked)} == {digest_of(table)}


def test_a_table_keeps_its_types() -> None:
    table = pl.DataFrame(
        {
            "category": pl.Series(["u", "v", "u"], dtype=pl.Categorical),
            "enum": pl.Series(["u", "v", None], dtype=pl.Enum(["v", "u"])),
            "decimal": [Decimal("1.20"), None, Decimal(3)],
            "at": [datetime(2020, 1, 1, tzinfo=UTC)] * 3,
            "on": [date(2020, 1, 1)] * 3,
            "for": [timedelta(seconds=1)] * 3,
            "list": [[1.5], [], None],
            "struct": [{"a": 1}, {"a": None}, {"a": 3}],
            "small": pl.Series([1, 2, 3], dtype=pl.UInt8),
            "nothing": [None] * 3,
        }
    )

    back = decode(encode(table))

    assert isinstance(back, pl.DataFrame)
    assert back.schema == table.schema
    assert back.equals(table)


def test_hash_randomization_does_not_change_the_bytes() -> None:
    program = (
        "from operandi.pipeline.codec import digest_of;"
        "print(digest_of(frozenset(['a', 'b', 'c', 'd', ('e', 1)])))"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(digests) == 1


def test_describes_settings_in_plain_words() -> None:
    told = described({"kind": SUV_MAXIMUM, "sex": Sex.MALE, "at": [1.5, None], "x": {"y": 2}})

    assert told == {
        "kind": {"name": "SUV_MAXIMUM", "title": "SUVmax", "unit": "g/mL", "decays": False},
        "sex": "MALE",
        "at": [1.5, None],
        "x": {"y": 2},
    }


@dataclass(frozen=True)
class Stranger:
    """Not of the package."""

    number: int


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Stranger(1), "not a class of Operandi"),
        (Path("x"), "path belongs to one machine"),
        (PurePosixPath("x"), "path belongs to one machine"),
        ({1, 2}, "no encoding"),
        ({1: 2}, "text keys"),
        (np.array([None]), "no encoding"),
        (lambda: 0, "no encoding"),
        (bytearray(b"x"), "no encoding"),
        (pl.Series([1]), "no encoding"),
    ],
)
def test_refuses_what_has_no_lasting_form(value: object, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        encode([value])


def test_refuses_with_a_note_that_says_where() -> None:
    uncertainty = Uncertainty(None, "test")
    object.__setattr__(uncertainty, "basis", {1})

    with pytest.raises(TypeError) as caught:
        encode(uncertainty)

    assert caught.value.__notes__ == ["in Uncertainty.basis"]


@pytest.mark.parametrize(
    ("theirs", "why"),
    [
        (b"subprocess.dates.participant:Se", "not a class of Operandi"),
        (b"operandi.domain.participant:Pop", "unknown"),
        (b"operandi.domain.participant:str", "unknown"),
    ],
)
def test_refuses_bytes_that_name_another_class(theirs: bytes, why: str) -> None:
    data = encode(Sex.MALE)
    ours = b"operandi.domain.participant:Sex"
    assert data.count(ours) == 1

    with pytest.raises(ValueError, match=why):
        decode(data.replace(ours, theirs))


def test_refuses_bytes_that_name_what_is_no_stored_class() -> None:
    """DataError lies in our package, is a class, and could do no harm; still it is not data."""
    data = encode(Sex.MALE).replace(
        b"operandi.domain.participant:Sex", b"operandi.domain.mask:np.ndarray"
    )

    with pytest.raises(ValueError, match="not a class that is stored"):
        decode(data)


def test_refuses_a_class_whose_fields_have_changed() -> None:
    data = encode(Uncertainty(1.0, "test"))

    with pytest.raises(ValueError, match="has changed"):
        decode(data.replace(b'"basis"', b'"bases"'))


def test_refuses_a_value_that_its_constructor_refuses() -> None:
    data = encode(Uncertainty(1.0, "test"))

    with pytest.raises(ValueError, match="finite and >= 0"):
        decode(data.replace(b"1.0", b"-10"))


@pytest.mark.parametrize("data", [b"", b"PAR1" * 20, encode(np.arange(20))[:-100]])
def test_refuses_bytes_that_are_no_value(data: bytes) -> None:
    with pytest.raises(ValueError, match="value"):
        decode(data)


def test_refuses_another_format() -> None:
    data = bytearray(encode(1))
    data[8] += 1

    with pytest.raises(ValueError, match="format"):
        decode(bytes(data))


def test_of_a_mask_only_the_box_around_what_is_inside_is_kept() -> None:
    inside = np.zeros((100, 100, 100), dtype=np.bool_)
    inside[40:44, 50:52, 60] = True

    data = encode(inside)

    assert len(data) < 1000
    np.testing.assert_array_equal(decode(data), inside)


@given(arrays.arrays(np.bool_, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)))
def test_every_mask_comes_back_with_its_shape(inside: npt.NDArray[np.bool_]) -> None:
    back = decode(encode(inside))

    assert isinstance(back, np.ndarray)
    assert back.shape == inside.shape
    np.testing.assert_array_equal(back, inside)


def test_a_box_of_slices_comes_back() -> None:
    box = (slice(3, 7), slice(np.int64(0), np.int64(2)), slice(11, 12))

    assert decode(encode(box)) == box


@pytest.mark.parametrize("box", [slice(None), slice(0, 4, 2), slice(0.0, 1.0)])
def test_refuses_a_slice_that_is_no_box(box: slice) -> None:
    with pytest.raises(TypeError, match="two whole numbers and no step"):
        encode(box)
