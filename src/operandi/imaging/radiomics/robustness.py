"""What of a feature is the lesion and what is repetition: one row a feature, and the filter.

The filter is learned on training lesions only. Whether a feature repeats is seen without the
outcome, but learning it on all lesions would still let the test lesions choose the features.

Lesions of one patient are not independent. Where patients bring very different numbers of lesions
the intervals are narrower than they should be; training and test are to be split by patient.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from operandi.imaging.radiomics.agreement import (
    Model,
    intraclass_correlation,
    minimal_detectable_change,
    percent_repeatability,
    repeatability_coefficient,
    within_subject,
)
from operandi.quantities.errors import DataError

COLUMNS: Final = ("lesion", "repeat", "feature", "value")
"""Of a table of repeats: one row a feature of a lesion in a repeat; ``value`` null if absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Robustness:
    """How one feature repeats.

    Parameters
    ----------
    feature : str
        Its name.
    settings : str
        Digest of the settings that it was computed by (``RadiomicsSettings.digest``).
    model : Model
        Which intraclass correlation.
    confidence : float
        Of interval, bound and minimal detectable change.
    lesions, repeats : int
        What it rests on; lesions that lack the feature in a repeat are left out.
    icc, icc_lower, icc_upper : float or None
        Intraclass correlation and its two-sided interval.
    within_sd, within_sd_upper : float or None
        Within-lesion standard deviation and its one-sided upper bound, in the feature's unit.
    repeatability_coefficient : float or None
        ``1.96 sqrt(2) within_sd``, in the feature's unit.
    minimal_detectable_change : float or None
        At ``confidence``, in the feature's unit.
    within_cv : float or None
        Within-lesion coefficient of variation, a share.
    within_log_sd : float or None
        Within-lesion standard deviation of the logarithm.
    percent_lower, percent_upper : float or None
        Relative change that repeats stay within, percent, on the logarithmic scale.
    icc_absent, absent, relative_absent : str
        Why there is no intraclass correlation, no within-lesion spread, no relative one.
    """

    feature: str
    settings: str
    model: Model
    confidence: float
    lesions: int
    repeats: int
    icc: float | None
    icc_lower: float | None
    icc_upper: float | None
    within_sd: float | None
    within_sd_upper: float | None
    repeatability_coefficient: float | None
    minimal_detectable_change: float | None
    within_cv: float | None
    within_log_sd: float | None
    percent_lower: float | None
    percent_upper: float | None
    icc_absent: str
    absent: str
    relative_absent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatabilityFilter:
    """Keeps the features that repeat, as seen on training lesions.

    Parameters
    ----------
    minimum_icc_lower : float
        The lower bound of the intraclass correlation must reach this: the bound and not the
        estimate, so that a few lesions do not pass by luck. Zwanenburg et al. took 0.90.
    minimum_lesions : int
        Below, nothing is judged and nothing is kept.
    model : Model
        Which intraclass correlation.
    confidence : float
        Of the interval.
    """

    minimum_icc_lower: float
    minimum_lesions: int = 10
    model: Model = Model.ONE_WAY
    confidence: float = 0.95

    def fit(
        self, table: pl.DataFrame, *, training: Collection[str], settings: str
    ) -> "RepeatableFeatures":
        """Learn which features repeat.

        Parameters
        ----------
        table : DataFrame
            With ``COLUMNS``; may hold more lesions than these.
        training : collection of str
            Lesions of the fold's training part; no other is looked at.
        settings : str
            Digest of the settings behind the table.

        Raises
        ------
        DataError
            As ``feature_robustness``, or if no training lesion is in the table.
        """
        _require_columns(table)
        known = table.filter(pl.col("lesion").is_in(sorted(training)))
        if known.is_empty():
            raise DataError(
                f"None of {len(training)} training lesions has repeats.",
                remedy="Perturb the training lesions, or name them as the table does.",
            )
        rows = feature_robustness(
            known, settings=settings, model=self.model, confidence=self.confidence
        )
        judged = {row.feature: self._fault(row) for row in rows}
        return RepeatableFeatures(
            features=tuple(name for name, fault in judged.items() if not fault),
            dropped={name: fault for name, fault in judged.items() if fault},
            training=tuple(sorted(known["lesion"].unique())),
        )

    def _fault(self, row: Robustness) -> str:
        if row.lesions < self.minimum_lesions:
            return f"{row.lesions} lesions with every repeat; {self.minimum_lesions} are needed"
        if row.icc_lower is None:
            return row.icc_absent
        if row.icc_lower < self.minimum_icc_lower:
            return f"{row.model} has the lower bound {row.icc_lower:.3f}"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatableFeatures:
    """What a filter learned.

    Parameters
    ----------
    features : tuple of str
        Kept, in the table's order.
    dropped : mapping from str to str
        Left out, and why.
    training : tuple of str
        Lesions that it was learned on.
    """

    features: tuple[str, ...]
    dropped: Mapping[str, str]
    training: tuple[str, ...]

    def transform(self, table: pl.DataFrame) -> pl.DataFrame:
        """Keep the rows of kept features, of any lesion.

        Raises
        ------
        DataError
            If the table has no column ``feature``, or lacks a kept feature altogether.
        """
        if "feature" not in table.columns:
            raise DataError(f"The filter needs a column feature; found {table.columns}.")
        missing = sorted(set(self.features) - set(table["feature"].unique()))
        if missing:
            raise DataError(
                f"Features that were learned are not in the table: {', '.join(missing[:5])}.",
                remedy="Extract them by the settings of the training lesions.",
            )
        return table.filter(pl.col("feature").is_in(self.features))


def repeatable(robustness: Iterable[Robustness], *, minimum_icc_lower: float) -> tuple[str, ...]:
    """Names of the features whose lower bound of the intraclass correlation reaches a minimum."""
    return tuple(
        row.feature
        for row in robustness
        if row.icc_lower is not None and row.icc_lower >= minimum_icc_lower
    )


def feature_robustness(
    table: pl.DataFrame,
    *,
    settings: str,
    model: Model = Model.ONE_WAY,
    confidence: float = 0.95,
) -> tuple[Robustness, ...]:
    """How each feature of a table repeats.

    Parameters
    ----------
    table : DataFrame
        With ``COLUMNS``.
    settings : str
        Digest of the settings behind the table; a change is only judged by repeats of its own.
    model : Model
        ``ONE_WAY`` for perturbations and test-retest, ``TWO_WAY_CONSISTENCY`` or
        ``TWO_WAY_AGREEMENT`` for methods or readers, which are the same for every lesion.
    confidence : float
        Of interval, bound and minimal detectable change.

    Returns
    -------
    tuple of Robustness
        One a feature, in the order of the table.

    Raises
    ------
    DataError
        If a column is missing, a feature of a lesion comes twice in a repeat, or a lesion has one
        repeat only.
    """
    _require_columns(table)
    rows = table.select(COLUMNS)
    axes = {name: rows[name].cast(pl.String).unique(maintain_order=True) for name in COLUMNS[:3]}
    place = {
        name: rows[name].cast(pl.String).cast(pl.Enum(names)).to_physical().to_numpy()
        for name, names in axes.items()
    }
    shape = (len(axes["feature"]), len(axes["lesion"]), len(axes["repeat"]))
    flat = np.ravel_multi_index((place["feature"], place["lesion"], place["repeat"]), shape)
    if np.unique(flat).size != flat.size:
        raise DataError(
            "A feature of a lesion comes twice in a repeat.",
            remedy="Give repeats different names, one row each.",
        )
    values = np.full(shape, np.nan)
    values.ravel()[flat] = rows["value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return robustness_of(
        values,
        features=axes["feature"].to_list(),
        settings=settings,
        model=model,
        confidence=confidence,
    )


def robustness_of(
    values: npt.ArrayLike,
    *,
    features: Sequence[str],
    settings: str,
    model: Model = Model.ONE_WAY,
    confidence: float = 0.95,
) -> tuple[Robustness, ...]:
    """As ``feature_robustness``, of an array.

    Parameters
    ----------
    values : array-like, (feature, lesion, repeat)
        NaN where a feature is absent.
    features : sequence of str
        Names, in the array's order.
    settings, model, confidence
        As for ``feature_robustness``.

    Raises
    ------
    DataError
        If names and array do not fit, or as ``agreement.mean_squares``.
    """
    cube = np.asarray(values, dtype=np.float64)
    if cube.ndim != 3 or cube.shape[0] != len(features):
        raise DataError(f"{len(features)} names do not fit values of shape {cube.shape}.")
    correlation = intraclass_correlation(cube, model=model, confidence=confidence)
    within = within_subject(cube, confidence=confidence)
    coefficient = repeatability_coefficient(within.sd)
    detectable = minimal_detectable_change(within.sd, confidence=confidence)
    below, above = percent_repeatability(within.log_sd, confidence=confidence)
    return tuple(
        Robustness(
            feature=name,
            settings=settings,
            model=model,
            confidence=confidence,
            lesions=int(correlation.subjects[row]),
            repeats=cube.shape[2],
            icc=_known(correlation.value[row]),
            icc_lower=_known(correlation.lower[row]),
            icc_upper=_known(correlation.upper[row]),
            within_sd=_known(within.sd[row]),
            within_sd_upper=_known(within.sd_upper[row]),
            repeatability_coefficient=_known(coefficient[row]),
            minimal_detectable_change=_known(detectable[row]),
            within_cv=_known(within.cv[row]),
            within_log_sd=_known(within.log_sd[row]),
            percent_lower=_known(below[row]),
            percent_upper=_known(above[row]),
            icc_absent=correlation.absent[row],
            absent=within.absent[row],
            relative_absent=within.relative_absent[row],
        )
        for row, name in enumerate(features)
    )


def _known(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _require_columns(table: pl.DataFrame) -> None:
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing or table.is_empty():
        raise DataError(
            f"A table of repeats needs rows with {', '.join(COLUMNS)}; "
            f"found {table.height} rows with {', '.join(table.columns)}.",
            remedy="Give one row a feature of a lesion in a repeat.",
        )
