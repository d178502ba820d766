"""The METRICS worksheet: 30 items and 5 conditions, to be answered by a person.

Names of items and their weights up to item 23 were read in table 1 of the paper; the weights of
items 24 to 30 are recalled (with them the 30 weights add up to 1, as they must).

References
----------
.. [1] Kocak et al., Insights into Imaging 15:8, 2024, table 1. CC BY 4.0.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class MetricsItem:
    """An item of the score.

    Parameters
    ----------
    number : int
    category, name : str
        As published.
    weight : float
    recalled : bool
        Whether the weight could not be read in the source.
    condition : int
        Condition under which it counts; 0 for always.
    anchors : tuple of str
        Parts of this page with material.
    """

    number: int
    category: str
    name: str
    weight: float
    recalled: bool = False
    condition: int = 0
    anchors: tuple[str, ...] = ()


_DESIGN, _IMAGING, _SEGMENTATION = "Study design", "Imaging data", "Segmentation"
_EXTRACTION = "Image processing and feature extraction"
_FEATURES, _PREPARATION = "Feature processing", "Preparation for modeling"
_COMPARISON, _TESTING, _OPEN = "Metrics and comparison", "Testing", "Open science"

METRICS_CONDITIONS: Final = (
    "Does the study include segmentation?",
    "Does the study include fully automated segmentation?",
    "Does the study include hand-crafted feature extraction?",
    "Does the study include tabular data?",
    "Does the study include end-to-end deep learning?",
)

METRICS_ITEMS: Final = (
    MetricsItem(
        1,
        _DESIGN,
        "Adherence to radiomics and/or machine learning-specific checklists or guidelines",
        0.0368,
        anchors=("tripod",),
    ),
    MetricsItem(
        2,
        _DESIGN,
        "Eligibility criteria that describe a representative study population",
        0.0735,
        anchors=("participants",),
    ),
    MetricsItem(
        3,
        _DESIGN,
        "High-quality reference standard with a clear definition",
        0.0919,
        anchors=("endpoints",),
    ),
    MetricsItem(4, _IMAGING, "Multi-center", 0.0438, anchors=("sites",)),
    MetricsItem(
        5,
        _IMAGING,
        "Clinical translatability of the imaging data source for radiomics analysis",
        0.0292,
    ),
    MetricsItem(6, _IMAGING, "Imaging protocol with acquisition parameters", 0.0438),
    MetricsItem(7, _IMAGING, "The interval between imaging used and reference standard", 0.0292),
    MetricsItem(
        8, _SEGMENTATION, "Transparent description of segmentation methodology", 0.0337, condition=1
    ),
    MetricsItem(
        9, _SEGMENTATION, "Formal evaluation of fully automated segmentation", 0.0225, condition=2
    ),
    MetricsItem(
        10,
        _SEGMENTATION,
        "Test set segmentation masks produced by a single reader or automated tool",
        0.0112,
        condition=1,
    ),
    MetricsItem(
        11,
        _EXTRACTION,
        "Appropriate use of image preprocessing techniques with transparent description",
        0.0622,
    ),
    MetricsItem(
        12, _EXTRACTION, "Use of standardized feature extraction software", 0.0311, condition=3
    ),
    MetricsItem(
        13,
        _EXTRACTION,
        "Transparent reporting of feature extraction parameters, otherwise providing a default "
        "configuration statement",
        0.0415,
    ),
    MetricsItem(
        14, _FEATURES, "Removal of non-robust features", 0.02, condition=4, anchors=("methods",)
    ),
    MetricsItem(
        15, _FEATURES, "Removal of redundant features", 0.02, condition=4, anchors=("methods",)
    ),
    MetricsItem(
        16,
        _FEATURES,
        "Appropriateness of dimensionality compared to data size",
        0.03,
        condition=4,
        anchors=("size",),
    ),
    MetricsItem(
        17,
        _FEATURES,
        "Robustness assessment of end-to-end deep learning pipelines",
        0.02,
        condition=5,
    ),
    MetricsItem(18, _PREPARATION, "Proper data partitioning process", 0.0599, anchors=("methods",)),
    MetricsItem(19, _PREPARATION, "Handling of confounding factors", 0.03, anchors=("subgroups",)),
    MetricsItem(
        20,
        _COMPARISON,
        "Use of appropriate performance evaluation metrics for task",
        0.0352,
        anchors=("performance",),
    ),
    MetricsItem(
        21,
        _COMPARISON,
        "Consideration of uncertainty",
        0.0234,
        anchors=("performance", "instability"),
    ),
    MetricsItem(22, _COMPARISON, "Calibration assessment", 0.0176, anchors=("calibration",)),
    MetricsItem(
        23, _COMPARISON, "Use of uni-parametric imaging or proof of its inferiority", 0.0117
    ),
    MetricsItem(
        24,
        _COMPARISON,
        "Comparison with a non-radiomic approach or proof of added clinical value",
        0.0293,
        recalled=True,
        anchors=("comparisons",),
    ),
    MetricsItem(
        25,
        _COMPARISON,
        "Comparison with simple or classical statistical models",
        0.0176,
        recalled=True,
        anchors=("comparisons",),
    ),
    MetricsItem(26, _TESTING, "Internal testing", 0.0375, recalled=True, anchors=("performance",)),
    MetricsItem(27, _TESTING, "External testing", 0.0749, recalled=True),
    MetricsItem(28, _OPEN, "Data availability", 0.0075, recalled=True),
    MetricsItem(29, _OPEN, "Code availability", 0.0075, recalled=True),
    MetricsItem(30, _OPEN, "Model availability", 0.0075, recalled=True),
)
"""The 30 items, in order."""
