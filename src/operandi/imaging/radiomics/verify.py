"""Whether this engine complies with IBSI 1 and 2: every published value beside ours.

Reads a folder as it comes from IBSI's repositories (data_sets, ibsi_2_reference_data) or with the
shorter names of ``Layout``; what is not there is left out and named. Nothing is fitted: settings
are the standard's, in ``reference_settings`` and ``filters.published``.
"""

import csv
import gzip
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import nibabel as nib
import numpy as np
import numpy.typing as npt

from operandi.imaging.radiomics.extract import Recipe, extract_recipes
from operandi.imaging.radiomics.filters.apply import response
from operandi.imaging.radiomics.filters.published import FEATURE_FILTERS, RESPONSE_MAPS
from operandi.imaging.radiomics.image_diagnostics import diagnostic_features
from operandi.imaging.radiomics.names import FEATURE_NAMES, FeatureFamily, aggregated_tag
from operandi.imaging.radiomics.reference_settings import (
    CONFIGURATION_A,
    CONFIGURATION_B,
    CONFIGURATION_C,
    DIGITAL_PHANTOM,
    FILTERED_A,
    FILTERED_B,
    PLANES,
    SARCOMA,
    VOLUMES,
)
from operandi.imaging.radiomics.settings import Dimension, RadiomicsSettings
from operandi.quantities.errors import DataError

RESPONSE_TOLERANCE: Final = 0.01
"""Of the range of a reference response map, at every voxel (IBSI 2)."""

DIAGNOSTICS: Final = "diagnostics"
RESPONSE: Final = "response map"
CONSENSUS: Final = "Consensus"

Scan = tuple[npt.NDArray[np.float64], tuple[float, float, float]]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One published value beside ours.

    Parameters
    ----------
    benchmark : str
        Such as ``"IBSI 1 CT phantom, configuration C"``.
    family : str
        Title of the family, ``"diagnostics"`` or ``"response map"``.
    name : str
        IBSI's tag with its aggregation, or the filter's number.
    ours : float or None
        None where we have no value. Of a response map, the greatest difference as a share of the
        reference's range.
    reference, tolerance : float
        As published.
    """

    benchmark: str
    family: str
    name: str
    ours: float | None
    reference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether ours lies within the tolerance, as it is or rounded like the reference."""
        return self.ours is not None and (
            self.passed_unrounded or _close(three_digits(self.ours), self.reference, self.tolerance)
        )

    @property
    def passed_unrounded(self) -> bool:
        """Whether ours lies within the tolerance with all its digits."""
        return self.ours is not None and _close(self.ours, self.reference, self.tolerance)


def _close(ours: float, reference: float, tolerance: float) -> bool:
    return abs(ours - reference) <= tolerance + 1e-9 * max(abs(reference), 1e-6)


def three_digits(value: float) -> float:
    """Round to three significant digits, as IBSI's reference values are.

    >>> three_digits(0.9765625), three_digits(-46.8849), three_digits(125256.0)
    (0.977, -46.9, 125000.0)
    """
    return float(f"{value:.2e}")


@dataclass(frozen=True, slots=True)
class Compliance:
    """All rows of a folder, and what it lacked."""

    rows: tuple[Comparison, ...]
    missing: tuple[str, ...]

    @property
    def failures(self) -> tuple[Comparison, ...]:
        """Rows beyond their tolerance."""
        return tuple(row for row in self.rows if not row.passed)

    def counts(self) -> dict[tuple[str, str], tuple[int, int, int]]:
        """Passed, passed without rounding, and all, by benchmark and family."""
        every = Counter((row.benchmark, row.family) for row in self.rows)
        passed = Counter((row.benchmark, row.family) for row in self.rows if row.passed)
        exact = Counter((row.benchmark, row.family) for row in self.rows if row.passed_unrounded)
        return {key: (passed[key], exact[key], number) for key, number in every.items()}


def verify(folder: Path, *, progress: Progress | None = None) -> Compliance:
    """Compute every published value.

    Parameters
    ----------
    folder : Path
        Holds IBSI's data sets and reference values anywhere below.
    progress : function, optional
        Told what is computed next.

    Returns
    -------
    Compliance

    Raises
    ------
    DataError
        If nothing to verify with is there, or a file is damaged.
    """
    tell = progress or (lambda _: None)
    rows: list[Comparison] = []
    missing: list[str] = []
    for title, benchmark in _BENCHMARKS:
        tell(title)
        try:
            rows += benchmark(folder, title)
        except _AbsentError as absent:
            missing.append(f"{title}: {absent}")
    if not rows:
        raise DataError(
            f"{folder} holds none of IBSI's benchmarks: {'; '.join(missing)}.",
            remedy="Download github.com/theibsi/data_sets and ibsi_2_reference_data there.",
        )
    return Compliance(tuple(rows), tuple(missing))


class _AbsentError(Exception):
    """What a benchmark needs is not in the folder."""


def _one(folder: Path, *patterns: str) -> Path:
    """Return the first file that a pattern finds, patterns in order."""
    for pattern in patterns:
        for file in sorted(folder.glob(pattern)):
            return file
    raise _AbsentError(f"no {patterns[0]}")


def _scan(file: Path) -> Scan:
    try:
        image = nib.nifti1.load(file)
        i, j, k = (float(size) for size in image.header.get_zooms()[:3])
        return np.squeeze(image.get_fdata()), (i, j, k)
    except Exception as error:
        raise DataError(
            f"{file.name} cannot be read as NIfTI: {error}.", remedy="Download it again."
        ) from error


def _published(file: Path) -> list[dict[str, str]]:
    text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return list(csv.DictReader(text.decode("utf-8-sig").splitlines()))


# --- IBSI 1 ---------------------------------------------------------------------------------------


def _phantom(folder: Path, name: str) -> tuple[Scan, npt.NDArray[np.bool_]]:
    image = _one(folder, f"**/*{name}*/**/phantom.nii.gz", f"**/*{name}*/phantom.nii.gz")
    mask = _one(folder, f"**/*{name}*/**/mask.nii.gz", f"**/*{name}*/mask.nii.gz")
    return _scan(image), _scan(mask)[0] > 0.5


def _ibsi_1(
    phantom: str, reference: str, settings: RadiomicsSettings, dimensions: Sequence[Dimension]
) -> Callable[[Path, str], list[Comparison]]:
    def rows(folder: Path, title: str) -> list[Comparison]:
        table = _published(_one(folder, f"**/{reference}.csv"))
        (values, spacing_mm), mask = _phantom(folder, phantom)
        ours = features_in_dimensions((values, spacing_mm), mask, settings, dimensions)
        ours |= diagnostic_features(values, spacing_mm, mask, settings)
        return _compared(title, ours, table, value="reference_value")

    return rows


def features_in_dimensions(
    image: Scan,
    mask: npt.NDArray[np.bool_],
    settings: RadiomicsSettings,
    dimensions: Sequence[Dimension],
) -> dict[str, float | None]:
    """Return all features in several dimensions, by IBSI's tags with their aggregation."""
    recipes = [Recipe(replace(settings, dimension=each)) for each in dimensions]
    return {
        aggregated_tag(feature.tag, extraction.recipe.settings.dimension): feature.value
        for extraction in extract_recipes(image, mask, recipes)
        for feature in extraction.features
    }


def _compared(
    title: str, ours: Mapping[str, float | None], table: Iterable[Mapping[str, str]], *, value: str
) -> list[Comparison]:
    """Rows that carry a value and a tolerance."""
    return [
        Comparison(
            benchmark=title,
            family=family_of(row["feature_tag"]),
            name=row["feature_tag"],
            ours=ours.get(row["feature_tag"]),
            reference=float(row[value]),
            tolerance=float(row["tolerance"]),
        )
        for row in table
        if row[value] and row["tolerance"]
    ]


def family_of(tag: str) -> str:
    """Return the title of the family of a tag with its aggregation, or ``"diagnostics"``.

    >>> family_of("cm_joint_max_2_5D_avg")
    'gray level co-occurrence (GLCM)'
    """
    for plain in _without_aggregation(tag):
        if plain in FEATURE_NAMES:
            return FEATURE_NAMES[plain].family.term
    return DIAGNOSTICS


def _without_aggregation(tag: str) -> Iterator[str]:
    yield tag
    extents, mergings = ("_2D", "_2_5D", "_3D"), ("", "_avg", "_comb")
    for extent, merging in itertools.product(extents, mergings):
        yield tag.removesuffix(extent + merging)


# --- IBSI 2 ---------------------------------------------------------------------------------------


def _response_maps(folder: Path, title: str) -> list[Comparison]:
    rows = []
    for number, (phantom, filter_) in RESPONSE_MAPS.items():
        stem = f"{number.replace('.', '_')}-ValidCRM"
        try:
            reference, _ = _scan(_one(folder, f"**/{stem}.nii.gz", f"**/{stem}.nii"))
        except _AbsentError:  # participants did not agree on every map
            continue
        values, spacing_mm = _scan(_one(folder, f"**/{phantom}.nii.gz"))
        found = response(values, spacing_mm, filter_)
        spread = float(np.ptp(reference))
        rows.append(
            Comparison(
                benchmark=title,
                family=RESPONSE,
                name=number,
                ours=float(np.abs(found - reference).max()) / spread,
                reference=0.0,
                tolerance=RESPONSE_TOLERANCE,
            )
        )
    if not rows:
        raise _AbsentError("no **/*-ValidCRM.nii.gz")
    return rows


def _filtered(folder: Path, title: str) -> list[Comparison]:
    table = _published(
        _one(folder, "**/reference_feature_values.csv", "**/reference_feature_values/*.csv")
    )
    image, mask = _phantom(folder, "ct_*phantom")
    numbers = dict.fromkeys(row["filter_id"] for row in table)
    rows = []
    for letter, settings in (("A", FILTERED_A), ("B", FILTERED_B)):
        chosen = [number for number in numbers if number.endswith(letter)]
        recipes = [Recipe(settings, FEATURE_FILTERS[number]) for number in chosen]
        found = extract_recipes(image, mask, recipes, families=[FeatureFamily.STATISTICS])
        for number, extraction in zip(chosen, found, strict=True):
            ours = {feature.tag: feature.value for feature in extraction.features}
            of_it = [row for row in table if row["filter_id"] == number]
            compared = _compared(title, ours, of_it, value="consensus_value")
            rows += [replace(row, name=f"{number} {row.name}") for row in compared]
    return rows


# --- consensus ------------------------------------------------------------------------------------


def _sarcoma(folder: Path, title: str) -> list[Comparison]:
    table = _published(_one(folder, "**/consensus_features_ibsi1.csv.gz"))
    by_image: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in table:
        by_image.setdefault((row["patient"], row["modality"]), []).append(row)
    rows = []
    for (patient, modality), of_it in by_image.items():
        try:
            image = _one(folder, f"**/{patient}_{modality}_image.nii.gz")
            mask = _one(folder, f"**/{patient}_{modality}_mask.nii.gz")
        except _AbsentError:
            continue
        (values, spacing_mm), inside = _scan(image), _scan(mask)[0] > 0.5
        settings = SARCOMA[modality]
        ours = features_in_dimensions((values, spacing_mm), inside, settings, [Dimension.VOLUME])
        ours |= diagnostic_features(values, spacing_mm, inside, settings)
        compared = _compared(title, ours, of_it, value="consensus_median")
        rows += [replace(row, name=f"{patient} {modality} {row.name}") for row in compared]
    if not rows:
        raise _AbsentError("no **/*_image.nii.gz")
    return rows


_BENCHMARKS: Final[tuple[tuple[str, Callable[[Path, str], list[Comparison]]], ...]] = (
    (
        "IBSI 1, digital phantom",
        _ibsi_1("digital_phantom", "dig_phantom", DIGITAL_PHANTOM, (*PLANES, *VOLUMES)),
    ),
    (
        "IBSI 1, CT phantom, configuration A",
        _ibsi_1("ct_*phantom", "chest_config_a", CONFIGURATION_A, PLANES),
    ),
    (
        "IBSI 1, CT phantom, configuration B",
        _ibsi_1("ct_*phantom", "chest_config_b", CONFIGURATION_B, PLANES),
    ),
    (
        "IBSI 1, CT phantom, configuration C",
        _ibsi_1("ct_*phantom", "chest_config_c", CONFIGURATION_C, VOLUMES),
    ),
    ("IBSI 2, response maps", _response_maps),
    ("IBSI 2, features of the filtered CT phantom", _filtered),
    (f"{CONSENSUS} of nine packages, soft tissue sarcoma", _sarcoma),
)


# --- tables ---------------------------------------------------------------------------------------


def as_markdown(compliance: Compliance) -> str:
    """Write the documentation's page: a summary by family, every failure, every row."""
    rows = compliance.rows
    passed = sum(row.passed for row in rows)
    exact = sum(row.passed_unrounded for row in rows)
    standard = [row for row in rows if not row.benchmark.startswith(CONSENSUS)]
    met = sum(row.passed for row in standard)
    lines = [
        "# IBSI compliance",
        "",
        "Written by `operandi radiomics verify DATA --markdown`; numbers as they come. A row is a "
        "published value that carries a tolerance. A response map counts as one row: its greatest "
        "difference at any voxel, as a share of the reference's range, of which 1 % is allowed. "
        "IBSI publishes three significant digits, some with a tolerance of 0: a value passes "
        "within its tolerance as it is, or rounded to three digits. The consensus of nine packages "
        "is no reference of IBSI: it holds what at least three packages, and half of those that "
        "gave a value, agree on within 1 %.",
        "",
        f"**{passed:,} of {len(rows):,} values pass ({percent(passed, len(rows))}), "
        f"{exact:,} of them with all their digits. Of IBSI 1 and 2 alone: {met:,} of "
        f"{len(standard):,} ({percent(met, len(standard))}).**",
        "",
        "| benchmark | family | passed | unrounded | of | |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for (benchmark, family), (ours, unrounded, number) in compliance.counts().items():
        share = percent(ours, number)
        lines.append(
            f"| {benchmark} | {family} | {ours:,} | {unrounded:,} | {number:,} | {share} |"
        )
    if compliance.missing:
        lines += ["", "Not verified:", *(f"* {reason}" for reason in compliance.missing)]
    lines += ["", "## Beyond tolerance", "", *_table(compliance.failures)]
    lines += ["", "## Every value of IBSI 1 and 2", "", *_table(standard)]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Comparison]) -> list[str]:
    if not rows:
        return ["None."]
    head = [
        "| benchmark | feature | ours | reference | tolerance | pass |",
        "|---|---|--:|--:|--:|---|",
    ]
    return head + [
        f"| {row.benchmark} | `{row.name}` | {number(row.ours)} | {row.reference:g} | "
        f"{row.tolerance:g} | {'yes' if row.passed else '**no**'} |"
        for row in rows
    ]


def number(value: float | None) -> str:
    """Write a value with five digits, or that there is none."""
    return "absent" if value is None else f"{value:.5g}"


def percent(part: int, whole: int) -> str:
    """Write a share, rounded down: 100 % means all, and none of none is all.

    >>> percent(1999, 2000), percent(3, 3)
    ('99.95 %', '100 %')
    """
    if part == whole:
        return "100 %"
    return f"{math.floor(10_000 * part / whole) / 100:.2f} %"
