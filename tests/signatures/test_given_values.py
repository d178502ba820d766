from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.given_values import GivenValue, blank_values, given_row, read_given
from operandi.signatures.prediction import predict
from tests.signatures.cards import Described, a_card, a_chain, a_cohort, a_final_fit, a_tiny_card


def test_a_row_of_the_tables_is_given_in_their_unit_with_its_gaps() -> None:
    predictors, _ = a_cohort()
    columns = [
        Described(name=name, predictor=name, unit="mL", logged=True) for name in predictors.names
    ]
    found = given_row(predictors, columns, participant="OP-009")

    assert found.site == predictors.sites[9]
    assert found.values["x001"] == GivenValue(value=None, unit="mL", logged=True)
    assert found.values["x000"].value == predictors.values[9, 0]


def test_who_is_not_of_the_population_is_refused() -> None:
    predictors, _ = a_cohort()
    columns = [Described(name=name, predictor=name) for name in predictors.names]
    with pytest.raises(DataError, match=r"OP-999 needs one row .* not among its participants"):
        given_row(predictors, columns, participant="OP-999")
    twice = replace(predictors, participants=(predictors.participants[0],) * 80)
    with pytest.raises(DataError, match="found 80 rows"):
        given_row(twice, columns, participant="OP-000")


def test_a_blank_file_filled_in_gives_the_risk_of_the_row(tmp_path: Path) -> None:
    predictors, outcome = a_cohort()
    card = a_card(a_final_fit(predictors, outcome, chain=a_chain()))
    lines = blank_values(card).splitlines()
    row = predictors.values[2].tolist()
    filled = [lines[0]]
    for line, value in zip(lines[1:], row, strict=True):
        name, _, rest = line.split(",", 2)
        filled.append(f"{name},{'' if np.isnan(value) else repr(value)},{rest}")
    path = tmp_path / "values.csv"
    path.write_text("\n".join(filled), "utf-8")

    given = read_given(path, participant="OP-999", site=predictors.sites[2])
    columns = [Described(name=name, predictor=name) for name in predictors.names]
    of_tables = replace(given_row(predictors, columns, participant="OP-002"), participant="OP-999")
    assert predict(card, given) == predict(card, of_tables)


def test_refuses_what_is_no_file_of_values(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no file of values"):
        read_given(tmp_path / "absent.csv", participant="OP-999")
    path = tmp_path / "values.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        read_given(path, participant="OP-999")


def test_a_blank_file_says_what_is_needed() -> None:
    assert blank_values(a_tiny_card()) == (
        "name,value,unit,known at,seen in training,source\nx,,mL,BASELINE,0 to 9 mL,scores\n"
    )


@pytest.mark.parametrize(
    "text", ['{"values": {"x": 1, "x": 2}}', f'{{"values": {{"x": 1{"0" * 400}}}}}']
)
def test_a_name_twice_and_a_number_too_large_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "values.json"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError, match=r"values\.json is no JSON of one participant"):
        read_given(path, participant="OP-999")


def test_a_slip_of_the_keyboard_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    path.write_text("name,value,unit\nx,0_1,mL\n", "utf-8")
    assert read_given(path, participant="OP-999").values["x"].value == "0_1"
