"""Copies of the chromosomes of a tumor, and what a measurement of copy number makes of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from operandi.simulation.people.person import Primary
from operandi.simulation.variants.catalog import CONTIGS

BORDER: Final[Mapping[str, int]] = {
    "chr1": 123_400_000,
    "chr2": 93_900_000,
    "chr3": 90_900_000,
    "chr4": 50_000_000,
    "chr5": 48_800_000,
    "chr6": 59_800_000,
    "chr7": 60_100_000,
    "chr8": 45_200_000,
    "chr9": 43_000_000,
    "chr10": 39_800_000,
    "chr11": 53_400_000,
    "chr12": 35_500_000,
    "chr13": 17_700_000,
    "chr14": 17_200_000,
    "chr15": 19_000_000,
    "chr16": 36_800_000,
    "chr17": 25_100_000,
    "chr18": 18_500_000,
    "chr19": 26_200_000,
    "chr20": 28_100_000,
    "chr21": 12_000_000,
    "chr22": 15_000_000,
    "chrX": 61_000_000,
}
"""Last base of the short arm: bands of UCSC for hg38, recalled."""

ACROCENTRIC: Final = frozenset({"chr13", "chr14", "chr15", "chr21", "chr22"})
"""Whose short arms no method measures."""

ILEUM_LOSS: Final[Mapping[str, float]] = {"chr11": 0.38, "chr16": 0.15}
"""Share of tumors of the ileum that lost a chromosome: Simbolo 2018, Virchows Arch, 52 tumors."""

ILEUM_GAIN: Final[Mapping[str, float]] = dict.fromkeys(("chr4", "chr5", "chr14", "chr20"), 0.28)
"""Gains: 20 to 36 % in the same tumors; the middle is assumed for each."""

CUTS: Final = 2.0
"""Mean number of breaks within an arm of an unstable genome. Assumed."""

UNSTABLE_LOSS, UNSTABLE_GAIN = 0.30, 0.20
"""Share of the pieces of an unstable genome that are lost or gained. Assumed."""

BASES_A_PROBE: Final = 50_000
PROBE_NOISE: Final = 0.15
"""Spacing, and standard deviation of one probe's log2 ratio. Assumed."""

_SPARED: Final = frozenset({"chr11", "chr18", "chrX"})
"""Instability leaves them: MEN1, loss of 18 and ATRX have causes of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a chromosome with one number of copies.

    Parameters
    ----------
    contig : str
    start, end : int
        First and last base, from 1.
    copies : int
        In a tumor cell.
    normal_copies : int
        In a normal cell: 2, or 1 of a man's X.
    probes : int
        That lie in it.
    log2_ratio : float
        As measured, against a normal genome of the same sex.
    """

    contig: str
    start: int
    end: int
    copies: int
    normal_copies: int
    probes: int = 0
    log2_ratio: float = 0.0

    @property
    def altered(self) -> bool:
        """Whether the tumor has more or fewer copies than a normal cell."""
        return self.copies != self.normal_copies

    @property
    def bases(self) -> int:
        """Length."""
        return self.end - self.start + 1


def draw_segments(
    altered: Mapping[str, bool],
    *,
    primary: Primary,
    female: bool,
    purity: float,
    rng: np.random.Generator,
) -> tuple[Segment, ...]:
    """Copies all along the genome, in the order of the chromosomes, gapless within each.

    A tumor with MEN1 altered lost the other copy of chromosome 11; one with CDKN1B altered lost
    12p. An unstable genome is broken into many pieces. The measured ratio of a segment is
    ``log2((purity c + (1 - purity) n) / n)`` with *c* copies in tumor and *n* in normal cells,
    and the noise of the mean of its probes.

    Parameters
    ----------
    altered : mapping of str to bool
        By each of ``ALTERATIONS``.
    primary : Primary
    female : bool
    purity : float, 0 to 1
        Share of tumor cells.
    rng : Generator
    """
    chromosomes = _chromosomes(altered, primary, rng)
    segments = []
    for contig, border in BORDER.items():
        normal = 1 if contig == "chrX" and not female else 2
        arms = {"p": (1, border), "q": (border + 1, CONTIGS[contig])}
        if contig in ACROCENTRIC:
            del arms["p"]
        pieces: list[Segment] = []
        for arm, (start, end) in arms.items():
            change = chromosomes.get(contig, chromosomes.get(contig + arm))
            whole = Segment(
                contig=contig,
                start=start,
                end=end,
                copies=normal + (change or 0),
                normal_copies=normal,
            )
            broken = (
                altered["chromosomal_instability"]
                and change is None
                and contig not in _SPARED
                and contig + arm != "chr12p"
            )
            pieces.extend(_broken(whole, rng) if broken else (whole,))
        segments.extend(_joined(pieces))
    return tuple(_measured(one, purity, rng) for one in segments)


def segment_at(segments: tuple[Segment, ...], contig: str, position: int) -> Segment:
    """The segment in which a base lies."""
    return next(
        one for one in segments if one.contig == contig and one.start <= position <= one.end
    )


def _chromosomes(
    altered: Mapping[str, bool], primary: Primary, rng: np.random.Generator
) -> dict[str, int]:
    """Change of copies of whole chromosomes and arms."""
    changes: dict[str, int] = {}
    if primary is Primary.ILEUM:
        for shares, change in ((ILEUM_LOSS, -1), (ILEUM_GAIN, 1)):
            drawn = rng.random(len(shares))
            changes |= {
                contig: change
                for (contig, share), u in zip(shares.items(), drawn, strict=True)
                if u < share
            }
    for name, place in (("MEN1", "chr11"), ("chr18_loss", "chr18"), ("CDKN1B", "chr12p")):
        if altered[name]:
            changes[place] = -1
    return changes


def _broken(whole: Segment, rng: np.random.Generator) -> Iterator[Segment]:
    """Pieces of an arm, cut at whole megabases."""
    cuts = rng.integers(1, whole.bases // 1_000_000, size=rng.poisson(CUTS))
    borders = [whole.start - 1, *(whole.start - 1 + 1_000_000 * np.unique(cuts)), whole.end]
    for before, end in pairwise(borders):
        u = rng.random()
        change = -1 if u < UNSTABLE_LOSS else int(u < UNSTABLE_LOSS + UNSTABLE_GAIN)
        yield replace(
            whole, start=int(before) + 1, end=int(end), copies=whole.normal_copies + change
        )


def _joined(pieces: list[Segment]) -> list[Segment]:
    """Neighbors with as many copies are one segment."""
    joined = pieces[:1]
    for piece in pieces[1:]:
        if piece.copies == joined[-1].copies:
            joined[-1] = replace(joined[-1], end=piece.end)
        else:
            joined.append(piece)
    return joined


def _measured(segment: Segment, purity: float, rng: np.random.Generator) -> Segment:
    probes = max(1, segment.bases // BASES_A_PROBE)
    mixed = purity * segment.copies + (1.0 - purity) * segment.normal_copies
    noise = PROBE_NOISE / np.sqrt(probes) * rng.standard_normal()
    ratio = round(float(np.log2(mixed / segment.normal_copies) + noise), 4) + 0.0  # no -0
    return replace(segment, probes=probes, log2_ratio=ratio)
