"""What is said of a simulated scan besides its pixels: study, series and how it was acquired."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from operandi.domain.administration import Administration
from operandi.domain.identity import Pseudonym
from operandi.domain.participant import Sex
from operandi.quantities.errors import DataError


class Vendor(StrEnum):
    """Whose dialect a file speaks."""

    NEUTRAL = "neutral"
    SIEMENS = "siemens"
    GE = "ge"
    PHILIPS = "philips"


class DecayCorrection(StrEnum):
    """What instant the stored values of a PET refer to: DICOM's DecayCorrection."""

    START = "START"
    ADMIN = "ADMIN"
    NONE = "NONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyHeader:
    """What all series of a visit share.

    Parameters
    ----------
    participant : Pseudonym
        Becomes PatientID and PatientName.
    sex : Sex
        PatientSex.
    body_mass_kg, height_m : float or None
        PatientWeight and PatientSize; None leaves the attribute out.
    uid : str
        StudyInstanceUID.
    started_at : datetime, aware
        Its offset becomes TimezoneOffsetFromUTC, and the clock of every series.
    """

    participant: Pseudonym
    sex: Sex
    body_mass_kg: float | None
    height_m: float | None
    uid: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesHeader:
    """What the files of a series share.

    Parameters
    ----------
    uid, description : str
        SeriesInstanceUID and SeriesDescription.
    number : int
        SeriesNumber.
    started_at : datetime, aware
        Start of the acquisition; for PET the instant its values are decay-corrected to.
    """

    uid: str
    number: int
    description: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PetAcquisition:
    """How a PET came about.

    Parameters
    ----------
    tracer : str
        Radiopharmaceutical, such as ``"68Ga-DOTATOC"``.
    injected : Administration
        Net activity at injection; its half-life becomes the header's.
    attenuation_corrected : bool
        False for the image that a scanner writes beside the corrected one.
    bed_positions : int
        The slices are shared out among them, from the feet up.
    bed_duration_s, bed_pause_s : float
        Duration of each, and time to move to the next.
    decay_correction : DecayCorrection
        What the stored values refer to: the start of the scan, the injection, or each bed's own
        average.
    series_delay_s : float
        How long SeriesTime lies after the start of the scan, s: a series reconstructed again, or
        sent again, carries a later one, and the start must be read elsewhere.
    """

    tracer: str
    injected: Administration
    attenuation_corrected: bool = True
    bed_positions: int = 2
    bed_duration_s: float = 360.0
    bed_pause_s: float = 8.0
    decay_correction: DecayCorrection = DecayCorrection.START
    series_delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NmAcquisition:
    """How a tomogram of a gamma camera came about.

    Parameters
    ----------
    tracer : str
        Radiopharmaceutical, such as ``"177Lu-DOTATATE"``.
    injected : Administration
        Net activity at injection.
    projections : int
        Number of projections over the full turn, of all heads together.
    projection_duration_s : float
        Of each, s.
    heads : int
        Of the camera, each of which acquires its share.
    collimator : str
        CollimatorGridName.
    window_kev : tuple of float
        Lower and upper limit of the energy window, keV.
    attenuation_corrected, scatter_corrected : bool
        Corrections of the reconstruction.
    """

    tracer: str
    injected: Administration
    projections: int = 60
    projection_duration_s: float = 25.0
    heads: int = 2
    collimator: str = "MELP"
    window_kev: tuple[float, float] = (187.2, 228.8)
    attenuation_corrected: bool = True
    scatter_corrected: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MrSequence:
    """How an MR series came about.

    Fields that name *one a volume* are empty where the volumes do not differ in them.

    Parameters
    ----------
    image_type : tuple of str
        ImageType as the neutral writer states it; its words tell a vendor's dialect what is
        shown: ``WATER``, ``FAT``, ``IN_PHASE``, ``OPP_PHASE``, ``ADC``, ``STIFFNESS`` …
    scanning_sequence, variant, acquisition : str
        ScanningSequence, SequenceVariant and MRAcquisitionType (2D or 3D).
    repetition_time_ms, echo_time_ms : float
        Times of the sequence.
    b_values_s_mm2 : tuple of float
        Of a diffusion series, one a volume.
    flip_angle_degree : float or None
        FlipAngle; None leaves the attribute out.
    inversion_time_ms : float or None
        InversionTime, of a series with ``IR`` in its scanning sequence.
    echo_times_ms, flip_angles_degree : tuple of float
        Of a series of several echoes or flip angles, one a volume; in place of the single one.
    offsets_s : tuple of float
        Of a dynamic series, one a volume: its start after the start of the series, s.
    trigger_offsets_ms : tuple of float
        Of an elastography series, one a volume: delay between motion and its encoding, ms.
    echo_train_length : int
        EchoTrainLength.
    phase : bool
        True for an image of phase: values from -4096 to 4095, of which 4096 are pi.
    """

    image_type: tuple[str, ...]
    scanning_sequence: str
    variant: str
    acquisition: str
    repetition_time_ms: float
    echo_time_ms: float
    b_values_s_mm2: tuple[float, ...] = ()
    flip_angle_degree: float | None = None
    inversion_time_ms: float | None = None
    echo_times_ms: tuple[float, ...] = ()
    flip_angles_degree: tuple[float, ...] = ()
    offsets_s: tuple[float, ...] = ()
    trigger_offsets_ms: tuple[float, ...] = ()
    echo_train_length: int = 1
    phase: bool = False

    @property
    def volumes(self) -> int:
        """Number of volumes that the series must have.

        Raises
        ------
        DataError
            If fields of one a volume differ in length.
        """
        lengths = {len(values) for values in self._of_volumes() if values} or {1}
        if len(lengths) > 1:
            raise DataError(
                "An MR series needs one b value, echo time, flip angle, offset and trigger offset "
                f"for each volume; their numbers are {', '.join(map(str, sorted(lengths)))}.",
                remedy="Give each of them once for each volume, or not at all.",
            )
        return lengths.pop()

    def _of_volumes(self) -> tuple[tuple[float, ...], ...]:
        return (
            self.b_values_s_mm2,
            self.echo_times_ms,
            self.flip_angles_degree,
            self.offsets_s,
            self.trigger_offsets_ms,
        )
