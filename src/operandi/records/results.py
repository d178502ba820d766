"""The results of a run as a freeze takes them in: whole, and with what they were made from."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from operandi.quantities.errors import DataError
from operandi.records.freeze import STUDY_FILE, MeasurementsFile
from operandi.records.manifest import MANIFEST, MEASUREMENTS, FrozenResults


def measurements_of(study: Path) -> MeasurementsFile | None:
    """Read the table of measurements of a study; None where no run has made one.

    Raises
    ------
    DataError
        If it is not the table that the run published, or the run's manifest cannot be read.
    """
    file = study / "results" / MEASUREMENTS
    if not file.is_file():
        return None
    content = file.read_bytes()
    published, made_from = _stated(study / "results" / MANIFEST)
    found = hashlib.sha256(content).hexdigest()
    if published != found:
        raise DataError(
            f"results/{MEASUREMENTS} is not the table that the run published (SHA-256 stated "
            f"{published or 'nowhere'}, found {found}).",
            remedy="Run operandi run again, and freeze then.",
        )
    return MeasurementsFile(
        content=content,
        rows=pl.read_parquet(io.BytesIO(content)).height,
        results=FrozenResults(
            made_from=made_from, changed=tuple(sorted(set(_changed(study, made_from))))
        ),
    )


def _stated(manifest: Path) -> tuple[str, dict[str, str]]:
    try:
        said = json.loads(manifest.read_bytes())
        published = str(said["results"].get(MEASUREMENTS, ""))
        return published, {str(name): str(one) for name, one in said["inputs"].items()}
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise DataError(
            "results/manifest.json cannot be read, so that it is unknown what the measurements "
            "were made from.",
            remedy="Run operandi run again, and freeze then.",
        ) from error


def _changed(study: Path, made_from: Mapping[str, str]) -> Iterator[str]:
    """Study file, tables and what the run read besides that are not what they were.

    The images are left out: to read them all takes long, and ``operandi run`` does it.
    """
    files = [study / STUDY_FILE, *sorted((study / "records").glob("*"))]
    present = {one.relative_to(study).as_posix(): one for one in files if one.is_file()}
    for name in made_from.keys() - {"dicom"}:
        present.setdefault(name, study / name)
    for name, file in present.items():
        digest = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
        if digest != made_from.get(name):
            yield name
