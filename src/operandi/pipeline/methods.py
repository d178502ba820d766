"""The methods text of a report: a paragraph for each step that was on this study's road."""

from collections.abc import Iterable
from typing import Final

from operandi.pipeline.settings import Settings
from operandi.pipeline.step import Node
from operandi.reports.study_report import MethodParagraph

_RADIOMICS: Final = (
    "Features of {regions} on SUV are those of the Image Biomarker Standardisation Initiative "
    "(Zwanenburg et al., Radiology 295:328, 2020; of filtered images Whybra et al., Radiology "
    "310:e231319, 2024), by {{radiomics}}. Their digest stands in the column method of "
    "measurements.parquet: features compare only where it is the same. How far a feature repeats "
    "was not determined, and none was harmonized between scanners."
)

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
        "A visit's segmentation objects were checked (sides, order from head to foot, volumes of "
        "adults, overlap with the PET) before they were believed, and taken to the PET grid by "
        "nearest neighbor. Where they failed, organs were found as below."
    ),
    "lesions": (
        "Organs of physiological uptake are those of the visit's organ map, or were found on PET "
        "and MR without trained weights, by place, size and uptake. References are a sphere of 3 "
        "cm in the right liver, 2 cm in the spleen and 1.5 cm in the blood pool, away from what "
        "deviates from the organ's own uptake, or where a reader placed one. Lesions are maxima of "
        "smoothed SUV above the liver's mean, inside the liver above 1.5 times it and its mean "
        "plus three standard deviations, which a saddle parts from organs left out. Their border "
        "is by the method {method}, at a resolution of {resolutions}; smaller ones than "
        "{minimum_volume_ml:g} mL do not count. Lesions of the visit before were sought at their "
        "places. Where spleen, a kidney or the bladder is neither found nor declared removed, what "
        "was found are candidates, and no tumor burden is reported."
    ),
    "corrected lesions": (
        "Lesions that a reader edited and sent back as DICOM SEG (or RTSTRUCT, where declared) "
        "superseded those that were found, under the same reference regions. They were matched to "
        "them by TrackingUID, else by an overlap of at least half of the smaller; on other voxels "
        "than the PET's they were taken by nearest neighbor. Both versions, who corrected when and "
        "the differences were kept."
    ),
    "tracks": (
        "Visits were laid on one another by the outlines of liver, spleen and kidneys, and their "
        "constellations of lesions matched, with costs of birth and death; each lesion bears one "
        "name and TrackingUID at all visits. A reader's word stands above the matching."
    ),
    "changes": (
        "A change is held against what repetition alone gives in 95 % of lesions: the study's own "
        "test and retest, or a published coefficient that the study borrows and says why; else it "
        "is not judged. Noise, the spread over methods of delineation and, where known, motion and "
        "attenuation enter. Scans compare at {window} min after injection and at most "
        "{difference:g} min apart, on one scanner with one reconstruction."
    ),
    "drawn": (
        "Readers' contours were turned into voxels by the even-odd rule at voxel centers in each "
        "slice of the PET."
    ),
    "measured lesions": (
        "SUVmax is the highest voxel, SUVmean the mean of all, SUVpeak the highest mean of a 1 mL "
        "sphere centered in the lesion (Wahl et al., J Nucl Med 50:122S, 2009). TL-SSTR is SUVmean "
        "times volume; SSTR tumor volume and total TL-SSTR are sums over lesions. Ratios, Krenning "
        "scores, axes and what else was measured stand in measurements.parquet."
    ),
    "radiomics": _RADIOMICS.format(regions="lesions"),
    "radiomics drawn": _RADIOMICS.format(regions="readers' contours"),
    "mr": "MR was read on its own grid; its signal is in arbitrary units.",
    "alignment": (
        "PET and MR that share a frame of reference were not moved. Otherwise they were aligned "
        "rigidly, for display only: by regions that a reader drew on both, or, where there are "
        "none whose outlines agree, by mutual information."
    ),
    "activity": (
        "The activity of a region on a tomogram after a cycle is its mean concentration times its "
        "volume: in Bq/mL as the image states it, or from counts over the time of all projections "
        "and the calibration factor of the site's camera. Where the site measured spheres, it is "
        "divided by the recovery of a sphere of the region's volume; else nothing is recovered, "
        "and the uncertainty holds what a blurred sphere loses. Its uncertainty joins calibration, "
        "recovery, outline (at a resolution of {resolution_mm:g} mm) and noise where it is known "
        "(after Gear et al., Eur J Nucl Med Mol Imaging 45:2456, 2018). Readers drew organs and "
        "lesions on each scan; what bears one name is one region, and scans were not registered."
    ),
    "doses": (
        "Decays are the integral of activity over time, from administration on. From four scans, "
        "sums of exponentials that fall no slower than the nuclide decays were fitted by weighted "
        "least squares and averaged by AICc; one to three scans were read with the half-lives of a "
        "population as prior (177Lu-DOTATATE, effective: kidneys 51 h, liver and spleen 67 h, "
        "tumors 84 h; the spreads and the tumors' mean are assumed, the kidneys' mean is recalled "
        "from Hänscheid et al., J Nucl Med 59:75, 2018). The share after the last scan is given. "
        "Mass is volume times {density_g_cm3:g} g/cm3. S values are those of a sphere of the "
        "region's mass, by Monte Carlo transport of electrons and photons in water with the "
        "emissions of ICRP 107, or for organs of the site's table those of its phantom, scaled by "
        "mass. Organs are without the lesions in them. Local deposition and voxel S values on the "
        "same decays stand beside. The standard uncertainty is that of the law of propagation, or "
        "of a Monte Carlo of the whole chain where the two differ by more than 5 % or the fitted "
        "tail sits at physical decay; the interval is the Monte Carlo's. The biologically "
        "effective dose of the kidneys is by the linear-quadratic model with alpha/beta 2.6 Gy and "
        "a repair half-time of 2.8 h "
        "(recalled as of Wessels et al., J Nucl Med 49:1884, 2008)."
    ),
    "marrow": (
        "The dose of the red marrow is its self-dose and the cross-dose from organs that were "
        "drawn, by the site's table of S values; the rest of the body is left out. Its decays are "
        "those of blood samples times the stated marrow to blood ratio, or of vertebrae L2 to L4 "
        "over their stated share of all marrow. Its mass is the phantom's scaled by body mass. "
        "Blood is reported where there is both (after Hindorf et al., Eur J Nucl Med Mol Imaging "
        "37:1238, 2010, whose equations are recalled)."
    ),
    "predicted doses": (
        "Doses per administered activity were predicted from the PET before cycle 1 by a "
        "linear-Gaussian mixed model of the logarithm on SUVmean, SSTR tumor volume, volumes and "
        "body mass, and the WHO grade where histology states one. Its coefficients were fitted to "
        "1000 virtual patients and widened for people; no patient's dose was used. They are "
        "marked as predicted, with a 90 % interval, and were never joined with measured ones."
    ),
}


def _lesions(settings: Settings) -> dict[str, object]:
    lesions = settings.lesions
    elsewhere = "".join(f", {mm:g} mm at {site}" for site, mm in lesions.resolution_at)
    low, high = lesions.uptake_window_min
    return {
        "method": lesions.method,
        "resolutions": f"{lesions.resolution_mm:g} mm (FWHM){elsewhere}",
        "minimum_volume_ml": lesions.minimum_volume_ml,
        "window": f"{low:g} to {high:g}",
        "difference": lesions.uptake_difference_min,
    }


def _dosimetry(settings: Settings) -> dict[str, float]:
    """Empty where the study asks for no doses: then no paragraph speaks of them."""
    if settings.dosimetry is None:
        return {}
    return {
        "density_g_cm3": settings.dosimetry.tissue_density_g_cm3,
        "resolution_mm": settings.dosimetry.spatial_resolution_mm,
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
                **_lesions(settings),
                **_dosimetry(settings),
                radiomics=_radiomics(settings),
            ),
            version=versions[name][1],
        )
        for name, text in _TEXTS.items()
        if name in versions
    )


def _radiomics(settings: Settings) -> str:
    named = settings.radiomics.settings_file if settings.radiomics else ""
    if named:
        return f"the settings in {named}"
    return "the default settings for PET, in cubes of 3 mm and bins of 0.5 SUV from 0"
