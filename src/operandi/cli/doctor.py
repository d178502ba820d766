"""``operandi doctor``."""

import importlib.util
import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, requires, version

import typer
from packaging.requirements import Requirement
from rich.markup import escape
from rich.table import Table

from operandi.cli import console
from operandi.quantities.errors import DataError, OperandiError

_OPTIONAL_PROGRAMS = (
    ("git", "the commit in manifest.json"),
    ("chromium", "tests that look at the report in a browser"),
    ("dciodvfy", "tests that check DICOM files against the standard (Debian: dicom3tools)"),
)


def doctor() -> None:
    """Say what is installed, what is missing, and what that means.

    Example: [bold]operandi doctor[/bold]
    """
    table = Table("", "found", "needed or used for", box=None)
    python = platform.python_version()
    table.add_row(_mark(ok=sys.version_info >= (3, 11)), f"Python {python}", ">= 3.11")
    missing = 0
    for text in _requirements():
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            found = ""
        ok = bool(found) and requirement.specifier.contains(found, prereleases=True)
        missing += not ok
        shown = f"{requirement.name} {found or 'missing'}"
        table.add_row(_mark(ok=ok), shown, str(requirement.specifier))
    for name, use in _OPTIONAL_PROGRAMS:
        there = shutil.which(name)
        table.add_row(_mark(ok=bool(there)) if there else "[dim]–[/dim]", name, use)
    for package, extra in (("django", "conduct"), ("torch", "train")):
        there_too = importlib.util.find_spec(package) is not None
        table.add_row(_mark(ok=True) if there_too else "[dim]–[/dim]", package, f"extra {extra}")
    table.add_row(*_nuclide_data())
    console.out.print(table)
    console.out.print(f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}.")
    console.out.print(
        "[red]Something needed is missing: run ./operandi doctor again after deleting .venv.[/red]"
        if missing
        else "All that Operandi needs is installed."
    )
    if missing:
        raise typer.Exit(1)


def _nuclide_data() -> tuple[str, str, str]:
    """A package that is there and broken is told from one that is not."""
    from operandi.therapy.decay_library import require_spectra

    use = "extra nuclides: emission spectra, for absorbed doses"
    try:
        found = version("icrp107-database")
    except PackageNotFoundError:
        return "[dim]–[/dim]", "icrp107-database", use
    try:
        require_spectra()
    except OperandiError as error:
        return _mark(ok=False), f"icrp107-database {found}", escape(f"{error} {error.remedy}")
    return _mark(ok=True), f"icrp107-database {found}", use


def _requirements() -> list[str]:
    try:
        return requires("operandi") or []
    except PackageNotFoundError:
        raise DataError(
            "Operandi is not installed, so that what it needs cannot be looked up.",
            remedy="Run ./operandi doctor in its checkout, which installs it, or install it.",
        ) from None


def _mark(*, ok: bool) -> str:
    return "[green]✓[/green]" if ok else "[red]✗[/red]"
