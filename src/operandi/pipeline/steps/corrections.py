"""The step at which a reader's lesions supersede those that were found. See decision 0036."""

from zoneinfo import ZoneInfo

from operandi.imaging.dicom.classify import SeriesType
from operandi.imaging.dicom.files import FileRef, on_disk
from operandi.imaging.lesions.corrections.correcting import corrected_versions
from operandi.imaging.lesions.corrections.reading import DeclaredCorrection, read_correction
from operandi.imaging.pet.suv import Suv
from operandi.pipeline.choosing_corrections import lesion_uid
from operandi.pipeline.lesion_settings import CorrectionFacts
from operandi.pipeline.steps.lesions import KeptLesions, adc_map, in_the_pets_frame, kept


def corrected_lesions(*arguments: object) -> KeptLesions:
    """Let a reader's lesions supersede those that were found, in the order of their times.

    Lesions are known by the TrackingUID that they have at the visit that saw them first, else by
    overlap: labels may be names over all visits, which are others than the visit's own. What was
    changed is told once lesions have their names (``named_over_visits``).

    Parameters
    ----------
    *arguments
        Suv; KeptLesions as found; the files of the corrections; MrImages or Refusal of each series
        of the MR that lesions are measured with; CorrectionFacts.

    Raises
    ------
    DataError, GridMismatchError
        As ``read_correction`` and ``corrected_versions``: a correction that cannot be taken is not
        passed over, as what it corrects would stand for what the reader drew.
    """
    suv, found, files, *images, facts = arguments
    assert isinstance(suv, Suv)  # noqa: S101 - the road requires it
    assert isinstance(found, KeptLesions)  # noqa: S101 - the road requires it
    assert isinstance(files, tuple)  # noqa: S101 - a source
    assert isinstance(facts, CorrectionFacts)  # noqa: S101 - the road passes the facts last
    refs: tuple[FileRef, ...] = files
    declared = facts.declared
    with on_disk(refs) as paths:
        corrections = [
            read_correction(
                path,
                onto=suv.volume.grid,
                zone=ZoneInfo(facts.timezone),
                declared=DeclaredCorrection(
                    reader=declared.reader, at=declared.at, confirmed=declared.confirmed
                ),
            )
            for path in paths
        ]
    notes = list(found.notes)
    of_type = in_the_pets_frame(images, suv.volume, notes)
    whose = facts.visit
    versions = corrected_versions(
        found.on(suv),
        corrections,
        tracking_uids={
            one.id: lesion_uid(whose.participant, whose.timepoint, one.id)
            for one in found.segmented.lesions
        },
        by_label=False,
        inputs=whose.inputs,
        adc=adc_map(of_type.get(SeriesType.MR_DIFFUSION_MAP), facts.adc_per_unit),
    )
    return kept(versions[-1], notes=notes)
