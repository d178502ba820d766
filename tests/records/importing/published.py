"""Published exports, read where they are: nothing of them is copied into the repository."""

import gzip
from pathlib import Path

from tests.shared_data import published

DATASETS = (
    "adam_adsl", "adam_adtte", "sdtm_ae", "sdtm_dd", "sdtm_dm", "sdtm_ds", "sdtm_mh", "sdtm_se",
    "sdtm_suppdm", "sdtm_ta", "sdtm_ti", "sdtm_ts", "sdtm_tv", "sdtm_vs",
)  # fmt: skip
PROJECTS = {
    "arm-single-longitudinal": (9, 6),
    "checkboxes-1": (4, 13),
    "clinical-trial-1": (500, 13),
    "decimal-comma-and-dot": (4, 9),
    "longitudinal": (18, 125),
    "repeating-instruments": (6, 15),
    "simple": (5, 24),
    "validation-types-1": (1, 52),
}
"""Rows and columns, counted in the files."""


def project(name: str) -> Path:
    """Folder of a REDCap project; the test is skipped where it is absent."""
    return published(f"clinical/redcap/{name}")


def dataset(name: str, suffix: str, folder: Path) -> Path:
    """Unpack a dataset of the CDISC pilot into a folder."""
    packed = published(f"clinical/dataset_json/{name}.{suffix}.gz")
    unpacked = folder / f"{name.partition('_')[2]}.{suffix}"
    unpacked.write_bytes(gzip.decompress(packed.read_bytes()))
    return unpacked
