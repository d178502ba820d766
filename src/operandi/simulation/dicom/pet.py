"""PET series: Positron Emission Tomography Image Storage.

References
----------
.. [1] DICOM PS3.3 A.21 and C.8.9 (PET Image).
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import PositronEmissionTomographyImageStorage
from pydicom.valuerep import format_number_as_ds

from operandi.domain.volume import Volume
from operandi.quantities.decay import frame_average_delay_s, remaining_fraction
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION
from operandi.simulation.dicom.encoding import Own, add_private, date_and_time, write_slices
from operandi.simulation.dicom.headers import (
    DecayCorrection,
    PetAcquisition,
    SeriesHeader,
    StudyHeader,
    Vendor,
)
from operandi.simulation.dicom.modules import (
    local,
    lying_supine,
    radiopharmaceutical,
    shared_attributes,
    slice_place,
)
from operandi.simulation.dicom.pet_dialects import (
    PET_DIALECTS,
    PHILIPS_ACTIVITY_FACTOR,
    PHILIPS_SUV_FACTOR,
    PetDialect,
)

_LARGEST: Final = 32767


def write_pet(
    folder: Path,
    pet: Volume,
    *,
    study: StudyHeader,
    series: SeriesHeader,
    acquisition: PetAcquisition,
    vendor: Vendor = Vendor.NEUTRAL,
) -> tuple[Path, ...]:
    """Write a static PET, one file a slice, and return the files from the feet up.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    pet : Volume of ACTIVITY_CONCENTRATION
        Bq/mL at ``series.started_at``, not negative. What is stored follows from
        ``acquisition.decay_correction``.
    study, series : StudyHeader, SeriesHeader
        What the files share.
    acquisition : PetAcquisition
        Tracer, bed positions, corrections.
    vendor : Vendor
        Whose dialect the files speak.

    Raises
    ------
    DataError
        If values are negative, not finite or of another instant, the radionuclide has no code, or
        a file cannot be written.
    """
    _require_activity(pet, series)
    told = _Telling(study, series, acquisition, PET_DIALECTS[vendor], vendor)
    shared = told.shared(pet)
    images = np.ascontiguousarray(pet.values.T)
    slopes = told.slopes_bq_ml(images)
    slices = []
    for k, image in enumerate(images):
        bed = k * acquisition.bed_positions // len(images)
        text = f"{slopes[k] * told.stored_share(bed) / told.dialect.bq_ml_a_count:.8e}"
        level_bq_ml = float(text) * told.dialect.bq_ml_a_count / told.stored_share(bed)
        own = slice_place(pet, k) | told.bed(bed) | {"RescaleSlope": text, "ImageIndex": k + 1}
        slices.append((own, np.rint(image / np.float64(level_bq_ml)).astype("<i2").tobytes()))
    return write_slices(folder, shared, slices)


def _require_activity(pet: Volume, series: SeriesHeader) -> None:
    if pet.kind is not ACTIVITY_CONCENTRATION or pet.decay_reference != series.started_at:
        raise DataError(
            f"Needed activity concentration at the start of the series, {series.started_at}; found "
            f"{pet.kind.title} at {pet.decay_reference}.",
            remedy="Decay the values to the start of the series.",
        )
    low, high = float(pet.values.min()), float(pet.values.max())
    if not 0 <= low <= high < float("inf"):
        raise DataError(
            f"Needed activity concentrations of at least 0 Bq/mL; found {low:g} to {high:g}.",
            remedy="Set the negative noise of a reconstruction to 0, as scanners do.",
        )


@dataclass(frozen=True, slots=True)
class _Telling:
    """What the headers of one series say."""

    study: StudyHeader
    series: SeriesHeader
    acquisition: PetAcquisition
    dialect: PetDialect
    vendor: Vendor

    def shared(self, pet: Volume) -> Dataset:
        """All that does not differ between slices."""
        ds = shared_attributes(
            self.study,
            self.series,
            pet,
            modality="PT",
            vendor=self.vendor,
            delay_s=self.acquisition.series_delay_s,
        )
        ds.NumberOfSlices = pet.grid.shape[2]
        ds.SOPClassUID = PositronEmissionTomographyImageStorage
        ds.ImageType = ["ORIGINAL", "PRIMARY"]
        ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 15, 1
        ds.Units = "BQML" if self.dialect.bq_ml_a_count == 1 else "CNTS"
        ds.CountsSource = "EMISSION"
        ds.RescaleIntercept = 0
        ds.CollimatorType = "NONE"
        ds.ActualFrameDuration = round(self.acquisition.bed_duration_s * 1000)
        self._corrections(ds)
        lying_supine(ds)
        tracer, injected = self.acquisition.tracer, self.acquisition.injected
        ds.RadiopharmaceuticalInformationSequence = [
            radiopharmaceutical(
                tracer,
                injected,
                study=self.study,
                vendor=self.vendor,
                scan=self.series.started_at,
            )
        ]
        self._private(ds)
        return ds

    def _corrections(self, ds: Dataset) -> None:
        absent = set() if self.acquisition.attenuation_corrected else {"ATTN", "SCAT"}
        if self.acquisition.decay_correction is DecayCorrection.NONE:
            absent.add("DECY")
        method = self.dialect.correction_method if "ATTN" not in absent else "NONE"
        ds.CorrectedImage = [word for word in self.dialect.corrections if word not in absent]
        ds.AttenuationCorrectionMethod = ds.ScatterCorrectionMethod = method
        ds.DecayCorrection = self.acquisition.decay_correction.value
        ds.ReconstructionMethod = self.dialect.reconstruction
        ds.SeriesType = [self.dialect.series_type, "IMAGE"]
        if self.dialect.randoms:
            ds.RandomsCorrectionMethod = self.dialect.randoms

    def _private(self, ds: Dataset) -> None:
        correction = self.acquisition.decay_correction
        start = local(self.series.started_at, self.study)
        # GE's is of the scan whatever was done to the values; Siemens' is that they refer to.
        states_start = self.vendor is Vendor.GE or correction is DecayCorrection.START
        if self.dialect.start_time and states_start:
            add_private(ds, self.dialect.start_time, start.strftime("%Y%m%d%H%M%S.%f"))
        if self.vendor is not Vendor.PHILIPS:
            return
        factor = self.dialect.bq_ml_a_count
        add_private(ds, PHILIPS_ACTIVITY_FACTOR, format_number_as_ds(factor))
        mass_kg = self.study.body_mass_kg
        if mass_kg is not None and correction is not DecayCorrection.NONE:
            injected = self.acquisition.injected
            at = start if correction is DecayCorrection.START else injected.at
            suv = factor * mass_kg * 1000 / injected.activity_at(at)
            add_private(ds, PHILIPS_SUV_FACTOR, format_number_as_ds(suv))

    def slopes_bq_ml(self, images: npt.NDArray[np.floating]) -> list[float]:
        """Bq/mL at the start of the scan of one stored level of each image."""
        # Rounded up in the eighth digit, so that the largest value still fits.
        largest = [float(value) * (1 + 1e-7) for value in images.max(axis=(1, 2))]
        if self.dialect.slope_of_series:
            largest = [max(largest)] * len(largest)
        return [(value or float(_LARGEST)) / _LARGEST for value in largest]

    def stored_share(self, bed: int) -> float:
        """Stored value of an activity concentration over its value at the start of the scan."""
        injected = self.acquisition.injected
        match self.acquisition.decay_correction:
            case DecayCorrection.START:
                return 1.0
            case DecayCorrection.ADMIN:
                return injected.activity_bq / injected.activity_at(self.series.started_at)
            case DecayCorrection.NONE:
                return remaining_fraction(self._average_s(bed), half_life_s=injected.half_life_s)

    def bed(self, bed: int) -> Own:
        """When a bed position was acquired and how its values were brought to their instant."""
        correction = self.acquisition.decay_correction
        offset_s, average_s = self._offset_s(bed), self._average_s(bed)
        # Without the start of the scan as reference, each bed's own time is needed.
        states_first = self.dialect.one_acquisition_time and correction is DecayCorrection.START
        begun = self.series.started_at + timedelta(seconds=0 if states_first else offset_s)
        day, time = date_and_time(local(begun, self.study))
        reference_s = offset_s if self.dialect.reference_at_frame_start else average_s
        result: Own = {
            "AcquisitionNumber": str(bed + 1),
            "AcquisitionDate": day,
            "AcquisitionTime": time,
            "FrameReferenceTime": format_number_as_ds(reference_s * 1000),
        }
        if correction is not DecayCorrection.NONE:
            result["DecayFactor"] = format_number_as_ds(self._decay_factor(bed))
        return result

    def _decay_factor(self, bed: int) -> float:
        half_life_s = self.acquisition.injected.half_life_s
        to_start = remaining_fraction(self._average_s(bed), half_life_s=half_life_s)
        return self.stored_share(bed) / to_start

    def _offset_s(self, bed: int) -> float:
        return bed * (self.acquisition.bed_duration_s + self.acquisition.bed_pause_s)

    def _average_s(self, bed: int) -> float:
        return self._offset_s(bed) + frame_average_delay_s(
            self.acquisition.bed_duration_s, half_life_s=self.acquisition.injected.half_life_s
        )
