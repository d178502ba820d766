import gc
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pytest

from operandi.pipeline import code_digest
from operandi.pipeline.code_digest import Origins, SourceTree, combined, environment
from operandi.quantities.errors import UnsupportedError

PACKAGE = {
    "house/__init__.py": "VERSION = 1\n",
    "house/room/__init__.py": '"""A room."""\n',
    "house/room/step.py": (
        '"""A step."""\n'
        "from typing import TYPE_CHECKING\n"
        "import json\n"
        "from house.shed import tool\n"
        "if TYPE_CHECKING:\n"
        "    from house.room import only_for_types\n"
        "def run(x):\n"
        '    """Run."""\n'
        "    from house.room.late import later\n"
        "    return later(tool.use(x))\n"
    ),
    "house/room/late.py": "from . import beside\ndef later(x):\n    return x + 1\n",
    "house/room/beside.py": "from house.room.step import run\nN = 1\n",
    "house/room/only_for_types.py": "T = int\n",
    "house/room/stranger.py": "N = 1\n",
    "house/room/criteria.toml": "limit = 1\n",
    "house/room/tables/deep.csv": "1,2\n",
    "house/shed/__init__.py": "",
    "house/shed/tool.py": "import house.shed.nail\ndef use(x):\n    return x * 2\n",
    "house/shed/nail.py": "LENGTH = 3\n",
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name, text in PACKAGE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def the_digest(house: Path) -> str:
    return combined(SourceTree({"house": house}).parts_of("house.room.step"))


def test_lists_what_a_module_runs_on_and_nothing_else(house: Path) -> None:
    parts = SourceTree({"house": house}).parts_of("house.room.step")

    assert list(parts) == [
        "house.room",
        "house.room.beside",
        "house.room.late",
        "house.room.step",
        "house.shed",
        "house.shed.nail",
        "house.shed.tool",
        "house/room/criteria.toml",
        "house/room/tables/deep.csv",
    ]


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("house/room/step.py", "tool.use(x)", "tool.use(x + 1)"),
        ("house/room/late.py", "x + 1", "x + 2"),
        ("house/room/beside.py", "N = 1", "N = 2"),
        ("house/shed/nail.py", "3", "4"),
        ("house/shed/__init__.py", "", "import sys\n"),
        ("house/room/criteria.toml", "1", "2"),
        ("house/room/tables/deep.csv", "1,2", "1,3"),
    ],
)
def test_changes_with_anything_that_runs(house: Path, file: str, before: str, after: str) -> None:
    old = the_digest(house)
    path = house / file
    path.write_text(path.read_text().replace(before, after, 1))

    assert the_digest(house) != old


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("house/room/stranger.py", "1", "2"),
        ("house/room/only_for_types.py", "int", "str"),
        ("house/__init__.py", "1", "2"),
        ("house/room/step.py", '"""Run."""', '"""Run it,\n    twice."""  # and a remark'),
        ("house/room/__init__.py", "A room", "The room"),
        ("house/room/late.py", "x + 1", "(x\n        + 1)"),
    ],
)
def test_stays_when_nothing_that_runs_changes(
    house: Path, file: str, before: str, after: str
) -> None:
    old = the_digest(house)
    path = house / file
    path.write_text(path.read_text().replace(before, after, 1))
    (house / "house/room/__pycache__").mkdir()
    (house / "house/room/__pycache__/step.cpython-311.pyc").write_bytes(b"x")
    (house / "house/room/.step.py.swp").write_bytes(b"x")

    assert the_digest(house) == old


def test_counts_the_outermost_package_where_it_is_asked_for_something(house: Path) -> None:
    path = house / "house/shed/nail.py"
    path.write_text("from house import VERSION\n")
    old = the_digest(house)
    (house / "house/__init__.py").write_text("VERSION = 2\n")

    assert the_digest(house) != old


def test_what_was_learned_spares_the_parsing(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = SourceTree({"house": house})
    parts = first.parts_of("house.room.step")
    monkeypatch.delattr(code_digest, "read_syntax")

    again = SourceTree({"house": house}, known=first.syntax)

    assert again.parts_of("house.room.step") == parts


def test_origins_survive_as_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Origins()
    digest = first.code("operandi.domain.volume")
    monkeypatch.delattr(code_digest, "read_syntax")

    assert Origins(first.as_note()).code("operandi.domain.volume") == digest


def test_a_module_of_ours_rests_on_the_modules_it_imports() -> None:
    parts = Origins().code_parts("operandi.domain.volume")

    assert {"operandi.domain.grid", "operandi.quantities.errors"} <= parts.keys()
    assert "operandi.domain.lesion" not in parts


def test_refuses_a_module_without_source(house: Path) -> None:
    with pytest.raises(ValueError, match=r"no source of house\.attic"):
        SourceTree({"house": house}).parts_of("house.attic")


def test_the_environment_is_the_lock_as_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = (
        "# by hand\nNumPy==0.1 \\\n    --hash=sha256:00\nnot.there==1 ; sys_platform == 'win32'\n"
    )
    (tmp_path / "src").mkdir()
    (tmp_path / "requirements.txt").write_text(lock)
    monkeypatch.setattr(code_digest, "_folder_of", lambda _: tmp_path / "src")

    found = environment()

    assert found.keys() == {"python", "numpy"}
    assert found["python"] == sys.implementation.cache_tag
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["numpy"])
    assert found["numpy"] != "0.1"


def test_without_a_lock_the_environment_is_what_the_package_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = {
        "operandi": ["numpy>=2,<3", "polars (>=2)", "pytest>=9; extra == 'dev'"],
        "polars": ["polars-runtime-32==2.1", "absent-one ; python_version < '3'"],
    }
    monkeypatch.setattr(code_digest, "_folder_of", lambda _: tmp_path)
    monkeypatch.setattr(metadata, "requires", lambda name: needs.get(name, []))

    found = environment()

    assert {"numpy", "polars"} <= found.keys()
    assert not {"pytest", "absent-one"} & found.keys()


def test_refuses_to_guess_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_digest, "_folder_of", lambda _: tmp_path)
    monkeypatch.setattr(metadata, "requires", lambda _: [])

    with pytest.raises(UnsupportedError, match="cannot be told"):
        environment()


def test_threads_that_read_at_once_do_not_disturb_one_another() -> None:
    """As dask's workers do, whose callback of the garbage collector lets another thread run."""
    texts = [b"def f(x: int) -> int:\n    return [x + 1, (x, {x: x})]\n" * 200] * 8

    def let_others_run(*_: object) -> None:
        time.sleep(0)

    gc.callbacks.append(let_others_run)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(code_digest.read_syntax, texts))
    finally:
        gc.callbacks.remove(let_others_run)

    assert len({syntax.digest for syntax in found}) == 1
