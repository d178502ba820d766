"""REDCap: the data dictionary and a raw flat export, longitudinal and repeating ones too.

Export "CSV / raw data". Codes stay codes; the dictionary says what they mean.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from operandi.records.importing.source import (
    SourceTable,
    Type,
    Variable,
    a_fault,
    column,
    read_bytes,
    refuse,
    text_of,
    typed,
)
from operandi.records.spelling import meant
from operandi.records.tables import Fault

EVENT: Final = "redcap_event_name"
INSTRUMENT: Final = "redcap_repeat_instrument"
_TECHNICAL: Final = {
    EVENT: "Event",
    INSTRUMENT: "Repeating instrument",
    "redcap_repeat_instance": "Number of the repetition",
    "redcap_data_access_group": "Data access group",
    "redcap_survey_identifier": "Survey identifier",
}
_COMPLETE: Final = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}
_YES_NO: Final = {"1": "Yes", "0": "No"}
_TRUE_FALSE: Final = {"1": "True", "0": "False"}
# The heading that people download, and the name that the interface gives.
_HEADINGS: Final = {
    "Variable / Field Name": "field_name",
    "Form Name": "form_name",
    "Section Header": "section_header",
    "Field Type": "field_type",
    "Field Label": "field_label",
    "Choices, Calculations, OR Slider Labels": "select_choices_or_calculations",
    "Field Note": "field_note",
    "Text Validation Type OR Show Slider Number": "text_validation_type_or_show_slider_number",
    "Text Validation Min": "text_validation_min",
    "Text Validation Max": "text_validation_max",
    "Identifier?": "identifier",
    "Branching Logic (Show field only if...)": "branching_logic",
    "Required Field?": "required_field",
    "Custom Alignment": "custom_alignment",
    "Question Number (surveys only)": "question_number",
    "Matrix Group Name": "matrix_group_name",
    "Matrix Ranking?": "matrix_ranking",
    "Field Annotation": "field_annotation",
}
_NEEDED: Final = ("field_name", "form_name", "field_type", "select_choices_or_calculations")


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A CSV file: its header, and its records with the line that each begins on."""

    file: str
    header: tuple[str, ...]
    records: tuple[tuple[int, tuple[str, ...]], ...]


def read_redcap(data: Path, dictionary: Path, events: Path | None = None) -> SourceTable:
    """Read an export with its dictionary.

    Parameters
    ----------
    data, dictionary : Path
        The raw flat export and the data dictionary, both CSV.
    events : Path, optional
        The list of events (``unique_event_name``); with it, an event that it lacks is refused.

    Returns
    -------
    SourceTable
        A column of the export each variable. Cells that their field does not allow stand in
        ``faults``, and are null in the frame.

    Raises
    ------
    DataError
        If a file is not UTF-8, a row has not as many cells as the header, a column of the export
        is no field of the dictionary, or an event is not in the list. All are named.
    """
    fields = _dictionary(_sheet(dictionary))
    sheet = _sheet(data)
    variables, faults = _variables(sheet, fields, dictionary.name)
    known = _events(events) if events else None
    if known is not None and events is not None and EVENT in sheet.header:
        faults += _strange_events(sheet, known, events.name)
    if faults:
        refuse(faults)
    return _table(sheet, variables, fields)


# --- files ------------------------------------------------------------------------------------


def _sheet(path: Path) -> _Sheet:
    content = read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = f"byte 0x{error.object[error.start]:02X} is not UTF-8"
        remedy = "export it as CSV UTF-8"
        refuse([a_fault(path.name, line, "", "", problem=problem, remedy=remedy)])
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    # A notes field may hold line breaks; so the file is parsed as a whole.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records: list[tuple[int, tuple[str, ...]]] = []
    begins = 1
    try:
        for cells in reader:
            if cells:
                records.append((begins, tuple(cells)))
            begins = reader.line_num + 1
    except csv.Error as error:
        remedy = "close the quotation mark, or export the file again"
        refuse([a_fault(path.name, begins, "", "", problem=f"is no CSV ({error})", remedy=remedy)])
    if not records:
        remedy = "export it again"
        refuse([a_fault(path.name, None, "", "", problem="the file is empty", remedy=remedy)])
    header = records[0][1]
    ragged = [
        a_fault(
            path.name,
            line,
            "",
            "",
            problem=f"has {len(cells)} cells where the header has {len(header)}",
            remedy="export the file again; a spreadsheet may have cut it",
        )
        for line, cells in records
        if len(cells) != len(header)
    ]
    twice = [
        a_fault(path.name, 1, name, "", problem="stands twice in the header", remedy="remove one")
        for name in dict.fromkeys(header)
        if header.count(name) > 1
    ]
    if ragged or twice:
        refuse(twice + ragged)
    return _Sheet(path.name, header, tuple(records[1:]))


def _dictionary(sheet: _Sheet) -> dict[str, dict[str, str]]:
    header = tuple(_HEADINGS.get(name.strip(), name.strip()) for name in sheet.header)
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        refuse(
            [
                a_fault(
                    sheet.file,
                    1,
                    name,
                    "",
                    problem="the dictionary lacks this column",
                    remedy="download the data dictionary from REDCap again",
                )
                for name in missing
            ]
        )
    fields: dict[str, dict[str, str]] = {}
    for _, cells in sheet.records:
        # R writes NA where a cell is blank.
        said = {k: "" if v == "NA" else v for k, v in zip(header, cells, strict=True)}
        fields[said["field_name"]] = said
    return fields


def _events(path: Path) -> tuple[str, ...]:
    sheet = _sheet(path)
    if "unique_event_name" not in sheet.header:
        remedy = "export the events from REDCap (Define My Events)"
        problem = "the list of events lacks this column"
        refuse([a_fault(sheet.file, 1, "unique_event_name", "", problem=problem, remedy=remedy)])
    at = sheet.header.index("unique_event_name")
    return tuple(cells[at] for _, cells in sheet.records)


def _strange_events(sheet: _Sheet, known: tuple[str, ...], file: str) -> list[Fault]:
    at = sheet.header.index(EVENT)
    return [
        a_fault(
            sheet.file,
            line,
            EVENT,
            cells[at],
            problem=f"is no event of {file}",
            remedy=f"use {meant(cells[at], known) or ', '.join(known)}",
        )
        for line, cells in sheet.records
        if cells[at] not in known
    ]


# --- what the dictionary says of a column -------------------------------------------------------


def _variables(
    sheet: _Sheet, fields: Mapping[str, Mapping[str, str]], dictionary: str
) -> tuple[list[Variable], list[Fault]]:
    known: dict[str, Variable] = {
        name: Variable(name=name, label=label, type="text") for name, label in _TECHNICAL.items()
    }
    for form in dict.fromkeys(said["form_name"] for said in fields.values()):
        name = f"{form}_complete"
        known[name] = Variable(name=name, label="Complete?", type="code", choices=_COMPLETE)
        stamp = f"{form}_timestamp"
        known[stamp] = Variable(name=stamp, label="Survey timestamp", type="text")
    for said in fields.values():
        known |= {one.name: one for one in _of_field(said)}
    faults = [
        a_fault(
            sheet.file,
            1,
            name,
            "",
            problem=f"is no field of {dictionary}",
            remedy=f"export both at the same time; {meant(name, known)} is near"
            if meant(name, known)
            else "export the dictionary and the data at the same time",
        )
        for name in sheet.header
        if name not in known
    ]
    return [known[name] for name in sheet.header if name in known], faults


def _of_field(said: Mapping[str, str]) -> Iterator[Variable]:
    kind, choices = said["field_type"], said["select_choices_or_calculations"]
    plain = Variable(
        name=said["field_name"],
        label=said.get("field_label", ""),
        identifying=said.get("identifier", "").lower() == "y",
        stated={key: text for key, text in said.items() if text},
    )
    match kind:
        case "descriptive":
            return
        case "checkbox":
            for code, label in _choices(choices).items():
                # REDCap writes a minus as an underscore.
                name = f"{plain.name}___{code.lower().replace('-', '_')}"
                labeled = f"{plain.label}: {label}"
                yield replace(plain, name=name, label=labeled, type="boolean", choices=_YES_NO)
        case "radio" | "dropdown":
            yield replace(plain, type="code", choices=_choices(choices))
        case "yesno":
            yield replace(plain, type="boolean", choices=_YES_NO)
        case "truefalse":
            yield replace(plain, type="boolean", choices=_TRUE_FALSE)
        case "calc":
            yield replace(plain, type="number")
        case "slider":
            yield replace(plain, type="integer")
        case _:
            yield replace(plain, type=_of_validation(plain.stated))


def _choices(text: str) -> dict[str, str]:
    pairs = (part.partition(",") for part in text.split("|"))
    return {code.strip(): label.strip() for code, _, label in pairs if code.strip()}


def _of_validation(said: Mapping[str, object]) -> Type:
    validation = str(said.get("text_validation_type_or_show_slider_number", ""))
    if validation.startswith("datetime_"):
        return "datetime"
    if validation.startswith("date_"):
        return "date"
    if validation == "integer":
        return "integer"
    return "number" if validation.startswith("number") else "text"


# --- cells ------------------------------------------------------------------------------------


def _table(
    sheet: _Sheet, variables: list[Variable], fields: Mapping[str, Mapping[str, str]]
) -> SourceTable:
    faults: list[Fault] = []
    texts: list[list[str]] = []
    columns: list[pl.Series] = []
    for at, variable in enumerate(variables):
        values: list[object] = []
        written: list[str] = []
        for line, cells in sheet.records:
            value, fault = _cell(sheet.file, line, variable, cells[at].strip())
            if fault:
                faults.append(fault)
            values.append(value)
            written.append(cells[at].strip() if fault else text_of(value))
        columns.append(column(variable.name, values, variable.type))
        texts.append(written)
    absent = [
        name
        for name, said in fields.items()
        if said["field_type"] != "descriptive"
        and not any(re.match(rf"{re.escape(name)}(___|$)", one) for one in sheet.header)
    ]
    return SourceTable(
        name="redcap",
        label="",
        file=sheet.file,
        variables=tuple(variables),
        frame=pl.DataFrame(columns),
        texts=tuple(zip(*texts, strict=True)),
        numbers=tuple(line for line, _ in sheet.records),
        faults=tuple(sorted(faults, key=lambda one: one.row or 0)),
        stated={"not_exported": tuple(absent)},
    )


def _cell(file: str, line: int, variable: Variable, text: str) -> tuple[object, Fault | None]:
    if not text:
        return None, None
    if variable.type == "code" and text not in variable.choices:
        allowed = ", ".join(f"{code} ({label})" for code, label in variable.choices.items())
        problem, remedy = "is no choice of the field", f"the choices are {allowed}"
        return None, _faulty(file, line, variable, text, problem=problem, remedy=remedy)
    validation = variable.stated.get("text_validation_type_or_show_slider_number", "")
    written = text.replace(",", ".", 1) if str(validation).endswith("comma_decimal") else text
    try:
        return typed(written, variable.type), None
    except ValueError as error:
        remedy = "correct it in REDCap and export again, as raw data"
        return None, _faulty(file, line, variable, text, problem=str(error), remedy=remedy)


def _faulty(
    file: str, line: int, variable: Variable, text: str, *, problem: str, remedy: str
) -> Fault:
    shown = "(identifying)" if variable.identifying else text
    return a_fault(file, line, variable.name, shown, problem=problem, remedy=remedy)
