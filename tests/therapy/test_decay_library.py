"""An install of the nuclide data that is absent is told from one that is broken."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from operandi.quantities.errors import UnsupportedError
from operandi.therapy import decay_library
from operandi.therapy.decay_library import decay_data, require_spectra


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    decay_data.cache_clear()
    decay_library._names.cache_clear()
    yield
    decay_data.cache_clear()
    decay_library._names.cache_clear()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module", name="icrp107_database"), "are not installed"),
        (ModuleNotFoundError("No module named 'x'", name="x"), "is broken: No module named 'x'"),
        (ImportError("cannot import name 'y'"), "is broken: cannot import name 'y'"),
        (SyntaxError("cut short"), "is broken: cut short"),
    ],
)
def test_an_import_that_fails_is_refused(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fails(_: str) -> ModuleType:
        raise error

    monkeypatch.setattr(importlib, "import_module", fails)

    with pytest.raises(UnsupportedError, match=said) as refused:
        require_spectra()
    assert "operandi[nuclides]" in refused.value.remedy


@pytest.mark.parametrize(
    ("content", "said"), [("{", "cannot be read"), (None, "no nuclide is in"), ("[1]", "cannot be")]
)
def test_data_that_cannot_be_read_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, said: str
) -> None:
    package = SimpleNamespace(__file__=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib, "import_module", lambda _: package)
    (tmp_path / "icrp107").mkdir()
    if content is not None:
        (tmp_path / "icrp107" / "Lu-177.json").write_text(content, "utf-8")

    with pytest.raises(UnsupportedError, match=f"is broken: .*{said}"):
        require_spectra()


def test_a_record_without_its_parts_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = SimpleNamespace(__file__=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib, "import_module", lambda _: package)
    (tmp_path / "icrp107").mkdir()
    (tmp_path / "icrp107" / "Lu-177.json").write_text(json.dumps(json.dumps({})), "utf-8")

    with pytest.raises(UnsupportedError, match=r"is broken: .*emissions"):
        require_spectra()


def test_a_package_whose_files_are_gone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib, "import_module", ModuleType)

    with pytest.raises(UnsupportedError, match="its files are missing"):
        require_spectra()
