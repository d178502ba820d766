"""docs/map.md says where things are; it must be right, and there must be one answer."""

import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT, SOURCE, defined_names, modules

MAP = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (?P<question>[^|]+\?) \| `(?P<address>[\w.]+:[\w.]+)` \|$", re.MULTILINE)
FEWEST = 20


def answers(text: str) -> dict[str, str]:
    """Address by question."""
    return {row["question"]: row["address"] for row in ROW.finditer(text)}


def second_definitions(address: str, source: Path = SOURCE) -> list[str]:
    """Other modules that define the public name an address leads to."""
    module, _, name = address.partition(":")
    outermost = name.partition(".")[0]
    return [other for other in _defining(source)[outermost] if other != module]


_KNOWN: dict[Path, dict[str, list[str]]] = {}


def _defining(source: Path) -> dict[str, list[str]]:
    if source not in _KNOWN:
        found: dict[str, list[str]] = defaultdict(list)
        for module in modules(source):
            for name in defined_names(module.tree.body):
                found[name].append(module.name)
        _KNOWN[source] = found
    return _KNOWN[source]


def _rows_of_tables(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith("|") and not line.startswith(("| Where is …", "|---")):
            yield line


def test_the_map_answers_at_least_twenty_questions() -> None:
    assert len(answers(MAP)) >= FEWEST


def test_every_line_of_the_map_is_a_question_with_an_address() -> None:
    unread = [line for line in _rows_of_tables(MAP) if not ROW.fullmatch(line)]

    assert unread == []


@pytest.mark.parametrize("address", answers(MAP).values())
def test_every_answer_is_there(address: str) -> None:
    module, _, name = address.partition(":")

    found: object = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)


@pytest.mark.parametrize("address", answers(MAP).values())
def test_every_answer_is_defined_where_the_map_says(address: str) -> None:
    """And not merely imported there."""
    module, _, name = address.partition(":")

    assert module in _defining(SOURCE)[name.partition(".")[0]]


@pytest.mark.parametrize("address", answers(MAP).values())
def test_no_answer_has_a_second_definition(address: str) -> None:
    assert second_definitions(address) == []


def test_a_second_definition_would_be_found(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "one.py").write_text("def suv() -> None: ...\n")
    (package / "two.py").write_text("if True:\n    class suv: ...\n")
    (package / "three.py").write_text("from package.one import suv\nmass: float = 1.0\n")

    assert second_definitions("package.one:suv", tmp_path) == ["package.two"]
    assert second_definitions("package.three:mass", tmp_path) == []
