"""A study as CDISC ODM v2: its criteria with their rules, its calendar and its data items.

Checked against the schemas of ODM 2.0. What ODM has no place for is listed by
:func:`not_carried`. Decision 0017.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree as ET

import operandi
from operandi.protocol.columns import ColumnKind, columns_of
from operandi.protocol.format import Criterion, Item, StudyProtocol
from operandi.protocol.interchange.timing import Timing, timings_of
from operandi.protocol.interchange.words import comment_on, events_of, expressions_of, words_of
from operandi.quantities.errors import DataError
from operandi.records.rows import ROWS

NAMESPACE: Final = "http://www.cdisc.org/ns/odm/v2.0"
_LOINC: Final = "http://loinc.org"
_TYPES: Final[dict[ColumnKind, str]] = {
    "number": "decimal",
    "yes_no": "boolean",
    "day": "date",
    "days": "partialDate",
    "instant": "datetime",
}
_NOT_XML: Final = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]")
"""XML 1.0 has no place for these, or its readers change them, as the carriage return."""


def odm_of(study: StudyProtocol, *, created_at: datetime) -> bytes:
    """Write a study as an ODM v2 file.

    ``FormalExpression/@Context`` names the reading (``operandi literal``, ``operandi proposed``)
    and, where another rule counts there, ``before cycle``. An expression is true where the
    criterion's own statement holds: of an exclusion criterion, where it excludes.

    Parameters
    ----------
    study : StudyProtocol
        As ``read_study`` gives it.
    created_at : datetime, aware
        Written into the file; the bytes depend on nothing else.

    Raises
    ------
    ValueError
        If ``created_at`` has no time zone.
    DataError
        If a text of the study holds a control character, which XML cannot.
    """
    if created_at.tzinfo is None:
        raise ValueError("created_at needs a time zone")
    code = study.study.code
    root = ET.Element(
        "ODM",
        {
            "xmlns": NAMESPACE,
            "FileType": "Snapshot",
            "Granularity": "Metadata",
            "FileOID": f"FILE.{code}",
            "CreationDateTime": f"{created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "ODMVersion": "2.0",
            "SourceSystem": "Operandi",
            "SourceSystemVersion": operandi.__version__,
        },
    )
    about = ET.SubElement(
        root, "Study", {"OID": f"ST.{code}", "StudyName": code, "ProtocolName": code}
    )
    _described(about, study.study.title)
    version = ET.SubElement(
        about, "MetaDataVersion", {"OID": f"MDV.{code}", "Name": f"Study file of {code}"}
    )
    _protocol(version, study)
    _events(version, study)
    _items(version, study)
    for criterion in study.criterion:
        _condition(version, criterion, study)
    _comments(version, study)
    _refuse_what_xml_cannot(root)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def not_carried(study: StudyProtocol) -> tuple[str, ...]:
    """List what of a study an ODM file says in words only, or not at all."""
    lost = [text for timing in timings_of(study) for text in timing.lost]
    lost += (
        f"visit {visit.code}, study_act: that it is routine care and may come before consent"
        for visit in study.visit
        if not visit.study_act
    )
    lost += (f"anchor {anchor.code}: that its event is {anchor.event}" for anchor in study.anchor)
    lost += (
        f"cycle {cycle.number}: activity and its tolerance; in words in its comment"
        for cycle in study.cycle
    )
    lost += (
        f"arm {arm.code}: which interventions it gets; in words in its description"
        for arm in study.arm
        if arm.interventions
    )
    lost += (
        f"intervention {entry.code}: that it is a {entry.kind}; in words in its description"
        for entry in study.intervention
    )
    lost += (
        f"criterion {criterion.code}: gates, cautions, reasons; in words in its comment"
        for criterion in study.criterion
    )
    lost += (f"item {name}: how its rows are found; in words in its notes" for name in study.item)
    lost += (
        f"item {name}: codes that say nobody knows, and the review or exam that vouches for "
        "absent rows"
        for name, item in study.item.items()
        if item.not_known or item.review is not None or item.exam
    )
    lost += (
        f"item {name}: its molar mass"
        for name, item in study.item.items()
        if item.molar_mass_g_mol is not None
    )
    lost += (f"hospital {hospital.code}" for hospital in study.hospital)
    lost += (f"department {department.code}" for department in study.department)
    lost += (
        f"laboratory of {', '.join(entry.visits)}: what is measured there"
        for entry in study.laboratory
    )
    lost += (f"imaging of {', '.join(entry.visits)}" for entry in study.imaging)
    lost += (
        f"endpoint {endpoint.code}: that it is {endpoint.status}; in words in its description"
        for endpoint in study.endpoint
    )
    if study.recist is not None:
        lost.append(f"recist: version {study.recist.version}")
    return tuple(lost)


def _protocol(version: ET.Element, study: StudyProtocol) -> None:
    protocol = ET.SubElement(version, "Protocol")
    _described(protocol, study.study.title)
    summary = ET.SubElement(protocol, "StudySummary")
    for number, (term, short, value) in enumerate(_parameters(study), start=1):
        attributes = {"OID": f"SP.{number}", "Term": term}
        parameter = ET.SubElement(
            summary, "StudyParameter", attributes | ({"ShortName": short} if short else {})
        )
        ET.SubElement(parameter, "ParameterValue", {"Value": value})
    if study.arm:
        structure = ET.SubElement(protocol, "StudyStructure")
        for arm in study.arm:
            gets = f"\nInterventions: {', '.join(arm.interventions)}" if arm.interventions else ""
            entry = ET.SubElement(structure, "Arm", {"OID": f"ARM.{arm.code}", "Name": arm.code})
            _described(entry, arm.title + gets)
    _timings(protocol, study)
    if study.intervention:
        given = ET.SubElement(protocol, "StudyInterventions")
        for intervention in study.intervention:
            entry = ET.SubElement(given, "StudyIntervention", {"OID": f"INT.{intervention.code}"})
            _described(entry, f"{intervention.title}\nKind: {intervention.kind}")
    if study.endpoint:
        measured = ET.SubElement(protocol, "StudyEndPoints")
        for endpoint in study.endpoint:
            entry = ET.SubElement(
                measured,
                "StudyEndPoint",
                {
                    "OID": f"EP.{endpoint.code}",
                    "Name": endpoint.code,
                    "Level": endpoint.kind.capitalize(),
                },
            )
            said = f"{endpoint.title}\nStatus: {endpoint.status}"
            _described(entry, f"{said}. {endpoint.reason}" if endpoint.reason else said)
    _criteria(protocol, study)
    if _event_codes(study):
        ET.SubElement(
            protocol,
            "StudyEventGroupRef",
            {"StudyEventGroupOID": "SEG.CALENDAR", "Mandatory": "Yes"},
        )


def _parameters(study: StudyProtocol) -> Iterator[tuple[str, str, str]]:
    """Term, short name in CDISC's TSPARMCD where there is one, and value."""
    about = study.study
    for term, short, value in (
        ("Source of the wording", "", about.source),
        ("Transcription", "", about.transcription),
        ("Clinical Study Sponsor", "SPONSOR", about.sponsor),
        ("Code at the sponsor", "", about.sponsor_code),
        ("Planned Number of Subjects", "PLANSUB", about.target),
        ("Study Start Date", "SSTDTC", about.starts_on),
        ("Planned completion", "", about.completes_on),
        ("Time zone", "", about.timezone),
        ("CTCAE version", "", about.ctcae_version),
    ):
        if value not in ("", None):
            yield term, short, str(value)


def _criteria(protocol: ET.Element, study: StudyProtocol) -> None:
    criteria = ET.SubElement(protocol, "InclusionExclusionCriteria")
    for polarity, tag in (("inclusion", "InclusionCriteria"), ("exclusion", "ExclusionCriteria")):
        of_kind = [c for c in study.criterion if c.polarity == polarity]
        if not of_kind:
            continue
        kind = ET.SubElement(criteria, tag)
        for criterion in of_kind:
            entry = ET.SubElement(
                kind,
                "Criterion",
                {
                    "OID": f"CRIT.{criterion.code}",
                    "Name": criterion.code,
                    "ConditionOID": f"COND.{criterion.code}",
                },
            )
            _described(entry, criterion.text)


def _condition(version: ET.Element, criterion: Criterion, study: StudyProtocol) -> None:
    condition = ET.SubElement(
        version,
        "ConditionDef",
        {
            "OID": f"COND.{criterion.code}",
            "Name": criterion.code,
            "CommentOID": f"COM.COND.{criterion.code}",
        },
    )
    _described(condition, criterion.text)
    ET.SubElement(condition, "MethodSignature")
    for context, expression in expressions_of(criterion, study):
        entry = ET.SubElement(condition, "FormalExpression", {"Context": f"operandi {context}"})
        ET.SubElement(entry, "Code").text = expression


def _event_codes(study: StudyProtocol) -> dict[str, str]:
    """Code and title of every event of the calendar."""
    return (
        {anchor.code: anchor.title for anchor in study.anchor}
        | {cycle.code: f"Cycle {cycle.number}" for cycle in study.cycle}
        | {visit.code: visit.title for visit in study.visit}
    )


def _timings(protocol: ET.Element, study: StudyProtocol) -> None:
    timed = [timing for timing in timings_of(study) if timing.offset is not None]
    if not timed:
        return
    all_timings = ET.SubElement(protocol, "StudyTimings")
    calendar = ET.SubElement(
        all_timings, "StudyTiming", {"OID": "TIM.CALENDAR", "Name": "Calendar"}
    )
    for timing in timed:
        ET.SubElement(calendar, "RelativeTimingConstraint", _constraint(timing))


def _constraint(timing: Timing) -> dict[str, str]:
    attributes = {
        "OID": f"TIM.{timing.code}",
        "Name": f"{timing.code} from {timing.anchor}",
        "PredecessorOID": f"SE.{timing.anchor}",
        "SuccessorOID": f"SE.{timing.code}",
        "Type": "StartToStart",
        "TimepointRelativeTarget": timing.offset,
        "TimepointPreWindow": timing.earlier,
        "TimepointPostWindow": timing.later,
    }
    return {key: value for key, value in attributes.items() if value is not None}


def _events(version: ET.Element, study: StudyProtocol) -> None:
    events = _event_codes(study)
    if not events:
        return
    group = ET.SubElement(
        version, "StudyEventGroupDef", {"OID": "SEG.CALENDAR", "Name": "Calendar"}
    )
    for code in events:
        ET.SubElement(group, "StudyEventRef", {"StudyEventOID": f"SE.{code}", "Mandatory": "Yes"})
    commented = {event.code for event in events_of(study)}
    for code, title in events.items():
        attributes = {"OID": f"SE.{code}", "Name": code, "Repeating": "No", "Type": "Scheduled"}
        if code in commented:
            attributes["CommentOID"] = f"COM.SE.{code}"
        _described(ET.SubElement(version, "StudyEventDef", attributes), title)


def _items(version: ET.Element, study: StudyProtocol) -> None:
    units = sorted({item.unit for item in study.item.values() if item.unit is not None})
    lists = {unit: f"CL.UNIT.{number}" for number, unit in enumerate(units, start=1)}
    for table in sorted({item.table for item in study.item.values()}):
        group = ET.SubElement(
            version,
            "ItemGroupDef",
            {"OID": f"IG.{table}", "Name": table, "Repeating": "Simple", "Type": "Section"},
        )
        for name, item in study.item.items():
            if item.table == table:
                _refer(group, name, item)
    for name, item in study.item.items():
        _define(version, name, item)
        if item.unit is not None:
            unit = ET.SubElement(
                version,
                "ItemDef",
                {"OID": f"IT.{name}.UNIT", "Name": f"{name}.UNIT", "DataType": "text"},
            )
            ET.SubElement(unit, "CodeListRef", {"CodeListOID": lists[item.unit]})
    for unit_text, oid in lists.items():
        code_list = ET.SubElement(
            version, "CodeList", {"OID": oid, "Name": f"Unit {unit_text}", "DataType": "text"}
        )
        ET.SubElement(code_list, "CodeListItem", {"CodedValue": unit_text})


def _refer(group: ET.Element, name: str, item: Item) -> None:
    reference = {"ItemOID": f"IT.{name}", "Mandatory": "No"}
    if item.unit is not None:
        # ODM v2 has no MeasurementUnit: an item's unit is another item.
        ET.SubElement(group, "ItemRef", reference | {"UnitsItemOID": f"IT.{name}.UNIT"})
        reference = {"ItemOID": f"IT.{name}.UNIT", "Mandatory": "No"}
    ET.SubElement(group, "ItemRef", reference)


def _define(version: ET.Element, name: str, item: Item) -> None:
    definition = ET.SubElement(
        version, "ItemDef", {"OID": f"IT.{name}", "Name": name, "DataType": _data_type(item)}
    )
    _described(definition, item.title)
    where = "".join(f", {column} = {_cell(value)}" for column, value in item.where.items())
    lines = [f"Rows: {item.table}{where}", f"Needs {item.ask}"]
    lines += [f"Value: {item.column}"] if item.column is not None else []
    lines += [f"Dated: {item.date}"] if item.date is not None else []
    if item.join is not None:
        lines.append(f"Joined: {item.join.table} by {', '.join(item.join.on)}")
    _text(ET.SubElement(definition, "ImplementationNotes"), "\n".join(lines))
    for code in item.loinc:
        ET.SubElement(definition, "Coding", {"Code": code, "System": _LOINC, "SystemName": "LOINC"})


def _cell(  # a cell may be yes or no
    value: str | bool | int | tuple[str | int, ...],  # noqa: FBT001
) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " or ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _data_type(item: Item) -> str:
    model = ROWS.get(item.table)
    if model is None or item.column is None:
        return "text"
    kind, _ = columns_of(model).get(item.column, ("other", ()))
    return _TYPES.get(kind, "text")


def _comments(version: ET.Element, study: StudyProtocol) -> None:
    said = {f"COND.{c.code}": comment_on(c, study) for c in study.criterion}
    said |= {f"SE.{event.code}": words_of(event) for event in events_of(study)}
    for oid, text in said.items():
        _described(ET.SubElement(version, "CommentDef", {"OID": f"COM.{oid}"}), text)


def _described(parent: ET.Element, text: str) -> None:
    _text(ET.SubElement(parent, "Description"), text)


def _text(parent: ET.Element, text: str) -> None:
    ET.SubElement(parent, "TranslatedText", {"Type": "text/plain"}).text = text


def _refuse_what_xml_cannot(root: ET.Element) -> None:
    for element in root.iter():
        for text in (element.text or "", *element.attrib.values()):
            found = _NOT_XML.search(text)
            if found is not None:
                raise DataError(
                    f"{text!r} holds the control character {found[0]!r}, which XML cannot.",
                    remedy="Take it out of the study file.",
                )
