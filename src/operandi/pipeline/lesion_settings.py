"""What a study says of lesions, and what the steps on them are told."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from operandi.domain.identity import Pseudonym
from operandi.imaging.lesions.published_repeatability import NamedCoefficient
from operandi.imaging.lesions.repetitions import Repetition
from operandi.imaging.lesions.segmentation.settings import DelineationMethod, SegmentationSettings
from operandi.imaging.lesions.tracking.tracks import Override
from operandi.pipeline.step_settings import PlacedReference, Visit

BORDERS: Final = {one.name.lower().replace("_", "-"): one for one in DelineationMethod}
"""How study.toml and the command line call the methods of delineation."""

ADC_UNITS: Final = {"1e-6 mm2/s": 1.0, "1e-3 mm2/s": 1e3, "mm2/s": 1e6}
"""Units in which ADC maps are stored, and what one is in 1e-6 mm2/s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionSettings:
    """The table ``[lesions]`` of study.toml.

    Parameters
    ----------
    resolution_mm : float
        Full width at half maximum of the PET as reconstructed.
    minimum_volume_ml : float
        Smaller lesions do not count.
    uptake_window_min : tuple of float
        Earliest and latest uptake time at which a scan compares, min.
    uptake_difference_min : float
        Largest difference of the uptake times of two visits that are compared, min.
    method : DelineationMethod
        Of the border.
    fixed_suv : float or None
        Level of the method fixed SUV, g/mL; None with every other method.
    seed_suv : float or None
        SUV above which uptake counts where there is no liver reference, g/mL; None to refuse such
        a visit.
    borrowed : tuple of NamedCoefficient
        Published coefficients of repeatability, with why they may serve.
    test_retest, overrides : str
        Files in the study folder: what was measured twice, and what readers said of lesions.
        Empty where there is none.
    adc_unit : str
        A key of ``ADC_UNITS``; empty where ADC maps are not used.
    resolution_at : tuple of (site, mm)
        Resolution of sites where it is another.
    find_organs : bool
        Find organs even where an organ map arrived.
    """

    resolution_mm: float
    minimum_volume_ml: float
    uptake_window_min: tuple[float, float]
    uptake_difference_min: float
    method: DelineationMethod = DelineationMethod.HALF_MEAN
    fixed_suv: float | None = None
    seed_suv: float | None = None
    borrowed: tuple[NamedCoefficient, ...] = ()
    test_retest: str = ""
    overrides: str = ""
    adc_unit: str = ""
    resolution_at: tuple[tuple[str, float], ...] = ()
    find_organs: bool = False

    def segmentation_at(self, site: str) -> SegmentationSettings:
        """What the segmentation is told at a site."""
        settings = SegmentationSettings(
            fwhm_mm=dict(self.resolution_at).get(site, self.resolution_mm),
            minimum_volume_ml=self.minimum_volume_ml,
            method=self.method,
            seed_suv=self.seed_suv,
        )
        return settings if self.fixed_suv is None else replace(settings, fixed_suv=self.fixed_suv)


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionFiles:
    """What the files say that ``[lesions]`` names.

    Parameters
    ----------
    repetitions : tuple of Repetition
        The study's own test and retest; may be empty.
    overrides : mapping of str to tuple of Override
        By participant what readers said of lesions.
    """

    repetitions: tuple[Repetition, ...] = ()
    overrides: Mapping[str, tuple[Override, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionFacts:
    """What the lesions of one visit are found by, beside its images.

    Parameters
    ----------
    visit : Visit
        Whose, of which files.
    segmentation : SegmentationSettings
        With the resolution of the site.
    spheres : tuple of (organ, PlacedReference)
        References that a reader placed.
    removed : tuple of str
        Organs that the participant does not have any more, as declared.
    adc_per_unit : float or None
        What a unit of the ADC map is in 1e-6 mm2/s; None where nobody said.
    visits_before : int
        How many earlier visits with a PET the step is given, in the order of time.
    """

    visit: Visit
    segmentation: SegmentationSettings
    spheres: tuple[tuple[str, PlacedReference], ...] = ()
    removed: tuple[str, ...] = ()
    adc_per_unit: float | None = None
    visits_before: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredLesions:
    """What study.toml declares of a reader's lesions at a visit.

    Parameters
    ----------
    series_uid : str
        Series that they are taken from, such as an RTSTRUCT; empty where none is declared. A DICOM
        SEG of lesions counts without a declaration.
    reader : str
        Who drew them, where the file does not say.
    at : datetime or None
        When, where the file does not say.
    confirmed : bool
        Whether the reader says that what is left are lesions, no uptake of an organ.
    """

    series_uid: str = ""
    reader: str = ""
    at: datetime | None = None
    confirmed: bool = False


NO_LESIONS_DECLARED: Final = DeclaredLesions()


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionFacts:
    """What a reader's corrections of one visit are read with.

    Parameters
    ----------
    visit : Visit
        Whose, of which files.
    timezone : str
        Of times that state no offset from UTC.
    declared : DeclaredLesions
        What study.toml says of them.
    adc_per_unit : float or None
        As of ``LesionFacts``.
    """

    visit: Visit
    timezone: str
    declared: DeclaredLesions = NO_LESIONS_DECLARED
    adc_per_unit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFacts:
    """Whose lesions are followed over the visits, and what readers said of them."""

    participant: Pseudonym
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFacts:
    """By what a study judges changes.

    Parameters
    ----------
    study : str
        Title, which names the study's own repeatability.
    uptake_window_min, uptake_difference_min, borrowed
        As of ``LesionSettings``.
    repetitions : tuple of Repetition
        As of ``LesionFiles``.
    """

    study: str
    uptake_window_min: tuple[float, float]
    uptake_difference_min: float
    borrowed: tuple[NamedCoefficient, ...] = ()
    repetitions: tuple[Repetition, ...] = ()
