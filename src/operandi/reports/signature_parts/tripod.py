"""The TRIPOD+AI checklist: 27 items with where this page has material for each.

Numbers, topics and applicability were read in two public transcriptions that agree (one from the
full text PMC11019967); what each asks is said here in our own short words. Nothing is ticked:
whether an item is reported well is for a person to judge.

References
----------
.. [1] Collins et al., BMJ 385:e078378, 2024. CC BY 4.0.
"""

from dataclasses import dataclass
from typing import Final

D, E, BOTH = "D", "E", "D;E"


@dataclass(frozen=True, slots=True)
class TripodItem:
    """An item or part of an item.

    Parameters
    ----------
    number : str
        ``"12d"``.
    topic : str
        As published.
    applies : {"D", "E", "D;E"}
        To development of a model, to its evaluation, or to both.
    asks : str
        In short.
    anchors : tuple of str
        Parts of this page with material; empty where the authors must write it.
    """

    number: str
    topic: str
    applies: str
    asks: str
    anchors: tuple[str, ...] = ()


TRIPOD_AI: Final = (
    TripodItem("1", "Title", BOTH, "what kind of study, in whom, and what is foretold"),
    TripodItem("2", "Abstract", BOTH, "the checklist for abstracts", ("verdict",)),
    TripodItem("3a", "Background", BOTH, "health-care context, rationale, existing models"),
    TripodItem("3b", "Background", BOTH, "target population, purpose and users in the pathway"),
    TripodItem("3c", "Background", BOTH, "known health inequalities between groups"),
    TripodItem("4", "Objectives", BOTH, "objectives; development, evaluation or both", ("plan",)),
    TripodItem("5a", "Data", BOTH, "sources of data, why these, how representative", ("plan",)),
    TripodItem("5b", "Data", BOTH, "dates of accrual and end of follow-up"),
    TripodItem("6a", "Participants", BOTH, "setting, number and place of centers", ("sites",)),
    TripodItem("6b", "Participants", BOTH, "eligibility criteria", ("participants",)),
    TripodItem("6c", "Participants", BOTH, "treatments, and how they were handled", ("why",)),
    TripodItem("7", "Data preparation", BOTH, "preparation and quality checks", ("methods",)),
    TripodItem("8a", "Outcome", BOTH, "outcome, horizon, how and when assessed", ("endpoints",)),
    TripodItem("8b", "Outcome", BOTH, "who assessed the outcome, where it takes judgment"),
    TripodItem("8c", "Outcome", BOTH, "blinding of its assessment"),
    TripodItem("9a", "Predictors", D, "choice and preselection of predictors", ("participants",)),
    TripodItem("9b", "Predictors", BOTH, "definition, how and when measured", ("participants",)),
    TripodItem("9c", "Predictors", BOTH, "who assessed predictors, where it takes judgment"),
    TripodItem("10", "Sample size", BOTH, "how the size came about and was justified", ("size",)),
    TripodItem(
        "11", "Missing data", BOTH, "how handled, why left out", ("participants", "methods")
    ),
    TripodItem("12a", "Analytical methods", D, "use and partition of the data", ("methods",)),
    TripodItem("12b", "Analytical methods", D, "form and scaling of predictors", ("methods",)),
    TripodItem("12c", "Analytical methods", D, "models, building, validation", ("methods",)),
    TripodItem("12d", "Analytical methods", BOTH, "differences between clusters", ("sites",)),
    TripodItem(
        "12e", "Analytical methods", BOTH, "measures and plots", ("performance", "calibration")
    ),
    TripodItem("12f", "Analytical methods", E, "updating of a model"),
    TripodItem("12g", "Analytical methods", E, "how predictions were computed", ("methods",)),
    TripodItem("13", "Class imbalance", BOTH, "methods for it, and recalibration", ("methods",)),
    TripodItem("14", "Fairness", BOTH, "what was done for fairness, and why", ("subgroups",)),
    TripodItem("15", "Model output", D, "risk or class, and its thresholds", ("decision",)),
    TripodItem("16", "Training versus evaluation", BOTH, "how those data differ", ("methods",)),
    TripodItem("17", "Ethical approval", BOTH, "committee and consent"),
    TripodItem("18a", "Funding", BOTH, "source, and role of the funders"),
    TripodItem("18b", "Conflicts of interest", BOTH, "of all authors"),
    TripodItem("18c", "Protocol", BOTH, "where it can be read", ("plan",)),
    TripodItem("18d", "Registration", BOTH, "register and number", ("plan",)),
    TripodItem("18e", "Data sharing", BOTH, "whether data are available"),
    TripodItem("18f", "Code sharing", BOTH, "whether the code of the analysis is available"),
    TripodItem("19", "Patient and public involvement", BOTH, "or that there was none"),
    TripodItem(
        "20a", "Participants", BOTH, "flow, outcomes, follow-up", ("participants", "endpoints")
    ),
    TripodItem("20b", "Participants", BOTH, "characteristics and missing data", ("participants",)),
    TripodItem("20c", "Participants", E, "comparison with the development data"),
    TripodItem(
        "21", "Model development", BOTH, "participants and events of each analysis", ("endpoints",)
    ),
    TripodItem("22", "Model specification", D, "the full model", ("coefficients",)),
    TripodItem(
        "23a",
        "Model performance",
        BOTH,
        "with intervals, in subgroups",
        ("performance", "subgroups"),
    ),
    TripodItem("23b", "Model performance", BOTH, "differences between clusters", ("sites",)),
    TripodItem("24", "Model updating", E, "results of it"),
    TripodItem("25", "Interpretation", BOTH, "overall, with fairness", ("verdict", "why")),
    TripodItem("26", "Limitations", BOTH, "and what they do to bias and certainty", ("why",)),
    TripodItem("27a", "Usability of the model", D, "poor or absent input data"),
    TripodItem("27b", "Usability of the model", D, "what users must do and know"),
    TripodItem("27c", "Usability of the model", BOTH, "next steps", ("instability",)),
)
"""The 27 items in 52 parts, in order."""
