"""Opens the model that a manifest describes."""

import hashlib
from pathlib import Path
from typing import Final

from operandi.domain.identity import Digest
from operandi.imaging.lesions.models.answers import identity_of
from operandi.imaging.lesions.models.external_command import CommandModel
from operandi.imaging.lesions.models.manifest import Backend
from operandi.imaging.lesions.models.manifest_file import read_manifest
from operandi.imaging.lesions.models.nnunet_results import NnunetResults
from operandi.imaging.lesions.models.onnx_model import OnnxModel
from operandi.imaging.lesions.models.protocol import SegmentationModel
from operandi.imaging.lesions.models.weights import refuse_pickles, require_weights
from operandi.quantities.errors import DataError

MANIFEST: Final = "model.toml"


def open_model(source: Path) -> SegmentationModel:
    """Open a model: read its manifest and check the SHA-256 of its files.

    Parameters
    ----------
    source : Path
        A ``model.toml``, or the folder that holds it.

    Raises
    ------
    DataError
        If there is no manifest, it cannot be believed, or a file of the model is missing, another
        than it says, or would be unpickled.
    """
    path = source / MANIFEST if source.is_dir() else source
    if not path.is_file():
        raise DataError(
            f"There is no {MANIFEST} at {source.name}.",
            remedy='Write one; see "Your own model" in docs/lesions.md.',
        )
    manifest, content = read_manifest(path)
    folder = path.parent
    identity = identity_of(manifest, Digest(hashlib.sha256(content).hexdigest()))
    if manifest.backend is Backend.ONNX:
        refuse_pickles(manifest.weights)
    require_weights(folder, manifest.weights)
    if manifest.backend is Backend.ONNX:
        return OnnxModel(folder=folder, manifest=manifest, identity=identity)
    if manifest.backend is Backend.NNUNET_RESULTS:
        return NnunetResults(folder=folder, manifest=manifest, identity=identity)
    return CommandModel(folder=folder, manifest=manifest, identity=identity)
