"""By which settings a study's radiomic features are made."""

from pathlib import Path
from typing import TYPE_CHECKING

from operandi.pipeline.settings import FILE_NAME, Settings
from operandi.pipeline.step_settings import RadiomicsPlan
from operandi.quantities.errors import DataError

if TYPE_CHECKING:
    from operandi.imaging.radiomics.extract import Recipe


def plan_radiomics(folder: Path, settings: Settings) -> RadiomicsPlan | None:
    """Read the radiomics settings that study.toml names, so that a faulty file stops the run.

    Returns
    -------
    RadiomicsPlan or None
        None where study.toml has no ``[radiomics]``.

    Raises
    ------
    DataError
        If the file is missing or faulty, or says the same twice.
    """
    asked = settings.radiomics
    if asked is None:
        return None
    recipes: tuple[Recipe, ...] = ()
    if asked.settings_file:
        # Here, because its kernels would cost every study without a file half a second.
        from operandi.imaging.radiomics.settings_file import read_recipes  # noqa: PLC0415

        path = folder / asked.settings_file
        if not path.is_file():
            raise DataError(
                f"{FILE_NAME} names the radiomics settings {asked.settings_file}, which are not in "
                "the study folder.",
                remedy="Put the file there, or correct settings_file in [radiomics].",
            )
        recipes = read_recipes(path)
        if len({recipe.digest for recipe in recipes}) < len(recipes):
            raise DataError(
                f"{asked.settings_file} holds the same filter twice.", remedy="Take one out."
            )
    return RadiomicsPlan(pet=asked.pet, recipes=recipes, patient=asked.patient)
