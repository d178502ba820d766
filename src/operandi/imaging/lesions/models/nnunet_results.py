"""Predictions that nnU-Net made elsewhere: a folder with one label map a case.

``dataset.json`` and ``plans.json`` (version 2, beside nnU-Net's checkpoints) are read and compared
with the manifest; checkpoints are pickles and are never opened.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from operandi.domain.identity import Digest
from operandi.imaging.lesions.models.answers import labels_from_file, prediction_of
from operandi.imaging.lesions.models.channels import require_channels
from operandi.imaging.lesions.models.manifest import ModelManifest, ResultsFolder
from operandi.imaging.lesions.models.protocol import ModelIdentity, ModelImages, PredictedLabels
from operandi.imaging.lesions.models.weights import content_of, file_within, require_weights
from operandi.quantities.errors import DataError

DATASET: Final = "dataset.json"
PLANS: Final = "plans.json"

_ENDINGS: Final = (".nii.gz", ".nii")
_SPACING_OFF_MM: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class NnunetResults:
    """A folder of nnU-Net's results.

    Parameters
    ----------
    folder : Path
        Of the manifest.
    manifest : ModelManifest
        Of the back-end ``nnunet-results``.
    identity : ModelIdentity
        Which model it is.
    """

    folder: Path
    manifest: ModelManifest
    identity: ModelIdentity

    def predict(self, volumes: ModelImages) -> PredictedLabels:
        """Take the label map of the visit's case; its SHA-256 is among the inputs.

        Raises
        ------
        DataError
            If nnU-Net's files contradict the manifest, the case has no label map or two, a label
            is not in the map, or nothing is labeled.
        GridMismatchError
            If it lies on other voxels than the PET.
        """
        results = self.manifest.results
        if results is None:
            raise ValueError("the manifest names no folder of results")
        require_channels(volumes, self.manifest.inputs)
        require_weights(self.folder, self.manifest.weights)
        _require_agreement(self.folder, self.manifest, results)
        case = results.case.format(participant=volumes.participant, timepoint=volumes.timepoint)
        path = self._file_of(case, results)
        digest = Digest(hashlib.sha256(path.read_bytes()).hexdigest())
        return prediction_of(
            labels_from_file(path, self.manifest, onto=volumes.grid),
            volumes.grid,
            self.manifest,
            self.identity,
            inputs=(digest,),
            notes=(f"labels were read from {path.name}, sha256 {digest[:12]}, made elsewhere",),
        )

    def _file_of(self, case: str, results: ResultsFolder) -> Path:
        folder = self.folder / results.predictions
        if not folder.is_dir():
            raise DataError(
                f"The model's folder has no folder {results.predictions} of predictions.",
                remedy="Name it in [results].",
            )
        if PurePosixPath(case).name != case:
            raise DataError(
                f"{case!r} is no name of a case.", remedy="Check participant and visit."
            )
        files = sorted(one.name for one in folder.iterdir() if one.name.endswith(_ENDINGS))
        found = [name for name in files if name in {case + ending for ending in _ENDINGS}]
        if len(found) != 1:
            raise DataError(
                f"{results.predictions} has {len(found)} label maps of case {case!r}; there are "
                f"{', '.join(files[:5]) or 'none'}{' ...' if len(files) > 5 else ''}.",
                remedy="Check case of [results], participant and visit.",
            )
        return file_within(self.folder, results.predictions / found[0])


def _require_agreement(folder: Path, manifest: ModelManifest, results: ResultsFolder) -> None:
    dataset, plans = _json(folder, manifest, DATASET), _json(folder, manifest, PLANS)
    channels = _part(dataset, "channel_names", DATASET)
    if len(channels) != len(manifest.inputs):
        raise _contradicts(f"{DATASET} has {len(channels)} channels", f"{len(manifest.inputs)}")
    labels = _labels(_part(dataset, "labels", DATASET))
    own = sorted(number for number, _ in manifest.labels)
    if labels != own:
        raise _contradicts(f"{DATASET} has the labels {labels}", f"{own}")
    configurations = _part(plans, "configurations", PLANS)
    if results.configuration not in configurations:
        raise _contradicts(
            f"{PLANS} has the configurations {', '.join(sorted(configurations))}",
            results.configuration,
        )
    _require_geometry(plans, _part(configurations, results.configuration, PLANS), manifest)


def _require_geometry(
    plans: Mapping[str, Any], configuration: Mapping[str, Any], manifest: ModelManifest
) -> None:
    """Compare spacings, which nnU-Net keeps in its transposed order."""
    wanted = manifest.grid.spacing_mm
    if wanted is None:
        return
    try:
        order = [int(n) for n in plans.get("transpose_forward", (0, 1, 2))]
        spacing = [float(one) for one in configuration["spacing"]]
        stated = [wanted[n] for n in order]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(
            f"{PLANS} of the model states no spacing of three axes.",
            remedy="Copy it from nnU-Net's results.",
        ) from error
    if len(spacing) != 3 or not np.allclose(spacing, stated, rtol=0, atol=_SPACING_OFF_MM):
        raise _contradicts(f"{PLANS} has the spacing {spacing} mm", f"{stated}")


def _labels(named: Mapping[str, Any]) -> list[int]:
    numbers = [number for name, number in named.items() if name not in {"background", "ignore"}]
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        raise DataError(
            f"{DATASET} of the model has labels of regions, which overlap.",
            remedy="Give a model whose labels are single numbers.",
        )
    return sorted(numbers)


def _json(folder: Path, manifest: ModelManifest, name: str) -> Mapping[str, Any]:
    listed = [one for one in manifest.weights if one.file.name == name]
    if len(listed) != 1:
        raise DataError(
            f"The manifest of nnU-Net's results lists {len(listed)} files {name}: needed one.",
            remedy="Copy it from nnU-Net's results and list it under [[weights]].",
        )
    try:
        found = json.loads(content_of(folder, listed[0]))
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{name} of the model is no JSON.", remedy="Copy it from nnU-Net's results."
        ) from error
    return _table(found, name)


def _part(content: Mapping[str, Any], key: str, name: str) -> Mapping[str, Any]:
    return _table(content.get(key), f"{key} of {name}")


def _table(found: object, what: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise DataError(
            f"{what} of the model is no table.", remedy="Needed are nnU-Net's files of version 2."
        )
    return found


def _contradicts(found: str, stated: str) -> DataError:
    return DataError(
        f"The model's {found}, its manifest says {stated}.",
        remedy="Let the manifest describe the model that made the predictions.",
    )
