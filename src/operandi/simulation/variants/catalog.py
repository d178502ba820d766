"""Real small variants of the genome GRCh38, for the files of the digital cohort.

A variant stands here only where position, alleles and HGVS name were seen in the source that it
names; what no source showed is blank. Of DAXX and of CDKN1B no variant could be verified so: see
``DRIVERS``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from operandi.simulation.people.person import Primary

Effect = Literal[
    "Missense_Mutation", "Nonsense_Mutation", "Splice_Site", "In_Frame_Del", "Frame_Shift_Del"
]
"""Of ``Variant_Classification`` in the GDC's mutation annotation format."""

Significance = Literal["pathogenic", "likely_pathogenic", "vus", ""]

CONTIGS: Final[Mapping[str, int]] = {
    "chr1": 248956422,
    "chr2": 242193529,
    "chr3": 198295559,
    "chr4": 190214555,
    "chr5": 181538259,
    "chr6": 170805979,
    "chr7": 159345973,
    "chr8": 145138636,
    "chr9": 138394717,
    "chr10": 133797422,
    "chr11": 135086622,
    "chr12": 133275309,
    "chr13": 114364328,
    "chr14": 107043718,
    "chr15": 101991189,
    "chr16": 90338345,
    "chr17": 83257441,
    "chr18": 80373285,
    "chr19": 58617616,
    "chr20": 64444167,
    "chr21": 46709983,
    "chr22": 50818468,
    "chrX": 156040895,
    "chrY": 57227415,
}
"""Length of each chromosome of GRCh38, bases: the header of a published DeepVariant example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A small variant of the reference genome GRCh38.

    Parameters
    ----------
    gene : str
    entrez : int
        Gene number of NCBI.
    contig : str
        Such as ``"chr11"``.
    position : int
        Of the first base of *reference*, from 1, as VCF counts.
    reference, alternative : str
        On the forward strand; of a deletion with the base before it.
    transcript : str
        RefSeq, with its version; empty where the source names none.
    hgvs_c, hgvs_p : str
        Without the sequence's name; empty where the source does not say.
    effect : str
    significance : str
        As the source gives ClinVar's or the laboratory's word; else empty.
    rs : str
        Number in dbSNP, where the source gives one.
    source : str
        Where position, alleles and name were seen together.
    """

    gene: str
    entrez: int
    contig: str
    position: int
    reference: str
    alternative: str
    transcript: str
    hgvs_c: str
    hgvs_p: str
    effect: Effect
    significance: Significance
    rs: str
    source: str


def _of(  # noqa: PLR0913 - a line of a table
    gene: tuple[str, int, str],
    *,
    at: tuple[str, int, str, str],
    name: tuple[str, str],
    effect: Effect,
    source: str,
    significance: Significance = "",
    rs: str = "",
) -> Variant:
    return Variant(
        gene=gene[0],
        entrez=gene[1],
        transcript=gene[2],
        contig=at[0],
        position=at[1],
        reference=at[2],
        alternative=at[3],
        hgvs_c=name[0],
        hgvs_p=name[1],
        effect=effect,
        significance=significance,
        rs=rs,
        source=source,
    )


# Gene numbers of PIK3CA, NTHL1, HMX1 and CDKN2B are recalled; the others were seen.
_MEN1 = ("MEN1", 4221, "NM_001370259.2")
_ATRX = ("ATRX", 546, "NM_000489.6")
_TSC2 = ("TSC2", 7249, "NM_000548.5")
_PTEN = ("PTEN", 5728, "NM_000314.8")
_MTOR = ("MTOR", 2475, "NM_004958.4")
_STORE = "monarch-initiative/phenopacket-store on GitHub, notebooks"

MEN1: Final = (
    _of(
        _MEN1,
        at=("chr11", 64809749, "CCTT", "C"),
        name=("c.358_360del", "p.Lys120del"),
        effect="In_Frame_Del",
        significance="pathogenic",
        rs="rs794728657",
        source="genebe.net/variant/hg38/rs794728657; ClinVar 201019",
    ),
    _of(
        _MEN1,
        at=("chr11", 64805022, "GCTGTCCCTCAC", "G"),
        name=("c.1350+1_1350+11del", ""),
        effect="Splice_Site",
        significance="pathogenic",
        source="genebe.net/variant/hg38/NM_001370259.2:c.1350+1_1350+11delGTGAGGGACAG; "
        "ClinVar 201001",
    ),
    _of(
        _MEN1,
        at=("chr11", 64807099, "C", "T"),
        name=("c.825-1G>A", ""),
        effect="Splice_Site",
        significance="pathogenic",
        source=f"{_STORE}/MEN1, PMID_26239674_proband_III_3",
    ),
)

ATRX: Final = (
    _of(
        _ATRX,
        at=("chrX", 77717155, "G", "A"),
        name=("c.109C>T", "p.Arg37Ter"),
        effect="Nonsense_Mutation",
        significance="pathogenic",
        rs="rs122445108",
        source="ClinVar 11742, RCV000148028.17",
    ),
    _of(
        _ATRX,
        at=("chrX", 77520832, "G", "A"),
        # The effect on the protein is recalled, so its name stays blank.
        name=("c.7156C>T", ""),
        effect="Nonsense_Mutation",
        source=f"{_STORE}/ATRX, PMID_28371217_proband; effect recalled",
    ),
)

TSC2: Final = (
    _of(
        _TSC2,
        at=("chr16", 2070571, "G", "A"),
        name=("c.1832G>A", "p.Arg611Gln"),
        effect="Missense_Mutation",
        rs="rs28934872",
        source="NC_000016.10:2070570:G:A in an atlas of the variant on GitHub; the same place in a "
        "ClinVar client's tests",
    ),
)

PTEN: Final = (
    _of(
        _PTEN,
        at=("chr10", 87957915, "C", "T"),
        name=("c.697C>T", "p.Arg233Ter"),
        effect="Nonsense_Mutation",
        significance="pathogenic",
        rs="rs121909219",
        source="genebe.net/variant/hg38/10-87957915-C-T",
    ),
    _of(
        _PTEN,
        at=("chr10", 87925557, "T", "C"),
        name=("c.209T>C", "p.Leu70Pro"),
        effect="Missense_Mutation",
        significance="likely_pathogenic",
        source="ClinGen Evidence Repository, CA000350; ClinVar 7826",
    ),
)

MTOR: Final = (
    _of(
        _MTOR,
        at=("chr1", 11130747, "C", "T"),
        name=("c.5395G>A", "p.Glu1799Lys"),
        effect="Missense_Mutation",
        significance="pathogenic",
        source=f"{_STORE}/MTOR, PMID_27753196_index_patient",
    ),
)

PIK3CA: Final = (
    _of(
        ("PIK3CA", 5290, ""),
        at=("chr3", 179218303, "G", "A"),
        name=("c.1633G>A", "p.Glu545Lys"),
        effect="Missense_Mutation",
        source="TransVar's chr3:g.179218303G>A/c.1633G>A/p.E545K, quoted in code on GitHub; "
        "p.Glu545Lys in PCGR's documentation",
    ),
)

DRIVERS: Final[Mapping[Primary, Mapping[str, tuple[tuple[tuple[Variant, ...], float], ...]]]] = {
    Primary.PANCREAS: {
        "MEN1": ((MEN1, 1.0),),
        "DAXX_ATRX": ((ATRX, 1.0),),
        # PTEN and TSC2 by their counts in Jiao 2011, recalled; MTOR assumed.
        "TSC2_PTEN_MTOR": ((TSC2, 6.0), (PTEN, 5.0), (MTOR, 1.0)),
    },
    Primary.ILEUM: {
        "MEN1": ((MEN1, 1.0),),
        "DAXX_ATRX": ((ATRX, 1.0),),
        "TSC2_PTEN_MTOR": ((PIK3CA, 1.0),),
    },
}
"""By primary and alteration: variants of each gene, and the gene's weight.

No variant of DAXX could be verified, so an altered complex is always written as ATRX. Nor could
one of CDKN1B, so its alteration is written as loss of 12p, where it lies. In the ileum the
frequency of the mTOR pathway is that of PIK3CA alone."""

PASSENGERS: Final = (
    _of(
        ("NTHL1", 4913, "NM_002528.7"),
        at=("chr16", 2040004, "G", "A"),
        name=("c.835C>T", "p.Gln279Ter"),
        effect="Nonsense_Mutation",
        source="HL7 FHIR Genomics Reporting guide, a somatic example; ClinVar 620182",
    ),
    _of(
        ("HMX1", 3166, "NM_018942.3"),
        at=("chr4", 8867757, "A", "G"),
        name=("c.983T>C", "p.Leu328Pro"),
        effect="Missense_Mutation",
        significance="vus",
        source="genebe.net/variant/hg38/4-8867757-A-G",
    ),
    _of(
        ("CDKN2B", 1030, "NM_004936.3"),
        at=("chr9", 22006066, "C", "T"),
        name=("c.338G>A", "p.Gly113Asp"),
        effect="Missense_Mutation",
        significance="vus",
        source="lyfe-sci.com/variant/6a313b4c5df8e8eb9257d9b7",
    ),
    _of(
        ("EGFR", 1956, ""),
        at=("chr7", 55155850, "C", "T"),
        name=("", "p.His304Tyr"),
        effect="Missense_Mutation",
        source="oncokb/oncokb-annotator on GitHub, data/example_maf_grch38.txt, TCGA-06-0155-01",
    ),
)
"""Variants without a part in these tumors (assumed)."""
