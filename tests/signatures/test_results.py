"""Results as plain data: written, read back, and refused."""

import json
from dataclasses import replace

import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.analysis import analyze
from operandi.signatures.results import RESULT_FORMAT, AnalysisResult, result_from_json, result_json
from tests.signatures.planned_cohort import cohort, quick_plan


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    return analyze(quick_plan(), cohort(events=8), locked=None, software="test").result


def test_a_result_comes_back_with_its_types(result: AnalysisResult) -> None:
    again = result_from_json(result_json(result))
    assert again == result
    assert isinstance(again.endpoints[0].curve.days[0], float)  # type: ignore[union-attr]
    assert isinstance(again.models, tuple)


def test_a_number_that_is_not_finite_is_refused(result: AnalysisResult) -> None:
    with pytest.raises(DataError, match="finite"):
        result_json(replace(result, level=float("nan")))


def test_another_format_is_refused(result: AnalysisResult) -> None:
    said = json.loads(result_json(result)) | {"format": RESULT_FORMAT - 1}
    with pytest.raises(DataError, match=f"format {RESULT_FORMAT}"):
        result_from_json(json.dumps(said).encode())


def test_a_key_that_is_not_known_is_refused(result: AnalysisResult) -> None:
    said = json.loads(result_json(result)) | {"surprise": 1}
    with pytest.raises(DataError, match="surprise"):
        result_from_json(json.dumps(said).encode())
