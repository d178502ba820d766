"""The one PET series that a command is given, as SUV."""

from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from operandi.imaging.dicom.classify import SeriesType
    from operandi.imaging.dicom.index import Index, Series
    from operandi.imaging.pet.suv import Suv


def require_zone(timezone: str) -> None:
    """Refuse a name that is no time zone's; an empty one states none."""
    try:
        ZoneInfo(timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise typer.BadParameter(f"no time zone is named {timezone!r}, e.g. Europe/Paris") from None


def read_uptake(
    folder: Path,
    index: "Index",
    *,
    types: "Collection[SeriesType]",
    timezone: str,
    declared: "Mapping[str, str]",
) -> "tuple[Series, Suv]":
    """Convert the one attenuation-corrected series of a folder to SUV.

    Parameters
    ----------
    folder : Path
        Named in refusals.
    index : Index
        Of the folder.
    types : collection of SeriesType
        Which series count.
    timezone : str
        Of dates and times that state no offset; may be empty.
    declared : mapping of str to str
        What the command line declares where the header is silent, as in study.toml.
    """
    from operandi.imaging.pet.declaration import NOTHING_RECORDED
    from operandi.imaging.pet.timing import states_offset
    from operandi.pipeline.settings import parse_declaration
    from operandi.pipeline.step_settings import PetSettings
    from operandi.pipeline.steps.pet import standardized_uptake
    from operandi.quantities.errors import DataError

    declaration = parse_declaration(dict(declared))
    found = [one for one in index.series if one.classification.type in types]
    if len(found) != 1:
        raise DataError(
            f"{folder} holds {len(found)} attenuation-corrected PET series; needed one.",
            remedy=f"See what is there: operandi index {folder}",
        )
    if not timezone and any(states_offset(instance.header) for instance in found[0].instances):
        raise DataError(
            "RadiopharmaceuticalStartDateTime states its offset from UTC and the scan's times do "
            "not, so that the time between injection and scan is unknown.",
            remedy="Give the scanner's time zone, such as --timezone Europe/Paris.",
        )
    uptake = standardized_uptake(
        tuple(instance.file for instance in found[0].instances),
        PetSettings(timezone=timezone or "UTC", recorded=NOTHING_RECORDED, declared=declaration),
    )
    return found[0], uptake
