"""What dosimetry needs beside the images: how the cameras count, and samples of blood."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from operandi.records.cells import (
    AnyDay,
    Blank,
    Border,
    Day,
    Instant,
    NuclideCell,
    Number,
    SiteCell,
    Text,
    Whole,
    YesNo,
    refusal,
)
from operandi.records.limits import NOT_NEGATIVE, POSITIVE, CycleNumber, Unit, disorder
from operandi.records.row import PersonRow, Row


def _share(percent: Decimal) -> Decimal:
    if Decimal("0.5") <= percent <= 100:
        return percent
    if 0 < percent < Decimal("0.5"):
        # No activity meter is known to half a percent: 0.03 is 3 % written as a share.
        raise refusal(
            "is below 0.5 %, which no calibration reaches",
            "write percent, such as 3 for 3 %, not 0.03",
        )
    raise refusal("is no standard uncertainty in % of the factor", "write 0.5 to 100")


def _recovery(recovery: Decimal) -> Decimal:
    # Edge ringing of resolution modeling overshoots by a tenth or two.
    if 0 < recovery <= Decimal("1.3"):
        return recovery
    raise refusal("is no recovery coefficient", "write a fraction above 0, at most 1.3")


def _limits_of(windows_kev: str) -> tuple[tuple[float, float], ...]:
    found = []
    for window in windows_kev.split(";"):
        low, _, high = window.strip().partition("-")
        found.append((float(low), float(high)))
    return tuple(found)


def _windows(windows_kev: str) -> str:
    try:
        ordered = all(0 < low < high for low, high in _limits_of(windows_kev))
    except ValueError:
        ordered = False
    if ordered:
        return windows_kev
    raise refusal("is no list of energy windows", "write limits in keV, such as 187.2-228.8")


def _heads(heads: int) -> int:
    if 1 <= heads <= 24:
        return heads
    raise refusal("is no number of detectors", "write 1 to 24")


class SpectCalibrationRow(Row):
    """How a SPECT camera counts a radionuclide; the latest before a scan counts.

    Measured with a source of known activity that fills the field of view, so that recovery is not
    in it twice.
    """

    key = ("site", "camera", "nuclide", "measured_on")

    site: SiteCell = Field(description="code of the department, as in study.toml")
    camera: Text = Field(
        description="as DeviceSerialNumber in the images; where they state none, as StationName, "
        "else as ManufacturerModelName"
    )
    nuclide: NuclideCell = Field(description="such as `177Lu`")
    measured_on: Day = Field(description="day of the calibration")
    valid_to: Blank[AnyDay] = Field(None, description="last day; blank while it holds")
    relative_uncertainty_percent: Annotated[Number, AfterValidator(_share), Unit("%")] = Field(
        description="standard uncertainty (k = 1) of the calibration, the activity meter included; "
        "0.5 to 100"
    )
    factor_cps_per_mbq: Blank[Annotated[Number, POSITIVE, Unit("cps/MBq")]] = Field(
        None, description="counts a second for each MBq; blank where the images are in Bq/mL"
    )
    collimator: Blank[Text] = Field(None, description="as CollimatorGridName in the images")
    windows_kev: Blank[Annotated[Text, AfterValidator(_windows)]] = Field(
        None, description="energy windows in keV, such as `187.2-228.8` or `102-124; 187.2-228.8`"
    )
    heads: Blank[Annotated[Whole, AfterValidator(_heads)]] = Field(
        None, description="detectors that record at once"
    )
    projection_time_s: Blank[Annotated[Number, POSITIVE, Unit("s")]] = Field(
        None, description="all projections of a scan together, where its header does not tell"
    )
    dead_time_corrected: Blank[YesNo] = Field(
        None, description="whether the images are corrected for dead time, or it was negligible"
    )

    def contradictions(self, _border: Border) -> Iterator[PydanticCustomError]:
        """Days the wrong way round; a factor without what counts need beside it."""
        yield from disorder(self.measured_on, self.valid_to, names=("measured_on", "valid_to"))
        if self.factor_cps_per_mbq is None:
            return
        for column in ("collimator", "windows_kev", "heads", "dead_time_corrected"):
            if getattr(self, column) is None:
                yield refusal(
                    "the cell is blank, and counts need it",
                    "complete the row, or leave factor_cps_per_mbq blank where the images are in "
                    "Bq/mL",
                    column=column,
                )

    @property
    def windows(self) -> tuple[tuple[float, float], ...]:
        """Limits of the energy windows, keV."""
        return () if self.windows_kev is None else _limits_of(self.windows_kev)


class SpectRecoveryRow(Row):
    """One row a sphere of a phantom: how much of its activity concentration the camera shows.

    At least three volumes a camera, radionuclide and day; between them recovery is fitted.
    """

    key = ("site", "camera", "nuclide", "measured_on", "volume_ml")

    site: SiteCell = Field(description="code of the department, as in study.toml")
    camera: Text = Field(
        description="as DeviceSerialNumber in the images; where they state none, as StationName, "
        "else as ManufacturerModelName"
    )
    nuclide: NuclideCell = Field(description="such as `177Lu`")
    measured_on: Day = Field(description="day of the phantom scan, reconstructed as patients are")
    volume_ml: Annotated[Number, POSITIVE, Unit("mL")] = Field(description="of the sphere")
    recovery: Annotated[Number, AfterValidator(_recovery)] = Field(
        description="measured over true activity concentration, a fraction"
    )
    standard_uncertainty: Annotated[Number, POSITIVE] = Field(
        description="standard uncertainty (k = 1) of the recovery, a fraction"
    )


class BloodActivityRow(PersonRow):
    """One row a sample of blood after a cycle, for the dose to the marrow."""

    key = ("participant", "cycle", "drawn_at")

    cycle: CycleNumber = Field(description="after which cycle")
    drawn_at: Instant = Field(description="of the sample")
    concentration_kbq_per_ml: Annotated[Number, NOT_NEGATIVE, Unit("kBq/mL")] = Field(
        description="activity in whole blood at `drawn_at`"
    )
    standard_uncertainty_kbq_per_ml: Annotated[Number, POSITIVE, Unit("kBq/mL")] = Field(
        description="standard uncertainty (k = 1), the counter's calibration included"
    )
