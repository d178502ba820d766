"""What a step learned, made again from what it says of itself; no pickles."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from operandi.quantities.errors import DataError
from operandi.signatures.preparation.combat import LearnedCombat
from operandi.signatures.preparation.filters import LearnedSelection
from operandi.signatures.preparation.imputation import LearnedImputation, LearnedMedianFill
from operandi.signatures.preparation.scaling import LearnedScaling, LearnedShaping
from operandi.signatures.preparation.transformer import Learned

_KNOWN: Final[Mapping[str, Callable[[Mapping[str, Any]], Learned]]] = {
    "combat": LearnedCombat.from_dict,
    "imputation": LearnedImputation.from_dict,
    "median_fill": LearnedMedianFill.from_dict,
    "scaling": LearnedScaling.from_dict,
    "selection": LearnedSelection.from_dict,
    "shaping": LearnedShaping.from_dict,
}


def learned_from(said: Mapping[str, Any]) -> Learned:
    """Rebuild what a step learned from its ``as_dict``.

    Raises
    ------
    DataError
        If the step is none that this version knows.
    """
    step = str(said.get("step"))
    if step not in _KNOWN:
        raise DataError(
            f"A prepared step is one of {', '.join(_KNOWN)}; found {step!r}.",
            remedy="Use the version of Operandi that wrote the model card.",
        )
    return _KNOWN[step](said)
