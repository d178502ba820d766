"""A model in ONNX, run in process by ONNX Runtime on the CPU.

ONNX Runtime (MIT) is optional (extra ``models``); its absence is refused by name. One thread and
its deterministic kernels: the same images give the same labels.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from operandi.imaging.lesions.models.answers import labels_of, output_channels, prediction_of
from operandi.imaging.lesions.models.channels import model_arrays
from operandi.imaging.lesions.models.manifest import ModelManifest, OutputKind, WeightFile
from operandi.imaging.lesions.models.model_grid import labels_back, model_grid
from operandi.imaging.lesions.models.onnx_external import external_files
from operandi.imaging.lesions.models.protocol import ModelIdentity, ModelImages, PredictedLabels
from operandi.imaging.lesions.models.tiles import run_in_tiles
from operandi.imaging.lesions.models.weights import (
    content_of,
    refuse_pickles,
    relative_file,
    require_weights,
)
from operandi.quantities.errors import DataError, UnsupportedError

_PACKAGE: Final = "onnxruntime"
_ENDING: Final = ".onnx"
_AXES: Final = 5
_FLOATS: Final[dict[str, npt.DTypeLike]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
}
_WHOLE: Final = "biu"
_OPTIONS: Final = {
    "intra_op_num_threads": 1,
    "inter_op_num_threads": 1,
    "use_deterministic_compute": True,
    "log_severity_level": 4,
}
_EXTERNAL_FOLDER: Final = "session.model_external_initializers_file_folder_path"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxModel:
    """A network in an ``.onnx`` file: one input (1, channels, i, j, k), one output likewise.

    Parameters
    ----------
    folder : Path
        Of the manifest.
    manifest : ModelManifest
        Of the back-end ``onnx``.
    identity : ModelIdentity
        Which model it is.
    """

    folder: Path
    manifest: ModelManifest
    identity: ModelIdentity

    def predict(self, volumes: ModelImages) -> PredictedLabels:
        """Label images: on the model's grid, in tiles, and back by the nearest voxel.

        Raises
        ------
        UnsupportedError
            If ONNX Runtime is not installed, or cannot run the network.
        DataError
            If a file is another than the manifest says, is or asks for one that is not listed, a
            channel is missing, or the answer cannot be believed.
        """
        manifest = self.manifest
        grid = model_grid(volumes.grid, manifest.grid)
        values, beyond = model_arrays(volumes, manifest.inputs, grid=grid)
        session = _session(self.folder, manifest)
        network = _Network.of(session, manifest)
        numbers = run_in_tiles(values, network.run, tiles=manifest.tiles, beyond=beyond)
        labels = labels_back(labels_of(numbers, manifest), grid, onto=volumes.grid)
        return prediction_of(labels, volumes.grid, manifest, self.identity)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Network:
    """An open session with its one input and output."""

    session: Any
    input_name: str
    dtype: npt.DTypeLike
    manifest: ModelManifest

    @classmethod
    def of(cls, session: Any, manifest: ModelManifest) -> "_Network":
        try:
            inputs = [(one.name, one.type, list(one.shape)) for one in session.get_inputs()]
            outputs = [one.name for one in session.get_outputs()]
        except UnicodeDecodeError as error:
            raise UnsupportedError(
                "The network names its inputs and outputs by no text.", remedy="Export it again."
            ) from error
        if len(inputs) != 1 or len(outputs) != 1:
            raise UnsupportedError(
                f"The network has {len(inputs)} inputs and {len(outputs)} outputs: needed one of "
                f"each, with the images as channels.",
                remedy="Export it so.",
            )
        ((name, kind, shape),) = inputs
        if kind not in _FLOATS:
            raise UnsupportedError(f"The network takes {kind}: needed floating point.")
        _require_shape(shape, manifest)
        return cls(session=session, input_name=name, dtype=_FLOATS[kind], manifest=manifest)

    def run(self, values: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        """Run one tile: (c, i, j, k) to (classes, i, j, k)."""
        given = values[np.newaxis].astype(self.dtype)
        try:
            (found,) = self.session.run(None, {self.input_name: given})
        except Exception as error:  # whatever it raises, it is the network's
            raise UnsupportedError(
                f"The network cannot run on {values.shape[0]} channels of {values.shape[1:]} "
                f"voxels: {_first_line(error)}.",
                remedy="Check [tiles] and [[inputs]] of its manifest.",
            ) from error
        expected = (1, output_channels(self.manifest), *values.shape[1:])
        answer = np.asarray(found)
        if self.manifest.output.kind is OutputKind.LABELS and answer.shape == (
            1,
            *values.shape[1:],
        ):
            answer = answer[np.newaxis]
        if answer.shape != expected:
            raise DataError(
                f"The network returns an array of {answer.shape}; by its manifest "
                f"({self.manifest.output.kind}, {len(self.manifest.labels)} labels) it must be "
                f"{expected}.",
                remedy="Correct [output] and [labels], or export another output.",
            )
        if answer.dtype.kind in _WHOLE and self.manifest.output.kind is not OutputKind.LABELS:
            raise DataError(
                f"The network returns whole numbers, no {self.manifest.output.kind}.",
                remedy="Correct kind of [output].",
            )
        if answer.dtype.kind == "f" and not np.isfinite(answer).all():
            raise DataError(
                f"The model {self.manifest.name} {self.manifest.version} gave values that are not "
                f"finite.",
                remedy="Check the units and normalization of its channels.",
            )
        one: npt.NDArray[Any] = answer[0]
        return one


def _require_shape(shape: Sequence[object], manifest: ModelManifest) -> None:
    """Compare what the network's input says of itself with the manifest."""
    if len(shape) != _AXES:
        raise UnsupportedError(
            f"The network takes an array of {len(shape)} axes: needed five (batch, channels and "
            f"three of space)."
        )
    if isinstance(shape[1], int) and shape[1] != len(manifest.inputs):
        raise DataError(
            f"The network takes {shape[1]} channels, its manifest has {len(manifest.inputs)}.",
            remedy="List its channels in their order in [[inputs]].",
        )
    fixed = [(axis, n) for axis, n in enumerate(shape[2:]) if isinstance(n, int)]
    size = manifest.tiles.size if manifest.tiles else None
    wrong = [n for axis, n in fixed if size is None or size[axis] != n]
    if wrong:
        raise DataError(
            f"The network takes {' x '.join(str(n) for n in shape[2:])} voxels at a time, its "
            f"manifest says {size or 'the whole image'}.",
            remedy="State that size in [tiles].",
        )


def _session(folder: Path, manifest: ModelManifest) -> Any:
    refuse_pickles(manifest.weights)
    networks = [one for one in manifest.weights if one.file.suffix.casefold() == _ENDING]
    if len(networks) != 1:
        raise DataError(
            f"The model lists {len(networks)} files {_ENDING}: needed one.",
            remedy="Describe each network by a manifest of its own.",
        )
    content = content_of(folder, networks[0])
    others = [one for one in manifest.weights if one is not networks[0]]
    _require_listed(content, network=networks[0], others=others)
    require_weights(folder, others)
    runtime = _runtime()
    try:
        options = runtime.SessionOptions()
        for name, value in _OPTIONS.items():
            setattr(options, name, value)
        beside = folder / networks[0].file.parent
        options.add_session_config_entry(_EXTERNAL_FOLDER, str(beside.resolve()))
        return runtime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except Exception as error:  # whatever it raises, it is the file's
        raise UnsupportedError(
            f"ONNX Runtime {runtime.__version__} cannot open {networks[0].file}: "
            f"{_first_line(error)}.",
            remedy="Export the network again, with standard operators.",
        ) from error


def _require_listed(content: bytes, *, network: WeightFile, others: Sequence[WeightFile]) -> None:
    """Refuse tensors in files whose SHA-256 nobody stated."""
    listed = {one.file for one in others}
    for name in sorted(external_files(content)):
        file = network.file.parent / relative_file(name)
        if file not in listed:
            raise DataError(
                f"{network.file} keeps tensors in {name!r}, which its manifest does not list.",
                remedy="List it under [[weights]] with its SHA-256.",
            )


def _runtime() -> ModuleType:
    try:
        return importlib.import_module(_PACKAGE)
    except ImportError as error:
        raise UnsupportedError(
            "A model in ONNX needs ONNX Runtime, which is not installed.",
            remedy="Install the extra: pip install 'operandi[models]'.",
        ) from error


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return (text.splitlines()[0] if text else type(error).__name__)[:300].rstrip(".")
