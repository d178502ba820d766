"""Readings and responses of the published tables."""

import csv
from datetime import date
from decimal import Decimal

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist import Response, TimepointResponse
from operandi.protocol.recist_reads import (
    Category,
    LesionRead,
    Modality,
    Reading,
    RecistLesion,
    Role,
    Seen,
)
from tests.shared_data import published

ROLES = {
    "": Role.INVESTIGATOR,
    "RADIOLOGIST 1": Role.READER_1,
    "RADIOLOGIST 2": Role.READER_2,
}
Row = dict[str, str]


def rows(name: str) -> list[Row]:
    with (published("clinical/recist") / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def is_node(lesion: Row) -> bool:
    return lesion["TULOC"] == "LYMPH NODE"


def sizes(subject: str, reader: str) -> list[Row]:
    """Rows that RECIST takes: the short axis of nodes, the longest diameter of all else."""
    nodes = {row["TULNKID"] for row in identified(subject, reader) if is_node(row)}
    return [
        row
        for row in rows("tr.csv")
        if (row["USUBJID"], row["TREVALID"]) == (subject, reader)
        and row["TRTESTCD"] != ("LDIAM" if row["TRLNKID"] in nodes else "LPERP")
    ]


def identified(subject: str, reader: str) -> list[Row]:
    return [row for row in rows("tu.csv") if (row["USUBJID"], row["TUEVALID"]) == (subject, reader)]


def a_reading(subject: str, reader: str = "") -> Reading:
    """What a reader measured: 0 mm is absent, a non-target state is the word itself."""
    lesions = tuple(
        RecistLesion(
            name=row["TULNKID"],
            organ=row["TULOC"],
            node=is_node(row),
            category=Category(row["TUSTRESC"].lower().replace("-", "_")),
        )
        for row in identified(subject, reader)
    )
    # Non-target states stand twice in the table, once for every diameter that was not taken.
    reads = {(row["TRLNKID"], row["TRDTC"]): row for row in sizes(subject, reader)}
    return Reading(
        subject, reader, ROLES[reader], lesions, tuple(_read(row) for row in reads.values())
    )


def _read(row: Row) -> LesionRead:
    size = row["TRORRES"]
    state = Seen(size.lower()) if size.isalpha() else Seen.MEASURED
    if state is Seen.MEASURED and Decimal(size) == 0:
        state = Seen.ABSENT
    return LesionRead(
        lesion=row["TRLNKID"],
        on=DateInterval.parse(row["TRDTC"]),
        state=state,
        diameter_mm=Decimal(size) if state is Seen.MEASURED else None,
        modality=Modality.CT,
    )


def responses(subject: str, reader: str = "", *, accepted: bool = False) -> list[TimepointResponse]:
    """What a reader stated; or, at each exam, the radiologist who was accepted."""
    return [
        TimepointResponse(DateInterval.parse(row["RSDTC"]), Response(row["RSSTRESC"]))
        for row in rows("rs.csv")
        if row["USUBJID"] == subject
        and (row["RSACPTFL"] == "Y" if accepted else row["RSEVALID"] == reader)
    ]


def start_of(subject: str) -> date:
    """Randomization, which here is the first day of treatment and of the baseline exam."""
    (day,) = {row["RANDDT"] for row in rows("expected_adrs.csv") if row["USUBJID"] == subject}
    return date.fromisoformat(day)
