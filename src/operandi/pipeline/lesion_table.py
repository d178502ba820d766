"""The table ``[lesions]`` of study.toml, checked key by key."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from operandi.imaging.lesions.judged_quantities import OF_LESIONS, OF_PATIENT
from operandi.imaging.lesions.published_repeatability import (
    PUBLISHED_COEFFICIENTS,
    NamedCoefficient,
)
from operandi.pipeline.lesion_settings import BORDERS, LesionSettings
from operandi.quantities.errors import DataError

JUDGED: Final = tuple(sorted(kind.name for kind in (*OF_LESIONS, *OF_PATIENT)))
"""Names of the kinds of which changes are judged."""

_Resolution = Annotated[float, Field(strict=True, gt=0, lt=30)]
_Minutes = Annotated[float, Field(strict=True, ge=0, lt=1440)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _border(name: str) -> str:
    if name not in BORDERS:
        raise ValueError(f"there is no such method; known are {', '.join(BORDERS)}")
    return name


def _coefficient(key: str) -> str:
    if key not in PUBLISHED_COEFFICIENTS:
        raise ValueError(
            f"there is no such published coefficient; known are {', '.join(PUBLISHED_COEFFICIENTS)}"
        )
    if not set(JUDGED) & set(PUBLISHED_COEFFICIENTS[key].quantities):
        raise ValueError(
            f"it is of {', '.join(PUBLISHED_COEFFICIENTS[key].quantities)}, which is not followed "
            f"here; followed are {', '.join(JUDGED)}"
        )
    return key


def _reason(because: str) -> str:
    if not because.strip():
        raise ValueError(
            "a coefficient that was measured with another tracer needs a reason why it may serve"
        )
    return because.strip()


class _Borrowed(_Strict):
    coefficient: Annotated[str, AfterValidator(_coefficient)]
    because: Annotated[str, AfterValidator(_reason)]


class _SiteLesions(_Strict):
    pet_resolution_mm: _Resolution


class LesionTable(_Strict):
    """As the file has it; ``settings`` is what becomes of it."""

    pet_resolution_mm: _Resolution
    minimum_volume_ml: Annotated[float, Field(strict=True, gt=0, lt=1000)]
    uptake_window_min: tuple[_Minutes, _Minutes]
    uptake_difference_min: _Minutes
    method: Annotated[str, AfterValidator(_border)] = "half-mean"
    fixed_suv: Annotated[float | None, Field(strict=True, gt=0, lt=1000)] = None
    seed_suv: Annotated[float | None, Field(strict=True, gt=0, lt=1000)] = None
    borrow: Sequence[_Borrowed] = ()
    test_retest: str = ""
    overrides: str = ""
    adc_unit: Literal["", "1e-6 mm2/s", "1e-3 mm2/s", "mm2/s"] = ""
    find_organs: Annotated[bool, Field(strict=True)] = False
    site: Mapping[str, _SiteLesions] = {}

    @field_validator("uptake_window_min")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not value[0] < value[1]:
            raise ValueError("the earliest uptake time must lie before the latest")
        return value

    @field_validator("borrow")
    @classmethod
    def _one_each(cls, value: Sequence[_Borrowed]) -> Sequence[_Borrowed]:
        keys = list(dict.fromkeys(one.coefficient for one in value))
        for quantity in JUDGED:
            both = [key for key in keys if quantity in PUBLISHED_COEFFICIENTS[key].quantities]
            if len(both) > 1:
                raise ValueError(
                    f"{' and '.join(both)} are both of {quantity}; borrow one for each quantity"
                )
        return value

    @model_validator(mode="after")
    def _level_of_its_method(self) -> Self:
        if (self.fixed_suv is None) == (self.method == "fixed-suv"):
            raise ValueError("fixed_suv goes with method = fixed-suv, and no other method has one")
        return self

    def settings(self) -> LesionSettings:
        """The same as the pipeline takes it."""
        reasons = {one.coefficient: one.because for one in self.borrow}
        return LesionSettings(
            resolution_mm=self.pet_resolution_mm,
            minimum_volume_ml=self.minimum_volume_ml,
            uptake_window_min=self.uptake_window_min,
            uptake_difference_min=self.uptake_difference_min,
            method=BORDERS[self.method],
            fixed_suv=self.fixed_suv,
            seed_suv=self.seed_suv,
            borrowed=tuple(
                NamedCoefficient(key=key, borrowed_because=why) for key, why in reasons.items()
            ),
            test_retest=self.test_retest,
            overrides=self.overrides,
            adc_unit=self.adc_unit,
            resolution_at=tuple(
                sorted((code, one.pet_resolution_mm) for code, one in self.site.items())
            ),
            find_organs=self.find_organs,
        )


def refuse_former_table(content: Mapping[str, Any]) -> None:
    """Say what stands in place of ``[settings]``, which study.toml had before.

    Raises
    ------
    DataError
        If the table is there.
    """
    if "settings" not in content:
        return
    former = content["settings"]
    volume = former.get("minimum_lesion_volume_ml") if isinstance(former, Mapping) else None
    least = f"{volume:g}" if isinstance(volume, int | float) else "..."
    raise DataError(
        "study.toml has a table [settings], whose place the table [lesions] has taken.",
        remedy=f"Remove it and write [lesions] with minimum_volume_ml = {least}, "
        "pet_resolution_mm = ... (FWHM of the PET as reconstructed), uptake_window_min = "
        "[..., ...] and uptake_difference_min = ... (which visits compare). organ_margin_mm has "
        "no successor: the spill of an organ is told by its shape. See docs/study-folder.md.",
    )
