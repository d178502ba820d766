"""A model's numbers to labels, and labels that cannot be believed."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.identity import Digest
from operandi.imaging.lesions.models.manifest import ModelManifest, OutputKind
from operandi.imaging.lesions.models.model_grid import reordered
from operandi.imaging.lesions.models.protocol import ModelIdentity, PredictedLabels
from operandi.imaging.nifti import read_nifti
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import LABEL

_SUM_OFF = 1e-2


def identity_of(manifest: ModelManifest, digest: Digest) -> ModelIdentity:
    """Which model a manifest describes."""
    return ModelIdentity(
        name=manifest.name,
        version=manifest.version,
        digest=digest,
        license=manifest.license,
        source=manifest.source,
        citation=manifest.citation,
        trained_on=manifest.trained_on,
        tracers=manifest.tracers,
    )


def output_channels(manifest: ModelManifest) -> int:
    """How many channels the model must return."""
    kind, count = manifest.output.kind, len(manifest.labels)
    if kind is OutputKind.LABELS:
        return 1
    return count if kind is OutputKind.SIGMOID else count + 1


def labels_of(numbers: npt.NDArray[Any], manifest: ModelManifest) -> npt.NDArray[np.uint16]:
    """Labels of a model's output on its own grid.

    Logits and softmax: the highest channel; of equal ones the lowest. Sigmoid: the highest that
    reaches the threshold, else background.

    Parameters
    ----------
    numbers : array, (channels, i, j, k)
        As the model gave it.
    manifest : ModelManifest
        What it means.

    Raises
    ------
    DataError
        If a number is not finite, softmax and sigmoid are no probabilities, or a label is not
        whole or not in the label map.
    """
    output = manifest.output
    if not np.isfinite(numbers).all():
        raise _unbelievable(manifest, "gave values that are not finite")
    if output.kind is OutputKind.LABELS:
        return whole_labels(numbers[0], manifest)
    if output.kind is not OutputKind.LOGITS and (numbers.min() < -1e-4 or numbers.max() > 1.0001):
        raise _unbelievable(
            manifest,
            f"gave {output.kind} of {float(numbers.min()):.4g} to {float(numbers.max()):.4g}, no "
            "probabilities",
        )
    if output.kind is OutputKind.SOFTMAX:
        off = float(np.abs(numbers.sum(axis=0, dtype=np.float64) - 1.0).max())
        if off > _SUM_OFF:
            raise _unbelievable(manifest, f"gave softmax that misses a sum of 1 by {off:.3g}")
    best: npt.NDArray[np.uint16] = numbers.argmax(axis=0).astype(np.uint16)
    if output.kind is not OutputKind.SIGMOID:
        return best
    reached = numbers.max(axis=0) >= output.threshold
    return np.where(reached, best + 1, 0).astype(np.uint16)


def whole_labels(values: npt.NDArray[Any], manifest: ModelManifest) -> npt.NDArray[np.uint16]:
    """Labels of an array of numbers.

    Raises
    ------
    DataError
        If one is not finite, not whole or not in the label map.
    """
    if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise _unbelievable(manifest, "gave labels that are not finite numbers")
    known = [0, *(number for number, _ in manifest.labels)]
    strange = np.setdiff1d(np.unique(values), known)
    if strange.size:
        raise _unbelievable(
            manifest,
            f"gave the label {float(strange[0]):g}, which its label map does not have ("
            f"{', '.join(str(one) for one in known)})",
        )
    return values.astype(np.uint16)


def prediction_of(
    labels: npt.NDArray[np.uint16],
    grid: Grid,
    manifest: ModelManifest,
    identity: ModelIdentity,
    *,
    inputs: tuple[Digest, ...] = (),
    notes: tuple[str, ...] = (),
) -> PredictedLabels:
    """Hand over labels on the PET's grid.

    Raises
    ------
    DataError
        If there is none, unless the manifest says that this is an answer.
    """
    if not labels.any() and not manifest.output.may_be_empty:
        raise DataError(
            f"The model {identity.words} labeled nothing.",
            remedy="Look at its input channels and their units. Where no lesion is an answer, "
            "say may_be_empty = true in its manifest.",
        )
    labels.setflags(write=False)
    return PredictedLabels(
        values=labels,
        grid=grid,
        names=manifest.labels,
        model=identity,
        inputs=inputs,
        notes=notes,
    )


def labels_from_file(path: Path, manifest: ModelManifest, *, onto: Grid) -> npt.NDArray[np.uint16]:
    """Read a label map that was made elsewhere of an image on a grid.

    Its axes may be exchanged or turned round, as converters do; its voxels must be the image's.

    Raises
    ------
    DataError
        If it is damaged, or a label is not whole or not in the label map.
    GridMismatchError
        If its voxels are others.
    """
    volume = read_nifti(path, LABEL)
    labels = reordered(whole_labels(volume.values, manifest), volume.grid, onto=onto)
    if labels is None:
        raise GridMismatchError(
            f"The model's {path.name} does not lie on the grid of the image that it was made of: "
            f"{volume.grid.shape} voxels of {_mm(volume.grid)}, needed {onto.shape} of {_mm(onto)} "
            f"at the same places.",
            remedy="Let the model write its labels on the grid of its input.",
        )
    return np.ascontiguousarray(labels, dtype=np.uint16)


def _mm(grid: Grid) -> str:
    return " x ".join(f"{one:.3f}" for one in grid.spacing_mm) + " mm"


def _unbelievable(manifest: ModelManifest, what: str) -> DataError:
    return DataError(
        f"The model {manifest.name} {manifest.version} {what}.",
        remedy="Check kind of [output] and [labels] in its manifest, and the model.",
    )
