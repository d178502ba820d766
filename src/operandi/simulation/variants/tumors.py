"""The tumor genome of each participant: purity, copies, variants, and the reads that show them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from operandi.quantities.errors import DataError
from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.people.genome import ALTERATIONS, Genomes, draw_genomes
from operandi.simulation.people.person import Primary
from operandi.simulation.people.persons import pseudonym_of
from operandi.simulation.streams import Stream, generator
from operandi.simulation.variants.catalog import CONTIGS, DRIVERS, PASSENGERS, Variant
from operandi.simulation.variants.segments import Segment, draw_segments, segment_at

PURITY_SHAPE: Final = (6.0, 3.0)
LEAST_PURITY, MOST_PURITY = 0.3, 0.95
"""Share of tumor cells: a beta distribution cut at both ends. Assumed."""

MEAN_DEPTH: Final = 500.0
"""Reads over a base, Poisson: a panel of genes. Assumed."""

CALLABLE_MB: Final = 1.5
"""Coding megabases that the panel reads. Assumed."""

PASSENGERS_PER_MB: Final[Mapping[Primary, float]] = {Primary.PANCREAS: 0.82, Primary.ILEUM: 0.1}
"""Somatic variants by megabase. Recalled: Scarpa 2017, Nature 543:65 (pancreas); Banck 2013, J
Clin Invest 123:2502 (small intestine)."""

LEAST_CLONE: Final = 0.5
"""Smallest share of tumor cells with a passenger; uniform from here to 1. Assumed."""

_PURITY, _SEGMENTS, _VARIANTS, _READS = 1, 2, 3, 4  # keys of generators


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A variant of a tumor, and the reads at its place.

    Parameters
    ----------
    variant : Variant
    alteration : str
        That it stands for; empty of a passenger.
    allele_fraction : float
        True share of the tumor sample's alleles that bear it.
    depth, alternative_reads : int
        Reads, and those of them that show it.
    """

    variant: Variant
    alteration: str
    allele_fraction: float
    depth: int
    alternative_reads: int

    @property
    def measured_fraction(self) -> float:
        """Share of the reads."""
        return self.alternative_reads / self.depth


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TumorGenome:
    """The genome of one participant's tumor sample.

    Parameters
    ----------
    participant : str
        Pseudonym.
    altered : mapping of str to bool
        By each of ``ALTERATIONS``.
    purity : float
        Share of tumor cells in the sample.
    segments : tuple of Segment
    calls : tuple of Call
        In the order of the genome.
    """

    participant: str
    altered: Mapping[str, bool]
    purity: float
    segments: tuple[Segment, ...]
    calls: tuple[Call, ...]

    @property
    def altered_segments(self) -> int:
        """How many segments have more or fewer copies."""
        return sum(one.altered for one in self.segments)

    @property
    def altered_share(self) -> float:
        """Share of the bases with more or fewer copies."""
        bases = sum(one.bases for one in self.segments)
        return sum(one.bases for one in self.segments if one.altered) / bases

    @property
    def burden_per_mb(self) -> float:
        """Variants by megabase that was read."""
        return len(self.calls) / CALLABLE_MB


def tumor_genomes(outcomes: Outcomes, *, seed: int) -> Iterator[TumorGenome]:
    """The tumor genomes of a cohort, in the order of its rows.

    Each participant's is the same in whatever batch. Every alteration that ``draw_genomes`` drew
    shows, and nothing else of its genes.

    Parameters
    ----------
    outcomes : Outcomes
    seed : int
        That of the outcomes.

    Raises
    ------
    DataError
        If the outcomes were drawn from another seed, as their covariates tell.
    """
    persons = outcomes.persons
    first = persons.first_participant
    genomes = draw_genomes(persons.primary, seed=seed, first_participant=first)
    _check_same(outcomes, genomes)
    for row in range(len(persons)):
        yield _tumor(
            first + row,
            altered={name: bool(genomes.altered[name][row]) for name in ALTERATIONS},
            primary=tuple(Primary)[int(persons.primary[row])],
            female=bool(persons.female[row]),
            seed=seed,
        )


def allele_fraction(segment: Segment, *, purity: float, clone: float = 1.0) -> float:
    """Share of a sample's alleles that bear a variant.

    ``purity m clone / (purity c + (1 - purity) n)``, *c* and *n* being copies in tumor and normal
    cells, and *m* = 1 the copies that bear it: the only one left after a loss, one of those after
    a gain (assumed).
    """
    alleles = purity * segment.copies + (1.0 - purity) * segment.normal_copies
    return purity * clone / alleles


def _check_same(outcomes: Outcomes, genomes: Genomes) -> None:
    for name in ALTERATIONS:
        known = outcomes.covariates.get(name)
        if known is not None and not np.array_equal(known != 0.0, genomes.altered[name]):
            raise DataError(
                f"The outcomes say otherwise than the seed about who has {name} altered.",
                remedy="Give the seed of the outcomes.",
            )


def _tumor(
    number: int, *, altered: dict[str, bool], primary: Primary, female: bool, seed: int
) -> TumorGenome:
    def rng(purpose: int) -> np.random.Generator:
        return generator(number, purpose, seed=seed, stream=Stream.GENOME)

    purity = float(np.clip(rng(_PURITY).beta(*PURITY_SHAPE), LEAST_PURITY, MOST_PURITY))
    segments = draw_segments(
        altered, primary=primary, female=female, purity=purity, rng=rng(_SEGMENTS)
    )
    reads = rng(_READS)
    calls = []
    for variant, alteration, clone in _variants(altered, primary, rng(_VARIANTS)):
        here = segment_at(segments, variant.contig, variant.position)
        true = allele_fraction(here, purity=purity, clone=clone)
        depth = max(1, int(reads.poisson(MEAN_DEPTH)))
        calls.append(
            Call(
                variant=variant,
                alteration=alteration,
                allele_fraction=true,
                depth=depth,
                # A call has a read that shows it.
                alternative_reads=max(1, int(reads.binomial(depth, true))),
            )
        )
    return TumorGenome(
        participant=str(pseudonym_of(number)),
        altered=altered,
        purity=purity,
        segments=segments,
        calls=tuple(sorted(calls, key=_place)),
    )


def _variants(
    altered: Mapping[str, bool], primary: Primary, rng: np.random.Generator
) -> Iterator[tuple[Variant, str, float]]:
    """Variants, what they stand for, and the share of tumor cells that bear them."""
    for name, genes in DRIVERS[primary].items():
        u, v = rng.random(2)
        if altered[name]:
            weight = np.cumsum([one for _, one in genes])
            gene = genes[int(np.searchsorted(weight / weight[-1], u, side="right"))][0]
            yield gene[int(v * len(gene))], name, 1.0
    many = min(len(PASSENGERS), int(rng.poisson(PASSENGERS_PER_MB[primary] * CALLABLE_MB)))
    for index in rng.permutation(len(PASSENGERS))[:many]:
        yield PASSENGERS[index], "", float(rng.uniform(LEAST_CLONE, 1.0))


def _place(call: Call) -> tuple[int, int]:
    return list(CONTIGS).index(call.variant.contig), call.variant.position
