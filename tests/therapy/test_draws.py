import numpy as np
import pytest

from operandi.therapy.draws import Purpose, standard_normals, standard_uniforms


@pytest.mark.parametrize("columns", [1, 4, 7])
def test_a_row_is_the_same_in_any_batch(columns: int) -> None:
    whole = standard_normals(100, columns, seed=3, purpose=Purpose.LESION)

    parts = [
        standard_normals(size, columns, seed=3, purpose=Purpose.LESION, first_row=first)
        for first, size in ((0, 1), (1, 60), (61, 39))
    ]

    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_seeds_and_purposes_have_streams_of_their_own() -> None:
    drawn = [
        standard_normals(2000, 1, seed=seed, purpose=purpose)[:, 0]
        for seed, purpose in ((1, Purpose.PATIENT), (2, Purpose.PATIENT), (1, Purpose.LESION))
    ]
    correlation = np.asarray(np.corrcoef(drawn))

    # Of 2000 pairs a correlation of 0.1 is 4.5 standard errors.
    assert np.abs(correlation[np.triu_indices(3, k=1)]).max() < 0.1


def test_normals_are_standard() -> None:
    drawn = standard_normals(50_000, 4, seed=5, purpose=Purpose.PATIENT)

    assert abs(drawn.mean()) < 5 / np.sqrt(drawn.size)
    assert abs(drawn.std() - 1) < 5 / np.sqrt(2 * drawn.size)


def test_uniforms_never_touch_their_ends() -> None:
    drawn = standard_uniforms(10_000, 4, seed=5, purpose=Purpose.PATIENT)

    assert drawn.min() > 0
    assert drawn.max() < 1


def test_refuses_a_negative_row() -> None:
    with pytest.raises(ValueError, match="from row -1"):
        standard_uniforms(1, 1, seed=1, purpose=Purpose.PATIENT, first_row=-1)
