"""From many matrices to one value."""

import numpy as np

from operandi.imaging.radiomics.family import Family
from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.matrices import Reals, TextureMatrices


def nothing(_: TextureMatrices) -> Reals:
    return np.empty((0, 2))


PAIR = Family(tags=("a", "b"), values=nothing, absent="no pair", reasons={"b": "one level"})


def test_matrices_that_leave_a_feature_undefined_have_no_part_in_its_average() -> None:
    portions = [np.array([[1.0, np.nan]]), np.array([[2.0, 4.0], [6.0, np.nan]])]

    assert PAIR.averaged(portions) == (Feature("a", 3.0), Feature("b", 4.0))


def test_a_feature_that_no_matrix_defines_says_why() -> None:
    for rows in (1, 2):
        absent = PAIR.averaged([np.full((rows, 2), np.nan)])
        assert absent == (Feature("a", None, "no pair"), Feature("b", None, "one level"))
