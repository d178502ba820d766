"""Radiomics settings as a TOML file: what docs/radiomics.md describes, read and checked.

A key that is not known is refused rather than passed over, and nothing that IBSI asks to be
reported has a default.
"""

import tomllib
import types
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from operandi.imaging.radiomics.extract import Recipe
from operandi.imaging.radiomics.filters.apply import Filter
from operandi.imaging.radiomics.filters.boundary import Boundary
from operandi.imaging.radiomics.filters.extent import Extent
from operandi.imaging.radiomics.filters.gabor import GaborFilter
from operandi.imaging.radiomics.filters.laplacian_of_gaussian import LaplacianOfGaussianFilter
from operandi.imaging.radiomics.filters.laws import LawsFilter
from operandi.imaging.radiomics.filters.mean import MeanFilter
from operandi.imaging.radiomics.filters.nonseparable_wavelets import NonseparableWaveletFilter
from operandi.imaging.radiomics.filters.riesz import RieszFilter
from operandi.imaging.radiomics.filters.wavelets import WaveletFilter
from operandi.imaging.radiomics.settings import (
    FixedBinNumber,
    FixedBinSize,
    RadiomicsSettings,
)
from operandi.quantities.errors import DataError

FILTERS: Final[Mapping[str, type[Filter]]] = types.MappingProxyType(
    {
        "mean": MeanFilter,
        "laplacian_of_gaussian": LaplacianOfGaussianFilter,
        "laws": LawsFilter,
        "gabor": GaborFilter,
        "wavelet": WaveletFilter,
        "nonseparable_wavelet": NonseparableWaveletFilter,
        "riesz": RieszFilter,
    }
)
"""By the word under ``type`` of a ``[[filter]]``."""

BANDS: Final = ("LLL", "LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH")

RESPONSE_LEVELS: Final = FixedBinNumber(bins=32)
RESPONSE_HISTOGRAM: Final = FixedBinNumber(bins=1000)
"""Of filtered images, whose values have no unit, where the file says nothing (IBSI 2; decision
0027)."""

_Record = TypeVar("_Record")


def read_recipes(path: Path) -> tuple[Recipe, ...]:
    """Read a settings file: a recipe for the image as it is, and one a filter.

    Raises
    ------
    DataError
        If the file is no TOML, or a key is missing, unknown or of another type.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path.name} is not a TOML file: {error}.", remedy="See docs/radiomics.md."
        ) from error
    return recipes_of(content)


def recipes_of(content: Mapping[str, Any]) -> tuple[Recipe, ...]:
    """Turn the content of a settings file into recipes; see :func:`read_recipes`."""
    rest = dict(content)
    filters = rest.pop("filter", [])
    of_responses = rest.pop("filtered", {})
    if not isinstance(filters, list) or not isinstance(of_responses, dict):
        raise DataError(
            "Filters are tables [[filter]] and [filtered].", remedy="See docs/radiomics.md."
        )
    settings = _record(RadiomicsSettings, rest, "the settings")
    unknown = of_responses.keys() - {"discretization", "volume_histogram"}
    if unknown:
        raise DataError(f"[filtered] has no key {sorted(unknown)[0]!r}.")
    binning: dict[str, FixedBinNumber | FixedBinSize] = {
        name: _binning(table, f"filtered.{name}") for name, table in of_responses.items()
    }
    return (Recipe(settings), *filtered_recipes(settings, map(_filter, filters), **binning))


def filtered_recipes(
    settings: RadiomicsSettings,
    filters: Iterable[Filter],
    *,
    discretization: FixedBinNumber | FixedBinSize = RESPONSE_LEVELS,
    volume_histogram: FixedBinNumber | FixedBinSize = RESPONSE_HISTOGRAM,
) -> tuple[Recipe, ...]:
    """Return a recipe a filter, prepared as the settings say and discretized on its own."""
    of_response = replace(
        settings, discretization=discretization, volume_histogram=volume_histogram
    )
    return tuple(Recipe(of_response, each) for each in filters)


def filters_named(word: str) -> tuple[Filter, ...]:
    """Return the filters of a short word, with mirrored edges and over volumes.

    ``log:3``: Laplacian of Gaussian of 3 mm. ``wavelet:db3``: the eight sub-bands of the first
    level. ``mean:5``: mean of 5 x 5 x 5 voxels. Everything else goes into a settings file.

    Raises
    ------
    DataError
        If the word is another.
    """
    kind, _, value = word.partition(":")
    volume, mirror = Extent.VOLUME, Boundary.MIRROR
    try:
        match kind:
            case "log":
                sigma_mm = float(value)
                return (
                    LaplacianOfGaussianFilter(extent=volume, sigma_mm=sigma_mm, boundary=mirror),
                )
            case "mean":
                return (MeanFilter(extent=volume, support=int(value), boundary=mirror),)
            case "wavelet":
                return tuple(
                    WaveletFilter(
                        extent=volume,
                        family=value,
                        band=band,
                        boundary=mirror,
                        level=1,
                        pooling=None,
                    )
                    for band in BANDS
                )
            case _:
                pass
    except ValueError:
        pass
    raise DataError(
        f"A filter is log:SIGMA_MM, wavelet:FAMILY or mean:VOXELS, found {word!r}.",
        remedy="Write log:3 or wavelet:db3; other filters go into a settings file.",
    )


def _filter(table: Any) -> Filter:
    if not isinstance(table, dict) or table.get("type") not in FILTERS:
        raise DataError(f"A [[filter]] needs a type, one of {', '.join(FILTERS)}.")
    rest = dict(table)
    kind = FILTERS[rest.pop("type")]
    if kind is RieszFilter and isinstance(rest.get("of"), dict):
        rest["of"] = _filter(rest["of"])
    return _record(kind, rest, f"a filter of type {table['type']}")


def _binning(table: Any, where: str) -> FixedBinNumber | FixedBinSize:
    if isinstance(table, dict) and ("bins" in table) != ("width" in table):
        if "bins" in table:
            return _record(FixedBinNumber, table, where)
        return _record(FixedBinSize, table, where)
    raise DataError(
        f"[{where}] needs bins (a fixed number) or width (a fixed size), found {table}.",
        remedy="Write bins = 32, or width = 0.5.",
    )


def _record(kind: type[_Record], table: Mapping[str, Any], where: str) -> _Record:
    """Build a settings record from a table; an optional value that is left out is None."""
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise DataError(
                f"{where.capitalize()} have no key {key!r}.",
                remedy=f"Known keys: {', '.join(known)}.",
            )
    given: dict[str, Any] = {}
    for name, field in known.items():
        if name in table:
            given[name] = _value(hints[name], table[name], f"{name} of {where}")
        elif field.default is MISSING:
            if type(None) not in get_args(hints[name]):
                raise DataError(
                    f"{where.capitalize()} lack {name!r}.", remedy="See docs/radiomics.md."
                )
            given[name] = None
    return kind(**given)


def _value(hint: Any, value: Any, where: str) -> Any:
    """Turn what TOML gives into what a field of a record is."""
    options = get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)
    if FixedBinNumber in options:
        return _binning(value, where.split(" of ", maxsplit=1)[0])
    for option in options:
        found = _as(option, value, where)
        if found is not None:
            return found
    raise DataError(f"The {where} cannot be {value!r}.", remedy="See docs/radiomics.md.")


def _as(option: Any, value: Any, where: str) -> Any:
    """Return the value as one of a field's types, or None if it is none."""
    if get_origin(option) is tuple:
        parts = get_args(option)
        if parts[-1] is Ellipsis:
            parts = parts[:1] * (len(value) if isinstance(value, list) else 0)
        if isinstance(value, list) and len(parts) == len(value):
            return tuple(_value(p, v, where) for p, v in zip(parts, value, strict=True))
        return None
    if issubclass(option, StrEnum):
        if value in {each.value for each in option}:
            return option(value)
        named = ", ".join(repr(each.value) for each in option)
        raise DataError(f"The {where} must be one of {named}, found {value!r}.")
    if option is float and type(value) is int:
        return float(value)
    # Types exactly: to Python true is a 1 too.
    return value if type(value) is option else None
