"""What an import contract cannot say of the package, read from its source text."""

import ast
import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from operandi.quantities.nuclides import (
    DECAY_PRODUCTS,
    NUCLIDES,
    THERAPY_NUCLIDES,
    Nuclide,
)
from tests.architecture.source_tree import ROOT, SOURCE, Module, modules

MODULES = modules()
NUCLIDES_MODULE = "operandi.quantities.nuclides"
LONGEST_FILE = 700
DRAWERS = {"base", "common", "core", "helper", "helpers", "manager", "misc", "util", "utils"}
SECONDS_IN = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
# What other tables and scanners write for the same half-lives.
ALSO_PUBLISHED = {
    "68Ga": ("67.63", "67.71", "67.8", "68.0", "68.3", "4057.8", "4062.6", "4068", "4080"),
    "18F": ("109.7", "109.77", "109.8", "6582", "6584", "6586", "6586.2", "6588"),
    "64Cu": ("12.7", "12.701", "45720", "45723"),
    "177Lu": ("6.65", "6.71", "6.73", "574300", "574340"),
    "90Y": ("64.0", "64.6"),
    "161Tb": ("6.906", "6.934", "6.953"),
    "67Cu": ("61.8", "61.9"),
    "47Sc": ("3.345", "3.35"),
    "225Ac": ("9.92", "864000"),
    "212Pb": ("10.64",),
    "213Bi": ("45.59", "45.6"),
    "149Tb": ("4.118", "4.12"),
}
EVERY = (*NUCLIDES, *THERAPY_NUCLIDES, *DECAY_PRODUCTS)


def a_module(text: str, *, name: str = "package.room.module") -> Module:
    return Module(name, Path("module.py"), ast.parse(text))


def numbers(module: Module) -> Iterator[tuple[int, int | float]]:
    """Line and value of every number; text, and so docstrings and doctests, is passed over."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
            assert isinstance(node.value, int | float)
            yield node.lineno, node.value


def is_half_life(value: float, nuclide: Nuclide) -> bool:
    """Whether a number is this half-life in some unit, as evaluated or as others write it."""
    evaluated = any(
        math.isclose(value * seconds, nuclide.half_life_s, rel_tol=2e-4)
        for seconds in SECONDS_IN.values()
    )
    # A whole 68 or 762 counts voxels far more often than minutes; 68.0 does not.
    if nuclide in NUCLIDES:
        return evaluated or str(value) in ALSO_PUBLISHED[nuclide.name]
    # Of two dozen more, some are as round as 340 d: only what has three digits and a fraction
    # is no coincidence.
    telling = not float(value).is_integer() and len(str(value).strip("0.").replace(".", "")) > 2
    return (evaluated and telling) or str(value) in ALSO_PUBLISHED.get(nuclide.name, ())


def half_lives(module: Module) -> list[str]:
    """Every number in a module that is a half-life."""
    return [
        f"{module.name}, line {line}: {value} is the half-life of {nuclide.name}"
        for line, value in numbers(module)
        for nuclide in EVERY
        if is_half_life(value, nuclide)
    ]


def calls_of_print(module: Module) -> list[str]:
    return [
        f"{module.name}, line {node.lineno}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"print", "pprint"}
    ]


def beyond_a_docstring(module: Module) -> list[str]:
    """Statements of a module that are not its docstring, each as text."""
    first, *others = module.tree.body or [ast.Pass()]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return [ast.unparse(one) for one in (others if is_docstring else [first, *others])]


def without_docstring(module: Module) -> list[str]:
    """Public functions, classes and methods that say nothing of themselves."""
    return [f"{module.name}:{name}" for name in _silent(module.tree.body)]


def _silent(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from _silent(node.body, f"{prefix}{node.name}.")


# --- the contracts ----------------------------------------------------------------------------


def test_half_lives_stand_in_one_module() -> None:
    elsewhere = [one for one in MODULES if one.name != NUCLIDES_MODULE]

    assert [found for module in elsewhere for found in half_lives(module)] == []


def test_every_nuclide_is_looked_for_in_the_forms_that_others_write() -> None:
    """Daughters excepted: nobody types their half-lives into a scanner."""
    assert ALSO_PUBLISHED.keys() == {nuclide.name for nuclide in (*NUCLIDES, *THERAPY_NUCLIDES)}


def test_nothing_prints() -> None:
    """The command line has a console; everything else returns."""
    assert [found for module in MODULES for found in calls_of_print(module)] == []


@pytest.mark.parametrize("module", [one for one in MODULES if one.is_package], ids=lambda m: m.name)
def test_packages_hold_a_docstring_and_nothing_else(module: Module) -> None:
    """The outermost holds the version, too."""
    more = beyond_a_docstring(module)
    if module.name == "operandi":
        more = [text for text in more if not re.fullmatch(r"__version__ = '[\w.]+'", text)]

    assert ast.get_docstring(module.tree)
    assert more == []


def test_no_file_is_too_long_to_read() -> None:
    lengths = {
        file.relative_to(SOURCE).as_posix(): len(file.read_text(encoding="utf-8").splitlines())
        for file in sorted(SOURCE.rglob("*.py"))
    }

    assert {file: lines for file, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_everything_public_says_what_it_is() -> None:
    assert [name for module in MODULES for name in without_docstring(module)] == []


def test_no_module_is_a_drawer() -> None:
    named = {module.name: set(module.name.split(".")) for module in MODULES}

    assert [name for name, parts in named.items() if parts & DRAWERS] == []


def test_every_library_that_is_imported_is_declared() -> None:
    """Or comes with a declared one whose other half it is."""
    comes_with = {"dask": "distributed", "pydantic_core": "pydantic", "markupsafe": "jinja2"}
    called = {
        "PIL": "pillow",
        "gdcm": "python-gdcm",
        "jpeg_ls": "pyjpegls",
        "openjpeg": "pylibjpeg-openjpeg",
        "rle": "pylibjpeg-rle",
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {
        re.split(r"[^\w.-]", entry, maxsplit=1)[0].casefold() for entry in project["dependencies"]
    }

    imported = {name for module in MODULES for name in third_parties(module)}
    undeclared = {
        name
        for name in imported
        if comes_with.get(name, called.get(name, name)).casefold() not in declared
    }

    assert undeclared == set()


def third_parties(module: Module) -> set[str]:
    """Top-level packages that a module imports, neither ours nor Python's."""
    import sys  # noqa: PLC0415 - for its list of names only

    names: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"operandi"}


# --- and that they can fail -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["67.83", "68.0", "4069.8", "109.77", "6586.2", "1.829", "45721.44", "6.906", "9.919", "3.232"],
)
def test_a_half_life_would_be_found(text: str) -> None:
    assert half_lives(a_module(f"T = {text} * 60.0\n"))


def test_sixty_eight_voxels_are_no_half_life() -> None:
    assert half_lives(a_module("SHAPE = (96, 68, 32)\n")) == []


def test_three_hundred_and_forty_of_anything_are_no_half_life() -> None:
    """Days of 145Sm, and far more often something else; 4.9 is not a telling number either."""
    assert half_lives(a_module("WIDTH = 340\nHEIGHT = 340.0\nPART = 4.9\n")) == []


def test_a_half_life_in_a_docstring_is_no_second_value() -> None:
    assert half_lives(a_module('"""After 4069.8 s half is left."""\n')) == []


def test_a_print_would_be_found() -> None:
    assert calls_of_print(a_module("def f() -> None:\n    print('here')\n")) == [
        "package.room.module, line 2"
    ]


def test_a_console_is_no_print() -> None:
    assert calls_of_print(a_module("console.out.print('here')\n")) == []


def test_an_import_in_a_package_would_be_found() -> None:
    assert beyond_a_docstring(a_module('"""Room."""\nfrom os import sep\n')) == [
        "from os import sep"
    ]


def test_a_silent_method_would_be_found() -> None:
    text = 'class Scan:\n    """A scan."""\n    def start(self): ...\n    def _end(self): ...\n'

    assert without_docstring(a_module(text)) == ["package.room.module:Scan.start"]


def test_an_undeclared_library_would_be_found() -> None:
    text = "import os\nimport dask.config\nfrom requests import get\nfrom operandi import cli\n"

    assert third_parties(a_module(text)) == {"dask", "requests"}
