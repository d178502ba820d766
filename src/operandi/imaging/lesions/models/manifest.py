"""What a segmentation model says of itself: the parts of ``model.toml``."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from operandi.domain.identity import Digest
from operandi.quantities.kinds import (
    APPARENT_DIFFUSION_COEFFICIENT,
    MR_SIGNAL,
    RADIODENSITY,
    SUV_BODY_WEIGHT,
    Kind,
)

FORMAT: Final = "operandi-model 1"
"""What ``format`` of a manifest says."""

LESION: Final = "lesion"
"""Name in the label map of what becomes lesions; every other name is an organ."""

CHANNELS: Final[dict[str, Kind]] = {
    "suv": SUV_BODY_WEIGHT,
    "water": MR_SIGNAL,
    "fat": MR_SIGNAL,
    "ct": RADIODENSITY,
    "adc": APPARENT_DIFFUSION_COEFFICIENT,
}
"""Images that a model may ask for, with what their values are."""


class Backend(StrEnum):
    """Who runs the model."""

    ONNX = "onnx"
    NNUNET_RESULTS = "nnunet-results"
    COMMAND = "command"


class Normalization(StrEnum):
    """What is done to a channel before the model sees it, after clipping."""

    NONE = "none"
    Z_SCORE = "z-score"
    MEAN_SD = "mean-sd"


class OutputKind(StrEnum):
    """What the model's numbers mean."""

    LOGITS = "logits"
    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"
    LABELS = "labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFile:
    """One file of the model.

    Parameters
    ----------
    file : PurePosixPath
        Within the manifest's folder.
    sha256 : Digest
        Of its content.
    """

    file: PurePosixPath
    sha256: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class InputChannel:
    """One image that the model takes, in the order of the manifest.

    Parameters
    ----------
    channel : str
        Key of ``CHANNELS``.
    normalization : Normalization
        ``z-score`` by mean and SD of this image on the model's grid; ``mean-sd`` by the two given.
    clip : tuple of float or None
        Lowest and highest value let through, in the channel's unit.
    mean, sd : float or None
        Of ``mean-sd``, in the channel's unit; None otherwise.
    outside : float
        Value where this image ends before the PET does, in the channel's unit.
    """

    channel: str
    normalization: Normalization
    clip: tuple[float, float] | None
    mean: float | None
    sd: float | None
    outside: float

    @property
    def kind(self) -> Kind:
        """What the channel's values are."""
        return CHANNELS[self.channel]


@dataclass(frozen=True, slots=True, kw_only=True)
class GridWanted:
    """How the model's arrays lie.

    Parameters
    ----------
    axes : str
        A letter an array axis: the direction of the patient in which its index grows, of L or R,
        P or A, S or I. ``LPS`` is DICOM's, ``SPL`` that of arrays read by SimpleITK.
    spacing_mm : tuple of float or None
        In the order of the axes; None for the PET's own.
    """

    axes: str
    spacing_mm: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """How a large image is cut.

    Parameters
    ----------
    size : tuple of int
        Voxels of a tile, in the order of the axes.
    overlap : float, 0 to below 1
        Share of a tile that its neighbor covers too.
    """

    size: tuple[int, int, int]
    overlap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputGiven:
    """What the model returns.

    Parameters
    ----------
    kind : OutputKind
        Logits and softmax have a channel a label from 0 on, of which the highest wins; sigmoid
        has one for each label but the background, and counts from ``threshold``.
    threshold : float or None
        Of sigmoid.
    may_be_empty : bool
        Whether an image without any label is an answer (no lesion) and no failure.
    """

    kind: OutputKind
    threshold: float | None
    may_be_empty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRun:
    """A program that runs the model in an environment of its own.

    Parameters
    ----------
    argv : tuple of str
        Words, with ``{input}``, ``{output}``, ``{model}`` and ``{case}`` for the folders of
        images and labels, the manifest's folder and the name of the case. No shell reads them.
    environment : tuple of (str, str)
        All that the program's environment holds.
    time_limit_s : float
        After which it is ended with its children.
    """

    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    time_limit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsFolder:
    """Where nnU-Net's predictions lie.

    Parameters
    ----------
    predictions : PurePosixPath
        Folder with one label map a case, within the manifest's folder.
    case : str
        Name of a case, with ``{participant}`` and ``{timepoint}``.
    configuration : str
        Of ``plans.json``, such as ``3d_fullres``.
    """

    predictions: PurePosixPath
    case: str
    configuration: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelManifest:
    """All of a ``model.toml``.

    Parameters
    ----------
    name, version : str
        As its makers call it.
    backend : Backend
        Who runs it.
    license, source, citation : str
        Under which terms, from where, to be cited how.
    tracers : tuple of str
        That it was made for.
    modality : str
        Such as ``PET-MR``.
    trained_on : str
        Whose images, how many.
    weights : tuple of WeightFile
        Every file of it.
    inputs : tuple of InputChannel
        In the order of the model's channels.
    grid : GridWanted
        Of its arrays. For a command and for results: of the files, where it is stated.
    tiles : Tiling or None
        None for the whole image at once.
    output : OutputGiven
        What it returns.
    labels : tuple of (int, str)
        Number and name, ascending, without the background 0.
    command : CommandRun or None
        Of the back-end ``command``.
    results : ResultsFolder or None
        Of the back-end ``nnunet-results``.
    """

    name: str
    version: str
    backend: Backend
    license: str
    source: str
    citation: str
    tracers: tuple[str, ...]
    modality: str
    trained_on: str
    weights: tuple[WeightFile, ...]
    inputs: tuple[InputChannel, ...]
    grid: GridWanted
    tiles: Tiling | None
    output: OutputGiven
    labels: tuple[tuple[int, str], ...]
    command: CommandRun | None
    results: ResultsFolder | None

    @property
    def lesion_labels(self) -> tuple[int, ...]:
        """Numbers that mean a lesion."""
        return tuple(number for number, name in self.labels if name == LESION)
