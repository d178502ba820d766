import json
import multiprocessing
import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operandi.domain.identity import Digest
from operandi.pipeline.atomic import atomic_write
from operandi.pipeline.codec import digest_of_parts, encoded_parts
from operandi.pipeline.store import DamagedError, InputRecord, Record, Store
from operandi.quantities.errors import DataError
from tests.pipeline.graphs import files_below, flip_a_byte

KEY = Digest("ab" + 62 * "0")
NUMBERS = np.arange(1000.0)


def a_record(value: object = NUMBERS, *, key: Digest = KEY) -> Record:
    parts = encoded_parts(value)
    return Record(
        step="suv",
        subject="P-001",
        function="module:function",
        version="1",
        key=key,
        code=Digest("c" * 64),
        environment=Digest("e" * 64),
        settings={"limit": 1.5},
        inputs=(InputRecord(name="files", key="", digest=Digest("f" * 64)),),
        digest=digest_of_parts(parts),
        size=sum(map(len, parts)),
    )


def save(store: Store, value: object = NUMBERS, *, key: Digest = KEY) -> Record:
    return store.save(a_record(value, key=key), encoded_parts(value))


def value_file(store: Store) -> Path:
    return store.folder / KEY[:2] / KEY[2:] / "value"


def test_a_value_and_its_record_come_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    save(store)

    record = store.record(KEY)

    assert record == a_record()
    assert record is not None
    np.testing.assert_array_equal(np.asarray(store.load(record)), NUMBERS)


def test_a_refusal_has_a_record_and_no_value(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    refused = replace(a_record(), size=0, what="No weight.", remedy="Weigh.")

    store.save(refused)

    assert store.record(KEY) == refused
    assert not value_file(store).exists()


def test_the_record_is_readable_text(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    save(store)

    told = json.loads((value_file(store).parent / "record.json").read_text())

    assert (told["step"], told["subject"], told["settings"]) == ("suv", "P-001", {"limit": 1.5})


def test_nothing_in_a_store_tells_where_or_when_it_was_written(tmp_path: Path) -> None:
    stores = [Store(tmp_path / name / "store") for name in ("here", "elsewhere")]
    for store in stores:
        with store:
            save(store)
            store.write_note("last/x", {"key": KEY})

    assert files_below(stores[0].folder) == files_below(stores[1].folder)


def test_loaded_numbers_are_read_from_the_file_and_stay_when_it_goes(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    loaded = np.asarray(store.load(save(store)))

    store.discard(KEY)

    assert store.record(KEY) is None
    np.testing.assert_array_equal(loaded, NUMBERS)


@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_damaged_value_is_never_returned_and_makes_room(tmp_path: Path, at: int) -> None:
    store = Store(tmp_path / "store")
    record = save(store)
    flip_a_byte(value_file(store), at=at)

    assert not store.is_sound(record)
    with pytest.raises(DamagedError):
        store.load(record)
    assert store.record(KEY) is None
    assert store.is_sound(save(store))


@pytest.mark.parametrize("left", [0, 10, 7000])
def test_a_value_cut_short_is_as_if_it_were_not_there(tmp_path: Path, left: int) -> None:
    store = Store(tmp_path / "store")
    save(store)
    os.truncate(value_file(store), left)

    assert store.record(KEY) is None
    assert store.is_sound(save(store))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"key": 1}'])
def test_a_damaged_record_is_as_if_it_were_not_there(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path / "store")
    save(store)
    (value_file(store).parent / "record.json").write_text(text)

    assert store.record(KEY) is None
    assert save(store) == store.record(KEY)


def test_an_entry_under_a_foreign_key_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    save(store)
    foreign = Digest("ab" + 62 * "1")
    value_file(store).parent.rename(store.folder / foreign[:2] / foreign[2:])

    assert store.record(foreign) is None


def test_the_first_result_under_a_key_stands(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    first = save(store)

    assert save(store, NUMBERS + 1) == first
    assert store.record(KEY) == first
    assert list((store.folder / "tmp").iterdir()) == []


def _save_often(folder: Path) -> None:
    store = Store(folder)
    for number in range(40):
        save(store, NUMBERS + number, key=Digest(f"{number % 4:02x}" + 62 * "0"))


def test_writers_of_the_same_keys_do_not_disturb_one_another(tmp_path: Path) -> None:
    """Forty results under four keys from each of three processes, starting together."""
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=_save_often, args=(tmp_path / "store",)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    store = Store(tmp_path / "store")
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    for number in range(4):
        record = store.record(Digest(f"{number:02x}" + 62 * "0"))
        assert record is not None
        assert store.is_sound(record)
    assert list((store.folder / "tmp").iterdir()) == []


def test_what_a_killed_run_left_is_swept_at_the_next_start(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    save(store)
    draft = store.folder / "tmp" / "draft"
    draft.mkdir()
    (draft / "value").write_bytes(b"half")
    (store.folder / "tmp" / "note").write_bytes(b"half")

    with store:
        assert list((store.folder / "tmp").iterdir()) == []
    assert store.record(KEY) is not None


def test_refuses_a_second_run_in_the_same_results(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")

    with store, pytest.raises(DataError, match="Another run is at work"), Store(store.folder):
        pass
    with Store(store.folder):
        pass


def test_one_run_may_take_its_store_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")

    with store:
        with store:
            pass
        with pytest.raises(DataError, match="Another run"), Store(store.folder):
            pass


def test_counts_the_beginnings_that_had_no_end_until_the_run_is_over(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with store:
        counted = [store.attempt("suv:P-001"), Store(store.folder).attempt("suv:P-001")]
        other = store.attempt("suv:P-002")
        store.attempted("suv:P-002")
        again = [store.attempt("suv:P-001"), store.attempt("suv:P-002")]

    assert (counted, other, again) == ([0, 1], 0, [2, 0])
    assert store.attempt("suv:P-001") == 0


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_damaged_note_is_as_if_it_were_not_there(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path / "store")
    store.write_note("last/x", {"key": KEY})
    assert store.note("last/x") == {"key": KEY}
    (store.folder / "last" / "x.json").write_text(text)

    assert store.note("last/x") == {}


def test_a_file_is_replaced_whole_and_readable_as_others_are(tmp_path: Path) -> None:
    path, other = tmp_path / "table.bin", tmp_path / "other"
    other.write_bytes(b"")

    atomic_write(path, b"old")
    atomic_write(path, b"new")

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["other", "table.bin"]


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.bin"
    atomic_write(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        atomic_write(path, b"new")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]
