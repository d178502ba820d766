import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

import operandi
from operandi.domain.identity import Digest
from operandi.pipeline import manifest
from operandi.pipeline.manifest import write_manifest
from tests.pipeline.graphs import files_below


def a_results_folder(folder: Path) -> Path:
    (folder / "figures").mkdir(parents=True)
    (folder / "measurements.parquet").write_bytes(b"PAR1")
    (folder / "figures" / "one.svg").write_bytes(b"<svg/>")
    return folder


def written(folder: Path) -> Path:
    path = folder / "manifest.json"
    published = [folder / "measurements.parquet", folder / "figures" / "one.svg"]
    write_manifest(path, published=published, inputs={"settings": Digest("0" * 64)})
    return path


def test_names_versions_inputs_and_results(tmp_path: Path) -> None:
    told = json.loads(written(a_results_folder(tmp_path / "results")).read_text())

    assert told["operandi"] == operandi.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", told["libraries"]["numpy"])
    assert told["inputs"] == {"settings": "0" * 64}
    assert told["results"] == {
        "figures/one.svg": hashlib.sha256(b"<svg/>").hexdigest(),
        "measurements.parquet": hashlib.sha256(b"PAR1").hexdigest(),
    }


def test_two_places_give_the_same_bytes(tmp_path: Path) -> None:
    here, there = (a_results_folder(tmp_path / name) for name in ("here", "there"))

    assert written(here).read_bytes() == written(there).read_bytes()
    assert str(tmp_path) not in files_below(here)["manifest.json"].decode()


def a_checkout(folder: Path) -> Path:
    package = folder / "src" / "operandi"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for words in (
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "one"],
    ):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    return package


def run_from(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operandi, "__file__", str(package / "__init__.py"))
    monkeypatch.setattr(manifest, "environment", dict)


def test_names_the_commit_and_whether_it_is_what_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = a_checkout(tmp_path / "checkout")
    run_from(package, monkeypatch)
    results = a_results_folder(tmp_path / "results")

    clean = json.loads(written(results).read_text())["commit"]
    (package / "new.py").write_text("")
    dirty = json.loads(written(results).read_text())["commit"]

    assert re.fullmatch("[0-9a-f]{40}", clean["id"])
    assert clean["with_uncommitted_changes"] is False
    assert dirty == clean | {"with_uncommitted_changes": True}


def test_names_no_commit_of_a_repository_that_only_surrounds_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_checkout(tmp_path / "checkout")
    installed = tmp_path / "checkout" / ".venv" / "operandi"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    run_from(installed, monkeypatch)

    told = json.loads(written(a_results_folder(tmp_path / "results")).read_text())

    assert told["commit"] is None


def test_refuses_a_result_outside_the_results_folder(tmp_path: Path) -> None:
    results = a_results_folder(tmp_path / "results")
    stranger = tmp_path / "stranger"
    stranger.write_bytes(b"")

    with pytest.raises(ValueError, match="not in the subpath"):
        write_manifest(results / "manifest.json", published=[stranger], inputs={})
