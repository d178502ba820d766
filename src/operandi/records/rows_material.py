"""What was received of a participant: series of images, samples, and the variants found in them."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from operandi.records import plausible
from operandi.records.cells import Blank, Code, Day, Exact, SeriesUidCell, Text
from operandi.records.limits import Within
from operandi.records.row import PersonRow, VisitRow


class ImagingSeriesRow(VisitRow):
    """A series of images that was received: one row a series."""

    key = ("series_uid",)

    series_uid: SeriesUidCell = Field(description="SeriesInstanceUID")
    modality: Code[Literal["PT", "MR", "CT", "SEG", "RTSTRUCT"]] = Field(
        description="as the header states it"
    )
    what: Blank[Text] = Field(None, description="what it shows, such as `attenuation corrected`")
    received_on: Day = Field(description="day on which it arrived")


class SampleRow(PersonRow):
    """Blood or tissue that was taken: one row a sample."""

    key = ("participant", "sample")

    sample: Text = Field(description="code of the sample")
    kind: Code[Literal["blood", "tumor_tissue", "plasma"]] = Field(description="what it is")
    collected_on: Day = Field(description="day on which it was taken")
    biopsy_site: Blank[Text] = Field(None, description="of tissue: where from")


class VariantRow(PersonRow):
    """A variant that was found in a sample of `samples`: one row a variant."""

    key = ("participant", "sample", "gene", "hgvs_c", "hgvs_p")
    refers: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **PersonRow.refers,
        "samples": ("participant", "sample"),
    }

    sample: Text = Field(description="code of the sample")
    gene: Text = Field(description="symbol, such as `MEN1`")
    hgvs_c: Blank[Text] = Field(None, description="coding change, such as `c.249_252del`")
    hgvs_p: Blank[Text] = Field(None, description="protein change, such as `p.Ile85fs`")
    origin: Code[Literal["germline", "somatic", "unknown"]] = Field(description="where it arose")
    vaf: Blank[Annotated[Exact, Within(plausible.ALLELE_FRACTION, "")]] = Field(
        None, description="variant allele fraction; a fraction, no percentage"
    )
    classification: Blank[
        Code[Literal["pathogenic", "likely_pathogenic", "vus", "likely_benign", "benign"]]
    ] = Field(None, description="as the laboratory reported it")
