import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.imaging.radiomics.agreement import Model, intraclass_correlation
from operandi.imaging.radiomics.robustness import (
    RepeatabilityFilter,
    feature_robustness,
    repeatable,
    robustness_of,
)
from operandi.quantities.errors import DataError

DIGEST = "d" * 64


def a_table(
    *, lesions: int = 20, repeats: int = 4, seed: int = 1, noise: dict[str, float] | None = None
) -> pl.DataFrame:
    """Lesions with SD 1 between them and, within them, an SD for each feature."""
    random = np.random.default_rng(seed)
    rows = []
    for feature, within in (noise or {"steady": 0.1, "shaky": 2.0}).items():
        truth = 10.0 + random.standard_normal(lesions)
        for lesion, value in enumerate(truth):
            for repeat in range(repeats):
                measured = value + within * random.standard_normal()
                rows.append((f"L{lesion:02d}", f"perturbation {repeat}", feature, measured))
    return pl.DataFrame(rows, schema=["lesion", "repeat", "feature", "value"], orient="row")


def test_a_row_a_feature_by_known_components() -> None:
    """Within 0.5, between 1: ICC 0.8, RC 1.386; 0.042 is three standard errors."""
    table = a_table(lesions=400, noise={"half": 0.5})

    (row,) = feature_robustness(table, settings=DIGEST)

    assert (row.feature, row.settings, row.model) == ("half", DIGEST, Model.ONE_WAY)
    assert (row.lesions, row.repeats, row.confidence) == (400, 4, 0.95)
    assert row.icc == pytest.approx(0.8, abs=0.042)
    assert row.icc is not None
    assert row.icc_lower is not None
    assert row.icc_upper is not None
    assert row.icc_lower < row.icc < row.icc_upper
    assert row.within_sd == pytest.approx(0.5, rel=0.05)
    assert row.within_sd_upper is not None
    assert row.within_sd_upper > 0.5
    assert row.repeatability_coefficient == pytest.approx(1.386, rel=0.05)
    assert row.minimal_detectable_change == row.repeatability_coefficient
    assert row.within_cv == pytest.approx(0.05, rel=0.1)
    assert row.within_log_sd == pytest.approx(0.05, rel=0.1)
    assert row.percent_lower == pytest.approx(-12.9, abs=1.3)
    assert row.percent_upper == pytest.approx(14.9, abs=1.5)
    assert (row.icc_absent, row.absent, row.relative_absent) == ("", "", "")


def test_the_order_of_rows_does_not_matter() -> None:
    table = a_table()
    mixed = pl.concat(
        [table.filter(pl.col("feature") == name).sample(fraction=1.0, shuffle=True, seed=3)
         for name in ("steady", "shaky")]
    )  # fmt: skip

    for one, other in zip(
        feature_robustness(table, settings=DIGEST),
        feature_robustness(mixed, settings=DIGEST),
        strict=True,
    ):
        assert one.feature == other.feature
        assert one.icc == pytest.approx(other.icc, rel=1e-12)


def test_a_lesion_without_the_feature_is_left_out_and_counted() -> None:
    table = a_table().with_columns(
        value=pl.when((pl.col("lesion") == "L03") & (pl.col("repeat") == "perturbation 2"))
        .then(None)
        .otherwise(pl.col("value"))
    )
    shorter = table.filter(~((pl.col("lesion") == "L07") & (pl.col("feature") == "steady")))

    steady, shaky = feature_robustness(shorter, settings=DIGEST)

    assert (steady.lesions, shaky.lesions) == (18, 19)


def test_what_is_undefined_is_absent_with_its_reason() -> None:
    constant = pl.DataFrame(
        {
            "lesion": ["L1", "L1", "L2", "L2"],
            "repeat": ["a", "b", "a", "b"],
            "feature": "flat",
            "value": [-1.0, -1.0, -1.0, -1.0],
        }
    )
    nothing = constant.with_columns(value=pl.lit(None, dtype=pl.Float64), feature=pl.lit("none"))

    flat, none = feature_robustness(pl.concat([constant, nothing]), settings=DIGEST)

    assert (flat.icc, flat.icc_absent) == (None, "every value is the same")
    assert (flat.within_sd, flat.within_cv) == (0.0, 0.0)
    assert (none.icc, none.within_sd, none.within_cv) == (None, None, None)
    assert none.absent == "no subject has every repeat"


def test_only_repeating_features_pass() -> None:
    rows = feature_robustness(a_table(), settings=DIGEST)

    assert repeatable(rows, minimum_icc_lower=0.9) == ("steady",)
    assert repeatable(rows, minimum_icc_lower=-1.0) == ("steady", "shaky")


def test_the_filter_looks_at_training_lesions_only() -> None:
    """A feature that is ruined in the test lesions still passes; the fold cannot know."""
    table = a_table()
    ruined = table.with_columns(
        value=pl.when(pl.col("lesion") >= "L12")
        .then(1e3 * pl.int_range(pl.len()) % 7)
        .otherwise(pl.col("value"))
    )
    training = {f"L{n:02d}" for n in range(12)}
    learner = RepeatabilityFilter(minimum_icc_lower=0.9)

    learned = learner.fit(ruined, training=training, settings=DIGEST)

    assert learned == learner.fit(table, training=training, settings=DIGEST)
    assert learned.features == ("steady",)
    assert learned.training == tuple(sorted(training))
    assert "lower bound" in learned.dropped["shaky"]
    kept = learned.transform(ruined)
    assert set(kept["feature"]) == {"steady"}
    assert kept["lesion"].n_unique() == 20


def test_too_few_lesions_are_not_judged() -> None:
    learned = RepeatabilityFilter(minimum_icc_lower=0.0).fit(
        a_table(lesions=9), training={f"L{n:02d}" for n in range(9)}, settings=DIGEST
    )

    assert learned.features == ()
    assert learned.dropped["steady"] == "9 lesions with every repeat; 10 are needed"


def test_thousands_of_features_are_one_pass() -> None:
    values = np.random.default_rng(1).standard_normal((5000, 40, 5))

    rows = robustness_of(values, features=[f"f{n}" for n in range(5000)], settings=DIGEST)

    assert rows[4999].icc == pytest.approx(
        intraclass_correlation(values[4999:], model=Model.ONE_WAY).value[0]
    )


@settings(max_examples=10, deadline=None)
@given(minimum=st.floats(-0.5, 1.0))
def test_a_stricter_filter_keeps_fewer(minimum: float) -> None:
    noise = {f"f{n}": 0.05 * 2.0**n for n in range(7)}
    rows = feature_robustness(a_table(noise=noise), settings=DIGEST)

    kept = repeatable(rows, minimum_icc_lower=minimum)

    assert set(repeatable(rows, minimum_icc_lower=min(minimum + 0.2, 1.0))) <= set(kept)


def test_refuses_tables_that_are_no_repeats() -> None:
    table = a_table()
    with pytest.raises(DataError, match="needs rows with lesion"):
        feature_robustness(table.drop("repeat"), settings=DIGEST)
    with pytest.raises(DataError, match="comes twice"):
        feature_robustness(pl.concat([table, table]), settings=DIGEST)
    with pytest.raises(DataError, match="two repeats"):
        feature_robustness(table.filter(pl.col("repeat") == "perturbation 0"), settings=DIGEST)
    with pytest.raises(DataError, match="do not fit"):
        robustness_of(np.zeros((2, 3, 2)), features=["one"], settings=DIGEST)
    with pytest.raises(DataError, match="None of 1 training lesions"):
        RepeatabilityFilter(minimum_icc_lower=0.9).fit(table, training={"X"}, settings=DIGEST)
    learned = RepeatabilityFilter(minimum_icc_lower=0.9).fit(
        table, training=set(table["lesion"]), settings=DIGEST
    )
    with pytest.raises(DataError, match="not in the table: steady"):
        learned.transform(table.filter(pl.col("feature") == "shaky"))
    with pytest.raises(DataError, match="column feature"):
        learned.transform(table.drop("feature"))
