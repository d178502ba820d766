"""Scenarios: those that come with Operandi, those on a base, and every kind of fault."""

import json
from pathlib import Path
from typing import Any

import pytest

from operandi.quantities.errors import DataError
from operandi.simulation.scenario import SCENARIOS, Scenario, noted_seed, read_scenario


def a_file(folder: Path, text: str, *, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_shipped_scenario_is_valid_and_can_be_stated_again(name: str) -> None:
    scenario = read_scenario(name)

    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


def test_shipped_scenarios_are_different_and_have_titles_of_their_own() -> None:
    scenarios = [read_scenario(name) for name in SCENARIOS]

    assert len({scenario.title for scenario in scenarios}) == len(SCENARIOS)
    assert len({scenario.model_copy(update={"title": "x"}) for scenario in scenarios}) == len(
        SCENARIOS
    )


def test_the_null_scenario_differs_from_dose_in_whose_dose_kills_alone() -> None:
    null, dose = read_scenario("null").model_dump(), read_scenario("dose").model_dump()

    assert null["disease"].pop("dose_response") == "exchanged"
    assert dose["disease"].pop("dose_response") == "own"
    assert null.pop("title") != dose.pop("title")
    assert null == dose


def test_a_scenario_on_a_base_states_what_differs_key_by_key(tmp_path: Path) -> None:
    path = a_file(tmp_path, 'base = "dose"\n[cohort]\nparticipants = 7\n')

    mine, dose = read_scenario(path), read_scenario("dose")

    assert mine.cohort.participants == 7
    assert mine.cohort.lesions_mean == dose.cohort.lesions_mean
    assert mine.model_copy(update={"cohort": dose.cohort}) == dose


def test_a_list_of_departments_replaces_that_of_the_base(tmp_path: Path) -> None:
    site = (
        '[[site]]\ncode = "X1"\nname = "X"\nvendor = "ge"\nshare = 1.0\nsuv_factor = 1.0\n'
        "pet_fwhm_mm = 5.0\npet_noise = 0.1\n"
    )

    mine = read_scenario(a_file(tmp_path, f'base = "null"\n{site}'))

    assert [one.code for one in mine.site] == ["X1"]
    assert mine.disease.dose_response == "exchanged"


def test_a_base_is_a_file_beside_the_one_that_names_it(tmp_path: Path) -> None:
    a_file(tmp_path, 'base = "messy"\n[cohort]\nparticipants = 9\n', name="under.toml")
    path = a_file(tmp_path, 'base = "under.toml"\ntitle = "Mine"\n')

    mine = read_scenario(path)

    assert (mine.title, mine.cohort.participants) == ("Mine", 9)
    assert mine.conduct == read_scenario("messy").conduct


def test_refuses_scenarios_that_are_based_on_each_other(tmp_path: Path) -> None:
    one = a_file(tmp_path, 'base = "other.toml"\n', name="one.toml")
    a_file(tmp_path, 'base = "one.toml"\n', name="other.toml")

    with pytest.raises(DataError, match=r"one\.toml is based on itself \(.*other\.toml > .*one"):
        read_scenario(one)


def test_refuses_a_scenario_based_on_itself(tmp_path: Path) -> None:
    path = a_file(tmp_path, 'base = "mine.toml"\n')

    with pytest.raises(DataError, match="based on itself") as refused:
        read_scenario(path)

    assert refused.value.remedy == "Correct the key base."


def test_refuses_a_name_that_is_no_scenario_and_names_those_that_are() -> None:
    with pytest.raises(DataError, match="no scenario doze") as refused:
        read_scenario("doze")

    assert all(name in refused.value.remedy for name in SCENARIOS)


def test_refuses_what_is_no_toml_and_says_where(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mine\.toml is no TOML: .*line 2"):
        read_scenario(a_file(tmp_path, 'base = "dose"\n[cohort\n'))


def test_refuses_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"title = \xff\xfe\n")

    with pytest.raises(DataError, match=r"mine\.toml is no TOML"):
        read_scenario(path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("flavor = 1", "flavor: Extra inputs"),
        ("[cohort]\nparticipant = 3", "cohort.participant: Extra inputs"),
        ("[cohort]\nparticipants = 0", "cohort.participants: Input should be greater"),
        ("[cohort]\nparticipants = 2.5", "cohort.participants: "),
        ("[cohort]\nfemale_fraction = 1.1", "cohort.female_fraction: Input should be less"),
        ("[cohort]\nfemale_fraction = nan", "cohort.female_fraction: "),
        ('[cohort]\ndata_cut = "soon"', "cohort.data_cut: "),
        ("[disease]\ncourse = 'D'", "disease.course: Input should be 'A', 'B' or 'C'"),
        ("[imaging]\nseries = ['ct']", "imaging.series.0: "),
        ("[imaging]\nseries = []", "imaging.series: "),
        ("[imaging]\nseries = ['pet', 'pet']", "imaging: series names one twice"),
        ("[imaging]\nseries = ['pet_uncorrected']", "imaging: series has pet_uncorrected without"),
        ("[imaging]\npet_voxel_mm = 1.0", "imaging.pet_voxel_mm: "),
        ("[imaging]\nspect_hours = [24.0]", "imaging: spect_hours and spect_participants"),
        (
            "[imaging]\nspect_hours = [96.0, 24.0]\nspect_participants = 1",
            "imaging: spect_hours needs one to four ascending",
        ),
        ("[cohort]\ndata_cut = 1999-12-31", "cohort.data_cut: Input should be greater"),
        ("[cohort]\ndata_cut = 9999-12-31", "cohort.data_cut: Input should be less"),
        ("[artifacts]\nconsistent = 'often'", "artifacts.consistent: "),
        ("[conduct]\nmissed_visit = -0.1", "conduct.missed_visit: "),
        ("site = []", "site: "),
        ("cohort = 3", "cohort: "),
        (
            '[[effect]]\ncovariate = "luck"\non = "growth"\nlog_factor = 1.0',
            "effect.0.covariate: ",
        ),
        (
            '[[effect]]\ncovariate = "adc"\non = "growth"\nlog_factor = 9.0',
            "effect.0.log_factor: ",
        ),
    ],
)
def test_a_fault_is_named_with_its_key(text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        read_scenario(a_file(tmp_path, f'base = "dose"\n{text}\n'))

    assert fault in refused.value.what
    assert "mine.toml" in refused.value.what


@pytest.mark.parametrize("share", ["0.0", "-1.0", "nan", "inf", "1e308"])
def test_a_share_that_is_none_is_named_and_nothing_else(share: str, tmp_path: Path) -> None:
    """Two shares of 1e308 have no sum, and a list of faulty departments is not too short."""
    site = (
        f'[[site]]\ncode = "X1"\nname = "X"\nvendor = "ge"\nshare = {share}\nsuv_factor = 1.0\n'
        "pet_fwhm_mm = 5.0\npet_noise = 0.1\n"
    )

    with pytest.raises(DataError) as refused:
        read_scenario(a_file(tmp_path, f'base = "dose"\n{site}'))

    assert "site.0.share: Input should be " in refused.value.what
    assert "site: " not in refused.value.what


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "dose"\ntitle = "Études"\n', "utf-8-sig")

    assert read_scenario(path).title == "Études"


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    text = 'base = "dose"\n[cohort]\nparticipants = -1\n[disease]\ncourse = "Z"\nmood = "bad"\n'

    with pytest.raises(DataError) as refused:
        read_scenario(a_file(tmp_path, text))

    for key in ("cohort.participants", "disease.course", "disease.mood"):
        assert key in refused.value.what


def test_a_scenario_without_base_must_state_every_section(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        read_scenario(a_file(tmp_path, 'title = "Bare"\n'))

    for section in ("cohort", "disease", "imaging", "artifacts", "genome", "conduct", "site"):
        assert f"{section}: Field required" in refused.value.what


UNTREATED = {"disease": {"treated": False}}
ON_SENSITIVITY = {"covariate": "adc", "on": "sensitivity", "log_factor": 0.3}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            UNTREATED | {"imaging": {"spect_hours": [24.0], "spect_participants": 1}},
            "imaging.spect_hours: nobody is treated",
        ),
        (UNTREATED | {"effect": [ON_SENSITIVITY]}, "effect: nobody is treated"),
        ({"effect": [ON_SENSITIVITY, ON_SENSITIVITY]}, "effect: the same covariate acts twice"),
        (
            {"site": [read_scenario("dose").site[0].model_dump()] * 2},
            "site: two departments have the same code",
        ),
    ],
)
def test_contradictions_are_refused(change: dict[str, Any], fault: str, tmp_path: Path) -> None:
    stated = read_scenario("dose").model_dump(mode="json")
    for key, value in change.items():
        stated[key] = stated[key] | value if isinstance(value, dict) else value
    path = a_file(tmp_path, json.dumps(stated), name="mine.json")

    with pytest.raises(DataError) as refused:
        read_scenario(path)

    assert fault in refused.value.what


def test_another_number_of_participants_changes_nothing_else() -> None:
    dose = read_scenario("dose")

    assert dose.with_participants(None) is dose
    assert dose.with_participants(5).with_participants(80) == dose
    assert dose.with_participants(5).cohort.participants == 5


@pytest.mark.parametrize("number", [0, 1_000_001])
def test_refuses_numbers_of_participants_that_no_cohort_has(number: int) -> None:
    with pytest.raises(DataError, match=r"cohort\.participants"):
        read_scenario("dose").with_participants(number)


def test_the_note_of_a_cohort_is_a_scenario_with_its_seed(tmp_path: Path) -> None:
    messy = read_scenario("messy")
    note = json.dumps({"seed": 11, "scenario": messy.model_dump(mode="json")})
    path = a_file(tmp_path, note, name="simulation.json")

    assert read_scenario(path) == messy
    assert noted_seed(path) == 11
    assert noted_seed("messy") is None


@pytest.mark.parametrize("seed", ["-4", "true", '"7"', "1.5"])
def test_refuses_a_note_whose_seed_is_none(seed: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a seed is a whole number"):
        noted_seed(a_file(tmp_path, f'{{"seed": {seed}}}', name="simulation.json"))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[1]", "holds no scenario"),
        ('{"scenario": 3}', "is faulty"),
    ],
)
def test_refuses_json_that_is_no_scenario(text: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match):
        read_scenario(a_file(tmp_path, text, name="simulation.json"))
