"""Modules that the images of every modality share: PS3.3 C.7.1 to C.7.6.3."""

from datetime import datetime, timedelta, timezone

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.valuerep import format_number_as_ds

from operandi.domain.administration import Administration
from operandi.domain.volume import Volume
from operandi.quantities.errors import DataError
from operandi.simulation.dicom.encoding import Own, coded, date_and_time, decimals, joined
from operandi.simulation.dicom.headers import SeriesHeader, StudyHeader, Vendor
from operandi.simulation.dicom.vendors import EQUIPMENT

_RADIONUCLIDES = {
    "68Ga": codes.cid4020._68Gallium,
    "177Lu": Code("C-101ED", "SRT", "^177^Lutetium"),
}


def shared_attributes(
    study: StudyHeader,
    series: SeriesHeader,
    volume: Volume,
    *,
    modality: str,
    vendor: Vendor,
    delay_s: float = 0.0,
) -> Dataset:
    """Patient, Study, Series, Frame of Reference, Equipment, Image Plane and Pixel modules.

    *delay_s* is how long after its start the series was made, s.
    """
    ds = Dataset()
    ds.SyntheticData = "YES"
    ds.Modality = modality
    _patient_and_study(ds, study)
    ds.SeriesInstanceUID = series.uid
    ds.SeriesNumber = series.number
    ds.SeriesDescription = series.description
    made = local(series.started_at, study) + timedelta(seconds=delay_s)
    ds.SeriesDate, ds.SeriesTime = date_and_time(made)
    ds.ContentDate, ds.ContentTime = ds.SeriesDate, ds.SeriesTime
    ds.BodyPartExamined = "ABDOMEN"
    equipment = EQUIPMENT[vendor]
    ds.Manufacturer = equipment.manufacturer
    ds.ManufacturerModelName = equipment.models[modality]
    if equipment.software:
        ds.SoftwareVersions = equipment.software
    if equipment.states_offset:
        ds.TimezoneOffsetFromUTC = study.started_at.strftime("%z")
    ds.FrameOfReferenceUID = volume.grid.frame_of_reference
    ds.PositionReferenceIndicator = ""
    spacing_mm = volume.grid.spacing_mm
    ds.Columns, ds.Rows, _ = volume.grid.shape
    ds.ImageOrientationPatient = orientation(volume)
    ds.PixelSpacing = decimals(spacing_mm[1], spacing_mm[0])
    ds.SliceThickness = spacing_mm[2]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = 16
    return ds


def _patient_and_study(ds: Dataset, study: StudyHeader) -> None:
    ds.PatientID = study.participant
    ds.PatientName = f"{study.participant}^"
    ds.PatientBirthDate = ""
    ds.PatientSex = study.sex.value
    if study.body_mass_kg is not None:
        ds.PatientWeight = study.body_mass_kg
    if study.height_m is not None:
        ds.PatientSize = study.height_m
    ds.StudyInstanceUID = study.uid
    ds.StudyDate, ds.StudyTime = date_and_time(study.started_at)
    ds.StudyID = "1"
    ds.StudyDescription = "PET-MRI of a digital phantom"
    ds.AccessionNumber = ds.ReferringPhysicianName = ""


def local(instant: datetime, study: StudyHeader) -> datetime:
    """Read an instant by the study's clock: one object states one offset."""
    return instant.astimezone(timezone(study.started_at.utcoffset() or timedelta()))


def orientation(volume: Volume) -> list[str]:
    """ImageOrientationPatient."""
    directions = volume.grid.affine[:3, :3] / volume.grid.spacing_mm
    return decimals(*directions[:, 0], *directions[:, 1])


def slice_place(volume: Volume, k: int) -> Own:
    """Where slice *k* lies."""
    position = decimals(*volume.grid.position_of((0, 0, k)))
    return {"ImagePositionPatient": joined(position), "SliceLocation": position[2]}


def radiopharmaceutical(
    tracer: str, injected: Administration, *, study: StudyHeader, vendor: Vendor, scan: datetime
) -> Dataset:
    """Item of RadiopharmaceuticalInformationSequence.

    Philips states no date beside the time of injection (seen in cornerstonejs/calculate-suv), and
    here does where the injection was on another day than the *scan*.

    Raises
    ------
    DataError
        If the nuclide has no code here.
    """
    code = _RADIONUCLIDES.get(injected.nuclide.name)
    if code is None:
        raise DataError(
            f"Needed a radionuclide with a DICOM code, {' or '.join(_RADIONUCLIDES)}; found "
            f"{injected.nuclide.name or 'none'}.",
            remedy="Simulate one of these.",
        )
    at = local(injected.at, study)
    item = Dataset()
    item.Radiopharmaceutical = tracer
    item.RadiopharmaceuticalStartTime = date_and_time(at)[1]
    if vendor is not Vendor.PHILIPS or at.date() != local(scan, study).date():
        zone = "%z" if EQUIPMENT[vendor].states_offset else ""
        item.RadiopharmaceuticalStartDateTime = at.strftime(f"%Y%m%d%H%M%S.%f{zone}")
    item.RadionuclideTotalDose = format_number_as_ds(injected.activity_bq)
    item.RadionuclideHalfLife = format_number_as_ds(injected.half_life_s)
    item.RadionuclideCodeSequence = [coded(code)]
    item.AdministrationRouteCodeSequence = [coded(codes.cid11.IntravenousRoute)]
    return item


def lying_supine(ds: Dataset) -> None:
    """NM/PET Patient Orientation module: head first, on the back."""
    item = coded(codes.cid19.Recumbent)
    item.PatientOrientationModifierCodeSequence = [coded(codes.cid20.Supine)]
    ds.PatientOrientationCodeSequence = [item]
    ds.PatientGantryRelationshipCodeSequence = [coded(codes.cid21.Headfirst)]
