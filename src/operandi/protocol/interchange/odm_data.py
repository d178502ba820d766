"""All tables as CDISC ODM 1.3.2: the definitions that follow from the row models, and the rows."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, get_args

from operandi import __version__
from operandi.domain.date_interval import DateInterval
from operandi.protocol.format import StudyProtocol
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import Nuclide
from operandi.records.cells import cell_type
from operandi.records.limits import Unit, Within
from operandi.records.row import Row
from operandi.records.rows import ROWS
from operandi.records.schemas import columns
from operandi.records.tables import Records

NAMESPACE: Final = "http://www.cdisc.org/ns/odm/v1.3"
_EVENT: Final = "SE.RECORDS"
_TYPES: Final[dict[object, str]] = {
    str: "text",
    Nuclide: "text",
    bool: "text",
    int: "integer",
    Decimal: "float",
    DateInterval: "partialDate",
    date: "date",
    datetime: "datetime",
}
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


def odm_data(records: Records, study: StudyProtocol, *, created_at: datetime) -> bytes:
    """Write every row of every table as an ODM snapshot; the same content gives the same bytes.

    A table is a form with one group of items, its columns; rows of tables without participants
    are reference data.

    Parameters
    ----------
    records : Records
    study : StudyProtocol
    created_at : datetime
        Aware; written into the file.

    Raises
    ------
    DataError
        If a cell holds a character that XML cannot hold.

    References
    ----------
    .. [1] CDISC, Operational Data Model 1.3.2, 2013.
    """
    _refuse_no_xml(records)
    code = study.study.code
    root = ET.Element(
        "ODM",
        {
            "xmlns": NAMESPACE,
            "ODMVersion": "1.3.2",
            "FileType": "Snapshot",
            "FileOID": f"{code}.{created_at:%Y%m%dT%H%M%S}",
            "CreationDateTime": created_at.isoformat(timespec="seconds"),
            "SourceSystem": "Operandi",
            "SourceSystemVersion": __version__,
        },
    )
    version = f"MDV.{code}"
    tables = [_Table(name, model, records.rows.get(name, ())) for name, model in ROWS.items()]
    of_study = ET.SubElement(root, "Study", OID=code)
    names = ET.SubElement(of_study, "GlobalVariables")
    ET.SubElement(names, "StudyName").text = code
    ET.SubElement(names, "StudyDescription").text = study.study.title
    ET.SubElement(names, "ProtocolName").text = study.study.sponsor_code or code
    _units(of_study, tables)
    _definitions(ET.SubElement(of_study, "MetaDataVersion", OID=version, Name=code), tables)
    whose = {"StudyOID": code, "MetaDataVersionOID": version}
    reference = [table for table in tables if not table.personal and table.rows]
    if reference:
        data = ET.SubElement(root, "ReferenceData", whose)
        for table in reference:
            _rows(data, table, table.rows)
    data = ET.SubElement(root, "ClinicalData", whose)
    for person in records.participants:
        _subject(data, str(person.pseudonym), tables)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


@dataclass(frozen=True, slots=True)
class _Item:
    """A column as ODM sees it."""

    name: str
    kind: str
    codes: tuple[str, ...]
    unit: str
    label: str
    required: bool


class _Table:
    """A table, its columns and its rows."""

    def __init__(self, name: str, model: type[Row], rows: Sequence[Row]) -> None:
        self.name, self.model, self.rows = name, model, rows
        self.personal = "participant" in model.model_fields
        self.items = [_item(model, one) for one in columns(model) if one != "participant"]

    def of(self, participant: str) -> list[Row]:
        """Rows of a participant."""
        return [row for row in self.rows if getattr(row, "participant", None) == participant]


def _item(model: type[Row], name: str) -> _Item:
    field = model.model_fields[name]
    kind, marks = cell_type(field.annotation, tuple(field.metadata))
    codes: tuple[Any, ...] = get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        codes = tuple(member.value for member in kind)
    if kind is bool:
        codes = ("yes", "no")
    units = [mark.unit for mark in marks if isinstance(mark, Unit | Within)]
    return _Item(
        name=name,
        kind=_TYPES[type(codes[0])] if codes else _TYPES[kind],
        codes=tuple(map(str, codes)),
        unit=units[0] if units else "",
        label=(field.description or name).replace("`", ""),
        required=field.is_required(),
    )


def text_of(value: object) -> str:
    """Write a cell as the tables write it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:f}"
        case Enum():
            return str(value.value)
        case Nuclide():
            return value.name
        case datetime() | date():
            return value.isoformat()
        case _:
            return str(value)


def _oid(kind: str, *names: str) -> str:
    return ".".join((kind, *(name.upper() for name in names)))


def _unit_oid(unit: str) -> str:
    return f"MU.{unit}"


def _units(study: ET.Element, tables: Sequence[_Table]) -> None:
    units = sorted({item.unit for table in tables for item in table.items if item.unit})
    basics = ET.SubElement(study, "BasicDefinitions")
    for unit in units:
        one = ET.SubElement(basics, "MeasurementUnit", OID=_unit_oid(unit), Name=unit)
        _translated(ET.SubElement(one, "Symbol"), unit)


def _translated(parent: ET.Element, text: str) -> None:
    ET.SubElement(parent, "TranslatedText", {"xml:lang": "en"}).text = text


def _definitions(version: ET.Element, tables: Sequence[_Table]) -> None:
    """Events, forms, groups, items and codes, in the order that the schema asks for."""
    protocol = ET.SubElement(version, "Protocol")
    ET.SubElement(protocol, "StudyEventRef", StudyEventOID=_EVENT, OrderNumber="1", Mandatory="No")
    event = ET.SubElement(
        version, "StudyEventDef", OID=_EVENT, Name="Records", Repeating="No", Type="Common"
    )
    personal = [table.name for table in tables if table.personal]
    for name in personal:
        ET.SubElement(event, "FormRef", FormOID=_oid("FORM", name), Mandatory="No")
    for name in personal:
        form = ET.SubElement(version, "FormDef", OID=_oid("FORM", name), Name=name, Repeating="No")
        ET.SubElement(form, "ItemGroupRef", ItemGroupOID=_oid("IG", name), Mandatory="No")
    for table in tables:
        _group(version, table)
    for table in tables:
        for item in table.items:
            _item_def(version, table, item)
    for table in tables:
        _code_lists(version, table)


def _code_lists(version: ET.Element, table: _Table) -> None:
    for item in table.items:
        if item.codes:
            said = {
                "OID": _oid("CL", table.name, item.name),
                "Name": f"{table.name}.{item.name}",
                "DataType": item.kind,
            }
            codes = ET.SubElement(version, "CodeList", said)
            for code in item.codes:
                ET.SubElement(codes, "EnumeratedItem", CodedValue=code)


def _group(version: ET.Element, table: _Table) -> None:
    group = ET.SubElement(
        version,
        "ItemGroupDef",
        OID=_oid("IG", table.name),
        Name=table.name,
        Repeating="Yes",
        IsReferenceData="No" if table.personal else "Yes",
    )
    for number, item in enumerate(table.items, start=1):
        said = {
            "ItemOID": _oid("IT", table.name, item.name),
            "OrderNumber": str(number),
            "Mandatory": "Yes" if item.required else "No",
        }
        if item.name in table.model.key:
            said["KeySequence"] = str(table.model.key.index(item.name) + 1)
        ET.SubElement(group, "ItemRef", said)


def _item_def(version: ET.Element, table: _Table, item: _Item) -> None:
    said = {"OID": _oid("IT", table.name, item.name), "Name": item.name, "DataType": item.kind}
    cells = [getattr(row, item.name) for row in table.rows]
    texts = [text_of(cell) for cell in cells if cell is not None]
    if item.kind in {"text", "integer", "float"}:
        said["Length"] = str(max(map(len, (*texts, *item.codes, "1"))))
    if item.kind == "float":
        said["SignificantDigits"] = str(
            max((len(one.partition(".")[2]) for one in texts), default=0)
        )
    one = ET.SubElement(version, "ItemDef", said)
    _translated(ET.SubElement(one, "Description"), item.label)
    if item.unit:
        ET.SubElement(one, "MeasurementUnitRef", MeasurementUnitOID=_unit_oid(item.unit))
    if item.codes:
        ET.SubElement(one, "CodeListRef", CodeListOID=_oid("CL", table.name, item.name))


def _subject(data: ET.Element, participant: str, tables: Sequence[_Table]) -> None:
    subject = ET.SubElement(data, "SubjectData", SubjectKey=participant)
    event = ET.SubElement(subject, "StudyEventData", StudyEventOID=_EVENT)
    for table in tables:
        if rows := table.of(participant):
            form = ET.SubElement(event, "FormData", FormOID=_oid("FORM", table.name))
            _rows(form, table, rows)


def _rows(parent: ET.Element, table: _Table, rows: Sequence[Row]) -> None:
    for number, row in enumerate(rows, start=1):
        said = {"ItemGroupOID": _oid("IG", table.name), "ItemGroupRepeatKey": str(number)}
        group = ET.SubElement(parent, "ItemGroupData", said)
        for item in table.items:
            value = getattr(row, item.name)
            if value is None:
                continue
            oid = _oid("IT", table.name, item.name)
            one = ET.SubElement(group, "ItemData", ItemOID=oid, Value=text_of(value))
            if item.unit:
                ET.SubElement(one, "MeasurementUnitRef", MeasurementUnitOID=_unit_oid(item.unit))


def _refuse_no_xml(records: Records) -> None:
    if faults := list(_no_xml(records)):
        raise DataError("; ".join(faults) + ".", remedy="Remove the character from the cell.")


def _no_xml(records: Records) -> Iterator[str]:
    for rows in records.rows.values():
        for row in rows:
            for column, value in row:
                if isinstance(value, str) and (found := _NO_XML.search(value)):
                    yield f"{row.place}, {column}: XML cannot hold U+{ord(found[0]):04X}"
