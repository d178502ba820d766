"""Files of variants and copy numbers of each participant, the tables and the truth about them."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import polars as pl

from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.scenario import Scenario
from operandi.simulation.trial.chronology import chronology_of
from operandi.simulation.trial.tables_course import sample_rows
from operandi.simulation.variants.catalog import CONTIGS, Variant
from operandi.simulation.variants.tumors import CALLABLE_MB, Call, TumorGenome, tumor_genomes

MAF_COLUMNS: Final = (
    "Hugo_Symbol",
    "Entrez_Gene_Id",
    "Center",
    "NCBI_Build",
    "Chromosome",
    "Start_Position",
    "End_Position",
    "Strand",
    "Variant_Classification",
    "Variant_Type",
    "Reference_Allele",
    "Tumor_Seq_Allele1",
    "Tumor_Seq_Allele2",
    "dbSNP_RS",
    "dbSNP_Val_Status",
    "Tumor_Sample_Barcode",
    "Matched_Norm_Sample_Barcode",
    "Match_Norm_Seq_Allele1",
    "Match_Norm_Seq_Allele2",
    "Tumor_Validation_Allele1",
    "Tumor_Validation_Allele2",
    "Match_Norm_Validation_Allele1",
    "Match_Norm_Validation_Allele2",
    "Verification_Status",
    "Validation_Status",
    "Mutation_Status",
    "Sequencing_Phase",
    "Sequence_Source",
    "Validation_Method",
    "Score",
    "BAM_File",
    "Sequencer",
    "Tumor_Sample_UUID",
    "Matched_Norm_Sample_UUID",
    "HGVSc",
    "HGVSp",
    "HGVSp_Short",
    "Transcript_ID",
    "Exon_Number",
    "t_depth",
    "t_ref_count",
    "t_alt_count",
    "n_depth",
    "n_ref_count",
    "n_alt_count",
    "RefSeq",
    "FILTER",
)
"""The first columns of the GDC's mutation annotation format, and two of its later ones."""

SEG_COLUMNS: Final = ("ID", "chrom", "loc.start", "loc.end", "num.mark", "seg.mean")
"""As DNAcopy, IGV and cBioPortal name them."""

_LETTERS: Final[Mapping[str, str]] = {
    "Ala": "A",
    "Arg": "R",
    "Asn": "N",
    "Asp": "D",
    "Cys": "C",
    "Gln": "Q",
    "Glu": "E",
    "Gly": "G",
    "His": "H",
    "Ile": "I",
    "Leu": "L",
    "Lys": "K",
    "Met": "M",
    "Phe": "F",
    "Pro": "P",
    "Ser": "S",
    "Thr": "T",
    "Trp": "W",
    "Tyr": "Y",
    "Val": "V",
    "Ter": "*",
}

Cells = dict[str, str]


def write_variants(folder: Path, outcomes: Outcomes, *, seed: int) -> None:
    """Write ``OP-001.vcf``, ``OP-001.maf`` and ``OP-001.seg`` of every participant.

    Variants are somatic ones of the tumor sample ``OP-001-T1``, on GRCh38.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    outcomes : Outcomes
    seed : int
        That of the outcomes. Equal seeds give equal bytes, in whatever batch.

    Raises
    ------
    DataError
        If the outcomes were drawn from another seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for tumor in tumor_genomes(outcomes, seed=seed):
        for suffix, text in (
            ("vcf", vcf_of(tumor)),
            ("maf", maf_of(tumor)),
            ("seg", seg_of(tumor)),
        ):
            path = folder / f"{tumor.participant}.{suffix}"
            path.write_text(text, "utf-8", newline="\n")


def genome_tables(
    outcomes: Outcomes, scenario: Scenario, *, seed: int
) -> dict[str, list[dict[str, str]]]:
    """Rows of ``samples`` and ``variants`` that agree with the files.

    ``samples`` are those of ``tables_of``, so that either may stand for the other.

    Parameters
    ----------
    outcomes : Outcomes
    scenario : Scenario
        Whose data cut makes dates of days.
    seed : int
        That of the outcomes.

    Raises
    ------
    DataError
        If the outcomes were drawn from another seed.
    """
    samples: list[Cells] = []
    variants: list[Cells] = []
    for row, tumor in enumerate(tumor_genomes(outcomes, seed=seed)):
        days = chronology_of(outcomes, scenario, row=row, seed=seed)
        who = {"participant": tumor.participant}
        samples.extend(who | sample for sample in sample_rows(days, seed=seed))
        variants.extend(who | _variant_row(tumor, call) for call in tumor.calls)
    return {"samples": samples, "variants": variants}


def genome_truth(outcomes: Outcomes, *, seed: int) -> pl.DataFrame:
    """What is true of the tumor genomes: one row an altered gene or a passenger.

    A participant with neither has one row without gene. ``variant`` is blank where an alteration
    is one of copies alone, as CDKN1B's loss with 12p is; ``allele_fraction`` is the true one.

    Parameters
    ----------
    outcomes : Outcomes
    seed : int
        That of the outcomes.

    Returns
    -------
    DataFrame
        participant, purity, segments, segments_altered, genome_altered (share of the bases),
        burden_per_mb, chr18_loss, chromosomal_instability, alteration, gene, variant,
        allele_fraction, depth, alternative_reads.
    """
    rows = [row for tumor in tumor_genomes(outcomes, seed=seed) for row in _truth(tumor)]
    return pl.DataFrame(
        rows,
        schema={
            "participant": pl.String,
            "purity": pl.Float64,
            "segments": pl.Int64,
            "segments_altered": pl.Int64,
            "genome_altered": pl.Float64,
            "burden_per_mb": pl.Float64,
            "chr18_loss": pl.Boolean,
            "chromosomal_instability": pl.Boolean,
            "alteration": pl.String,
            "gene": pl.String,
            "variant": pl.String,
            "allele_fraction": pl.Float64,
            "depth": pl.Int64,
            "alternative_reads": pl.Int64,
        },
    )


def tumor_sample(participant: str) -> str:
    """Code of the tissue in ``samples`` that was sequenced."""
    return f"{participant}-T1"


def vcf_of(tumor: TumorGenome) -> str:
    """The variants of a tumor as VCF 4.3."""
    name = tumor.participant
    header = (
        "##fileformat=VCFv4.3",
        "##source=operandi simulate",
        "##reference=GRCh38",
        f"##callable_mb={CALLABLE_MB}",
        *(f"##contig=<ID={one},length={size},assembly=GRCh38>" for one, size in CONTIGS.items()),
        '##FILTER=<ID=PASS,Description="All filters passed">',
        '##INFO=<ID=SOMATIC,Number=0,Type=Flag,Description="Somatic variant">',
        '##INFO=<ID=GENE,Number=1,Type=String,Description="Gene symbol">',
        '##INFO=<ID=HGVSC,Number=1,Type=String,Description="Coding change">',
        '##INFO=<ID=HGVSP,Number=1,Type=String,Description="Protein change">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads of each allele">',
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads">',
        '##FORMAT=<ID=AF,Number=A,Type=Float,Description="Allele fraction of the reads">',
        f'##SAMPLE=<ID={name},Description="Tumor tissue {tumor_sample(name)}, simulated">',
        f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{name}",
    )
    return _lines([*header, *(_vcf_line(call) for call in tumor.calls)])


def maf_of(tumor: TumorGenome) -> str:
    """The variants of a tumor in the GDC's mutation annotation format."""
    rows = (_maf_row(tumor.participant, call) for call in tumor.calls)
    table = ("\t".join(row.get(column, "") for column in MAF_COLUMNS) for row in rows)
    return _lines(["#version gdc-1.0.0", "\t".join(MAF_COLUMNS), *table])


def seg_of(tumor: TumorGenome) -> str:
    """The copy-number segments of a tumor."""
    rows = (
        f"{tumor.participant}\t{one.contig}\t{one.start}\t{one.end}\t{one.probes}\t"
        f"{one.log2_ratio:.4f}"
        for one in tumor.segments
    )
    return _lines(["\t".join(SEG_COLUMNS), *rows])


def short_protein(hgvs_p: str) -> str:
    """A protein change in letters: ``p.R37*`` for ``p.Arg37Ter``."""
    return re.sub("|".join(_LETTERS), lambda found: _LETTERS[found[0]], hgvs_p)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _vcf_line(call: Call) -> str:
    one = call.variant
    named = ":".join(part for part in (one.transcript, one.hgvs_c) if part) if one.hgvs_c else ""
    info = ["SOMATIC", f"GENE={one.gene}"]
    info += [f"{key}={said}" for key, said in (("HGVSC", named), ("HGVSP", one.hgvs_p)) if said]
    reference = call.depth - call.alternative_reads
    sample = f"0/1:{reference},{call.alternative_reads}:{call.depth}:{call.measured_fraction:.4f}"
    cells = (
        one.contig,
        str(one.position),
        one.rs or ".",
        one.reference,
        one.alternative,
        ".",
        "PASS",
        ";".join(info),
        "GT:AD:DP:AF",
        sample,
    )
    return "\t".join(cells)


def _maf_row(participant: str, call: Call) -> Cells:
    one = call.variant
    start, end, reference, alternative = maf_alleles(one)
    return {
        "Hugo_Symbol": one.gene,
        "Entrez_Gene_Id": str(one.entrez),
        "Center": "simulated",
        "NCBI_Build": "GRCh38",
        "Chromosome": one.contig,
        "Start_Position": str(start),
        "End_Position": str(end),
        "Strand": "+",
        "Variant_Classification": one.effect,
        "Variant_Type": "DEL" if alternative == "-" else "SNP",
        "Reference_Allele": reference,
        "Tumor_Seq_Allele1": reference,
        "Tumor_Seq_Allele2": alternative,
        "dbSNP_RS": one.rs,
        "Tumor_Sample_Barcode": participant,
        "Mutation_Status": "Somatic",
        "Sequence_Source": "Targeted",
        "HGVSc": one.hgvs_c,
        "HGVSp": one.hgvs_p,
        "HGVSp_Short": short_protein(one.hgvs_p),
        "t_depth": str(call.depth),
        "t_ref_count": str(call.depth - call.alternative_reads),
        "t_alt_count": str(call.alternative_reads),
        "RefSeq": one.transcript,
        "FILTER": "PASS",
    }


def maf_alleles(variant: Variant) -> tuple[int, int, str, str]:
    """Start, end and alleles as MAF writes them: of a deletion the lost bases, and ``-``."""
    lost = variant.reference[1:]
    if not lost:
        return variant.position, variant.position, variant.reference, variant.alternative
    return variant.position + 1, variant.position + len(lost), lost, "-"


def _variant_row(tumor: TumorGenome, call: Call) -> Cells:
    return {
        "sample": tumor_sample(tumor.participant),
        "gene": call.variant.gene,
        "hgvs_c": call.variant.hgvs_c,
        "hgvs_p": call.variant.hgvs_p,
        "origin": "somatic",
        "vaf": f"{call.measured_fraction:.4f}",
        "classification": call.variant.significance,
    }


def _truth(tumor: TumorGenome) -> list[dict[str, object]]:
    whole: dict[str, object] = {
        "participant": tumor.participant,
        "purity": tumor.purity,
        "segments": len(tumor.segments),
        "segments_altered": tumor.altered_segments,
        "genome_altered": tumor.altered_share,
        "burden_per_mb": tumor.burden_per_mb,
        "chr18_loss": tumor.altered["chr18_loss"],
        "chromosomal_instability": tumor.altered["chromosomal_instability"],
    }
    rows: list[dict[str, object]] = [
        {
            "alteration": call.alteration or None,
            "gene": call.variant.gene,
            "variant": call.variant.hgvs_c or call.variant.hgvs_p,
            "allele_fraction": call.allele_fraction,
            "depth": call.depth,
            "alternative_reads": call.alternative_reads,
        }
        for call in tumor.calls
    ]
    if tumor.altered["CDKN1B"]:
        rows.append({"alteration": "CDKN1B", "gene": "CDKN1B"})
    return [whole | row for row in rows or [{}]]
