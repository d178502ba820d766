import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from operandi.reports.html import render
from tests.reports.study_builder import a_study

pytestmark = pytest.mark.browser

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
]


def a_browser() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"no browser found: none of {', '.join(names)}")
    return found


def browse(document: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    profile = document.parent / "profile"
    return subprocess.run(
        [a_browser(), *FLAGS, f"--user-data-dir={profile}", *flags, document.as_uri()],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    a_browser()
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(a_study(participants=4)), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_is_drawn_without_a_complaint_in_the_console(document: Path, width: int) -> None:
    picture = document.parent / f"{width}.png"

    seen = browse(document, f"--screenshot={picture}", f"--window-size={width},2400")

    assert "CONSOLE" not in seen.stderr
    levels = np.asarray(Image.open(picture).convert("L"))
    # Half of a blank page would have one level; text and tables leave few rows untouched.
    assert np.ptp(levels, axis=1).astype(bool).mean() > 0.4


def test_the_script_runs_under_the_pages_own_policy(document: Path) -> None:
    seen = browse(document, "--dump-dom")

    assert '<html lang="en" class="js">' in seen.stdout


def test_the_page_prints_on_paper(document: Path) -> None:
    paper = document.parent / "report.pdf"

    browse(document, f"--print-to-pdf={paper}", "--no-pdf-header-footer")

    printed = paper.read_bytes()
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") >= 6
