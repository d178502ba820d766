"""The settings file: what docs/radiomics.md shows is read, and means what it says."""

import re
import tomllib
from dataclasses import fields

import pytest

from operandi.imaging.radiomics.filters.laplacian_of_gaussian import LaplacianOfGaussianFilter
from operandi.imaging.radiomics.filters.riesz import RieszFilter
from operandi.imaging.radiomics.settings import FixedBinNumber, FixedBinSize, RadiomicsSettings
from operandi.imaging.radiomics.settings_file import FILTERS, filters_named, recipes_of
from tests.architecture.source_tree import ROOT

PAGE = (ROOT / "docs" / "radiomics.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```toml settings\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_example_of_the_documentation_is_read() -> None:
    plain, *filtered = recipes_of(tomllib.loads(EXAMPLE))

    assert plain.filter is None
    assert plain.settings.spacing_mm == (3.0, 3.0, 3.0)
    assert plain.settings.discretization == FixedBinSize(width=0.5)
    assert plain.settings.volume_histogram == FixedBinSize(width=0.1)
    assert {type(recipe.filter) for recipe in filtered} == set(FILTERS.values())
    assert {recipe.settings.discretization for recipe in filtered} == {FixedBinNumber(bins=32)}
    assert {recipe.settings.lower for recipe in filtered} == {0.0}


def test_the_example_shows_every_key() -> None:
    shown = set(re.findall(r"^#? ?(\w+) = |^\[(\w+)\]", EXAMPLE, re.MULTILINE))
    names = {name for pair in shown for name in pair}
    wanted = {
        field.name
        for kind in (RadiomicsSettings, FixedBinSize, FixedBinNumber, *FILTERS.values())
        for field in fields(kind)
    }

    assert wanted - names == {"of", "truncate"}


def test_a_riesz_filter_has_a_filter_inside() -> None:
    *_, riesz = recipes_of(tomllib.loads(EXAMPLE))

    assert isinstance(riesz.filter, RieszFilter)
    assert isinstance(riesz.filter.of, LaplacianOfGaussianFilter)
    assert riesz.filter.steering_sigma_mm is None


def test_what_is_left_out_of_a_filtered_image_is_the_standards_choice() -> None:
    content = tomllib.loads(EXAMPLE)
    del content["filtered"]

    assert recipes_of(content) == recipes_of(tomllib.loads(EXAMPLE))


@pytest.mark.parametrize(("word", "number"), [("log:3", 1), ("mean:5", 1), ("wavelet:db3", 8)])
def test_short_words_name_filters(word: str, number: int) -> None:
    assert len(filters_named(word)) == number
