"""The road names its functions by address, so that something must check the addresses."""

import inspect

import pytest

from operandi.pipeline import road
from operandi.pipeline.step import Step
from operandi.pipeline.steps import (
    changes,
    corrections,
    dose,
    dose_cycle,
    dose_marrow,
    dose_measured,
    dose_pictures,
    dose_predicted,
    lesion_files,
    lesions,
    measurements,
    mr,
    pet,
    pictures,
    radiomics,
    regions,
    report,
    tracks,
)

FUNCTIONS = {
    road.SUV: pet.standardized_uptake,
    road.ORGANS: regions.organ_map,
    road.LESIONS: lesions.visit_lesions,
    road.EVIDENCE: tracks.lesion_evidence,
    road.TRACKS: tracks.tracked_lesions,
    road.NAMED: lesions.named_over_visits,
    road.CHANGES: tracks.judged_changes,
    road.MEASURED_CHANGES: changes.measured_changes,
    road.COURSES: changes.lesion_courses,
    road.LESION_OBJECTS: lesion_files.lesion_files,
    road.FOUND_OBJECTS: lesion_files.found_lesion_files,
    road.CORRECTED: corrections.corrected_lesions,
    road.DRAWN: regions.contoured_regions,
    road.MEASURED_REFERENCES: measurements.measured_references,
    road.MEASURED_LESIONS: measurements.measured_lesions,
    road.FURTHER_MEASURES: measurements.further_measures,
    road.MEASURED_DRAWN: measurements.measured_reader_regions,
    road.MR: mr.mr_images,
    road.MEASURED_MR: measurements.measured_mr,
    road.ALIGNMENT: mr.alignment,
    road.PICTURES: pictures.pet_pictures,
    road.FUSED: pictures.fused_pictures,
    road.SCANNED_ACTIVITY: dose.scanned_activity,
    road.CYCLE_DOSES: dose_cycle.cycle_doses,
    road.MEASURED_DOSE: dose_measured.measured_dose,
    road.MARROW_DOSES: dose_marrow.marrow_doses,
    road.MEASURED_MARROW: dose_marrow.measured_marrow,
    road.DOSE_PICTURES: dose_pictures.dose_pictures,
    road.PREDICTED_DOSES: dose_predicted.predicted_doses,
    road.MEASURED_PREDICTION: dose_predicted.measured_prediction,
    road.RADIOMICS: radiomics.lesion_features,
    road.DRAWN_RADIOMICS: radiomics.contour_features,
    road.RADIOMICS_COUNT: radiomics.counted_features,
    road.DESCRIPTORS: radiomics.image_descriptors,
    road.DESCRIPTORS_TABLE: radiomics.descriptors_table,
    road.TABLE: measurements.measurements_table,
    road.REPORT: report.report_page,
}


@pytest.mark.parametrize("step", FUNCTIONS, ids=lambda step: step.function_name)
def test_a_steps_address_is_that_of_its_function(step: Step) -> None:
    function = FUNCTIONS[step]
    assert step.function_name == f"{function.__module__}:{function.__qualname__}"


def test_every_step_of_the_road_is_checked_here() -> None:
    steps = {value for _, value in inspect.getmembers(road) if isinstance(value, Step)}
    assert steps == set(FUNCTIONS)
