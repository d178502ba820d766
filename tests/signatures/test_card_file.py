import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.signatures.card import CARD_FORMAT, ModelCard
from operandi.signatures.card_chain import drivers_of, filled_columns, steps_of
from operandi.signatures.card_file import CardError, card_json, parse_card, read_card
from operandi.signatures.preparation.chain import chain_from
from operandi.signatures.resampling.candidates import spread_by
from tests.signatures.cards import (
    a_card,
    a_chain,
    a_cohort,
    a_final_fit,
    a_tiny_card,
    a_yes_no_card,
)

Mend = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def card() -> ModelCard:
    predictors, outcome = a_cohort()
    return a_card(a_final_fit(predictors, outcome, chain=a_chain(), refits=2))


def changed(card: ModelCard, mend: Mend) -> bytes:
    said = json.loads(card_json(card))
    mend(said)
    return json.dumps(said).encode()


def test_a_card_comes_back_to_the_last_bit_and_is_written_alike(card: ModelCard) -> None:
    content = card_json(card)
    assert parse_card(content) == card
    assert card_json(parse_card(content)) == content
    assert json.loads(content)["id"] == card.id


def test_a_card_says_what_it_is_made_of(card: ModelCard) -> None:
    assert card.format == CARD_FORMAT
    assert card.plan == "a" * 64
    assert card.freeze == "b" * 64
    assert card.population.participants == 80
    assert len(card.seen) == 80
    assert not any("OP-0" in mark for mark in card.seen)
    assert card.performance[0].value == 0.64
    assert card.verdict is not None
    assert "prognostic under PRRT" in card.intended_use
    assert card.not_for[0].startswith("choosing a therapy")
    assert card.missing.filled == ("x000", "x001", "x002", "x003", "x004")
    x001 = card.column("x001")
    assert (x001.known, x001.missing, x001.known_at) == (71, 9, "BASELINE")
    assert x001.seen is not None
    assert x001.seen.minimum < x001.seen.median < x001.seen.maximum


def test_a_card_says_the_factor_that_is_in_its_coefficients(card: ModelCard) -> None:
    predictors, outcome = a_cohort()
    final = a_final_fit(predictors, outcome, chain=a_chain())
    spread = a_card(replace(final, fitted=spread_by(final.fitted, 0.8)))
    assert card.fits[0].spread is None
    assert spread.fits[0].spread == 0.8
    assert parse_card(card_json(spread)) == spread
    assert spread.fits[0].center == pytest.approx(0.8 * card.fits[0].center)
    for one, other in zip(spread.terms, card.terms, strict=True):
        assert one.coefficient == pytest.approx(0.8 * other.coefficient)


def test_a_card_names_no_participant(card: ModelCard) -> None:
    predictors, _ = a_cohort()
    text = card_json(card).decode()
    assert not any(f'"{one}"' in text for one in predictors.participants)


def test_what_is_told_of_a_chain_is_what_it_does(card: ModelCard) -> None:
    chain = card.fits[0].chain
    assert chain is not None
    assert [learned["step"] for learned, _ in steps_of(chain)] == [
        "shaping",
        "imputation",
        "combat",
        "scaling",
    ]
    assert drivers_of(chain, ("x002",)) == ("x002", "x000")
    assert drivers_of(chain, ("x000",)) == ("x000",)
    assert filled_columns(chain) == chain_from(chain).learned.names


def test_refuses_a_card_of_another_format(card: ModelCard) -> None:
    with pytest.raises(CardError, match=r"format: 1 is not a format that is read"):
        parse_card(changed(card, lambda said: said.update(format=1)))


def test_refuses_a_card_that_was_changed(card: ModelCard) -> None:
    with pytest.raises(CardError, match="was changed after it was written"):
        parse_card(changed(card, lambda said: said["fits"][0].update(center=0.123)))


def test_names_every_fault_at_once(card: ModelCard) -> None:
    def mend(said: dict[str, Any]) -> None:
        del said["title"]
        said["plan"] = "none"
        said["endpoint"]["more"] = 1

    with pytest.raises(CardError) as refused:
        parse_card(changed(card, mend), file="c.json")
    assert [fault.split(":")[0] for fault in refused.value.faults] == [
        "title",
        "plan",
        "endpoint.more",
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"format": 2, "format": 2}',
        b'{"format": 2, "title": NaN}',
        b'{"format": 2, "title": 1e999}',
        b'{"format": 2, "title": ' + b"9" * 5000 + b"}",
        b'{"format": {"a": []}}',
        b'{"format": 2}',
    ],
)
def test_refuses_hostile_json(content: bytes) -> None:
    with pytest.raises(CardError):
        parse_card(content)


def _part(said: dict[str, Any], number: int) -> dict[str, Any]:
    learned: dict[str, Any] = said["fits"][0]["chain"]["parts"][number]["learned"]
    return learned


@pytest.mark.parametrize(
    ("mend", "fault"),
    [
        (lambda s: s["fits"][0]["coefficients"].update(x9=1.0), "terms: they need"),
        (lambda s: s["terms"][0].update(share=0.5), "terms: they need"),
        (lambda s: s["endpoint"].update(beyond_days=[1.0]), "endpoint.beyond_days: one does not"),
        (lambda s: s["columns"].append(s["columns"][0]), "a name stands twice"),
        (lambda s: s["days"].reverse(), "days: one or more are needed, ascending"),
        (lambda s: s["hazard"].reverse(), "hazard: it falls"),
        (lambda s: s["refits"][1]["hazard"].pop(), "refits.1.hazard: one for each"),
        (lambda s: s["endpoint"].update(last_day=1.0), "after the last day of follow-up"),
        (lambda s: s["joint"]["inverse"].pop(), "joint: it needs the terms"),
        (lambda s: s["fits"][0].update(chain={}), "fits.0.chain: is none"),
        (lambda s: s["fits"][0]["chain"].update(format=7), "chain.format: 7"),
        (lambda s: s["fits"][0]["chain"]["names"].reverse(), "they are not the card's columns"),
        (lambda s: s["fits"][0]["chain"]["names_out"].pop(), "names_out: they are not"),
        (lambda s: s["fits"][0]["chain"]["parts"][0].update(columns=[99]), "parts.0.columns"),
        (lambda s: _part(s, 0).update(step="pickle"), "'pickle' is no step"),
        (lambda s: _part(s, 0).update(count=4), "learned.count: 5 is needed"),
        (lambda s: _part(s, 1)["chosen"][0].__setitem__(0, 10**6), "learned.chosen"),
        (lambda s: _part(s, 1)["counts"].__setitem__(0, 10**6), "learned.counts"),
        (lambda s: _part(s, 1)["donors"].__setitem__(0, 10**12), "learned.donors"),
        (lambda s: _part(s, 1)["order"].__setitem__(0, 1), "learned.order"),
        (lambda s: _part(s, 1).update(sweeps=10**9), "learned.sweeps"),
        (lambda s: _part(s, 1)["seen"].__setitem__(1, []), "learned.seen"),
        (lambda s: _part(s, 1)["center"].__setitem__(0, "0"), "learned.center: numbers"),
        (lambda s: _part(s, 2)["sites"].append("SITE0"), "learned.sites"),
        (lambda s: _part(s, 2).update(covariates=["x003"]), "learned.covariates"),
        (lambda s: _part(s, 2)["scale"][0].__setitem__(0, 0.0), "learned.scale"),
        (lambda s: _part(s, 3)["scale"].__setitem__(0, -1.0), "learned.scale"),
        (lambda s: s["refits"][1].update(chain={"format": 1}), "refits.1.chain"),
    ],
)
def test_what_does_not_fit_together_is_a_fault_and_never_reaches_a_kernel(
    card: ModelCard, mend: Mend, fault: str
) -> None:
    with pytest.raises(CardError) as refused:
        parse_card(changed(card, mend))
    assert any(fault in one for one in refused.value.faults), refused.value.faults


@settings(max_examples=60)
@given(data=st.data())
def test_whatever_is_put_anywhere_in_a_card_is_refused_as_a_card(
    card: ModelCard, data: st.DataObject
) -> None:
    """A random place gets a random value: no other error comes out, and nothing is taken."""
    said = json.loads(card_json(card))
    here: Any = said
    while True:
        keys: list[Any] = sorted(here) if isinstance(here, dict) else list(range(len(here)))
        key = data.draw(st.sampled_from(keys))
        inner = here[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        here = inner
    values = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    lists: Any = st.lists(st.integers(), max_size=3) | st.just({})
    value: Any = data.draw(values | lists)
    if here[key] == value:
        return
    here[key] = value
    with pytest.raises(CardError):
        parse_card(json.dumps(said).encode())


def test_refuses_a_path_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"There is no model card absent\.json"):
        read_card(tmp_path / "absent.json")


def test_a_card_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "model-card.json"
    path.write_bytes(card_json(a_tiny_card()))
    assert read_card(path) == a_tiny_card()


def test_a_yes_no_card_has_no_days() -> None:
    card = a_yes_no_card(refits=0)
    assert parse_card(card_json(card)).days == ()
    assert card.hazard == ()
