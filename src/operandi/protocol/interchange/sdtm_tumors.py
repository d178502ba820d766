"""The domains TU, TR and RS of SDTM: lesions, what readers saw of them, and the responses."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from operandi.protocol.interchange.sdtm import (
    Dataset,
    Draft,
    Source,
    Variable,
    study_day,
    with_sequence,
)
from operandi.protocol.recist import Assessed
from operandi.protocol.recist_adjudication import adjudicate
from operandi.protocol.recist_reads import Role
from operandi.quantities.errors import DataError
from operandi.records.rows_tumor import RecistReadRow

_EVALUATOR: Final = {
    Role.INVESTIGATOR: "INVESTIGATOR",
    Role.READER_1: "INDEPENDENT ASSESSOR",
    Role.READER_2: "INDEPENDENT ASSESSOR",
    Role.ADJUDICATOR: "ADJUDICATOR",
}
_METHODS: Final = {
    "ct": "CT SCAN",
    "mri": "MRI",
    "clinical": "PHYSICAL EXAMINATION",
    "xray": "X-RAY",
}


def _findings(name: str, text: str) -> tuple[Variable, ...]:
    return with_sequence(
        name,
        f"""
        {name}LNKID string Link ID
        {name}TESTCD string {text} Short Name
        {name}TEST string {text} Name
        {name}ORRES string Result or Finding in Original Units
        {name}ORRESU string Original Units
        {name}STRESC string Character Result/Finding in Std Format
        {name}STRESN decimal Numeric Result/Finding in Standard Units
        {name}STRESU string Standard Units
        {name}LOC string Location
        {name}LAT string Laterality
        {name}METHOD string Method
        {name}EVAL string Evaluator
        {name}EVALID string Evaluator Identifier
        {name}ACPTFL string Accepted Record Flag
        {name}DTC date Date/Time of Assessment
        {name}DY integer Study Day of Assessment
        """,
    )


def evaluator(role: str, reader: str) -> str:
    """Name an evaluator: readers of one code may have two roles."""
    return f"{role.upper()} {reader}"


def _new(read: RecistReadRow) -> bool:
    return read.state in {"new", "new_equivocal"}


def lesions(source: Source) -> Dataset:
    """Make TU: the lesions that were chosen, and the new ones of each reader."""
    columns = _findings("TU", "Tumor/Lesion ID Test")
    draft = Draft(source, "TU", "Tumor/Lesion Identification", "STUDYID USUBJID TUSEQ", columns)
    draft.lacks("TUDTC", "recist_lesions has no day on which a lesion was chosen")
    for person in source.people:
        who, start = person.participant, source.started_on(person.participant)
        for row in source.of(who, "recist_lesions"):
            what = row.category.upper().replace("_", "-")
            draft.add(
                who,
                TULNKID=row.lesion,
                TUTESTCD="TUMIDENT",
                TUTEST="Tumor Identification",
                TUORRES=what,
                TUSTRESC=what,
                TULOC=row.organ.upper(),
                TULAT=row.side and row.side.upper(),
            )
        told: set[tuple[str, str, str]] = set()
        for read in sorted(source.of(who, "recist_reads"), key=lambda one: one.exam_on):
            if _new(read) and (key := (read.role, read.reader, read.lesion)) not in told:
                told.add(key)
                what = "NEW" if read.state == "new" else "EQUIVOCAL"
                draft.add(
                    who,
                    TULNKID=read.lesion,
                    TUTESTCD="TUMIDENT",
                    TUTEST="Tumor Identification",
                    TUORRES=what,
                    TUSTRESC=what,
                    TUMETHOD=_METHODS[read.modality],
                    TUEVAL=_EVALUATOR[Role(read.role)],
                    TUEVALID=evaluator(read.role, read.reader),
                    TUDTC=read.exam_on,
                    TUDY=study_day(read.exam_on, start),
                )
                draft.lacks("TULOC", f"{read.place}: a new lesion has no organ", who)
    return draft.done()


def measurements(source: Source) -> Dataset:
    """Make TR: every read of every lesion, by every reader."""
    columns = _findings("TR", "Tumor/Lesion Assessment Test")
    draft = Draft(source, "TR", "Tumor/Lesion Results", "STUDYID USUBJID TRSEQ", columns)
    for person in source.people:
        who, start = person.participant, source.started_on(person.participant)
        nodes = {row.lesion for row in source.of(who, "recist_lesions") if row.node}
        for read in source.of(who, "recist_reads"):
            for short, name, value, unit in _results(read, node=read.lesion in nodes):
                draft.add(
                    who,
                    TRLNKID=read.lesion,
                    TRTESTCD=short,
                    TRTEST=name,
                    TRORRES=value if isinstance(value, str) else f"{value:f}",
                    TRORRESU=unit,
                    TRSTRESC=value if isinstance(value, str) else f"{value:f}",
                    TRSTRESN=None if isinstance(value, str) else value,
                    TRSTRESU=unit,
                    TRMETHOD=_METHODS[read.modality],
                    TREVAL=_EVALUATOR[Role(read.role)],
                    TREVALID=evaluator(read.role, read.reader),
                    TRDTC=read.exam_on,
                    TRDY=study_day(read.exam_on, start),
                )
    return draft.done()


def _results(
    read: RecistReadRow, *, node: bool
) -> Iterator[tuple[str, str, str | Decimal, str | None]]:
    if read.diameter_mm is not None:
        which = ("SAXIS", "Short Axis") if node else ("LDIAM", "Longest Diameter")
        yield *which, read.diameter_mm, "mm"
    if read.state != "measured":
        yield "TUMSTATE", "Tumor State", read.state.upper().replace("_", " "), None


def responses(source: Source) -> Dataset:
    """Make RS: the responses of every reader, and which of them holds."""
    columns = _findings("RS", "Response Assessment")
    draft = Draft(
        source, "RS", "Disease Response and Clin Classification", "STUDYID USUBJID RSSEQ", columns
    )
    for person in source.people:
        who, start = person.participant, source.started_on(person.participant)
        try:
            readings = source.assessed(who)
            accepted = _accepted(readings)
        except DataError as refusal:
            draft.lacks("RSORRES", refusal.what, who)
            continue
        for reading in readings:
            for point in reading.timepoints:
                for short, name, response in (
                    ("TRGRESP", "Target Response", point.target),
                    ("NTRGRESP", "Non-target Response", point.non_target),
                    ("OVRLRESP", "Overall Response", point.overall),
                ):
                    if response is None:
                        continue
                    decided = (reading.role, str(point.on)) in accepted
                    draft.add(
                        who,
                        RSTESTCD=short,
                        RSTEST=name,
                        RSORRES=response.value,
                        RSSTRESC=response.value,
                        RSEVAL=_EVALUATOR[reading.role],
                        RSEVALID=evaluator(reading.role, reading.reader),
                        RSACPTFL="Y" if decided else None,
                        RSDTC=point.on,
                        RSDY=study_day(point.on, start),
                    )
    return draft.done()


def _accepted(readings: tuple[Assessed, ...]) -> set[tuple[Role, str]]:
    """Whose response holds at which exam, where two readers were compared."""
    if not {Role.READER_1, Role.READER_2} <= {one.role for one in readings}:
        return set()
    decisions = adjudicate(readings).decisions
    return {(one.decided_by, str(one.on)) for one in decisions if one.decided_by}
