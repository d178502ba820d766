"""What is altered in the tumor genome of each participant; files of variants come from these."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.simulation.people.person import Primary
from operandi.simulation.streams import Stream, uniforms

_Bools = npt.NDArray[np.bool_]

ALTERATIONS: Final = (
    "MEN1",
    "DAXX_ATRX",
    "TSC2_PTEN_MTOR",
    "CDKN1B",
    "chr18_loss",
    "chromosomal_instability",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequency:
    """How many tumors of a kind bear an alteration.

    Parameters
    ----------
    share : float, 0 to 1
    source : str
        A publication; or begins with ``recalled`` or ``assumed``.
    """

    share: float
    source: str


_JIAO: Final = "Jiao 2011, Science 331:1199, 68 tumors (PMC3144496)"
_MARINONI: Final = (
    "assumed; that the two go together: Marinoni 2014, Gastroenterology 146:453 (abstract)"
)

FREQUENCY: Final[Mapping[Primary, Mapping[str, Frequency]]] = {
    Primary.PANCREAS: {
        "MEN1": Frequency(share=0.44, source=_JIAO),
        "DAXX_ATRX": Frequency(share=0.43, source=_JIAO),
        "TSC2_PTEN_MTOR": Frequency(share=0.14, source=_JIAO),
        "CDKN1B": Frequency(share=0.02, source="assumed: rare"),
        "chr18_loss": Frequency(share=0.15, source="assumed"),
        "chromosomal_instability": Frequency(share=0.45, source=_MARINONI),
    },
    Primary.ILEUM: {
        "MEN1": Frequency(share=0.01, source="assumed: rare"),
        "DAXX_ATRX": Frequency(share=0.01, source="assumed: rare"),
        "TSC2_PTEN_MTOR": Frequency(
            share=0.038,
            source="PIK3CA alone: Simbolo 2018, Virchows Arch, 52 tumors; others assumed absent",
        ),
        "CDKN1B": Frequency(
            share=14 / 180, source="frameshifts: Francis 2013, Nat Genet, 14 of 180 (PMC4239432)"
        ),
        "chr18_loss": Frequency(
            share=44 / 82,
            source="70 % of 30 (Hashemi 2013, PMC3819709) and 23 of 52 (Simbolo 2018)",
        ),
        "chromosomal_instability": Frequency(share=0.10, source="assumed: a quiet genome"),
    },
}
"""By site of the primary."""

GIVEN_DAXX_ATRX: Final[Mapping[str, Frequency]] = {
    "MEN1": Frequency(
        share=0.50,
        source="13 of 26 PCAWG Panc-Endocrine tumors with DAXX or ATRX (table of OncoGAN)",
    ),
    "chromosomal_instability": Frequency(share=0.70, source=_MARINONI),
}
"""Of tumors of the pancreas with DAXX or ATRX altered; the rest make up the overall frequency."""

_COLUMNS: Final = 16  # of the stream; more than are used


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Genomes:
    """Tumor genomes of a cohort.

    Parameters
    ----------
    first_participant : int
        Number of row 0.
    altered : mapping of str to (n,) bool
        By each of ``ALTERATIONS``.
    """

    first_participant: int
    altered: Mapping[str, _Bools]


def draw_genomes(
    primary: npt.NDArray[np.int64], *, seed: int, first_participant: int = 0
) -> Genomes:
    """Draw alterations at their published frequencies.

    Alterations are independent, except that of tumors of the pancreas those with DAXX or ATRX
    altered more often have MEN1 altered and unstable chromosomes.

    Parameters
    ----------
    primary : (n,) int
        Index into ``Primary``.
    seed : int
    first_participant : int, >= 0
        Row *i* is participant ``first_participant + i``, whatever the batch.

    Raises
    ------
    DataError
        If an index names no primary.
    """
    primary = np.asarray(primary)
    if primary.ndim != 1 or not np.isin(primary, range(len(Primary))).all():
        raise DataError(
            f"Primaries are to be a row of numbers from 0 to {len(Primary) - 1}; found "
            f"{primary!r}.",
            remedy="Give Persons.primary.",
        )
    drawn = uniforms(
        primary.size, _COLUMNS, seed=seed, stream=Stream.GENOME, first_row=first_participant
    )
    column = {name: drawn[:, index] for index, name in enumerate(ALTERATIONS)}
    pancreatic = primary == tuple(Primary).index(Primary.PANCREAS)
    chromatin = column["DAXX_ATRX"] < _by_primary("DAXX_ATRX", pancreatic)
    altered = {}
    for name in ALTERATIONS:
        share = _by_primary(name, pancreatic)
        if name in GIVEN_DAXX_ATRX:
            share = np.where(pancreatic, np.where(chromatin, *_conditional(name)), share)
        altered[name] = column[name] < share
    return Genomes(first_participant=first_participant, altered=MappingProxyType(altered))


def _by_primary(name: str, pancreatic: _Bools) -> npt.NDArray[np.float64]:
    return np.where(
        pancreatic, FREQUENCY[Primary.PANCREAS][name].share, FREQUENCY[Primary.ILEUM][name].share
    )


def _conditional(name: str) -> tuple[float, float]:
    """Frequency with and without DAXX or ATRX altered, in tumors of the pancreas."""
    overall = FREQUENCY[Primary.PANCREAS][name].share
    chromatin = FREQUENCY[Primary.PANCREAS]["DAXX_ATRX"].share
    given = GIVEN_DAXX_ATRX[name].share
    return given, (overall - chromatin * given) / (1.0 - chromatin)
