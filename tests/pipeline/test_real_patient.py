"""One published patient from archive to report: FDG PET, MR of the thigh, readers' contours.

A soft-tissue sarcoma of the left thigh, TCIA Soft-tissue-Sarcoma STS_001 (CC BY 3.0); PET by GE on
2000-09-07, MR by Siemens four days earlier, in coordinates 0.8 m apart. Month of birth and therapy
are made up, so that the records are complete; the liver sphere was placed on the images for this
test.
"""

import json
import shutil
from typing import Any

import numpy as np
import polars as pl
import pytest

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.imaging.dicom.structure_set import rasterize, read_structure_set
from operandi.imaging.pet.suv import Suv, normalized
from operandi.imaging.register_regions import register_regions
from operandi.imaging.resample import resample_mask
from operandi.pipeline.step import Refusal
from operandi.pipeline.steps.mr import alignment
from operandi.pipeline.steps.pictures import fused_pictures
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import (
    SUV_BODY_SURFACE_AREA,
    SUV_BODY_WEIGHT,
    SUV_IDEAL_BODY_WEIGHT,
    SUV_LEAN_BODY_MASS_JAMES,
    SUV_LEAN_BODY_MASS_JANMAHASATIAN,
    Kind,
)
from tests.pipeline.studies import Ran, run_it
from tests.shared_data import needs_shared_data, published, unpacked

pytestmark = [pytest.mark.slow, pytest.mark.real_data, needs_shared_data]

ARCHIVES = (
    "sts_001_fdg_pet_ge_with_rtstruct",
    "sts_001_mr_t1_siemens_with_rtstruct",
    "sts_001_mr_t2fs_siemens_with_rtstruct",
)
ROOT = "1.3.6.1.4.1.14519.5.2.1.5168.1900"
PET_STUDY = f"{ROOT}.980314374925518526455629963929"
MR_STUDY = f"{ROOT}.288970202012734437880691548623"
STUDY_FILE = """
[study]
title = "One published patient"
timezone = "America/Toronto"
data_cut = 2000-12-31

[[timepoint]]
code = "BASELINE"
title = "Before treatment"
anchor = "cycle 1"
window_days = [-31, -1]

[site.MUHC]
name = "McGill University Health Centre"

[lesions]
pet_resolution_mm = 6.0
minimum_volume_ml = 0.5
uptake_window_min = [45, 90]
uptake_difference_min = 15
"""
TABLES = {
    "participants": "participant,site,sex,birth_year,birth_month\nSTS_001,MUHC,M,1950,1\n",
    "imaging_visits": "participant,timepoint,date,study_instance_uid\n"
    f"STS_001,BASELINE,2000-09-07,{PET_STUDY} {MR_STUDY}\n",
    "vitals": "participant,timepoint,measured_on,body_mass_kg,height_m\n"
    "STS_001,BASELINE,2000-09-07,71,1.63\n",
    "cycles": "participant,cycle,date,activity_gbq,nuclide\nSTS_001,1,2000-09-21,7.4,177Lu\n",
    "tracer_administrations": "participant,timepoint,tracer,nuclide,activity_mbq,assayed_at,"
    "injected_at,residual_mbq,residual_at\n"
    "STS_001,BASELINE,FDG,18F,388.777472,2000-09-07T10:35,2000-09-07T10:35,0,\n",
    # The right lobe, below the dome, away from its border and from the large vessels.
    "reference_regions": "participant,timepoint,organ,x_mm,y_mm,z_mm,radius_mm,reader\n"
    "STS_001,BASELINE,liver,-80,10,-375,15,R1\n",
}
CLOSED_FORM = {
    "suv_bw_g_mL": SUV_BODY_WEIGHT,
    "suv_bsa_cm2_mL (Du Bois)": SUV_BODY_SURFACE_AREA,
    "suv_lbm_james": SUV_LEAN_BODY_MASS_JAMES,
    "suv_lbm_janmahasatian": SUV_LEAN_BODY_MASS_JANMAHASATIAN,
    "suv_ibw": SUV_IDEAL_BODY_WEIGHT,
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, scheduler: str) -> Ran:
    folder = tmp_path_factory.mktemp("patient") / "study"
    (folder / "records").mkdir(parents=True)
    (folder / "study.toml").write_text(STUDY_FILE, "utf-8")
    for name, text in TABLES.items():
        (folder / "records" / f"{name}.csv").write_text(text, "utf-8")
    for name in ARCHIVES:
        shutil.copytree(unpacked(f"pet_dicom/{name}.tar.xz"), folder / "dicom" / name)
    return run_it(folder, scheduler)


def value(ran: Ran, subject: str, kind: str) -> float:
    (found,) = ran.table.filter(pl.col("subject") == subject, pl.col("kind") == kind)["value"]
    return float(found)


def result_of(ran: Ran, step: str, *, of: str = "") -> list[Any]:
    nodes = [result.node for result in ran.outcome.results]
    return [
        ran.outcome.value(node) for node in nodes if node.step.name == step and of in node.subject
    ]


def drawn(ran: Ran, series_name: str, roi: str, grid: Grid) -> Mask:
    (series,) = [s for s in ran.study.index.series if s.description == series_name]
    contours = read_structure_set(series.instances[0].file.path)
    (one,) = [contour for contour in contours if contour.name == roi]
    return rasterize(one, grid)


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        published("pet_dicom/sts_001_suv_reference.json").read_text("utf-8")
    )
    return content


def test_nothing_stands_in_the_way_of_the_visit(ran: Ran) -> None:
    """Without an organ map organs are found; without a spleen there are candidates."""
    assert ran.told == set()
    assert "organs were sought on PET alone" in ran.report
    assert "Send a DICOM segmentation of the organs" in ran.report


def test_suv_maximum_of_the_tumor_is_the_closed_form(ran: Ran, answers: dict[str, Any]) -> None:
    """71 000 g / (388.78 MBq * 2^(-2711 s / 6588 s)) * 32 567.2196 Bq/mL."""
    closed_form = 71_000 / (388_777_472.0 * 2 ** (-2711 / 6588)) * 32_567.219601

    assert closed_form == pytest.approx(7.910674581152241, rel=1e-6)
    assert answers["closed_form_for_stored_max"]["suv_bw_g_mL"] == 7.910674581152241
    assert value(ran, "GTV_Mass", "SUV_MAXIMUM") == pytest.approx(7.910674581152241, rel=1e-4)


@pytest.mark.parametrize(("name", "kind"), CLOSED_FORM.items(), ids=lambda item: str(item)[:24])
def test_every_normalization_is_its_closed_form(
    name: str, kind: Kind, ran: Ran, answers: dict[str, Any]
) -> None:
    (suv,) = result_of(ran, "suv")
    assert isinstance(suv, Suv)
    mask = drawn(ran, "RTstruct_PET", "GTV_Mass", suv.volume.grid)

    highest = float(normalized(suv, kind).values[mask.inside].max())

    assert highest == pytest.approx(answers["closed_form_for_stored_max"][name], rel=1e-4)


def test_liver_has_the_uptake_of_fdg_in_normal_liver(ran: Ran) -> None:
    """SUVmean 1.5 to 3 in adults (Boellaard et al., Eur J Nucl Med Mol Imaging 42:328, 2015)."""
    assert 1.5 < value(ran, "liver", "SUV_MEAN") < 3.0
    basis = ran.table.filter(pl.col("subject") == "liver")["uncertainty_basis"]
    assert basis.str.contains("reader R1").any()


def test_no_burden_is_claimed_of_candidates(ran: Ran) -> None:
    """The finding of organs is made for another tracer, and no spleen is told on FDG."""
    candidates = ran.table.filter(pl.col("kind") == "SUV_MAXIMUM", pl.col("subject") != "GTV_Mass")
    candidates = candidates.filter(pl.col("subject_type") == "candidate")
    assert candidates["subject"].str.contains(r"^C\d\d$").all()
    assert candidates.height > 0
    burden = ran.table.filter(pl.col("kind") == "LESION_COUNT")
    assert burden["value"].null_count() == burden.height == 1
    assert burden["absent"].str.contains("no mask of spleen").all()


def test_tumor_is_among_the_candidates(ran: Ran) -> None:
    candidates = ran.table.filter(
        pl.col("subject_type") == "candidate", pl.col("kind") == "SUV_MAXIMUM"
    )
    assert np.abs(candidates["value"].to_numpy() - 7.910674581152241).min() < 1e-3


def test_mr_of_another_day_is_laid_on_the_pet_by_what_was_drawn_on_both(ran: Ran) -> None:
    """The reader's contours were carried from MR to PET rigidly, so that they tell the truth.

    Mutual information alone ends 35 cm off: a thigh in a whole body. Here the mass, aligned by
    the edema alone, meets its namesake too.
    """
    (alignment,) = result_of(ran, "alignment")
    (figures,) = result_of(ran, "fused pictures")
    (suv,), (images,) = result_of(ran, "suv"), result_of(ran, "mr", of="T2")
    pet, (_, mr) = suv.volume.grid, images.volumes[0]
    mass, on_mr, edema, edema_on_mr = (
        drawn(ran, series, roi, grid)
        for roi in ("GTV_Mass", "GTV_Edema")
        for series, grid in (("RTstruct_PET", pet), ("RTstruct_T2FS", mr.grid))
    )

    by_edema = register_regions({"edema": edema}, {"edema": edema_on_mr}).matrix
    found = resample_mask(on_mr, pet, transform=by_edema).inside
    dice = 2 * (found & mass.inside).sum() / (found.sum() + mass.inside.sum())
    middle = np.append(pet.position_of(np.argwhere(mass.inside).mean(axis=0)), 1.0)

    assert dice > 0.95
    assert np.linalg.norm((alignment.matrix @ middle - by_edema @ middle)[:3]) < 2.0
    assert "GTV_Mass 0.98" in figures[0].caption


def test_mr_stands_beside_the_pet_where_nothing_aligns_them(ran: Ran) -> None:
    """Without the contours, what mutual information finds is 35 cm off and must not be shown."""
    (suv,), (images,) = result_of(ran, "suv"), result_of(ran, "mr", of="T2")
    with pytest.raises(DataError) as refused:
        alignment(suv, images, None)

    why = Refusal(step="alignment", subject="", what=refused.value.what, remedy="", who="")
    (figure,) = fused_pictures(suv, images, why, None, None)

    assert figure.title == "MR alone (MR T2-weighted)"
    assert "not aligned with PET" in figure.caption


def test_both_studies_of_the_visit_are_named_in_its_series(ran: Ran) -> None:
    (visit,) = [chosen for chosen, _ in ran.study.visits]

    assert {series.study_uid for series in visit.placed.series} == {PET_STUDY, MR_STUDY}
    assert sorted(visit.use.values()) == ["measured", "read", "read", "read", "read", "read"]
