"""What code a result came from: our modules by their syntax trees, other libraries by version.

A module counts with every module of its package that it imports, directly or through others, and
with the data files that lie beside those modules. Comments, docstrings and layout do not count;
neither do imports for type checkers. An import that a text names at run time is not seen.
"""

import ast
import hashlib
import importlib.util
import json
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from operandi.domain.identity import Digest
from operandi.quantities.errors import UnsupportedError

_PACKAGE: Final = "operandi"
_PARSING: Final = threading.Lock()
"""CPython 3.11 counts the depth of a syntax tree for all threads together, and those that parse at
once fail (SystemError: AST constructor recursion depth mismatch)."""
_NOT_DATA: Final = {".py", ".pyc", ".pyi"}


@dataclass(frozen=True, slots=True)
class Import:
    """An import statement: dots before the name, the module, and the names taken from it."""

    dots: int
    module: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Syntax:
    """What one source text says: the digest of its tree and its imports."""

    digest: str
    imports: tuple[Import, ...]


def combined(parts: Mapping[str, str]) -> Digest:
    """One digest of named digests or versions."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return Digest(hashlib.sha256(text.encode()).hexdigest())


def read_syntax(source: bytes) -> Syntax:
    """Read a source text as far as it can change a result."""
    with _PARSING:
        tree = ast.parse(source)
    imports = tuple(_imports(tree))
    _drop_docstrings(tree)
    return Syntax(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imports)


class SourceTree:
    """The modules of some packages on disk, each read once.

    Parameters
    ----------
    folders : mapping of str to Path
        For each top-level package whose imports are followed, the folder that holds it.
    known : mapping of str to Syntax
        What was learned before, by SHA-256 of the source text. Parsing is the slow part.
    """

    def __init__(
        self, folders: Mapping[str, Path], *, known: Mapping[str, Syntax] | None = None
    ) -> None:
        self._folders = folders
        self._known = known or {}
        self._modules: dict[str, tuple[str, ...]] = {}
        self._data: dict[Path, dict[str, str]] = {}
        self._digests: dict[str, str] = {}
        self.syntax: dict[str, Syntax] = {}
        """Everything used so far, by SHA-256 of the source text: *known* for the next time."""

    def parts_of(self, module: str) -> dict[str, str]:
        """Digests of all that *module* runs on, by name of module or path of data file.

        Raises
        ------
        ValueError
            If the module is not in these folders.
        """
        if self._file(module) is None:
            raise ValueError(f"there is no source of {module} in {sorted(self._folders)}")
        parts: dict[str, str] = {}
        waiting = [module, *self._packages_above(module)]
        while waiting:
            name = waiting.pop()
            if name not in parts:
                waiting += self._read(name)
                parts[name] = self._digests[name]
        for name in list(parts):
            parts |= self._data_beside(name)
        return dict(sorted(parts.items()))

    def _read(self, module: str) -> tuple[str, ...]:
        if module not in self._modules:
            file = self._file(module)
            source = file.read_bytes() if file else b""
            key = hashlib.sha256(source).hexdigest()
            syntax = self._known.get(key) or self.syntax.get(key) or read_syntax(source)
            self.syntax[key] = syntax
            self._digests[module] = syntax.digest
            self._modules[module] = tuple(self._imported(module, syntax.imports))
        return self._modules[module]

    def _imported(self, module: str, imports: tuple[Import, ...]) -> Iterator[str]:
        file = self._file(module)
        inside = module.split(".")
        if file is None or file.name != "__init__.py":
            inside.pop()
        for statement in imports:
            start = inside[: len(inside) - statement.dots + 1] if statement.dots else []
            base = ".".join([*start, *filter(None, [statement.module])])
            # Whether a name taken from a package is a module of it, only the disk knows.
            for name in (base, *(f"{base}.{name}" for name in statement.names)):
                if self._file(name) is not None:
                    yield name
                    yield from self._packages_above(name)

    def _packages_above(self, module: str) -> Iterator[str]:
        # Their __init__ runs too. The outermost counts only where it is asked for something: ours
        # holds the version, and a release alone must not recompute a study.
        parts = module.split(".")
        for count in range(2, len(parts)):
            name = ".".join(parts[:count])
            if self._file(name) is not None:
                yield name

    def _file(self, module: str) -> Path | None:
        folder = self._folders.get(_top(module))
        if folder is None:
            return None
        place = folder.joinpath(*module.split("."))
        candidates = (place.with_name(f"{place.name}.py"), place / "__init__.py")
        return next((file for file in candidates if file.is_file()), None)

    def _data_beside(self, module: str) -> dict[str, str]:
        file = self._file(module)
        if file is None:
            return {}
        folder, base = file.parent, self._folders[_top(module)]
        if folder not in self._data:
            self._data[folder] = {
                data.relative_to(base).as_posix(): hashlib.sha256(data.read_bytes()).hexdigest()
                for data in _data_files(folder)
                if folder != base
            }
        return self._data[folder]


class Origins:
    """Code and libraries as this process sees them, each looked at once.

    Parameters
    ----------
    known : mapping
        A note that :meth:`as_note` made earlier.
    """

    def __init__(self, known: Mapping[str, object] | None = None) -> None:
        self._known = _syntax_from_note(known or {})
        self._trees: dict[str, SourceTree] = {}
        self._digests: dict[str, Digest] = {}
        self.libraries = environment()
        self.environment = combined(self.libraries)

    def code_parts(self, module: str) -> dict[str, str]:
        """Digests of all modules and data files of ours that *module* runs on."""
        top = _top(module)
        if top not in self._trees:
            folders = {_PACKAGE: _folder_of(_PACKAGE)} | {top: _folder_of(module)}
            self._trees[top] = SourceTree(folders, known=self._known)
        return self._trees[top].parts_of(module)

    def code(self, module: str) -> Digest:
        """One digest of them."""
        if module not in self._digests:
            self._digests[module] = combined(self.code_parts(module))
        return self._digests[module]

    def as_note(self) -> dict[str, object]:
        """Tell what was learned of source texts, so that the next process need not parse them."""
        seen: dict[str, Syntax] = {}
        for tree in self._trees.values():
            seen |= tree.syntax
        return {
            key: [syntax.digest, [[i.dots, i.module, list(i.names)] for i in syntax.imports]]
            for key, syntax in seen.items()
        }


NOTE_OF_SYNTAX: Final = f"code/syntax-{sys.implementation.cache_tag}"
"""Name of that note: another Python draws other trees."""


def _syntax_from_note(note: Mapping[str, Any]) -> dict[str, Syntax]:
    return {
        key: Syntax(digest, tuple(Import(dots, name, tuple(names)) for dots, name, names in found))
        for key, (digest, found) in note.items()
    }


def _top(module: str) -> str:
    return module.partition(".")[0]


def _folder_of(module: str) -> Path:
    """Folder that holds the outermost package of a module, which need not be imported."""
    top = _top(module)
    spec = sys.modules[top].__spec__ if top in sys.modules else importlib.util.find_spec(top)
    if spec is None:
        raise ValueError(f"there is no module {module}")
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve().parent
    return Path(spec.origin or "").resolve().parent


def environment() -> dict[str, str]:
    """Version of Python and of every library that the dependency lock names, as installed.

    The lock is ``requirements.txt`` beside the source checkout; without one, all that the
    installed package says it needs. Installed versions, because they are what runs.

    Raises
    ------
    UnsupportedError
        If there is neither.
    """
    installed = {name: _installed_version(name) for name in sorted(_locked_names())}
    libraries = {name: version for name, version in installed.items() if version}
    return {"python": sys.implementation.cache_tag or sys.version, **libraries}


def _locked_names() -> set[str]:
    source = _folder_of(_PACKAGE)
    lock = source.parent / "requirements.txt"
    if source.name == "src" and lock.is_file():
        names = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==", lock.read_text(), flags=re.MULTILINE)
        return {_normal(name) for name in names}
    return _required_names()


def _required_names() -> set[str]:
    found: set[str] = set()
    waiting = [_PACKAGE]
    while waiting:
        try:
            required = metadata.requires(waiting.pop()) or []
        except metadata.PackageNotFoundError:
            continue
        wanted = [entry for entry in required if "extra ==" not in entry]
        names = {_normal(re.split(r"[^\w.-]", entry, maxsplit=1)[0]) for entry in wanted}
        waiting += sorted(names - found)
        found |= names
    if not found:
        raise UnsupportedError(
            "The versions of the libraries in use cannot be told: Operandi is neither installed "
            "nor beside its requirements.txt.",
            remedy="Install it, or run it from its checkout.",
        )
    return found


def _installed_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""  # a marker in the lock excludes it here


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _data_files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "__pycache__")) or entry.name.endswith("~"):
            continue
        if entry.is_file() and entry.suffix not in _NOT_DATA:
            yield entry
        elif entry.is_dir() and not any(entry.glob("*.py")):
            yield from _data_files(entry)


def _statements(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        found = getattr(tree, name, None)
        if isinstance(found, list):
            yield found


def _imports(tree: ast.AST) -> Iterator[Import]:
    for block in _statements(tree):
        if isinstance(tree, ast.If) and block is tree.body and _for_type_checkers(tree.test):
            continue
        for statement in block:
            if isinstance(statement, ast.Import):
                yield from (Import(0, alias.name, ()) for alias in statement.names)
            elif isinstance(statement, ast.ImportFrom):
                names = tuple(alias.name for alias in statement.names)
                yield Import(statement.level, statement.module or "", names)
            else:
                yield from _imports(statement)


def _for_type_checkers(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _drop_docstrings(tree: ast.AST) -> None:
    for block in _statements(tree):
        block[:] = [statement for statement in block if not _is_text(statement)]
        for statement in block:
            _drop_docstrings(statement)


def _is_text(statement: ast.AST) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
