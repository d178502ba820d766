"""What the study file declares where a header is ambiguous, and what the study's records say."""

from dataclasses import dataclass
from typing import Final, Literal

from operandi.domain.administration import Administration
from operandi.domain.participant import Sex

LIMIT_IT: Final = (
    "Limit the declaration to the visits that need it with [[declare.visit]], or remove it."
)
"""What to do where a declaration contradicts a header that says one thing, and says it soundly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """The ``[declare]`` table of study.toml: a person's answer to an ambiguous header.

    Each field is empty until declared; what is used is recorded in the provenance. An answer is
    used only where the header is missing, refused or contradicts itself; one that contradicts a
    sound header is refused, because it would be wrong for that scan without a word.

    Parameters
    ----------
    nuclide : str
        Radionuclide, where the header names none or two.
    half_life_s : float or None
        Half-life that the scanner used, s; within 5 % of the evaluated one.
    decay_corrected_to : str
        The instant that stored values refer to.
    activity_unit : str
        Unit of RadionuclideTotalDose.
    activity_from, body_mass_from : str
        Which source counts where header and records disagree.
    injection_time_from : str
        Which of RadiopharmaceuticalStartDateTime and StartTime counts where they disagree.
    ideal_body_weight : str
        Formula behind stored SUV of type IBW.
    """

    nuclide: str = ""
    half_life_s: float | None = None
    decay_corrected_to: Literal["", "injection", "scan start"] = ""
    activity_unit: Literal["", "Bq", "kBq", "MBq"] = ""
    activity_from: Literal["", "records", "header"] = ""
    body_mass_from: Literal["", "records", "header"] = ""
    injection_time_from: Literal["", "datetime", "time"] = ""
    ideal_body_weight: Literal["", "robinson", "sugawara"] = ""


NOTHING_DECLARED = Declaration()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the study's own tables say of a visit; each part may be absent.

    Parameters
    ----------
    body_mass_kg, height_m : float or None
        Measured at this visit.
    sex : Sex or None
        Of the participant.
    administration : Administration or None
        Net of residual.
    """

    body_mass_kg: float | None = None
    height_m: float | None = None
    sex: Sex | None = None
    administration: Administration | None = None


NOTHING_RECORDED = Recorded()
