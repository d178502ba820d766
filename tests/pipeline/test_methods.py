"""The methods text: a paragraph for each step that ran, with the numbers that were used."""

import hashlib
import re

import pytest

from operandi.domain.identity import Digest
from operandi.pipeline import road
from operandi.pipeline.methods import methods_text
from operandi.pipeline.settings import Settings, parse_settings
from operandi.pipeline.step import NOTHING, Node, Source, Step
from operandi.therapy.population_prior import (
    KIDNEY_LU177_DOTATATE,
    LIVER_LU177_DOTATATE,
    SPLEEN_LU177_DOTATATE,
    TUMOR_LU177_DOTATATE,
)
from operandi.therapy.radiobiology import KIDNEY

CONTENT = {
    "study": {
        "title": "A study",
        "timezone": "Europe/Paris",
        "data_cut": "2026-06-30",
    },
    "timepoint": [
        {"code": "BASELINE", "title": "Before", "anchor": "cycle 1", "window_days": [-31, -1]}
    ],
    "site": {"NANTES": {"name": "Nantes"}},
    "lesions": {
        "pet_resolution_mm": 6.0,
        "minimum_volume_ml": 0.5,
        "uptake_window_min": [45, 90],
        "uptake_difference_min": 15,
    },
}
DOSIMETRY = {
    "dosimetry": {
        "tissue_density_g_cm3": 1.05,
        "spatial_resolution_mm": 9.5,
        "predicted": True,
    }
}
OF_DOSES = (road.SCANNED_ACTIVITY, road.CYCLE_DOSES, road.MARROW_DOSES, road.PREDICTED_DOSES)


def nodes(*steps: Step) -> list[Node]:
    nothing = Source(NOTHING, Digest(hashlib.sha256(b"nothing").hexdigest()), None)
    return [Node(step=step, subject="P-014/CYCLE_1", inputs=(nothing,)) for step in steps]


def settings(**more: object) -> Settings:
    return parse_settings({**CONTENT, **more})


def test_each_step_of_doses_has_its_paragraph_with_its_version() -> None:
    found = methods_text(nodes(*reversed(OF_DOSES)), settings(**DOSIMETRY))

    assert [(one.title, one.version) for one in found] == [
        (step.title, step.version) for step in OF_DOSES
    ]
    text = " ".join(one.text for one in found)
    assert "volume times 1.05 g/cm3" in text
    assert "at a resolution of 9.5 mm" in text
    assert not re.search(r"[{}]", text)


def test_a_study_without_doses_says_nothing_of_them() -> None:
    [only] = methods_text(nodes(road.SUV), settings())

    assert only.title == "SUV by body weight"


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("kidneys {:g} h", KIDNEY_LU177_DOTATATE.half_life_mean_s / 3600),
        ("liver and spleen {:g} h", LIVER_LU177_DOTATATE.half_life_mean_s / 3600),
        ("liver and spleen {:g} h", SPLEEN_LU177_DOTATATE.half_life_mean_s / 3600),
        ("tumors {:g} h", TUMOR_LU177_DOTATATE.half_life_mean_s / 3600),
        ("alpha/beta {:g} Gy", KIDNEY.alpha_beta_gy.value),
        ("repair half-time of {:g} h", KIDNEY.repair_half_time_s.value / 3600),
    ],
)
def test_the_text_states_the_numbers_that_the_code_uses(words: str, value: float) -> None:
    [doses] = methods_text(nodes(road.CYCLE_DOSES), settings(**DOSIMETRY))

    assert words.format(value) in doses.text
