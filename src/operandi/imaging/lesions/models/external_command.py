"""A model in an environment of its own, run as a program: images and labels as NIfTI files."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.imaging.lesions.models.answers import labels_from_file, prediction_of
from operandi.imaging.lesions.models.channels import channel_values, require_channels
from operandi.imaging.lesions.models.manifest import CommandRun, ModelManifest
from operandi.imaging.lesions.models.model_grid import labels_back, model_grid
from operandi.imaging.lesions.models.protocol import ModelIdentity, ModelImages, PredictedLabels
from operandi.imaging.lesions.models.weights import require_weights
from operandi.imaging.nifti import write_nifti
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.kinds import PARAMETRIC

CASE: Final = "case"
"""Files of images are ``case_0000.nii.gz``, ``case_0001.nii.gz`` ... in the order of the channels,
as nnU-Net names them; the labels ``case.nii.gz``."""

_ENDINGS: Final = (".nii.gz", ".nii")
_TAIL: Final = 2000
_MODEL: Final = "{model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandModel:
    """A program that labels images.

    Parameters
    ----------
    folder : Path
        Of the manifest.
    manifest : ModelManifest
        Of the back-end ``command``.
    identity : ModelIdentity
        Which model it is.
    """

    folder: Path
    manifest: ModelManifest
    identity: ModelIdentity

    def predict(self, volumes: ModelImages) -> PredictedLabels:
        """Write the channels, run the program, read its labels.

        Channels are written on the model's grid in their own units: the program normalizes. It
        runs in a fresh folder, with no input and the stated environment alone.

        Raises
        ------
        UnsupportedError
            If the program cannot be started, ends with an error or does not end in time; the end of
            what it wrote to its error stream is in the message.
        DataError
            If a file is another than the manifest says, a channel is missing, or the labels are
            missing, not in the label map or none.
        GridMismatchError
            If the labels lie on another grid than the images.
        """
        command = self.manifest.command
        if command is None:
            raise ValueError("the manifest names no command")
        require_channels(volumes, self.manifest.inputs)
        require_weights(self.folder, self.manifest.weights)
        grid = model_grid(volumes.grid, self.manifest.grid)
        with tempfile.TemporaryDirectory(prefix="operandi-model-") as name:
            place = Path(name).resolve()
            given, returned = place / "input", place / "output"
            given.mkdir()
            returned.mkdir()
            for number, one in enumerate(self.manifest.inputs):
                values = channel_values(volumes, one, grid=grid)
                # Not as the kind itself: the program's reader may refuse what it does not know.
                write_nifti(given / f"{CASE}_{number:04d}.nii.gz", Volume(values, grid, PARAMETRIC))
            _run(command, place, folder=self.folder)
            labels = self._labels(returned, grid)
        return prediction_of(
            labels_back(labels, grid, onto=volumes.grid),
            volumes.grid,
            self.manifest,
            self.identity,
        )

    def _labels(self, returned: Path, grid: Grid) -> npt.NDArray[np.uint16]:
        found = [returned / (CASE + ending) for ending in _ENDINGS]
        found = [one for one in found if one.is_file() and not one.is_symlink()]
        if len(found) != 1:
            there = sorted(one.name for one in returned.iterdir())
            raise DataError(
                f"The model's program ended without an error and left {len(found)} label maps "
                f"{CASE}.nii.gz; its output holds {', '.join(there[:5]) or 'nothing'}.",
                remedy="Let it write one label map of that name to {output}.",
            )
        return labels_from_file(found[0], self.manifest, onto=grid)


def _run(command: CommandRun, place: Path, *, folder: Path) -> None:
    named = {
        "{input}": str(place / "input"),
        "{output}": str(place / "output"),
        _MODEL: str(folder.resolve()),
        "{case}": CASE,
    }
    argv = []
    for word in command.argv:
        filled = word
        for placeholder, value in named.items():
            filled = filled.replace(placeholder, value)
        argv.append(filled)
    errors = place / "stderr"
    with errors.open("wb") as stream, _started(argv, command, place, stderr=stream) as program:
        try:
            status = program.wait(timeout=command.time_limit_s)
        except subprocess.TimeoutExpired as error:
            raise UnsupportedError(
                f"The model's program {argv[0]} did not end within {command.time_limit_s:g} s and "
                f"was ended.{_tail(errors)}",
                remedy="Raise time_limit_s of its manifest.",
            ) from error
    if status != 0:
        raise UnsupportedError(
            f"The model's program {argv[0]} ended with status {status}.{_tail(errors)}",
            remedy="Run its command by hand.",
        )


@contextmanager
def _started(
    argv: list[str], command: CommandRun, place: Path, *, stderr: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a session of its own, ended with all its children when the block ends."""
    try:
        program = subprocess.Popen(  # noqa: S603 - its words are the manifest's, no shell reads them
            argv,
            cwd=place,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
            close_fds=True,
        )
    except OSError as error:
        raise UnsupportedError(
            f"The model's program {argv[0]} cannot be started: {error.strerror}.",
            remedy="Name it by its whole path, or by {model}/ within the model's folder.",
        ) from error
    try:
        yield program
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()


def _tail(errors: Path) -> str:
    content = errors.read_bytes()[-_TAIL:].decode("utf-8", "replace").strip()
    return f" It said: {content}" if content else " It said nothing."
