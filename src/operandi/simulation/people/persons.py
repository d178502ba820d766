"""Bodies of a cohort, as arrays; each published range stands beside the number it gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.identity import Pseudonym
from operandi.domain.participant import Sex
from operandi.quantities.errors import DataError
from operandi.simulation.people.person import Person, Primary
from operandi.simulation.people.priors import PersonalPrior, bounded_scores
from operandi.simulation.scenario import Scenario
from operandi.simulation.streams import Stream, uniforms

_Floats = npt.NDArray[np.float64]

_GERAGHTY: Final = "mean: Geraghty 2004, Abdom Imaging 29:482"
_KORA: Final = "MRI of 1815 people of the general population: J Clin Med 2024, 13:769"
_ICRP: Final = "mean: ICRP 89 mass (J Nucl Med table) over density"

AGE: Final = PersonalPrior(
    mean=63.0, spread=10.0, unit="year", law="normal", source="recalled: NETTER-1, 63 to 64 years"
)
HEIGHT: Final = {
    Sex.FEMALE: PersonalPrior(
        mean=1.63,
        spread=0.065,
        unit="m",
        law="normal",
        source="recalled: ICRP 89 reference woman; spread assumed",
    ),
    Sex.MALE: PersonalPrior(
        mean=1.76,
        spread=0.07,
        unit="m",
        law="normal",
        source="recalled: ICRP 89 reference man; spread assumed",
    ),
}
BODY_MASS_INDEX: Final = {
    # Medians 26.5 and 27.8, quartiles 23.3 to 30.5 and 25.5 to 30.5, as log-normal.
    Sex.FEMALE: PersonalPrior(mean=27.0, spread=5.3, unit="kg/m2", source=_KORA),
    Sex.MALE: PersonalPrior(mean=28.0, spread=3.8, unit="kg/m2", source=_KORA),
}


def _organ(female: float, male: float, cv: float, source: str) -> dict[Sex, PersonalPrior]:
    return {
        sex: PersonalPrior(mean=mean, spread=cv * mean, unit="mL", source=source)
        for sex, mean in ((Sex.FEMALE, female), (Sex.MALE, male))
    }


ORGAN_VOLUME: Final[Mapping[str, Mapping[Sex, PersonalPrior]]] = {
    "liver": _organ(1411.0, 1710.0, 0.17, f"{_GERAGHTY}; spread: Jasper 2019, 1281 +- 219 mL"),
    "spleen": _organ(179.8, 238.4, 0.40, f"{_GERAGHTY}; spread: Jasper 2019, 195 +- 78 mL"),
    "kidney_left": _organ(156.5, 193.1, 0.19, f"{_GERAGHTY}; spread: {_KORA}, quartiles"),
    "kidney_right": _organ(156.5, 193.1, 0.19, f"{_GERAGHTY}; spread: {_KORA}, quartiles"),
    "pancreas": _organ(64.4, 87.4, 0.25, f"{_GERAGHTY}; spread assumed"),
    "lung_left": _organ(1150.0, 1550.0, 0.18, "assumed: end-expiration, lying"),
    "lung_right": _organ(1350.0, 1800.0, 0.18, "assumed: end-expiration, lying"),
    "heart": _organ(585.0, 792.0, 0.15, f"{_ICRP} 1.06; spread assumed"),
    "adrenal_left": _organ(4.4, 5.5, 0.25, f"{_GERAGHTY} for women; men and spread assumed"),
    "adrenal_right": _organ(4.4, 5.5, 0.25, "assumed as the left"),
    "urinary_bladder": _organ(150.0, 150.0, 0.40, "assumed: voided before the scan"),
    "stomach": _organ(356.0, 385.0, 0.25, f"{_ICRP} 1.04, wall and content; spread assumed"),
}
"""By organ and sex."""

_SIZE_LOADING: Final = 0.4
"""Correlation of an organ's size with height within a sex. Assumed."""

_PAIR_LOADING: Final = 0.8
"""Part of the rest that left and right have in common, as a correlation. Assumed."""

_COLUMNS: Final = 32  # of the stream; more than are used, so that a new organ moves no other
_ORGANS_FROM: Final = 8
_BySex = Mapping[Sex, PersonalPrior]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Persons:
    """Who takes part, one row a participant.

    Parameters
    ----------
    first_participant : int
        Number of row 0.
    female : (n,) bool
    age_years, height_m, body_mass_kg : (n,)
    organ_volume_ml : mapping of str to (n,)
        Keys as in ``Person``.
    primary : (n,) int
        Index into ``Primary``.
    site : (n,) int
        Index into the scenario's sites.
    site_codes : tuple of str
    """

    first_participant: int
    female: npt.NDArray[np.bool_]
    age_years: _Floats
    height_m: _Floats
    body_mass_kg: _Floats
    organ_volume_ml: Mapping[str, _Floats]
    primary: npt.NDArray[np.int64]
    site: npt.NDArray[np.int64]
    site_codes: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.female.size)

    def person(self, row: int) -> Person:
        """The participant of a row, 0 being ``first_participant``.

        Raises
        ------
        IndexError
            If there is no such row.
        """
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)} persons")
        number = self.first_participant + row
        return Person(
            number=number,
            pseudonym=pseudonym_of(number),
            site=self.site_codes[int(self.site[row])],
            sex=Sex.FEMALE if self.female[row] else Sex.MALE,
            age_years=float(self.age_years[row]),
            height_m=float(self.height_m[row]),
            body_mass_kg=float(self.body_mass_kg[row]),
            primary=tuple(Primary)[int(self.primary[row])],
            # No mapping proxy: a person is sent to the processes that write images.
            organ_volume_ml={
                organ: float(volume[row]) for organ, volume in self.organ_volume_ml.items()
            },
        )


def pseudonym_of(number: int) -> Pseudonym:
    """Code of a participant: ``OP-001`` is number 0."""
    return Pseudonym(f"OP-{number + 1:03d}")


def draw_persons(n: int, *, scenario: Scenario, seed: int, first_participant: int = 0) -> Persons:
    """Draw who takes part.

    Organs are log-normal with the mean of their sex; taller people have larger ones. Row *i* is
    participant ``first_participant + i`` in whatever batch.

    Parameters
    ----------
    n : int, >= 1
    scenario : Scenario
        Its ``cohort.female_fraction``, ``cohort.pancreas_fraction`` and the shares of its sites.
    seed : int
    first_participant : int, >= 0

    Raises
    ------
    DataError
        If *n* < 1.
    """
    if n < 1 or first_participant < 0:
        raise DataError(
            f"A cohort needs at least one participant, and a first one >= 0; asked were {n} from "
            f"{first_participant}.",
            remedy="Give participants >= 1.",
        )
    drawn = uniforms(n, _COLUMNS, seed=seed, stream=Stream.PERSON, first_row=first_participant)
    scores = bounded_scores(drawn[:, 3:])
    female = drawn[:, 0] < scenario.cohort.female_fraction
    size = scores[:, 1]
    height = _by_sex(HEIGHT, female, size)
    shares = np.cumsum([site.share for site in scenario.site])
    return Persons(
        first_participant=first_participant,
        female=female,
        age_years=AGE.at(scores[:, 0]),
        height_m=height,
        body_mass_kg=_by_sex(BODY_MASS_INDEX, female, scores[:, 2]) * height**2,
        organ_volume_ml=_organs(female, size, scores[:, _ORGANS_FROM - 3 :]),
        # Primary.PANCREAS is 0, Primary.ILEUM 1.
        primary=(drawn[:, 1] >= scenario.cohort.pancreas_fraction).astype(np.int64),
        site=np.searchsorted(shares[:-1] / shares[-1], drawn[:, 2], side="right").astype(np.int64),
        site_codes=tuple(site.code for site in scenario.site),
    )


def _by_sex(
    prior: Mapping[Sex, PersonalPrior], female: npt.NDArray[np.bool_], scores: _Floats
) -> _Floats:
    return np.where(female, prior[Sex.FEMALE].at(scores), prior[Sex.MALE].at(scores))


def _organs(female: npt.NDArray[np.bool_], size: _Floats, scores: _Floats) -> dict[str, _Floats]:
    columns = {organ: scores[:, column] for column, organ in enumerate(ORGAN_VOLUME)}
    own = np.sqrt(1.0 - _SIZE_LOADING**2)
    volumes = {}
    for organ, prior in ORGAN_VOLUME.items():
        score = columns[organ]
        if organ.endswith("_right"):
            left = columns[organ.replace("_right", "_left")]
            score = _PAIR_LOADING * left + np.sqrt(1.0 - _PAIR_LOADING**2) * score
        volumes[organ] = _by_sex(prior, female, _SIZE_LOADING * size + own * score)
    return volumes
