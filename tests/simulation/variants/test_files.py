"""Files of variants are valid, agree with what was drawn, and with one another."""

import csv
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from operandi.quantities.errors import DataError
from operandi.simulation.disease.outcomes import Outcomes, simulate_outcomes
from operandi.simulation.people.genome import ALTERATIONS, draw_genomes
from operandi.simulation.people.person import Primary
from operandi.simulation.people.persons import draw_persons
from operandi.simulation.trial.chronology import chronology_of
from operandi.simulation.variants.catalog import DRIVERS, PASSENGERS, Variant
from operandi.simulation.variants.files import (
    MAF_COLUMNS,
    genome_tables,
    genome_truth,
    maf_alleles,
    short_protein,
    write_variants,
)
from tests.simulation.trial.desk import made, read
from tests.simulation.trial.hand_made import SEED, a_cohort, the_scenario
from tests.simulation.variants.vcf import read_vcf

_N = 60
_OF = {
    "MEN1": {"MEN1"},
    "DAXX_ATRX": {"ATRX"},
    "TSC2_PTEN_MTOR": {"TSC2", "PTEN", "MTOR", "PIK3CA"},
}

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def cohort() -> Outcomes:
    return a_cohort(_N)


@pytest.fixture(scope="module")
def folder(cohort: Outcomes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("genomes") / "variants"
    write_variants(folder, cohort, seed=SEED)
    return folder


def names(outcomes: Outcomes) -> list[str]:
    return [str(outcomes.persons.person(row).pseudonym) for row in range(len(outcomes))]


def maf(path: Path) -> Rows:
    version, *lines = path.read_text("utf-8").splitlines()
    assert version == "#version gdc-1.0.0"
    assert lines[0].split("\t") == list(MAF_COLUMNS)
    return list(csv.DictReader(lines, delimiter="\t"))


def seg(path: Path) -> Rows:
    return list(csv.DictReader(path.read_text("utf-8").splitlines(), delimiter="\t"))


def many(n: int = 500, *, pancreas: float | None = None) -> Outcomes:
    """A large cohort of which the genome is all that counts."""
    scenario = the_scenario()
    if pancreas is not None:
        section = scenario.cohort.model_copy(update={"pancreas_fraction": pancreas})
        scenario = scenario.model_copy(update={"cohort": section})
    few = a_cohort(1)
    return replace(few, persons=draw_persons(n, scenario=scenario, seed=SEED))


def test_everyone_has_three_files(cohort: Outcomes, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}.{kind}" for name in names(cohort) for kind in ("vcf", "maf", "seg")
    )


def test_a_vcf_file_is_valid_and_its_sample_is_the_participant(
    cohort: Outcomes, folder: Path
) -> None:
    for name in names(cohort):
        sample, records = read_vcf(folder / f"{name}.vcf")

        assert sample == name
        for one in records:
            assert sum(one.reads) == one.depth
            assert one.reads[1] >= 1
            assert one.fraction == pytest.approx(one.reads[1] / one.depth, abs=5e-5)


def test_the_small_variants_are_those_of_the_alterations_that_were_drawn(
    cohort: Outcomes, folder: Path
) -> None:
    altered = draw_genomes(cohort.persons.primary, seed=SEED).altered

    for row, name in enumerate(names(cohort)):
        genes = {one.info["GENE"] for one in read_vcf(folder / f"{name}.vcf")[1]}
        for alteration, possible in _OF.items():
            assert len(genes & possible) == int(altered[alteration][row]), (name, alteration)


def test_every_variant_is_one_of_the_catalog(cohort: Outcomes, folder: Path) -> None:
    catalog = {
        (one.gene, one.contig, one.position, one.reference, one.alternative) for one in _catalog()
    }

    for name in names(cohort):
        for one in read_vcf(folder / f"{name}.vcf")[1]:
            place = (one.contig, one.position, one.reference, one.alternative)
            assert (one.info["GENE"], *place) in catalog


def test_maf_and_vcf_say_the_same(cohort: Outcomes, folder: Path) -> None:
    for name in names(cohort):
        records, rows = read_vcf(folder / f"{name}.vcf")[1], maf(folder / f"{name}.maf")
        assert len(records) == len(rows)
        for one, row in zip(records, rows, strict=True):
            deleted = len(one.reference) > 1
            assert row["Tumor_Sample_Barcode"] == name
            assert row["NCBI_Build"] == "GRCh38"
            assert row["Hugo_Symbol"] == one.info["GENE"]
            assert row["Chromosome"] == one.contig
            assert int(row["Start_Position"]) == one.position + deleted
            assert row["Reference_Allele"] == one.reference[deleted:]
            assert row["Tumor_Seq_Allele2"] == ("-" if deleted else one.alternative)
            assert (int(row["t_ref_count"]), int(row["t_alt_count"])) == one.reads
            assert int(row["t_depth"]) == one.depth
            assert one.info.get("HGVSP", "") == row["HGVSp"]
            assert one.info.get("HGVSC", "").endswith(row["HGVSc"])


def test_segments_cover_each_chromosome_once(cohort: Outcomes, folder: Path) -> None:
    for name in names(cohort):
        rows = seg(folder / f"{name}.seg")
        assert {row["ID"] for row in rows} == {name}
        for before, after in pairwise(rows):
            assert int(before["loc.start"]) <= int(before["loc.end"])
            if before["chrom"] == after["chrom"]:
                assert int(after["loc.start"]) == int(before["loc.end"]) + 1
        ends = {row["chrom"]: int(row["loc.end"]) for row in rows}
        assert len(ends) == 23
        # Lengths of GRCh38.
        assert (ends["chr1"], ends["chr18"], ends["chrX"]) == (248956422, 80373285, 156040895)


def test_copies_are_lost_where_the_genome_says_so(cohort: Outcomes, folder: Path) -> None:
    """With one copy of two left in a share p of cells the ratio is log2(1 - p / 2)."""
    altered = draw_genomes(cohort.persons.primary, seed=SEED).altered
    truth = genome_truth(cohort, seed=SEED).unique("participant", maintain_order=True)

    for row, (name, purity) in enumerate(truth.select("participant", "purity").iter_rows()):
        rows = seg(folder / f"{name}.seg")
        of_18 = [float(one["seg.mean"]) for one in rows if one["chrom"] == "chr18"]
        of_11 = [float(one["seg.mean"]) for one in rows if one["chrom"] == "chr11"]
        lost = np.log2(1.0 - purity / 2.0)
        assert len(of_18) == 1
        assert of_18[0] == pytest.approx(lost if altered["chr18_loss"][row] else 0.0, abs=0.03)
        if altered["MEN1"][row]:
            assert of_11 == [pytest.approx(lost, abs=0.03)]
        of_12p = next(one for one in rows if one["chrom"] == "chr12")
        is_lost = float(of_12p["seg.mean"]) == pytest.approx(lost, abs=0.03)
        assert is_lost == altered["CDKN1B"][row]


@pytest.mark.parametrize("primary", Primary)
def test_an_unstable_genome_has_many_altered_segments_and_another_few(primary: Primary) -> None:
    outcomes = many(300, pancreas=float(primary is Primary.PANCREAS))
    truth = genome_truth(outcomes, seed=SEED).unique("participant", maintain_order=True)
    unstable, stable = (
        truth.filter(pl.col("chromosomal_instability") == yes)["segments_altered"].to_numpy()
        for yes in (True, False)
    )

    assert unstable.min() > 15
    assert stable.max() < 10
    # Half of the pieces of an unstable genome, about.
    share = truth.filter(pl.col("chromosomal_instability"))["genome_altered"].mean()
    assert isinstance(share, float)
    assert 0.35 < share < 0.6


def test_variants_are_as_frequent_as_the_alterations_at_500() -> None:
    """Within four standard errors of what was published: Jiao 2011 for the pancreas."""
    truth = genome_truth(many(pancreas=1.0), seed=SEED)

    for alteration, share in (("MEN1", 0.44), ("DAXX_ATRX", 0.43), ("TSC2_PTEN_MTOR", 0.14)):
        found = truth.filter(pl.col("alteration") == alteration)["participant"].n_unique() / 500
        assert abs(found - share) < 4.0 * np.sqrt(share * (1.0 - share) / 500), alteration


def test_passengers_come_at_the_published_burden() -> None:
    """0.82 a megabase over 1.5 Mb in the pancreas, less the few beyond the catalog."""
    truth = genome_truth(many(pancreas=1.0), seed=SEED)
    mean = 0.82 * 1.5

    passengers = truth.filter(pl.col("alteration").is_null() & pl.col("gene").is_not_null()).height

    assert abs(passengers / 500 - mean) < 4.0 * np.sqrt(mean / 500) + 0.02


def test_reads_scatter_about_the_true_fraction_as_binomials_do() -> None:
    truth = genome_truth(many(), seed=SEED).drop_nulls("allele_fraction")
    p, depth, reads = (
        truth[name].to_numpy() for name in ("allele_fraction", "depth", "alternative_reads")
    )
    z = (reads - depth * p) / np.sqrt(depth * p * (1.0 - p))

    assert abs(z.mean()) < 4.0 / np.sqrt(z.size)
    assert abs((z**2).mean() - 1.0) < 4.0 * np.sqrt(2.0 / z.size)
    assert abs(depth.mean() - 500.0) < 4.0 * np.sqrt(500.0 / depth.size)


def test_the_fraction_of_men1_after_loss_of_the_other_copy_follows_from_purity() -> None:
    """By hand: of 100 cells 60 of tumor with one mutated copy, 40 normal with two: 60 / 140."""
    truth = genome_truth(many(), seed=SEED).filter(pl.col("gene") == "MEN1")
    p = truth["purity"].to_numpy()

    np.testing.assert_allclose(truth["allele_fraction"].to_numpy(), p / (2.0 - p), rtol=1e-12)
    np.testing.assert_allclose(0.6 / (2.0 - 0.6), 60 / 140)


def test_atrx_on_the_single_x_of_a_man_shows_in_every_tumor_cell() -> None:
    outcomes = many()
    truth = genome_truth(outcomes, seed=SEED).filter(pl.col("gene") == "ATRX")
    female = dict(zip(names(outcomes), outcomes.persons.female, strict=True))
    copies = np.array([1.0 + female[name] for name in truth["participant"]])

    assert {1.0, 2.0} == set(copies)
    np.testing.assert_allclose(
        truth["allele_fraction"].to_numpy(), truth["purity"].to_numpy() / copies, rtol=1e-12
    )


def test_the_truth_has_everyone_and_the_copies_alone_of_cdkn1b() -> None:
    outcomes = many(pancreas=0.0)
    truth = genome_truth(outcomes, seed=SEED)
    altered = draw_genomes(outcomes.persons.primary, seed=SEED).altered

    rows = truth.filter(pl.col("gene") == "CDKN1B")

    assert truth["participant"].unique(maintain_order=True).to_list() == names(outcomes)
    assert rows.height == altered["CDKN1B"].sum() > 20
    assert rows["variant"].null_count() == rows.height
    assert truth["purity"].is_between(0.3, 0.95).all()


def test_equal_seeds_give_equal_bytes_in_any_batch(folder: Path, tmp_path: Path) -> None:
    write_variants(tmp_path, a_cohort(20, first=40), seed=SEED)

    written = sorted(tmp_path.iterdir())

    assert len(written) == 60
    for path in written:
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_another_seed_is_another_cohort(folder: Path, tmp_path: Path) -> None:
    write_variants(tmp_path, a_cohort(4, seed=SEED + 1), seed=SEED + 1)

    assert all(
        path.read_bytes() != (folder / path.name).read_bytes() for path in tmp_path.glob("*.seg")
    )


def test_tables_agree_with_the_files_and_are_read_without_fault(
    folder: Path, tmp_path: Path
) -> None:
    scenario, cohort = the_scenario(), a_cohort(24)
    tables = genome_tables(cohort, scenario, seed=SEED)

    records = read(tmp_path, made(cohort, scenario) | tables, scenario)

    assert records.faults == ()
    assert len(tables["variants"]) > 15
    for name in names(cohort):
        rows = [row for row in tables["variants"] if row["participant"] == name]
        written = read_vcf(folder / f"{name}.vcf")[1]
        assert [(row["gene"], float(row["vaf"])) for row in rows] == [
            (one.info["GENE"], one.fraction) for one in written
        ]
        assert {row["sample"] for row in rows} <= {f"{name}-T1"}


def test_samples_are_those_of_the_trial_and_of_its_days(cohort: Outcomes) -> None:
    scenario = the_scenario()
    tables = genome_tables(cohort, scenario, seed=SEED)

    assert tables["samples"] == made(cohort, scenario)["samples"]
    on = {row["sample"]: date.fromisoformat(row["collected_on"]) for row in tables["samples"]}
    for row, name in enumerate(names(cohort)):
        days = chronology_of(cohort, scenario, row=row, seed=SEED)
        assert on[f"{name}-T1"] < days.on(days.consent_day) < days.on(days.inclusion_day)
        assert on[f"{name}-B1"] == days.on(days.inclusion_day)


@pytest.mark.slow
def test_outcomes_of_a_simulation_agree_with_the_variants(tmp_path: Path) -> None:
    outcomes = simulate_outcomes(the_scenario(), participants=12, seed=3)
    write_variants(tmp_path, outcomes, seed=3)

    for row, name in enumerate(names(outcomes)):
        genes = {one.info["GENE"] for one in read_vcf(tmp_path / f"{name}.vcf")[1]}
        assert ("MEN1" in genes) == bool(outcomes.covariates["MEN1"][row])


def test_refuses_a_seed_that_is_not_that_of_the_outcomes(tmp_path: Path) -> None:
    outcomes = a_cohort(40)
    altered = draw_genomes(outcomes.persons.primary, seed=SEED).altered
    told = replace(
        outcomes, covariates={name: altered[name].astype(np.float64) for name in ALTERATIONS}
    )
    genome_truth(told, seed=SEED)

    with pytest.raises(DataError, match="say otherwise than the seed"):
        write_variants(tmp_path, told, seed=SEED + 1)


def _catalog() -> list[Variant]:
    drivers = [
        one
        for alterations in DRIVERS.values()
        for genes in alterations.values()
        for variants, _ in genes
        for one in variants
    ]
    return [*dict.fromkeys(drivers), *PASSENGERS]


_REVERSE = {"MEN1", "ATRX", "MTOR", "NTHL1", "HMX1", "CDKN2B"}
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


@pytest.mark.parametrize("variant", _catalog(), ids=lambda one: f"{one.gene} {one.hgvs_c}")
def test_alleles_agree_with_the_coding_change_and_the_strand(variant: Variant) -> None:
    assert variant.source
    assert variant.hgvs_c or variant.hgvs_p
    if variant.hgvs_c.endswith("del"):
        lost = variant.reference[1:]
        assert variant.alternative == variant.reference[0]
        start, end, reference, alternative = maf_alleles(variant)
        assert (end - start + 1, reference, alternative) == (len(lost), lost, "-")
    elif variant.hgvs_c:
        alleles = f"{variant.reference}>{variant.alternative}"
        if variant.gene in _REVERSE:
            alleles = alleles.translate(_COMPLEMENT)
        assert variant.hgvs_c.endswith(alleles)
        if variant.hgvs_p and (codon := variant.hgvs_p[5:-3]):
            assert (int(variant.hgvs_c[2:-3]) + 2) // 3 == int(codon)


def test_positions_in_one_exon_are_as_far_apart_as_in_the_transcript() -> None:
    """MEN1 lies on the reverse strand, c.435C>T at 64809675 (lyfe-sci.com)."""
    deletion = next(one for one in _catalog() if one.hgvs_c == "c.358_360del")

    assert maf_alleles(deletion)[:2] == (64809675 + 435 - 360, 64809675 + 435 - 358)
    # c.1311 of NM_000244.3, 15 bases longer, is c.1296 here, at 64805088 (lyfe-sci.com).
    splice = next(one for one in _catalog() if one.hgvs_c == "c.1350+1_1350+11del")
    last = 64805088 - (1350 - 1296)
    assert maf_alleles(splice)[:2] == (last - 11, last - 1)
    assert splice.reference[1:].translate(_COMPLEMENT)[::-1] == "GTGAGGGACAG"


def test_protein_changes_are_shortened() -> None:
    assert [short_protein(one) for one in ("p.Arg37Ter", "p.Lys120del", "")] == [
        "p.R37*",
        "p.K120del",
        "",
    ]
