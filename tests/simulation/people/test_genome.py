"""Alterations come at their published frequencies, and the same for a participant in any batch."""

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.simulation.people.genome import (
    ALTERATIONS,
    FREQUENCY,
    GIVEN_DAXX_ATRX,
    Genomes,
    draw_genomes,
)
from operandi.simulation.people.person import Primary

_N = 500


def genomes_of(primary: Primary, *, n: int = _N, seed: int = 11) -> Genomes:
    return draw_genomes(np.full(n, tuple(Primary).index(primary)), seed=seed)


@pytest.mark.parametrize("primary", Primary)
@pytest.mark.parametrize("name", ALTERATIONS)
def test_each_alteration_is_as_frequent_as_its_source_says(primary: Primary, name: str) -> None:
    """Within four standard errors of a share at n = 500."""
    share = FREQUENCY[primary][name].share

    found = genomes_of(primary).altered[name].mean()

    assert abs(found - share) < 4.0 * np.sqrt(share * (1.0 - share) / _N)


def test_published_frequencies_are_those_of_the_publications() -> None:
    """Jiao 2011: MEN1 44 %, DAXX or ATRX 43 %, mTOR 14 %; Francis 2013: CDKN1B 14 of 180."""
    pancreas, ileum = FREQUENCY[Primary.PANCREAS], FREQUENCY[Primary.ILEUM]

    assert [pancreas[name].share for name in ("MEN1", "DAXX_ATRX", "TSC2_PTEN_MTOR")] == [
        0.44,
        0.43,
        0.14,
    ]
    assert ileum["CDKN1B"].share == pytest.approx(0.0778, abs=1e-4)


@pytest.mark.parametrize("name", list(GIVEN_DAXX_ATRX))
def test_in_the_pancreas_what_goes_with_daxx_or_atrx_goes_with_it(name: str) -> None:
    altered = genomes_of(Primary.PANCREAS, n=4000).altered
    among = altered[name][altered["DAXX_ATRX"]]
    share = GIVEN_DAXX_ATRX[name].share

    assert abs(among.mean() - share) < 4.0 * np.sqrt(share * (1.0 - share) / among.size)
    assert altered[name][~altered["DAXX_ATRX"]].mean() < among.mean()


def test_a_participant_has_the_same_genome_in_any_batch() -> None:
    primary = np.arange(40) % 2

    whole = draw_genomes(primary, seed=3).altered
    later = draw_genomes(primary[25:], seed=3, first_participant=25).altered

    for name in ALTERATIONS:
        np.testing.assert_array_equal(whole[name][25:], later[name])


def test_another_seed_is_another_cohort() -> None:
    one, other = (genomes_of(Primary.PANCREAS, seed=seed).altered["MEN1"] for seed in (1, 2))

    assert (one != other).any()


def test_every_frequency_has_a_source() -> None:
    for shares in FREQUENCY.values():
        assert set(shares) == set(ALTERATIONS)
        assert all(one.source and 0.0 <= one.share <= 1.0 for one in shares.values())


def test_refuses_a_primary_that_is_none() -> None:
    with pytest.raises(DataError, match="numbers from 0 to 1"):
        draw_genomes(np.array([0, 2]), seed=1)
