"""What a folder of written files holds."""

from pathlib import Path

from pydicom import dcmread


def series_in(folder: Path) -> tuple[str, str, str]:
    """SeriesInstanceUID, Modality and SeriesDescription of the series in a folder."""
    first = min(folder.iterdir())
    header = dcmread(first, specific_tags=["SeriesInstanceUID", "Modality", "SeriesDescription"])
    return str(header.SeriesInstanceUID), str(header.Modality), str(header.SeriesDescription)
