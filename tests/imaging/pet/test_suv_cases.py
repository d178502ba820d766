"""Operandi's SUV against the case matrix, which was written from the standard alone."""

import re
from datetime import UTC, datetime

import numpy as np
import pytest

from operandi.domain.administration import Administration
from operandi.domain.grid import Grid
from operandi.domain.participant import Sex
from operandi.imaging.dicom.assemble import Stack
from operandi.imaging.pet.declaration import Declaration, Recorded
from operandi.imaging.pet.injection import nuclide_of
from operandi.imaging.pet.suv import normalized, suv_of
from operandi.quantities.errors import OperandiError
from operandi.quantities.kinds import SUV_LEAN_BODY_MASS_JANMAHASATIAN
from operandi.quantities.nuclides import GA68
from tests.imaging.pet.suv_cases import CASES, RELATIVE_TOLERANCE, Case


def _stack(case: Case) -> Stack:
    """A column of voxels of one, a slice a header, so that SUV is the factor itself."""
    slices = len(case.headers)
    grid = Grid((1, 1, slices), np.eye(4))
    return Stack(np.ones(grid.shape, np.float32), grid, tuple(case.headers), ())


def _recorded(case: Case) -> Recorded:
    said = dict(case.recorded)
    administration = None
    if "net_activity_bq" in said:
        nuclide = nuclide_of(case.headers[0], declared=_declared(case))
        administration = Administration(
            nuclide,
            float(str(said["net_activity_bq"])),
            datetime.fromisoformat(str(said["injected_at"])).astimezone(UTC),
            nuclide.half_life_s,
        )
    return Recorded(
        body_mass_kg=float(str(said["body_mass_kg"])) if "body_mass_kg" in said else None,
        height_m=float(str(said["height_m"])) if "height_m" in said else None,
        sex=Sex(str(said["sex"])) if "sex" in said else None,
        administration=administration,
    )


def _declared(case: Case) -> Declaration:
    return Declaration(**case.declared)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_header_gives_the_expected_suv_or_is_refused(case: Case) -> None:
    if case.refused is not None:
        with pytest.raises(OperandiError) as refusal:
            suv_of(_stack(case), zone=UTC, recorded=_recorded(case), declared=_declared(case))
        assert re.search(case.refused, str(refusal.value)), str(refusal.value)
        return
    assert case.expected_factor is not None

    suv = suv_of(_stack(case), zone=UTC, recorded=_recorded(case), declared=_declared(case))

    # Volumes are single precision; the oracle is double.
    np.testing.assert_allclose(
        suv.volume.values.ravel(), case.expected_factor, rtol=max(RELATIVE_TOLERANCE, 1.2e-7)
    )


def _stored(**changes: object) -> Case:
    """A GML series of a header that says 85 kg, 1.63 m, M."""
    header = next(case for case in CASES if case.expected_factor == (1.0,)).headers[0]
    said = {**header, "PatientWeight": 85.0, "PatientSize": 1.63, "PatientSex": "M", **changes}
    return Case(name="stored SUV", headers=(said,), source="Operandi")


def test_a_stored_suv_is_brought_to_the_recorded_mass_where_that_is_declared() -> None:
    """The scanner multiplied by 85 kg; 64.5 kg is right: 64.5 / 85 of the stored value."""
    recorded = Recorded(body_mass_kg=64.5)
    with pytest.raises(OperandiError, match=r"PatientWeight is 85 kg but vitals records 64\.5 kg"):
        suv_of(_stack(_stored()), zone=UTC, recorded=recorded)

    declared = Declaration(body_mass_from="records")
    suv = suv_of(_stack(_stored()), zone=UTC, recorded=recorded, declared=declared)

    np.testing.assert_allclose(suv.volume.values, 64.5 / 85.0, rtol=1e-6)


def test_a_stored_lean_suv_is_undone_with_the_height_that_the_scanner_used() -> None:
    """Header 1.63 m, records 1.70 m: only the header's height was in the stored value."""
    lean_kg = 9270 * 85 / (6680 + 216 * 85 / 1.63**2)
    case = _stored(SUVType="LBMJANMA")

    suv = suv_of(_stack(case), zone=UTC, recorded=Recorded(height_m=1.70))

    np.testing.assert_allclose(suv.volume.values, 85.0 / lean_kg, rtol=1e-6)


def test_refuses_to_replace_the_dose_inside_a_stored_suv() -> None:
    with pytest.raises(OperandiError, match=r"stored SUV .* cannot replace it"):
        suv_of(_stack(_stored()), zone=UTC, declared=Declaration(activity_from="records"))


def _lean_kg(mass_kg: float) -> float:
    """Janmahasatian, a man of 1.63 m."""
    return 9270 * mass_kg / (6680 + 216 * mass_kg / 1.63**2)


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (Recorded(), 1.0),
        # SUL is c * lean / A: of the recorded 86 kg, where the scanner took the lean mass of 85.
        (Recorded(body_mass_kg=86.0), _lean_kg(86.0) / _lean_kg(85.0)),
    ],
    ids=["header alone", "record of 86 kg"],
)
def test_a_stored_lean_suv_comes_back_as_lean_suv_of_the_mass_that_counts(
    recorded: Recorded, expected: float
) -> None:
    suv = suv_of(_stack(_stored(SUVType="LBMJANMA")), zone=UTC, recorded=recorded)

    lean = normalized(suv, SUV_LEAN_BODY_MASS_JANMAHASATIAN)

    np.testing.assert_allclose(lean.values, expected, rtol=1e-6)


def test_refuses_a_stored_suv_of_another_nuclide_than_the_record() -> None:
    at = datetime(2025, 1, 1, 10, tzinfo=UTC)
    other = Administration(GA68, 150e6, at, GA68.half_life_s)

    with pytest.raises(OperandiError, match="68Ga was injected, but RadionuclideCodeSequence"):
        suv_of(_stack(_stored()), zone=UTC, recorded=Recorded(administration=other))


def test_evidence_says_what_was_declared_and_what_the_header_said() -> None:
    bare = {
        "RadionuclideTotalDose": 150_000.0,
        "RadiopharmaceuticalStartDateTime": "20250101100000",
    }
    base = next(case for case in CASES if case.name == "a half-life of zero is no half-life")
    case = Case(
        name="a bare header",
        headers=({**base.headers[0], "RadiopharmaceuticalInformationSequence": (bare,)},),
        source="Operandi",
    )
    declared = Declaration(nuclide="68Ga", half_life_s=4069.8, activity_unit="kBq")

    evidence = " / ".join(suv_of(_stack(case), zone=UTC, declared=declared).evidence)

    assert "68Ga, half-life 4069.8 s (declared); nuclide declared" in evidence
    assert "RadionuclideTotalDose in kBq (declared)" in evidence
    assert "from the header" not in evidence
