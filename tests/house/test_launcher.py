"""The launcher's parts that decide, with programs that only pretend to run."""

import ast
import fcntl
import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
OFFLINE = "Failed to fetch: `https://index.example.org/simple/numpy/`\n  dns error: no such host"


def load_launcher() -> ModuleType:
    loader = SourceFileLoader("operandi_launcher", str(ROOT / "operandi"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


launcher = load_launcher()


class PretendedPrograms:
    """Notes every command; those that contain one of the signs fail, and say the same thing."""

    def __init__(self, *failing: str, saying: str = "") -> None:
        self.failing = failing
        self.saying = saying
        self.commands: list[str] = []

    def __call__(self, command: Sequence[str]) -> object:
        line = " ".join(command)
        self.commands.append(line)
        failed = any(sign in line for sign in self.failing)
        if " -m venv " in line and not failed:
            make_executable(Path(command[-1]) / "bin" / "python")
        return launcher.Outcome(int(failed), self.saying if failed else "")

    def that_contain(self, sign: str) -> list[str]:
        return [line for line in self.commands if sign in line]


def make_executable(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "a folder"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "requirements.txt").write_text("numpy==2.4.6 \\\n    --hash=sha256:00\n")
    (root / "requirements-dev.txt").write_text("numpy==2.4.6 \\\n    --hash=sha256:00\n")
    return root


def set_up(root: Path, run: Callable[[Sequence[str]], object], *, level: str = "core") -> list[str]:
    stages: list[str] = []
    launcher.set_up(root, launcher.stamp_for(root, level), run=run, stage=stages.append)
    return stages


def work_in(root: Path, *, level: str = "core") -> str:
    work: str = launcher.work_in(root, launcher.stamp_for(root, level))
    return work


def change_pins(root: Path) -> None:
    (root / "requirements.txt").write_text("numpy==2.4.7 \\\n    --hash=sha256:01\n")


# --- the stamp --------------------------------------------------------------------------------


def test_a_second_start_finds_nothing_to_do(checkout: Path) -> None:
    assert work_in(checkout) == "install"

    set_up(checkout, PretendedPrograms())

    assert work_in(checkout) == "nothing"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "pyproject.toml"])
def test_a_changed_pin_is_installed_over_what_is_there(checkout: Path, name: str) -> None:
    set_up(checkout, PretendedPrograms())

    (checkout / name).write_text("# changed\n")

    assert work_in(checkout) == "install"


def test_the_tests_need_more_than_the_commands_and_never_less(checkout: Path) -> None:
    set_up(checkout, PretendedPrograms())
    assert work_in(checkout, level="dev") == "install"

    set_up(checkout, PretendedPrograms(), level="dev")

    assert work_in(checkout, level="dev") == "nothing"
    assert work_in(checkout, level="core") == "nothing"


def test_a_moved_folder_is_set_up_afresh(checkout: Path) -> None:
    set_up(checkout, PretendedPrograms())

    moved = checkout.rename(checkout.with_name("elsewhere"))

    assert work_in(moved) == "rebuild"


def test_another_python_is_set_up_afresh(checkout: Path) -> None:
    set_up(checkout, PretendedPrograms())
    wanted = launcher.stamp_for(checkout, "core")._replace(python="cpython-399")

    assert launcher.work_in(checkout, wanted) == "rebuild"


def test_a_python_that_was_uninstalled_is_noticed(checkout: Path) -> None:
    set_up(checkout, PretendedPrograms())

    (checkout / ".venv" / "bin" / "python").unlink()

    assert work_in(checkout) == "rebuild"


def test_an_interrupted_set_up_is_made_afresh(checkout: Path) -> None:
    half_installed = checkout / ".venv" / "half-installed"
    programs = PretendedPrograms()

    def interrupted(command: Sequence[str]) -> object:
        if "--require-hashes" in command:
            half_installed.touch()
            raise KeyboardInterrupt
        return programs(command)

    with pytest.raises(KeyboardInterrupt):
        set_up(checkout, interrupted)
    assert work_in(checkout) == "rebuild"

    set_up(checkout, PretendedPrograms())

    assert work_in(checkout) == "nothing"
    assert not half_installed.exists()


def test_an_interrupted_update_is_made_afresh_too(checkout: Path) -> None:
    set_up(checkout, PretendedPrograms())
    change_pins(checkout)

    with pytest.raises(launcher.SetUpError):
        set_up(checkout, PretendedPrograms("--require-hashes"))

    assert work_in(checkout) == "rebuild"


def test_an_environment_made_by_hand_is_filled_and_not_deleted(checkout: Path) -> None:
    make_executable(checkout / ".venv" / "bin" / "python")
    kept = checkout / ".venv" / "kept"
    kept.touch()
    programs = PretendedPrograms()

    set_up(checkout, programs)

    assert kept.exists()
    assert not programs.that_contain("-m venv")


def test_a_stamp_written_and_read_is_the_same(checkout: Path) -> None:
    stamp = launcher.stamp_for(checkout, "dev")

    assert launcher.Stamp.from_text(stamp.to_text()) == stamp
    assert launcher.Stamp.from_text(launcher.UNFINISHED) is None


# --- installing -------------------------------------------------------------------------------


def test_uv_installs_where_it_can_be_had(checkout: Path) -> None:
    programs = PretendedPrograms()

    stages = set_up(checkout, programs)

    (pins,) = programs.that_contain("--require-hashes")
    assert f"{checkout}/.venv/bin/uv pip install" in pins
    assert pins.endswith(str(checkout / "requirements.txt"))
    assert stages[2] == "installing 1 pinned packages"


def test_pip_installs_where_uv_cannot_be_had(checkout: Path) -> None:
    programs = PretendedPrograms("uv --version")

    set_up(checkout, programs)

    (pins,) = programs.that_contain("--require-hashes")
    assert f"-m pip --python {checkout}/.venv/bin/python install" in pins
    assert work_in(checkout) == "nothing"


def test_pip_installs_where_uv_fails_at_its_work(checkout: Path) -> None:
    programs = PretendedPrograms("uv pip install")

    set_up(checkout, programs, level="dev")

    by_uv, by_pip = programs.that_contain("--require-hashes")
    assert "uv pip install" in by_uv
    assert "-m pip --python" in by_pip
    assert by_pip.endswith(str(checkout / "requirements-dev.txt"))


def test_a_python_without_pip_unpacks_its_own(checkout: Path) -> None:
    programs = PretendedPrograms("--python")

    set_up(checkout, programs)

    assert programs.that_contain("-m ensurepip")
    assert programs.that_contain(f"{checkout}/.venv/bin/python -m pip install")


def test_refuses_a_python_without_any_pip_and_says_where_pip_comes_from(checkout: Path) -> None:
    with pytest.raises(launcher.SetUpError, match="apt-get install -y python3-pip"):
        set_up(checkout, PretendedPrograms("--python", "ensurepip"))


def test_refuses_without_a_network_and_names_no_server(checkout: Path) -> None:
    programs = PretendedPrograms("install --quiet", saying=OFFLINE)

    with pytest.raises(launcher.SetUpError, match="needs a network") as refusal:
        set_up(checkout, programs)

    assert "example.org" not in str(refusal.value)


def test_refuses_a_wrong_hash_in_the_installers_words_but_without_addresses() -> None:
    said = "Hash mismatch for numpy==2.4.6\nfrom https://user:secret@index.example.org/numpy.whl"

    explained = launcher.explain_failed_install(said)

    assert "Hash mismatch for numpy==2.4.6" in explained
    assert "secret" not in explained
    assert "example.org" not in explained


def test_settings_of_other_projects_do_not_move_the_target() -> None:
    moved = {"PIP_TARGET": "/elsewhere", "PIP_USER": "1", "PIP_INDEX_URL": "kept", "HOME": "kept"}

    environment = launcher.set_up_environment(moved)

    assert not {"PIP_TARGET", "PIP_USER"} & environment.keys()
    assert environment["PIP_INDEX_URL"] == environment["HOME"] == "kept"


def test_a_program_that_is_not_there_is_an_outcome_and_not_a_crash(checkout: Path) -> None:
    with (checkout / "said").open("w") as said:
        outcome = launcher.Progress(said, stages=1).run([str(checkout / "no-such-program")])

    assert outcome.status == 127


# --- the lock ---------------------------------------------------------------------------------


def test_a_second_start_waits_for_the_first(checkout: Path) -> None:
    waiting = threading.Event()
    order: list[str] = []

    def second_start() -> None:
        with launcher.sole_start(checkout, lambda _: waiting.set()):
            order.append("second")

    thread = threading.Thread(target=second_start)
    with launcher.sole_start(checkout, order.append):
        thread.start()
        assert waiting.wait(30)
        order.append("first")
    thread.join(30)

    assert order == ["first", "second"]


def test_the_lock_holds_while_an_orphan_of_a_killed_start_still_installs(checkout: Path) -> None:
    def is_free() -> bool:
        with (checkout / ".venv.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    with launcher.sole_start(checkout, str):
        orphan = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
        )
    try:
        assert not is_free()
    finally:
        orphan.communicate(b"\n")
    assert is_free()


# --- which Python -----------------------------------------------------------------------------


def test_refuses_an_old_python_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 8, 18, "final", 0))

    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer, and this is Python 3\.8"):
        load_launcher()


def test_the_launcher_is_readable_to_the_python_that_it_refuses() -> None:
    ast.parse((ROOT / "operandi").read_text(), feature_version=(3, 6))


# --- ./operandi test --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "is_root", "has_apt_get", "decision"),
    [
        ([], True, True, "nothing"),
        (["chromium"], True, True, "install"),
        (["chromium"], False, True, "tell"),
        (["chromium"], True, False, "tell"),
    ],
)
def test_debian_packages_are_installed_only_with_the_right_to(
    missing: list[str], *, is_root: bool, has_apt_get: bool, decision: str
) -> None:
    decided = launcher.what_to_do_about(missing, is_root=is_root, has_apt_get=has_apt_get)

    assert decided == decision


def test_package_lists_are_fetched_only_after_a_first_attempt_failed(tmp_path: Path) -> None:
    said = tmp_path / "said"
    apt_get = tmp_path / "apt-get"
    apt_get.write_text(f'#!/bin/sh\necho "$@" >> "{said}"\ngrep -q update "{said}"\n')
    apt_get.chmod(0o755)

    assert launcher.apt_install(str(apt_get), ["chromium"], os.environ)

    asked = [line.split()[3] for line in said.read_text().splitlines()]
    assert asked == ["install", "update", "install"]


def test_a_bare_path_gains_the_systems_folders_after_its_own() -> None:
    path = launcher.with_system_folders("/only/python:/usr/bin").split(":")

    assert path[:2] == ["/only/python", "/usr/bin"]
    assert "/usr/sbin" in path
    assert path.count("/usr/bin") == 1


TWO_PROCESSES = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]


@pytest.mark.parametrize(
    ("given", "passed_on"),
    [
        ([], TWO_PROCESSES),
        (["--quick"], ["-m", "not slow", *TWO_PROCESSES]),
        (["--quick", "-x"], ["-m", "not slow", "-x"]),
        (["tests/house"], ["tests/house"]),
    ],
)
def test_pytest_gets_the_arguments_given(given: list[str], passed_on: list[str]) -> None:
    assert launcher.pytest_arguments(given) == passed_on


def test_processes_of_the_tests_keep_their_bytecode() -> None:
    given = {"PYTHONDONTWRITEBYTECODE": "1", "HOME": "/kept"}

    assert launcher.test_environment(given) == {"HOME": "/kept"}


def test_the_hooks_before_a_commit_run_the_same_checks() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()

    entries = re.findall(r"entry: \.venv/bin/(.+)", hooks)

    assert entries[:-1] == [" ".join(check) for check in launcher.CHECKS]
    assert entries[-1].startswith("pytest")


# --- the pins ---------------------------------------------------------------------------------


def pins_in(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text()
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, flags=re.MULTILINE))


def test_the_pins_cover_every_dependency_and_name_no_address() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core, dev = pins_in("requirements.txt"), pins_in("requirements-dev.txt")

    def names(requirements: list[str]) -> set[str]:
        found = (re.match(r"[\w.-]+", requirement) for requirement in requirements)
        return {match[0].lower().replace("_", "-") for match in found if match}

    assert names(project["dependencies"]) <= core.keys()
    assert names(project["optional-dependencies"]["dev"]) <= dev.keys()
    assert core.items() <= dev.items()
    for name in launcher.REQUIREMENTS.values():
        assert "://" not in (ROOT / name).read_text()


def test_no_package_of_the_core_is_under_the_gpl() -> None:
    for name in pins_in("requirements.txt"):
        try:
            metadata = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # pinned for another system or another Python
        said = [each for each in metadata.get_all("Classifier") or [] if "License" in each]
        for field in ("License-Expression", "License"):  # a whole text starts with its title
            said += [each.partition("\n")[0] for each in metadata.get_all(field) or []]
        assert said, f"{name} states no license"
        assert not re.search(r"\bA?GPL|GNU (Affero )?General Public", " ".join(said)), name
