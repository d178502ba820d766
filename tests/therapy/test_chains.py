"""Daughters: Bateman, balances and policies."""

import csv
import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import (
    AC225,
    ADMINISTERED,
    BI213,
    F18,
    GA68,
    LU177,
    PB212,
    TB149,
    TB161,
    Y90,
    Nuclide,
)
from operandi.therapy.bateman import Transfer, activity_courses, redistributed_decays
from operandi.therapy.chains import (
    DECAYS,
    AllDecaysLocal,
    Branch,
    Chain,
    DaughtersNeglected,
    EquilibriumLocal,
    EscapeFraction,
    FreeKinetics,
    chain_of,
    decay_constant_per_s,
    decays_in_place,
    described,
    with_half_lives,
)
from operandi.therapy.exponentials import ExponentialSum
from tests.shared_data import needs_shared_data, published

DAY_S = 86400.0


def icrp_name(name: str) -> str:
    """``"Ac-225"`` as ``"225Ac"``."""
    symbol, mass = name.split("-")
    return mass + symbol


def icrp_table() -> dict[str, dict[str, str]]:
    with published("dosimetry/decay_data_icrp107.csv").open(encoding="utf-8") as file:
        return {icrp_name(row["nuclide"]): row for row in csv.DictReader(file)}


def as_in_icrp(nuclide: Nuclide) -> Nuclide:
    return replace(nuclide, half_life_s=float(icrp_table()[nuclide.name]["half_life_s"]))


def a_germanium_chain() -> Chain:
    """68Ge is nowhere in the package: a chain made by hand."""
    germanium = replace(GA68, name="68Ge")
    return Chain((as_in_icrp(germanium), as_in_icrp(GA68)), ((Branch("68Ga", fraction=1.0),), ()))


def decays_by_name(nuclide: Nuclide, policy: Any) -> dict[str, float]:
    chain = chain_of(nuclide)
    return dict(
        zip((one.name for one in chain.members), decays_in_place(chain, policy), strict=True)
    )


# --- published ----------------------------------------------------------------------------------


@needs_shared_data
@pytest.mark.parametrize("parent", ["Ac-225", "Lu-177", "Ge-68"])
def test_activities_are_those_of_radioactivedecay(parent: str) -> None:
    """Computed with radioactivedecay on the ICRP 107 data: half-lives overridden with its own."""
    reference = json.loads(
        published("dosimetry/decay_chain_reference.json").read_text(encoding="utf-8")
    )
    chain = {
        "Ac-225": lambda: with_half_lives(
            chain_of(AC225), *(as_in_icrp(one) for one in chain_of(AC225).members)
        ),
        "Lu-177": lambda: with_half_lives(chain_of(LU177), as_in_icrp(LU177)),
        "Ge-68": a_germanium_chain,
    }[parent]()
    start_bq = reference["start_Bq"][parent]
    courses = activity_courses(
        chain, ExponentialSum((start_bq,), (decay_constant_per_s(chain.parent),))
    )

    compared = 0
    for days, activities in reference["activities_Bq_after_days"][parent].items():
        for name, expected_bq in activities.items():
            if expected_bq:
                found = float(courses[icrp_name(name)].at(float(days) * DAY_S))
                assert found == pytest.approx(expected_bq, rel=1e-6), (name, days)
                compared += 1
    assert compared == {"Ac-225": 21, "Lu-177": 3, "Ge-68": 6}[parent]


@needs_shared_data
def test_branching_fractions_are_those_of_icrp_107() -> None:
    table = icrp_table()
    for name in ("225Ac", "221Fr", "217At", "213Bi", "213Po", "209Tl"):
        stated = {
            icrp_name(daughter): float(fraction)
            for daughter, fraction in zip(
                table[name]["progeny"].split(";"), table[name]["branching"].split(";"), strict=True
            )
        }
        assert {branch.daughter: branch.fraction for branch in DECAYS[name]} == stated


# --- Bateman ------------------------------------------------------------------------------------


def test_daughters_with_clearance_follow_their_differential_equation() -> None:
    """212Pb in a tumor that loses lead at 30 h and bismuth at 3 h, against an integrator."""
    chain = with_half_lives(
        chain_of(PB212),
        # An integrator cannot resolve 0.3 us: a slower polonium for the comparison.
        replace(
            next(one for one in chain_of(PB212).members if one.name == "212Po"), half_life_s=60
        ),
    )
    decay = {one.name: decay_constant_per_s(one) for one in chain.members}
    parent_rate = decay["212Pb"] + np.log(2) / (30 * 3600)
    clearance = {"212Bi": np.log(2) / (3 * 3600), "208Tl": 1e-4}
    names = [one.name for one in chain.members]

    def change(t: float, atoms: Any) -> Any:
        activity = {n: decay[n] * a for n, a in zip(names[1:], atoms, strict=True)}
        activity["212Pb"] = 1e6 * np.exp(-parent_rate * t)
        born = dict.fromkeys(names, 0.0)
        for member, branches in zip(chain.members, chain.branches, strict=True):
            for branch in branches:
                born[branch.daughter] += branch.fraction * activity[member.name]
        return [
            born[n] - (decay[n] + clearance.get(n, 0.0)) * a
            for n, a in zip(names[1:], atoms, strict=True)
        ]

    times = np.array([600.0, 3600.0, 20_000.0, 100_000.0])
    solved = solve_ivp(
        change, (0, 1e5), np.zeros(3), method="LSODA", t_eval=times, rtol=1e-9, atol=1e-6
    )
    courses = activity_courses(
        chain, ExponentialSum((1e6,), (parent_rate,)), clearance_per_s=clearance
    )

    for name, atoms in zip(names[1:], solved.y, strict=True):
        np.testing.assert_allclose(courses[name].at(times), decay[name] * atoms, rtol=1e-5)


def test_a_daughter_cleared_as_fast_as_its_parent_decays_makes_no_infinity() -> None:
    """212Bi and a parent of the very same effective rate: N = b A t exp(-r t)."""
    bismuth = next(one for one in chain_of(PB212).members if one.name == "212Bi")
    chain = Chain((PB212, bismuth), ((Branch("212Bi", 1.0),), ()))
    rate = decay_constant_per_s(chain.members[1])

    course = activity_courses(chain, ExponentialSum((1.0,), (rate,)))["212Bi"]

    for t in (100.0, 5000.0, 30_000.0):
        assert float(course.at(t)) == pytest.approx(rate * t * np.exp(-rate * t), rel=1e-5)


def test_a_daughter_injected_with_its_parent_is_counted() -> None:
    course = activity_courses(
        chain_of(PB212),
        ExponentialSum((0.0,), (decay_constant_per_s(PB212),)),
        initial_bq={"212Bi": 5.0},
    )

    assert float(course["212Bi"].at(0.0)) == pytest.approx(5.0)
    assert float(course["212Bi"].at(60.55 * 60)) == pytest.approx(2.5, rel=1e-6)


@given(fraction=st.floats(0.0, 1.0), scale=st.floats(1e-3, 1e6))
def test_courses_scale_with_the_parent(fraction: float, scale: float) -> None:
    parent = ExponentialSum((1.0, -fraction), (1e-5, 1e-3))
    once = activity_courses(chain_of(PB212), parent)
    scaled = activity_courses(chain_of(PB212), parent.scaled(scale))

    for name, course in once.items():
        assert scaled[name].integral == pytest.approx(scale * course.integral, rel=1e-9)


def test_integrated_courses_are_the_decays_in_place() -> None:
    """Bateman integrated to the end equals the closed form of the policy."""
    clearance = {
        "221Fr": 1e-3,
        "217At": 1.0,
        "213Bi": 2e-4,
        "213Po": 0.0,
        "209Tl": 0.0,
        "209Pb": 0.0,
    }
    courses = activity_courses(
        chain_of(AC225), ExponentialSum((1.0,), (3e-6,)), clearance_per_s=clearance
    )

    weights = decays_by_name(AC225, FreeKinetics(tuple(clearance.items())))

    for name, weight in weights.items():
        assert courses[name].integral / courses["225Ac"].integral == pytest.approx(weight, rel=1e-6)


def test_refuses_the_clearance_of_what_is_no_daughter() -> None:
    with pytest.raises(DataError, match=r"Daughters of 212Pb .* stated 213Bi"):
        activity_courses(
            chain_of(PB212), ExponentialSum((1.0,), (1e-5,)), clearance_per_s={"213Bi": 1.0}
        )


# --- policies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("nuclide", [LU177, Y90, TB161, GA68, F18], ids=lambda one: one.name)
def test_stable_daughters_need_no_policy(nuclide: Nuclide) -> None:
    assert decays_in_place(chain_of(nuclide), None) == (1.0,)


@pytest.mark.parametrize("nuclide", [AC225, PB212, BI213, TB149], ids=lambda one: one.name)
def test_refuses_radioactive_daughters_without_a_policy(nuclide: Nuclide) -> None:
    with pytest.raises(DataError, match=rf"{nuclide.name} has radioactive daughters .* State"):
        decays_in_place(chain_of(nuclide), None)


def test_every_nuclide_that_is_administered_has_a_decay_scheme() -> None:
    for nuclide in ADMINISTERED:
        chain = chain_of(nuclide)
        assert chain.parent is nuclide
        seen: set[str] = set()
        for member, branches in reversed(list(zip(chain.members, chain.branches, strict=True))):
            assert {branch.daughter for branch in branches} <= seen, "daughters come after"
            assert sum(branch.fraction for branch in branches) <= 1.0 + 1e-12
            seen.add(member.name)


def test_refuses_a_nuclide_whose_decay_scheme_is_not_known() -> None:
    with pytest.raises(UnsupportedError, match="decay scheme of 131I"):
        chain_of(replace(LU177, name="131I"))


def test_actinium_in_equilibrium_makes_four_alphas_by_both_ways() -> None:
    """221Fr, 217At and 213Bi or 213Po: 0.9791 of 213Bi's decays go by 213Po, 0.0209 by 209Tl."""
    decays = decays_by_name(AC225, EquilibriumLocal())

    assert decays["221Fr"] == decays["225Ac"] == 1.0
    assert decays["213Bi"] == pytest.approx(0.99988)
    assert decays["213Po"] == pytest.approx(0.99988 * 0.9791)
    assert decays["209Tl"] == pytest.approx(0.99988 * 0.0209)
    assert decays["209Pb"] == pytest.approx(0.99988)


def test_lead_in_equilibrium_branches_between_polonium_and_thallium() -> None:
    decays = decays_by_name(PB212, EquilibriumLocal())

    assert decays == pytest.approx({"212Pb": 1, "212Bi": 1, "212Po": 0.6406, "208Tl": 0.3594})


def test_what_escapes_takes_all_that_follows_with_it() -> None:
    decays = decays_by_name(AC225, EscapeFraction(0.3, of="213Bi"))

    assert decays["217At"] == pytest.approx(1.0)
    for name in ("213Bi", "213Po", "209Tl", "209Pb"):
        assert decays[name] == pytest.approx(0.7 * decays_by_name(AC225, EquilibriumLocal())[name])


@pytest.mark.parametrize("nuclide", [TB149, BI213], ids=lambda one: one.name)
def test_refuses_an_equilibrium_that_does_not_come_about(nuclide: Nuclide) -> None:
    """149Gd (9.3 d) outlives 149Tb (4.1 h), 209Pb (3.2 h) outlives 213Bi (46 min)."""
    for policy in (EquilibriumLocal(), EscapeFraction(0.1, of=chain_of(nuclide).members[1].name)):
        with pytest.raises(DataError, match=f"cannot be in equilibrium with {nuclide.name}"):
            decays_in_place(chain_of(nuclide), policy)


def test_all_decays_counts_daughters_up_to_a_half_life() -> None:
    within_100_days = decays_by_name(TB149, AllDecaysLocal(100 * DAY_S))
    within_10_days = decays_by_name(TB149, AllDecaysLocal(10 * DAY_S))

    assert within_100_days == pytest.approx(
        {"149Tb": 1, "149Gd": 0.833, "149Eu": 0.833, "145Eu": 0.167, "145Sm": 0}
    )
    assert within_10_days["149Eu"] == 0.0


def test_a_daughter_cleared_at_its_decay_rate_decays_half_in_place() -> None:
    bismuth = decay_constant_per_s(next(n for n in chain_of(PB212).members if n.name == "212Bi"))

    decays = decays_by_name(
        PB212, FreeKinetics((("212Bi", bismuth), ("212Po", 0.0), ("208Tl", 0.0)))
    )

    assert decays["212Bi"] == pytest.approx(0.5)
    assert decays["208Tl"] == pytest.approx(0.5 * 0.3594)


def test_refuses_kinetics_that_leave_a_daughter_out() -> None:
    with pytest.raises(DataError, match=r"Name each of them once"):
        decays_by_name(PB212, FreeKinetics((("212Bi", 0.0),)))


def test_refuses_the_escape_of_what_is_no_daughter() -> None:
    with pytest.raises(DataError, match="stated 213Bi"):
        decays_by_name(PB212, EscapeFraction(0.5, of="213Bi"))


def test_neglected_daughters_need_a_reason_that_is_kept() -> None:
    policy = DaughtersNeglected("145Eu has left by then")

    assert decays_by_name(TB149, policy)["149Gd"] == 0.0
    assert "145Eu has left" in described(policy)
    with pytest.raises(ValueError, match="reason"):
        DaughtersNeglected("")


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_an_escape_is_a_fraction(fraction: float) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        EscapeFraction(fraction, of="221Fr")


# --- between compartments -----------------------------------------------------------------------


def test_bismuth_that_leaves_the_tumor_decays_in_the_kidney() -> None:
    """By hand: l / (l + c) in the tumor, the rest in the kidney that keeps it."""
    bismuth = decay_constant_per_s(next(n for n in chain_of(PB212).members if n.name == "212Bi"))
    leaves = 3 * bismuth

    decays = redistributed_decays(
        chain_of(PB212),
        {"tumor": 100.0, "kidneys": 10.0},
        (Transfer("212Bi", "tumor", leaves, "kidneys"),),
    )

    assert decays["212Bi", "tumor"] == pytest.approx(25.0)
    assert decays["212Bi", "kidneys"] == pytest.approx(85.0)
    assert decays["208Tl", "kidneys"] == pytest.approx(0.3594 * 85.0)


rates = st.floats(0.0, 1e-2)


@given(numbers=st.lists(rates, min_size=6, max_size=6))
def test_no_decay_is_lost_between_compartments(numbers: list[float]) -> None:
    places = {"tumor": 3.0, "kidneys": 1.0, "blood": 0.5}
    moves = [("tumor", "blood"), ("blood", "kidneys"), ("kidneys", "blood")]
    transfers = tuple(
        Transfer(nuclide, source, rate, target)
        for (nuclide, (source, target)), rate in zip(
            itertools.product(("221Fr", "213Bi"), moves), numbers, strict=True
        )
    )

    decays = redistributed_decays(chain_of(AC225), places, transfers)

    everywhere = decays_by_name(AC225, EquilibriumLocal())
    for name, weight in everywhere.items():
        total = sum(decays[name, place] for place in places)
        assert total == pytest.approx(4.5 * weight, rel=1e-9)


def test_excretion_takes_decays_out_of_the_body() -> None:
    bismuth = decay_constant_per_s(next(n for n in chain_of(PB212).members if n.name == "212Bi"))

    decays = redistributed_decays(
        chain_of(PB212), {"kidneys": 8.0}, (Transfer("212Bi", "kidneys", bismuth),)
    )

    assert decays["212Bi", "kidneys"] == pytest.approx(4.0)


def test_refuses_a_compartment_without_parent_activity() -> None:
    with pytest.raises(DataError, match="not given: kidneys"):
        redistributed_decays(
            chain_of(PB212), {"tumor": 1.0}, (Transfer("212Bi", "tumor", 1e-4, "kidneys"),)
        )


def test_another_half_life_is_used_where_it_is_put_in() -> None:
    chain = with_half_lives(chain_of(AC225), replace(AC225, half_life_s=10 * DAY_S))

    assert chain.parent.half_life_s == 10 * DAY_S
    with pytest.raises(ValueError, match="212Pb"):
        with_half_lives(chain, PB212)
