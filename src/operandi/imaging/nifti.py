"""NIfTI files in and out. The only place where LPS and RAS meet."""

import gzip
import math
import os
import re
import threading
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.quantities.errors import DataError, OperandiError, UnsupportedError
from operandi.quantities.kinds import LABEL, Kind

AGREEMENT_MM: Final = 0.1
"""How far the two geometries of one file may lie apart at a corner."""

_LPS_TO_RAS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])
_SCANNER: Final = 1
_AXES: Final = 3
_HIGHEST_GZIP_RATIO: Final = 1032
"""Deflate packs at most 258 bytes into two bits; a header that promises more is false."""

_DESCRIBED: Final = re.compile(r"(?P<kind>[A-Z0-9_]+) \[(?P<unit>[^\]]+)\](?: at (?P<at>\S+))?")


def write_nifti(path: Path, image: Volume | Mask) -> None:
    """Write a static volume as float32 or a mask as uint8, in NIfTI-1.

    The header's description keeps the kind, its unit and the decay reference. NIfTI holds no
    frame of reference: it is lost. The same image always gives the same bytes, and *path* holds
    either its old content or all of the new.

    Parameters
    ----------
    path : Path
        Ends in ``.nii`` or ``.nii.gz``.
    image : Volume or Mask
        Its affine is kept in single precision, 0.0001 mm at 1 m.

    Raises
    ------
    UnsupportedError
        If the volume is dynamic: NIfTI cannot tell when each frame started.
    DataError
        If a value is beyond single precision.
    """
    _write(path, _nifti(image))


def _write(path: Path, nifti: nib.Nifti1Image) -> None:
    if not path.name.endswith((".nii", ".nii.gz")):
        raise ValueError(f"a NIfTI file ends in .nii or .nii.gz, not {path.name}")
    content = nifti.to_bytes()
    if path.suffix == ".gz":
        content = gzip.compress(content, compresslevel=6, mtime=0)
    write_atomically(path, content)


def write_labels(path: Path, labels: npt.NDArray[np.uint16], grid: Grid) -> None:
    """Write a label map as unsigned 16-bit integers, in NIfTI-1; viewers show it as segments.

    As :func:`write_nifti` otherwise; :func:`read_nifti` reads it as ``LABEL``.

    Parameters
    ----------
    path : Path
        Ends in ``.nii`` or ``.nii.gz``.
    labels : uint16 array, (i, j, k)
        0 is background.
    grid : Grid
        Where the voxels lie.
    """
    if labels.dtype != np.uint16 or labels.shape != grid.shape:
        raise ValueError(f"labels {labels.shape} of {labels.dtype} do not fit {grid.shape}")
    _write(path, _placed(labels, f"{LABEL.name} [{LABEL.unit}]", grid))


def read_nifti(path: Path, kind: Kind, decay_reference: datetime | None = None) -> Volume:
    """Read a static volume.

    Values are ``scl_slope * stored + scl_inter``. Single- and double-precision files keep their
    type; integers of up to 16 bits become float32, longer ones float64.

    Parameters
    ----------
    path : Path
        A single NIfTI-1 or -2 file, in millimeters.
    kind : Kind
        What the values are, in ``kind.unit``. Files written here state it, and must agree.
    decay_reference : datetime, optional
        The instant that decaying values refer to. Files written here state it.

    Returns
    -------
    Volume
        On a grid without frame of reference: NIfTI has none.

    Raises
    ------
    DataError
        If the file is damaged, states neither qform nor sform or two that differ by more than
        ``AGREEMENT_MM`` at a corner, states no unit of length, or contradicts *kind* or
        *decay_reference*.
    UnsupportedError
        If it is of another format, not three-dimensional, or not of real numbers.
    """
    try:
        image = _opened(path)
        _refuse_promises(image, path)
        at = _decay_reference(image, path, kind=kind, given=decay_reference)
        grid = Grid(shape=_shape(image, path), affine=_affine(image, path))
        values = _values(image, path).reshape(grid.shape)
    except OperandiError:
        raise
    except Exception as error:
        # The text of an OSError holds a path, which would differ between machines.
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        text = text.replace(str(path), path.name).rstrip(".") or type(error).__name__
        raise DataError(
            f"{path.name} cannot be read as NIfTI: {text}.",
            remedy="Export the file again.",
        ) from error
    return Volume(values=values, grid=grid, kind=kind, decay_reference=at)


def write_atomically(path: Path, content: bytes) -> None:
    """Write all of *content* or nothing: a temporary name beside *path*, fsync, rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _nifti(image: Volume | Mask) -> nib.Nifti1Image:
    values, described = _stored(image)
    return _placed(values, described, image.grid)


def _placed(values: npt.NDArray[Any], described: str, grid: Grid) -> nib.Nifti1Image:
    affine = _LPS_TO_RAS @ grid.affine
    nifti = nib.Nifti1Image(values, affine)
    nifti.set_sform(affine, code=_SCANNER)
    nifti.set_qform(affine, code=_SCANNER)
    if _disagreement_mm(nifti.get_qform(), affine, grid.shape) > AGREEMENT_MM / 10:
        # A quaternion cannot hold the shear of a tilted gantry.
        nifti.header["qform_code"] = 0
    nifti.header.set_xyzt_units("mm")
    nifti.header["descrip"] = described.encode("ascii")
    return nifti


def _stored(image: Volume | Mask) -> tuple[npt.NDArray[Any], str]:
    """Array to store and its description, at most 79 bytes."""
    if isinstance(image, Mask):
        return image.inside.astype(np.uint8), f"{LABEL.name} [{LABEL.unit}]"
    if image.frames:
        raise UnsupportedError(
            f"A dynamic volume of {len(image.frames)} frames was to be written as NIfTI, which "
            f"cannot tell when each began.",
            remedy="Write each frame as a volume of its own.",
        )
    with np.errstate(over="ignore"):
        values = image.values.astype(np.float32)
    if np.any(np.isinf(values) & np.isfinite(image.values)):
        raise DataError(
            f"A value of {image.kind.name} is beyond single precision, up to "
            f"{np.nanmax(np.abs(image.values)):g}."
        )
    at = image.decay_reference
    instant = f" at {at.isoformat()}" if at else ""
    return values, f"{image.kind.name} [{image.kind.unit}]{instant}"


def _opened(path: Path) -> nib.Nifti1Image:
    image = nib.load(path)
    if not isinstance(image, nib.Nifti1Image):
        raise UnsupportedError(
            f"{path.name} is {type(image).__name__}: needed a single NIfTI file (.nii, .nii.gz)."
        )
    return image


def _refuse_promises(image: nib.Nifti1Image, path: Path) -> None:
    """Refuse a header that promises more than the file can hold, before anything is allocated."""
    size = path.stat().st_size
    promised = math.prod(image.shape) * image.get_data_dtype().itemsize
    if promised > size * (_HIGHEST_GZIP_RATIO if path.suffix == ".gz" else 1):
        raise DataError(
            f"{path.name} has {size} bytes, its header promises {promised} of voxels.",
            remedy="Export the file again.",
        )


def _shape(image: nib.Nifti1Image, path: Path) -> tuple[int, int, int]:
    shape = tuple(int(n) for n in image.shape)
    if len(shape) < _AXES or any(n != 1 for n in shape[_AXES:]):
        raise UnsupportedError(
            f"{path.name} has dimensions {shape}: needed three.",
            remedy="Split it into one file for each frame.",
        )
    return shape[0], shape[1], shape[2]


def _affine(image: nib.Nifti1Image, path: Path) -> npt.NDArray[np.float64]:
    """Index to LPS mm, from the sform where there is one."""
    # nibabel mends a voxel size of zero to one as it loads; the file's own word is read here.
    with nib.openers.ImageOpener(str(path), "rb") as stream:
        header = image.header_class.from_fileobj(stream, check=False)
    unit, _ = header.get_xyzt_units()
    if unit != "mm":
        raise DataError(
            f"{path.name} states its lengths in {unit!r}: needed 'mm' (xyzt_units).",
            remedy="Export it with millimeters.",
        )
    sform, qform = header.get_sform(coded=True)[0], None
    if int(header["qform_code"]) > 0:
        sizes = np.asarray(header["pixdim"][1:4])
        if not (np.isfinite(sizes).all() and (sizes > 0).all()):
            raise DataError(f"{path.name} states a voxel size of {sizes} mm (pixdim).")
        qform = header.get_qform()
    found = sform if sform is not None else qform
    if found is None:
        raise DataError(
            f"{path.name} has neither qform nor sform: where its voxels lie is unknown.",
            remedy="Export it with its orientation.",
        )
    if qform is not None:
        apart_mm = _disagreement_mm(qform, found, image.shape)
        if not apart_mm <= AGREEMENT_MM:
            raise DataError(
                f"{path.name} has a qform and an sform that lie {apart_mm:.2f} mm apart at a "
                f"corner, {AGREEMENT_MM} mm allowed.",
                remedy="Find out which is right, and store that in both.",
            )
    affine: npt.NDArray[np.float64] = _LPS_TO_RAS @ np.asarray(found, dtype=np.float64)
    return affine


def _disagreement_mm(
    one: npt.NDArray[np.floating], other: npt.NDArray[np.floating], shape: tuple[int, ...]
) -> float:
    """Greatest distance between the corners of a box under two affines."""
    corners = np.array([[*c, 1] for c in np.ndindex(2, 2, 2)]) * [*(n - 1 for n in shape[:3]), 1]
    apart = corners @ (np.asarray(one, np.float64) - np.asarray(other, np.float64)).T
    return float(np.linalg.norm(apart[:, :3], axis=1).max())


def _values(image: nib.Nifti1Image, path: Path) -> npt.NDArray[np.floating]:
    stored = image.get_data_dtype()
    if stored.kind not in "iuf":
        raise UnsupportedError(f"{path.name} holds {stored}: needed real numbers.")
    # A copy, because nibabel maps uncompressed files, which may be replaced under the map.
    values = np.asanyarray(image.dataobj).copy()
    if stored.kind in "iu":
        return values.astype(np.float32 if np.can_cast(stored, np.float32) else np.float64)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _decay_reference(
    image: nib.Nifti1Image, path: Path, *, kind: Kind, given: datetime | None
) -> datetime | None:
    """Check *kind* and the instant against what the file states of itself."""
    text = bytes(image.header["descrip"].item()).rstrip(b"\0 ").decode("ascii", "replace")
    stated = _DESCRIBED.fullmatch(text)
    if stated is not None and (stated["kind"], stated["unit"]) != (kind.name, kind.unit):
        raise DataError(
            f"{path.name} states that it holds {text}: needed {kind.name} [{kind.unit}]."
        )
    at = datetime.fromisoformat(stated["at"]) if stated is not None and stated["at"] else None
    if at and given and at != given:
        raise DataError(
            f"{path.name} states that it refers to {at.isoformat()}: {given.isoformat()} was given."
        )
    if kind.decays and not (at or given):
        raise DataError(
            f"{path.name} holds {kind.name}, which decays, and states no decay reference.",
            remedy="Give the instant that the values refer to.",
        )
    return at or given
