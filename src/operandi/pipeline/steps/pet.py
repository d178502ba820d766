"""Steps on the PET of one visit."""

from zoneinfo import ZoneInfo

from operandi.imaging.dicom.assemble import assemble
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.index import series_of
from operandi.imaging.pet.suv import Suv, suv_of
from operandi.pipeline.step_settings import PetSettings
from operandi.quantities.errors import UnsupportedError


def standardized_uptake(files: tuple[FileRef, ...], settings: PetSettings) -> Suv:
    """Assemble the attenuation-corrected PET series and convert it to SUV by body weight.

    Raises
    ------
    DataError, UnsupportedError
        As :func:`operandi.imaging.dicom.assemble.assemble` and
        :func:`operandi.imaging.pet.suv.suv_of`.
    """
    stacks = assemble(series_of(files))
    if len(stacks) != 1:
        raise UnsupportedError(
            f"The PET series holds {len(stacks)} volumes, set apart by "
            f"{', '.join(name for name, _ in stacks[0].key)}; needed one static volume.",
            remedy="Export the static reconstruction.",
        )
    return suv_of(
        stacks[0],
        zone=ZoneInfo(settings.timezone),
        recorded=settings.recorded,
        declared=settings.declared,
    )
