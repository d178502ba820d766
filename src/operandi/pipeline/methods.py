"""The methods text of a report: a paragraph for each step that was on this study's road."""

from collections.abc import Iterable
from typing import Final

from operandi.pipeline.settings import Settings
from operandi.pipeline.step import Node
from operandi.reports.study_report import MethodParagraph

_TEXTS: Final = {
    "suv": (
        "Attenuation-corrected PET was converted to standardized uptake values by body weight: "
        "activity concentration times body mass over injected activity, the activity decayed to "
        "the instant that the image's values refer to, with the half-life in the image header. "
        "Body mass and net injected activity are those of the study's records where the header "
        "confirms them (within 2 % and 10 %), else the header's. What was missing or "
        "contradictory was refused, never assumed (Boellaard et al., Eur J Nucl Med Mol Imaging "
        "42:328, 2015)."
    ),
    "organs": (
        "Organs are the anatomical segments of the visit's segmentation objects, taken to the PET "
        "grid by nearest neighbor."
    ),
    "liver": (
        "The liver reference is a sphere of 3 cm diameter in the right lobe of the organ map's "
        "liver, away from what deviates from its own uptake, or where a reader placed one."
    ),
    "lesions": (
        "Lesions are the 26-connected components of SUV above the liver reference's mean plus two "
        "standard deviations, inside the body and more than {organ_margin_mm:g} mm outside the "
        "organ map's spleen, kidneys, bladder and other organs of physiological uptake, of at "
        "least {minimum_volume_ml:g} mL and with an SUVpeak above the liver's mean plus three "
        "standard deviations. Where the map lacks spleen, a kidney or the bladder they are "
        "candidates that include physiological uptake, and no tumor burden is reported."
    ),
    "drawn": (
        "Readers' contours were turned into voxels by the even-odd rule at voxel centers in each "
        "slice of the PET."
    ),
    "measured lesions": (
        "SUVmax is the highest voxel, SUVmean the mean of all, SUVpeak the highest mean of a 1 mL "
        "sphere centered in the lesion (Wahl et al., J Nucl Med 50:122S, 2009). TL-SSTR is SUVmean "
        "times volume; SSTR tumor volume and total TL-SSTR are sums over lesions."
    ),
    "mr": "MR was read on its own grid; its signal is in arbitrary units.",
    "alignment": (
        "PET and MR that share a frame of reference were not moved. Otherwise they were aligned "
        "rigidly, for display only: by regions that a reader drew on both, or, where there are "
        "none whose outlines agree, by mutual information."
    ),
}


def methods_text(nodes: Iterable[Node], settings: Settings) -> tuple[MethodParagraph, ...]:
    """Paragraphs for the steps among *nodes*, in the order of the road."""
    versions: dict[str, tuple[str, str]] = {}
    for node in nodes:
        versions.setdefault(node.step.name, (node.step.title, node.step.version))
    return tuple(
        MethodParagraph(
            title=versions[name][0],
            text=text.format(
                minimum_volume_ml=settings.lesions.minimum_volume_ml,
                organ_margin_mm=settings.lesions.organ_margin_mm,
            ),
            version=versions[name][1],
        )
        for name, text in _TEXTS.items()
        if name in versions
    )
