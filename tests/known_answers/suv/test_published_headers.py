"""Headers of real scanners with SUV factors that others computed from them."""

import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import numpy as np
import pytest

from operandi.domain.grid import Grid
from operandi.imaging.dicom.assemble import Stack
from operandi.imaging.pet.declaration import Declaration
from operandi.imaging.pet.suv import suv_of
from tests.shared_data import needs_shared_data, published

pytestmark = [pytest.mark.real_data, needs_shared_data]

FOLDER = "pet_dicom/suv_metadata_cases"
CASES = (
    "CPS_AND_BQML_AC_DT_-_S_DT",
    "PHILIPS_BQML",
    "PHILIPS_CNTS_AND_BQML_SUV",
    "RADIOPHARM_DATETIME_UNDEFINED",
    "SIEMENS",
)
INJECTION = (
    "RadionuclideTotalDose",
    "RadionuclideHalfLife",
    "RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalStartDateTime",
)


def expected_factors() -> dict[str, float]:
    text = (published(FOLDER) / "expected_suvbw_factor.json").read_text("utf-8")
    factors: dict[str, float] = json.loads(text)["expected"]
    return factors


def header_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """As DICOM nests it; the files list the injection's attributes beside the others."""
    header = {keyword: value for keyword, value in case.items() if keyword not in INJECTION}
    private = header.pop("PhilipsPETPrivateGroup")
    if "SUVScaleFactor" in private:
        header["PhilipsSUVScaleFactor"] = private["SUVScaleFactor"]
    injection = {keyword: case[keyword] for keyword in INJECTION if keyword in case}
    return header | {
        "CorrectedImage": tuple(case["CorrectedImage"]),
        "RadiopharmaceuticalInformationSequence": (injection,),
    }


def test_these_are_all_cases_there_are() -> None:
    assert sorted(expected_factors()) == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_header_gives_the_published_factor(name: str) -> None:
    """The files name no nuclide; their half-life is that of 18F, which is declared."""
    cases = json.loads((published(FOLDER) / f"{name}.json").read_text("utf-8"))
    grid = Grid((1, 1, len(cases)), np.eye(4))
    stack = Stack(np.ones(grid.shape, np.float32), grid, tuple(map(header_of, cases)), ())

    suv = suv_of(stack, zone=UTC, declared=Declaration(nuclide="18F"))

    factor = float(suv.volume.values[0, 0, 0])
    assert factor == pytest.approx(expected_factors()[name], abs=1e-6)
    assert factor == pytest.approx(expected_factors()[name], rel=1e-6)
