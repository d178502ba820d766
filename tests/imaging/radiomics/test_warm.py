"""What is compiled ahead serves the first lesion."""

from pathlib import Path

import numpy as np
import pytest

from operandi.imaging.radiomics import quickhull, warm
from operandi.imaging.radiomics.extract import extract
from operandi.imaging.radiomics.reference_settings import DIGITAL_PHANTOM
from operandi.imaging.radiomics.warm import compile_kernels, is_compiled


def kernels() -> set[str]:
    """Compiled versions of kernels in the cache beside the source."""
    folder = Path(warm.__file__).parent
    return {file.name for file in folder.rglob("*.nbc")}


def test_every_recipe_is_run() -> None:
    assert compile_kernels() == 2 * (3 * 174 + 145)


def test_a_first_lesion_compiles_nothing_more() -> None:
    compile_kernels()
    before = kernels()
    values = np.random.default_rng(1).normal(5.0, 1.0, (12, 12, 12))
    mask = np.zeros(values.shape, dtype=np.bool_)
    mask[3:9, 3:9, 3:9] = True

    extract((values, (1.0, 1.0, 1.0)), mask, DIGITAL_PHANTOM)

    assert kernels() == before


def test_what_is_compiled_is_known_from_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_kernels()
    assert is_compiled()

    monkeypatch.setattr(warm, "_WITNESSES", ((quickhull, "set_plane"), (warm, "_unheard")))
    monkeypatch.setattr(warm, "_unheard", quickhull.set_plane, raising=False)

    assert not is_compiled()
