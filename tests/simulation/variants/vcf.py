"""A small strict reader of VCF 4.3, which takes nothing that the header does not announce."""

import re
from dataclasses import dataclass
from pathlib import Path

_DECLARED = re.compile(r"^##(INFO|FORMAT|FILTER|contig)=<ID=([^,>]+)(?:,(.*))?>$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A line of a VCF file with one sample and one alternative allele."""

    contig: str
    position: int
    rs: str
    reference: str
    alternative: str
    info: dict[str, str]
    reads: tuple[int, int]
    depth: int
    fraction: float


def read_vcf(path: Path) -> tuple[str, tuple[Record, ...]]:
    """Name of the only sample, and the records."""
    raw = path.read_bytes()
    assert raw.endswith(b"\n")
    assert b"\r" not in raw
    lines = raw.decode("utf-8").splitlines()
    assert lines[0] == "##fileformat=VCFv4.3"
    meta = [line for line in lines if line.startswith("##")]
    declared: dict[str, dict[str, str]] = {"INFO": {}, "FORMAT": {}, "FILTER": {}, "contig": {}}
    for line in meta:
        if found := _DECLARED.match(line):
            kind, name, rest = found.groups()
            assert name not in declared[kind], f"{name} is declared twice"
            declared[kind][name] = rest or ""
    for kind in ("INFO", "FORMAT"):
        for rest in declared[kind].values():
            assert re.fullmatch(r'Number=[0-9ARG.]+,Type=\w+,Description="[^"]*"', rest)
    header = lines[len(meta)].split("\t")
    assert " ".join(header[:9]) == "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT"
    (sample,) = header[9:]
    order = list(declared["contig"])
    records = tuple(_record(line, declared) for line in lines[len(meta) + 1 :])
    places = [(order.index(one.contig), one.position) for one in records]
    assert places == sorted(places)
    return sample, records


def _record(line: str, declared: dict[str, dict[str, str]]) -> Record:
    contig, position, rs, reference, alternative, quality, passed, info, keys, cells = line.split(
        "\t"
    )
    length = re.search(r"length=(\d+)", declared["contig"][contig])
    assert length is not None
    assert 1 <= int(position) <= int(length[1]) - len(reference) + 1
    assert re.fullmatch("[ACGT]+", reference)
    assert re.fullmatch("[ACGT]+", alternative)
    assert reference != alternative
    assert quality == "."
    assert passed in declared["FILTER"]
    said = {}
    for entry in info.split(";"):
        key, is_said, value = entry.partition("=")
        assert re.match("Number=0," if not is_said else "Number=1,", declared["INFO"][key])
        assert not re.search(r"[\s;=,]", value)
        said[key] = value
    assert all(key in declared["FORMAT"] for key in keys.split(":"))
    sampled = dict(zip(keys.split(":"), cells.split(":"), strict=True))
    assert sampled["GT"] == "0/1"
    left, right = map(int, sampled["AD"].split(","))
    return Record(
        contig=contig,
        position=int(position),
        rs=rs,
        reference=reference,
        alternative=alternative,
        info=said,
        reads=(left, right),
        depth=int(sampled["DP"]),
        fraction=float(sampled["AF"]),
    )
