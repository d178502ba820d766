"""The package as its source text shows it: every module parsed, nothing imported."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"


@dataclass(frozen=True)
class Module:
    """A module: its dotted name, its file and its syntax tree."""

    name: str
    file: Path
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.file.name == "__init__.py"


def modules(source: Path = SOURCE) -> list[Module]:
    """Parse every module below a folder of packages."""
    found = []
    for file in sorted(source.rglob("*.py")):
        parts = file.relative_to(source).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found.append(Module(name, file, ast.parse(file.read_text(encoding="utf-8"))))
    return found


def defined_names(body: list[ast.stmt]) -> Iterator[str]:
    """Names that these statements define; imported ones are not among them."""
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name
            case ast.Assign():
                yield from (one.id for one in statement.targets if isinstance(one, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.If() | ast.Try():
                yield from defined_names(statement.body)
            case _:
                pass
