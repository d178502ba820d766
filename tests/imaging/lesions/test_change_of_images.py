"""The whole chain on images: test and retest, repeatability, SUVpeak, verdict."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import ndimage

from operandi.domain.identity import Pseudonym, TimepointCode
from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.imaging.lesions.change import ChangeClass, judge_change
from operandi.imaging.lesions.comparability import Comparability, ScanConditions
from operandi.imaging.lesions.measures.peak import suv_peak
from operandi.imaging.lesions.published_repeatability import ChangeScale
from operandi.imaging.lesions.repeatability import Repeatability, repeatability_from
from operandi.imaging.lesions.repetitions import Repetition
from operandi.quantities.kinds import SUV_PEAK
from tests.imaging.lesions.phantoms import a_ball, a_pet_grid, an_suv, positions

GRID = a_pet_grid((14, 14, 14))
LESION = a_ball(GRID, at_mm=(0.0, 0.0, 0.0), radius_mm=12.0)
BLUR = 6.0 / 2.355 / 4.0
"""Resolution of 6 mm (FWHM) in voxels of 4 mm, as a standard deviation."""
ASSAY = 0.06
"""Error that all of one scan shares: dose assay, uptake, calibration. Simulated."""
PEOPLE, PAIRS = 120, 500
SAME = Comparability(
    before=ScanConditions(), after=ScanConditions(), uptake_window_min=None,
    uptake_difference_min=None,
)  # fmt: skip


@dataclass
class Scanner:
    """Draws images of a lesion of SUV 20 in a background of 2."""

    generator: np.random.Generator
    shape: np.ndarray[tuple[int, int, int], np.dtype[np.float64]]

    def peak(self, rise: float = 0.0) -> float:
        """SUVpeak of a new scan."""
        clean = 2.0 + 18.0 * (1.0 + rise) * self.shape
        noise = ndimage.gaussian_filter(self.generator.normal(size=GRID.shape), BLUR)
        image = clean * (1.0 + 0.35 * noise) * np.exp(self.generator.normal(0.0, ASSAY))
        found = suv_peak(an_suv(GRID, image), LESION)
        assert found is not None
        return found


def a_scanner(seed: int) -> Scanner:
    """With a blurred lesion."""
    inside = (np.linalg.norm(positions(GRID), axis=-1) <= 12.0).astype(np.float64)
    return Scanner(np.random.default_rng(seed), ndimage.gaussian_filter(inside, BLUR))


def a_peak(value: float, visit: str) -> Measurement:
    """As the lesion room gives it."""
    return Measurement(
        subject=Subject(participant=Pseudonym("P-001"), type=SubjectType.LESION, name="L01"),
        timepoint=TimepointCode(visit),
        kind=SUV_PEAK,
        value=value,
        uncertainty=Uncertainty(None, "a test"),
        method="peak",
        version="1",
    )


def own_repeatability(scanner: Scanner) -> Repeatability:
    """From people scanned twice."""
    rows = [
        Repetition(
            participant=f"P-{n:03d}",
            lesion="L01",
            quantity=SUV_PEAK.name,
            first=scanner.peak(),
            second=scanner.peak(),
        )
        for n in range(PEOPLE)
    ]
    found = repeatability_from(rows, kind=SUV_PEAK, scale=ChangeScale.RELATIVE, study="simulated")
    return found.repeatability


def test_verdicts_on_images_keep_their_false_alarms_and_their_power() -> None:
    """Nothing but images goes in. Allowed: three standard errors of 500 pairs, and the 5 points."""
    scanner = a_scanner(21)
    repeatability = own_repeatability(scanner)

    def share(rise: float, *wanted: ChangeClass) -> tuple[float, float]:
        verdicts = [
            judge_change(
                a_peak(scanner.peak(), "BASELINE"),
                a_peak(scanner.peak(rise), "FOLLOW_UP"),
                repeatability=repeatability,
                comparability=SAME,
            )
            for _ in range(PAIRS)
        ]
        budget = verdicts[0].budget
        assert budget is not None
        # The background does not rise: SUVpeak in the lesion does by as much, within 1 %.
        return sum(one.verdict in wanted for one in verdicts) / PAIRS, budget.power(0.4)

    alarms, _ = share(0.0, ChangeClass.INCREASED, ChangeClass.DECREASED)
    found, power = share(0.4, ChangeClass.INCREASED)

    assert alarms <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / PAIRS)
    assert found == pytest.approx(power, abs=0.05 + 3.0 * math.sqrt(0.25 * power / PAIRS))
