"""ODM: valid against the schema of CDISC, and every row of every table in it."""

import functools
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import odmlib
import pytest
import xmlschema

from operandi.protocol.interchange.odm_data import NAMESPACE, odm_data
from operandi.quantities.errors import DataError
from tests.protocol.interchange.test_sdtm import treated
from tests.protocol.participants import Tables, records_of, the_study

CREATED_AT = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
_NAMES = {"o": NAMESPACE}


def ranges() -> Tables:
    limits = {"site": "D1", "test": "platelets", "unit": "10^9/L", "lower": "150"}
    return treated() | {"laboratory_ranges": [limits | {"valid_from": "2026-01-01"}]}


def odm(tables: Tables) -> bytes:
    return odm_data(records_of(tables), the_study(), created_at=CREATED_AT)


@functools.cache
def schema() -> Any:
    folder = Path(odmlib.__file__).parent / "schemas" / "odm" / "1.3.2"
    return xmlschema.XMLSchema(folder / "ODM1-3-2.xsd")


def test_the_export_is_valid_against_the_schema_of_cdisc() -> None:
    assert [str(error) for error in schema().iter_errors(odm(ranges()).decode())] == []


def test_every_row_of_every_table_comes_out() -> None:
    tables = ranges()
    root = ET.fromstring(odm(tables))  # noqa: S314 - our own file
    groups = [one.get("ItemGroupOID") for one in root.iter(f"{{{NAMESPACE}}}ItemGroupData")]

    for table, rows in tables.items():
        assert groups.count(f"IG.{table.upper()}") == len(rows), table


def test_a_row_says_what_its_table_says() -> None:
    root = ET.fromstring(odm(treated()))  # noqa: S314 - our own file
    rows = root.findall(".//o:ItemGroupData[@ItemGroupOID='IG.ADVERSE_EVENTS']", _NAMES)
    found = [
        {str(one.get("ItemOID")).rpartition(".")[2]: one.get("Value") for one in row}
        for row in rows
    ]

    assert found[1] == {
        "TERM": "Fatigue",
        "CTCAE_VERSION": "5",
        "GRADE": "3",
        "STARTED_ON": "2026-08",
        "ONGOING": "yes",
        "SERIOUS": "yes",
        "RELATED": "possibly",
    }


def test_columns_have_their_units_types_and_codes() -> None:
    root = ET.fromstring(odm(treated()))  # noqa: S314 - our own file
    dose = root.find(".//o:ItemDef[@OID='IT.CYCLES.ACTIVITY_GBQ']", _NAMES)
    codes = root.findall(".//o:CodeList[@OID='CL.CONSENTS.STATE']/o:EnumeratedItem", _NAMES)
    assert dose is not None
    unit = dose.find("o:MeasurementUnitRef", _NAMES)

    assert (dose.get("DataType"), dose.get("Length"), dose.get("SignificantDigits")) == (
        "float",
        "4",
        "2",
    )
    assert unit is not None
    assert unit.get("MeasurementUnitOID") == "MU.GBq"
    assert [one.get("CodedValue") for one in codes] == [
        "signed",
        "refused",
        "withdrawn",
        "pending",
    ]


def test_every_reference_names_a_definition() -> None:
    root = ET.fromstring(odm(ranges()))  # noqa: S314 - our own file
    defined = {one.get("OID") for one in root.iter() if one.get("OID")}
    named = {
        value
        for one in root.iter()
        for name, value in one.attrib.items()
        if name.endswith("OID") and name not in {"OID", "FileOID"}
    }

    assert named <= defined


def test_the_same_records_make_the_same_bytes() -> None:
    assert odm(ranges()) == odm(ranges())


def test_refuses_a_character_that_xml_cannot_hold() -> None:
    tables = treated()
    tables["adverse_events"][0]["term"] = "Nau\x01sea"

    with pytest.raises(
        DataError, match=r"adverse_events\.csv, line 2, term: XML cannot hold U\+0001"
    ):
        odm(tables)
