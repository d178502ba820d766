"""What every segmentation model is given and gives, whoever runs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.identity import Digest
from operandi.domain.volume import Volume
from operandi.imaging.lesions.models.manifest import CHANNELS, LESION
from operandi.imaging.lesions.reference import require_suv
from operandi.quantities.errors import DataError, GridMismatchError


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """Which model made a label map.

    Parameters
    ----------
    name, version : str
        As its makers call it.
    digest : Digest
        SHA-256 of its manifest, which names that of every weight file.
    license, source, citation : str
        Under which terms, from where, to be cited how.
    trained_on : str
        Whose images.
    tracers : tuple of str
        That it was made for.
    """

    name: str
    version: str
    digest: Digest
    license: str
    source: str
    citation: str
    trained_on: str
    tracers: tuple[str, ...]

    @property
    def words(self) -> str:
        """Name, version and the start of the digest."""
        return f"{self.name} {self.version} (sha256 {self.digest[:12]})"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelImages:
    """Images of one visit, by channel.

    Parameters
    ----------
    volumes : mapping of str to Volume
        By key of ``CHANNELS``; ``suv`` always. All in one frame of reference.
    participant, timepoint : str
        Whose and of which visit; names the case.
    """

    volumes: Mapping[str, Volume]
    participant: str = ""
    timepoint: str = ""

    def __post_init__(self) -> None:
        if "suv" not in self.volumes or not self.volumes.keys() <= CHANNELS.keys():
            raise ValueError(f"needed suv, and no other than {sorted(CHANNELS)}")
        require_suv(self.volumes["suv"])
        for name, volume in self.volumes.items():
            if volume.kind != CHANNELS[name] or volume.frames:
                raise DataError(
                    f"Channel {name} of a model must be a static volume of "
                    f"{CHANNELS[name].name}, found {volume.kind.name}."
                )
            frames = {volume.grid.frame_of_reference, self.grid.frame_of_reference} - {""}
            if len(frames) > 1:
                raise GridMismatchError(
                    f"Channel {name} of a model lies in another frame of reference than the PET.",
                    remedy="Register it onto the PET and resample it first.",
                )

    @property
    def grid(self) -> Grid:
        """The PET's grid, on which labels come back."""
        return self.volumes["suv"].grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PredictedLabels:
    """A label map on the PET's grid.

    Parameters
    ----------
    values : uint16 array, (i, j, k)
        0 is background.
    grid : Grid
        The PET's.
    names : tuple of (int, str)
        Number and name of every label that the model may give.
    model : ModelIdentity
        Which made it.
    inputs : tuple of Digest
        SHA-256 of files it was read from, for results of a run elsewhere.
    notes : tuple of str
        What holds of this prediction.
    """

    values: npt.NDArray[np.uint16]
    grid: Grid
    names: tuple[tuple[int, str], ...]
    model: ModelIdentity
    inputs: tuple[Digest, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def named(self, name: str) -> npt.NDArray[np.bool_]:
        """Voxels of all labels of one name."""
        numbers = [number for number, one in self.names if one == name]
        return np.isin(self.values, numbers)

    @property
    def lesion(self) -> npt.NDArray[np.bool_]:
        """Voxels of lesions."""
        return self.named(LESION)

    @property
    def organs(self) -> tuple[str, ...]:
        """Names that are no lesion, sorted."""
        return tuple(sorted({name for _, name in self.names} - {LESION}))


class SegmentationModel(Protocol):
    """A model that labels images; one back-end a class."""

    @property
    def identity(self) -> ModelIdentity:
        """Which model it is."""

    def predict(self, volumes: ModelImages) -> PredictedLabels:
        """Label the images of one visit on the PET's grid.

        Raises
        ------
        DataError
            If a channel is missing, or the answer is none: another grid, a label without a name,
            values that are not finite, no label at all.
        """
