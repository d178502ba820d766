import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.signatures.resampling.folds import Resampling, draw_folds


@given(
    persons=st.integers(30, 90),
    events=st.integers(10, 30),
    seed=st.integers(0, 1000),
    rows_each=st.integers(1, 3),
)
def test_folds_part_participants_evenly_and_leave_nobody_out(
    persons: int, events: int, seed: int, rows_each: int
) -> None:
    whose = np.repeat(np.arange(persons), rows_each)
    event = (np.arange(persons) < events)[whose]
    names = tuple(f"P{one}" for one in whose)
    plan = Resampling(repeats=2, outer=5, inner=4, seed=seed)
    folds = draw_folds(names, event, resampling=plan, repeat=1)
    for person in range(persons):
        assert len(set(folds.outer[whose == person])) == 1
    of_person = folds.outer[::rows_each]
    sizes = np.bincount(of_person, minlength=5)
    with_event = np.bincount(of_person[:events], minlength=5)
    assert np.ptp(sizes) <= 1
    assert np.ptp(with_event) <= 1
    for fold in range(5):
        left_out = folds.outer == fold
        assert (folds.inner[fold][left_out] == -1).all()
        inner = folds.inner[fold][~left_out]
        assert set(inner) == {0, 1, 2, 3}


def test_a_repeat_hangs_on_the_seed_and_its_number_alone() -> None:
    names = tuple(f"P{one}" for one in range(40))
    event = np.arange(40) < 20
    few = Resampling(repeats=2, outer=5, inner=5, seed=7)
    many = Resampling(repeats=50, outer=5, inner=5, seed=7)
    one = draw_folds(names, event, resampling=few, repeat=1)
    assert (one.outer == draw_folds(names, event, resampling=many, repeat=1).outer).all()
    assert (one.outer != draw_folds(names, event, resampling=many, repeat=2).outer).any()


def test_too_few_events_for_the_folds_are_refused() -> None:
    names = tuple(f"P{one}" for one in range(40))
    plan = Resampling(repeats=1, outer=5, inner=5, seed=1)
    with pytest.raises(DataError, match="of 3 events can leave 1"):
        draw_folds(names, np.arange(40) < 3, resampling=plan, repeat=0)


@given(seed=st.integers(0, 1000), sites=st.integers(2, 6), rows_each=st.integers(1, 2))
def test_folds_by_site_are_even_in_each_site_with_and_without_an_event(
    seed: int, sites: int, rows_each: int
) -> None:
    generator = np.random.default_rng(seed)
    persons = 80
    site = generator.integers(0, sites, persons)
    event = generator.random(persons) < 0.5
    whose = np.repeat(np.arange(persons), rows_each)
    plan = Resampling(repeats=1, outer=5, inner=4, seed=seed, stratify="event_and_site")
    folds = draw_folds(
        tuple(f"P{one}" for one in whose),
        event[whose],
        resampling=plan,
        repeat=0,
        sites=tuple(f"site {one}" for one in site[whose]),
    )
    of_person = folds.outer[::rows_each]
    whole = np.ones(persons, dtype=bool)
    for group in (
        whole,
        event,
        *(mask & (site == s) for s in range(sites) for mask in (event, ~event)),
    ):
        assert np.ptp(np.bincount(of_person[group], minlength=5)) <= 1
    inner = folds.inner[0][::rows_each]
    there = inner >= 0
    for s in range(sites):
        counts = np.bincount(inner[there & event & (site == s)], minlength=4)
        assert np.ptp(counts) <= 1


def test_folds_by_site_need_sites_and_folds_by_nothing_leave_events_to_chance() -> None:
    names = tuple(f"P{one}" for one in range(60))
    event = np.arange(60) < 30
    by_site = Resampling(repeats=1, outer=5, inner=4, seed=1, stratify="event_and_site")
    with pytest.raises(DataError, match="need the site"):
        draw_folds(names, event, resampling=by_site, repeat=0)
    uneven = 0
    for seed in range(10):
        plan = Resampling(repeats=1, outer=5, inner=4, seed=seed, stratify="none")
        outer = draw_folds(names, event, resampling=plan, repeat=0).outer
        assert (np.bincount(outer, minlength=5) == 12).all()
        uneven += int(np.ptp(np.bincount(outer[event], minlength=5)) > 1)
    assert uneven > 5
