"""Lesions as numbers, and what they are compared with."""

from operandi.domain.identity import Digest, LesionId, Pseudonym, TimepointCode
from operandi.domain.measurement import Measurement, Subject, SubjectType
from operandi.imaging.lesions.measures.lesion_uptake import LesionUptake
from operandi.imaging.lesions.measures.origin import MeasurementOrigin
from operandi.imaging.lesions.measures.yardsticks import Yardsticks
from operandi.imaging.lesions.reference import ReferenceRegion
from operandi.quantities.kinds import Kind
from tests.imaging.lesions.phantoms import a_pet_grid, everywhere

ORIGIN = MeasurementOrigin(
    subject=Subject(participant=Pseudonym("P-001"), type=SubjectType.PARTICIPANT),
    timepoint=TimepointCode("BASELINE"),
    inputs=(Digest("ab" * 32),),
)


def an_uptake(
    name: str = "L01",
    maximum: float = 10.0,
    *,
    mean: float | None = None,
    peak: float | None = None,
    center_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    volume_ml: float = 2.0,
) -> LesionUptake:
    """A lesion whose mean is two thirds of its maximum unless said otherwise."""
    return LesionUptake(
        lesion=LesionId(name),
        organ="liver",
        maximum=maximum,
        mean=maximum / 1.5 if mean is None else mean,
        peak=peak,
        standard_deviation=1.0,
        volume_ml=volume_ml,
        center_mm=center_mm,
    )


def a_region(organ: str, mean: float) -> ReferenceRegion:
    return ReferenceRegion(organ, everywhere(a_pet_grid((4, 4, 4))), mean, 0.1 * mean, 64, "a test")


def yardsticks(
    *, liver: float | str = 5.0, spleen: float | str = 20.0, blood_pool: float | str = 1.5
) -> Yardsticks:
    def region(organ: str, mean: float | str) -> ReferenceRegion | str:
        return mean if isinstance(mean, str) else a_region(organ, mean)

    return Yardsticks(
        liver=region("liver", liver),
        spleen=region("spleen", spleen),
        blood_pool=region("blood pool", blood_pool),
    )


def of_kind(measurements: tuple[Measurement, ...], kind: Kind) -> Measurement:
    (one,) = (measurement for measurement in measurements if measurement.kind == kind)
    return one
