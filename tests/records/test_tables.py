"""Net activity, the sentence of a fault, and the frozen tables."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from pandera.errors import SchemaErrors

from operandi.domain.identity import Pseudonym, TimepointCode
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import GA68
from operandi.records.schemas import table
from operandi.records.tables import Fault, TracerAdministration
from tests.records.study_folder import a_study, read_back

NOON = datetime(2025, 1, 10, 12, tzinfo=UTC)
HALF_LIFE = timedelta(seconds=GA68.half_life_s)


def an_administration(
    *,
    activity_bq: float = 200e6,
    assayed_at: datetime = NOON,
    injected_at: datetime = NOON,
    residual_bq: float = 0.0,
    residual_at: datetime | None = None,
) -> TracerAdministration:
    """200 MBq of 68Ga, assayed and injected at noon, nothing left."""
    return TracerAdministration(
        participant=Pseudonym("P-01"),
        timepoint=TimepointCode("BASELINE"),
        tracer="68Ga-DOTATOC",
        nuclide=GA68,
        activity_bq=activity_bq,
        assayed_at=assayed_at,
        injected_at=injected_at,
        residual_bq=residual_bq,
        residual_at=residual_at,
    )


def test_net_activity_is_the_assay_decayed_less_the_residual_grown_back() -> None:
    """By hand: 200 MBq halve to 100 before injection; 5 MBq a half-life later were 10."""
    given = an_administration(
        injected_at=NOON + HALF_LIFE, residual_bq=5e6, residual_at=NOON + 2 * HALF_LIFE
    )

    net = given.net()

    assert net.activity_bq == pytest.approx(90e6, rel=1e-9)
    assert (net.at, net.nuclide, net.half_life_s) == (given.injected_at, GA68, GA68.half_life_s)


def test_an_assay_stated_for_a_later_instant_grows_back() -> None:
    given = an_administration(activity_bq=100e6, assayed_at=NOON + HALF_LIFE)

    assert given.net().activity_bq == pytest.approx(200e6, rel=1e-9)


def test_refuses_a_residual_that_leaves_nothing() -> None:
    given = an_administration(residual_bq=110e6, residual_at=NOON + HALF_LIFE)

    with pytest.raises(DataError, match=r"net activity of P-01 BASELINE .* > 0, got -20 MBq"):
        given.net()


def test_refuses_instants_that_lie_days_apart() -> None:
    given = an_administration(residual_bq=1e6, residual_at=NOON + timedelta(days=365))

    with pytest.raises(DataError, match="7749 half-lives of 68Ga apart; needed at most 10"):
        given.net()


def test_a_fault_is_one_sentence_that_names_place_value_and_remedy() -> None:
    fault = Fault("vitals", "vitals.csv", 3, "body_mass_kg", "7.0", "is low", "look", "P-01", "V1")

    assert str(fault) == "vitals.csv, line 3, column body_mass_kg (P-01 V1): '7.0' is low; look."
    whole = replace(fault, row=None, column="", value="", participant="", timepoint="")
    assert (
        str(replace(whole, problem="the file is empty")) == "vitals.csv: the file is empty; look."
    )


@pytest.mark.parametrize("name", a_study())
def test_a_frozen_table_has_the_columns_and_values_of_its_file(tmp_path: Path, name: str) -> None:
    frame = table(read_back(a_study(), tmp_path), name)

    rows = sorted(a_study()[name], key=lambda row: (row["participant"], str(row.get("timepoint"))))
    assert frame.columns == list(rows[0])
    assert frame.height == len(rows)
    numbers = [column for column in frame.columns if frame.schema[column].is_numeric()]
    for column in numbers:
        assert set(frame[column]) == {float(row[column]) for row in rows}


def test_the_order_of_a_table_is_by_participant_and_date(tmp_path: Path) -> None:
    backwards = {name: rows[::-1] for name, rows in a_study().items()}

    frame = table(read_back(backwards, tmp_path), "vitals")

    assert frame["participant"].to_list() == ["P-01", "P-01", "P-02", "P-02", "P-03", "P-03"]
    assert frame["timepoint"].to_list() == ["BASELINE", "AFTER_CYCLE_2"] * 3


def test_instants_are_kept_in_utc(tmp_path: Path) -> None:
    frame = table(read_back(a_study(), tmp_path), "tracer_administrations")

    assert frame.schema["injected_at"] == pl.Datetime("us", "UTC")
    assert frame["injected_at"][0] == datetime(2025, 1, 10, 8, 10, tzinfo=UTC)


def test_refuses_to_freeze_made_records_that_break_the_rules(tmp_path: Path) -> None:
    records = read_back(a_study(), tmp_path)
    vitals = records.rows["vitals"]
    heavy = vitals[0].model_copy(update={"body_mass_kg": Decimal(715)})

    with pytest.raises(SchemaErrors, match="body_mass_kg"):
        table(replace(records, rows={"vitals": (heavy,)}), "vitals")
    with pytest.raises(SchemaErrors, match="not unique"):
        table(replace(records, rows={"vitals": vitals + vitals}), "vitals")


def test_refuses_a_table_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no table is named 'labs'"):
        table(read_back(a_study(), tmp_path), "labs")
