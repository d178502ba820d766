"""How it was done, in words, and why a single arm tells nothing of the therapy."""

from typing import Final

from operandi.reports.signature_parts.layout import Part, a_listing, counted, listed
from operandi.signatures.results import AnalysisResult, ResamplingDone, prognostic_under

_WHY_NOT_PREDICTIVE: Final = (
    "No two treatments are compared here. A feature that goes with an earlier event may go with it "
    "under any other therapy, or under none: without a group that was treated otherwise, the two "
    "cannot be told apart.",
    "Every finding on this page therefore reads: {prognostic}. To call a feature predictive of "
    "benefit takes a comparison arm and a test of the interaction of feature and arm, planned "
    "beforehand.",
    "Everything was judged by resampling within one study. Other hospitals, scanners and times "
    "may give lower numbers; only participants of another study can tell.",
)


def why_part(result: AnalysisResult) -> Part:
    """Why every finding is called prognostic."""
    prognostic = prognostic_under(result.therapy)
    return Part(
        anchor="why",
        title="Why prognostic, and not predictive",
        paragraphs=tuple(one.format(prognostic=prognostic) for one in _WHY_NOT_PREDICTIVE),
    )


def _fewer(done: ResamplingDone) -> list[tuple[str, str]]:
    """Where fewer bootstrap samples were drawn than the plan says."""
    uses = {
        "Of these, refits of final models": done.refits,
        "Of these, for optimism": done.optimism_samples,
        "Of these, for bands of calibration": done.calibration_samples,
        "Of these, for bands of interval-censored curves": done.curve_draws,
    }
    return [(what, str(count)) for what, count in uses.items() if count]


def methods_part(result: AnalysisResult) -> Part:
    """Preparation, resampling and judgment, as they were done."""
    done = result.resampling
    steps = [
        (
            str(number),
            line.step.replace("_", " "),
            listed(line.blocks) or "all",
            "; ".join(line.settings) or "as by default",
        )
        for number, line in enumerate(result.preparation, start=1)
    ]
    listings = []
    if steps:
        listings.append(
            a_listing(
                "preparation.csv",
                caption="Preparation, in this order",
                columns=("Step", "What", "Blocks", "Settings"),
                rows=steps,
                of_words=("What", "Blocks", "Settings"),
            )
        )
    listings.append(
        a_listing(
            "resampling.csv",
            caption="Resampling",
            columns=("What", "Times"),
            rows=[
                ("Repeats of the outer folds", str(done.repeats)),
                ("Outer folds", str(done.folds)),
                ("Inner folds, for tuning", str(done.inner_folds)),
                ("Permutations of the whole pipeline", str(done.permutations)),
                ("Repeats in each permutation", str(done.permutation_repeats)),
                ("Complementary pairs of halves", str(done.stability_pairs)),
                ("Bootstrap samples", str(done.bootstraps)),
                *_fewer(done),
                ("Imputations", str(done.imputations)),
                ("Seed", str(done.seed)),
            ],
        )
    )
    return Part(
        anchor="methods",
        title="Methods",
        paragraphs=(
            "Whatever is learned from data (imputation, scaling, harmonization of sites, filters, "
            "selection, tuning) is learned on the training side of every fold alone and applied "
            f"to the other. {counted(done.repeats, 'repeat')} of {done.folds} outer folds, tuned "
            f"in {done.inner_folds} inner folds; all models share the folds. Concordance and AUC "
            "compare participants of the same fold alone, whom one fit foretold.",
            "Where a final model says so, its predictions are multiplied in each fold by one "
            "factor, the slope on linear predictors of the inner folds: their order stays, so do "
            "concordance, permutations and verdict.",
            "Chance is told by the same pipeline after the columns in question were dealt anew to "
            "the participants; stability by complementary halves of the participants; optimism by "
            "the bootstrap; sites by leaving each out of learning.",
            "Intervals of metrics, of calibration in numbers, of net benefit and of differences "
            "between models take in what is learned: everything was done again without a fifth of "
            "the participants, many times over. The interval is the wider of two: of the error "
            "between these smaller cohorts by Student's t with 4 degrees of freedom (of a "
            "calibration slope normal), or a normal one of participants drawn anew with "
            "predictions as they are. A model without smaller cohorts says so, and its intervals "
            "are too narrow. Bands of calibration curves, subgroups and sites hold predictions as "
            "they are.",
            "Each model of the ladder has its own verdict; p values of their permutations are not "
            "adjusted for one another. The head of this page is the model that the plan asks "
            "about first.",
            "Spread over repeats is that of the folds, not of sampling; it is never given as an "
            "interval. What could not be computed is absent, with the reason.",
        ),
        listings=tuple(listings),
        notes=result.notes,
    )
