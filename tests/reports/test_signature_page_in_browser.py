"""The page of an analysis in a browser: no complaint, on a screen, a phone and paper."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from operandi.reports.signature_page import signature_page
from tests.reports.analysis_builder import an_unlocked_analysis
from tests.reports.test_report_in_browser import a_browser, browse

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    a_browser()
    path = tmp_path_factory.mktemp("analysis") / "report.html"
    path.write_text(signature_page(an_unlocked_analysis()), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [1280, 500])
def test_the_page_is_drawn_without_a_complaint_in_the_console(document: Path, width: int) -> None:
    picture = document.parent / f"{width}.png"

    seen = browse(document, f"--screenshot={picture}", f"--window-size={width},2400")

    assert "CONSOLE" not in seen.stderr
    levels = np.asarray(Image.open(picture).convert("L"))
    assert np.ptp(levels, axis=1).astype(bool).mean() > 0.4
    # Wide tables scroll by themselves: the page keeps its margin.
    assert levels[:, -8:].min() == 255


def test_folded_charts_are_printed_too(document: Path) -> None:
    paper = document.parent / "report.pdf"

    browse(document, f"--print-to-pdf={paper}", "--no-pdf-header-footer")

    printed = paper.read_bytes()
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") >= 15
