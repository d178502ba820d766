"""The page of an analysis: the verdict first, then what it rests on, and two sheets to fill in.

It shows what ``AnalysisResult`` says and computes nothing. Every chart and table can be had as
CSV, from the page or from ``signature_tables``.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from operandi.reports.signature_parts.chance import (
    chance_part,
    permutation_plots,
    stability_part,
    stability_plots,
)
from operandi.reports.signature_parts.checklists import metrics_sheet, tripod_sheet
from operandi.reports.signature_parts.cohort import participants_part, size_part
from operandi.reports.signature_parts.courses import courses_part
from operandi.reports.signature_parts.endpoints import endpoints_part
from operandi.reports.signature_parts.head import head, plan_part
from operandi.reports.signature_parts.layout import Part
from operandi.reports.signature_parts.methods import methods_part, why_part
from operandi.reports.signature_parts.performance import comparisons_part, performance_part
from operandi.reports.signature_parts.risks import (
    calibration_part,
    calibration_plots,
    decision_part,
    instability_part,
    risk_groups_part,
)
from operandi.reports.signature_parts.terms import coefficients_part, sites_part, subgroups_part
from operandi.reports.study_report import Figure
from operandi.signatures.results import AnalysisResult, result_json
from operandi.signatures.results_models import ModelResult

_VERDICT = "The verdict"


def signature_page(report: AnalysisResult) -> str:
    """Draw the page; every text is escaped, and it opens without a network.

    Parameters
    ----------
    report : AnalysisResult
        What was found.

    Returns
    -------
    str
        A complete HTML document; the same result gives the same text.

    Raises
    ------
    DataError
        If a number is not finite, or a verdict bears a word that its rules do not allow.
    """
    top = head(report)
    parts = _parts(report)
    titles = {"verdict": _VERDICT, **{part.anchor: part.title for part in parts}}
    environment = Environment(
        loader=PackageLoader("operandi.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["csv_source"] = _csv_source
    environment.filters["picture_source"] = _picture_source
    style = "".join(
        resources.files("operandi.reports").joinpath("templates", name).read_text("utf-8")
        for name in ("report.css", "page.css", "signature.css")
    )
    return environment.get_template("signature.html.j2").render(
        report=report,
        head=top,
        parts=parts,
        sheets=(tripod_sheet(titles), metrics_sheet(titles)),
        digest=hashlib.sha256(result_json(report)).hexdigest(),
        # Safe: files of this package.
        style=Markup(style),  # noqa: S704
    )


def signature_tables(report: AnalysisResult) -> Mapping[str, bytes]:
    """Every table of the page, and the numbers of every chart.

    Parameters
    ----------
    report : AnalysisResult
        As of ``signature_page``.

    Returns
    -------
    mapping of str to bytes
        CSV by the name of its file, in the order of the page.
    """
    top = head(report)
    tables = {listing.file: listing.csv for listing in top.listings}
    for part in _parts(report):
        tables.update(part.files())
    titles: dict[str, str] = {"verdict": _VERDICT}
    titles.update((part.anchor, part.title) for part in _parts(report))
    for sheet in (tripod_sheet(titles), metrics_sheet(titles)):
        tables[sheet.file] = sheet.csv
    return tables


# Page and tables are asked for one after the other: the charts are drawn once.
@lru_cache(maxsize=1)
def _parts(report: AnalysisResult) -> tuple[Part, ...]:
    result_json(report)  # refuses what is not finite before anything is drawn
    judged = _judged(report)
    return (
        plan_part(report),
        participants_part(report),
        endpoints_part(report),
        size_part(report),
        performance_part(report),
        comparisons_part(report),
        *(() if judged is None else _of_model(report, judged)),
        *_further(report, judged),
        courses_part(report),
        why_part(report),
        methods_part(report),
    )


def _judged(report: AnalysisResult) -> ModelResult | None:
    """The model of the verdict; the last that was judged where it has no result."""
    models = [one for one in report.of_endpoint(report.verdict.endpoint) if one.metrics]
    named = [one for one in models if one.model == report.verdict.model]
    return next(iter(named), models[-1] if models else None)


def _of_model(report: AnalysisResult, judged: ModelResult) -> Iterator[Part]:
    reference = _reference(report, judged)
    pair = (judged,) if reference is None else (judged, reference)
    yield chance_part(judged)
    yield stability_part(judged)
    yield calibration_part(pair)
    yield decision_part(pair)
    yield risk_groups_part(judged)
    yield coefficients_part(judged, binary=_is_binary(report, judged.endpoint))
    yield sites_part(judged)
    yield subgroups_part(judged)
    yield instability_part(judged)


def _reference(report: AnalysisResult, judged: ModelResult) -> ModelResult | None:
    """The lowest rung of the ladder."""
    ladder = [one for one in report.of_endpoint(judged.endpoint) if one.role == "ladder"]
    return ladder[0] if ladder and ladder[0] is not judged else None


def _further(report: AnalysisResult, judged: ModelResult | None) -> Iterator[Part]:
    """Charts of the other rungs, and of the top rung on every other endpoint."""
    folded = []
    for model in report.models:
        same = judged is not None and model.endpoint == judged.endpoint
        if model is judged or model.role != "ladder" or not model.metrics:
            continue
        if not same and model is not _top(report, model.endpoint):
            continue
        plots = (
            *permutation_plots(model),
            *stability_plots(model),
            *(
                ()
                if same and model is _reference_of(report, judged)
                else calibration_plots([model])
            ),
        )
        if plots:
            folded.append(
                Part(
                    anchor=f"model-{model.endpoint}-{model.model}",
                    title=f"{model.model} on {model.endpoint}: {model.title}",
                    plots=plots,
                )
            )
    if folded:
        yield Part(anchor="further", title="Further models", folded=tuple(folded))


def _reference_of(report: AnalysisResult, judged: ModelResult | None) -> ModelResult | None:
    return None if judged is None else _reference(report, judged)


def _top(report: AnalysisResult, endpoint: str) -> ModelResult | None:
    ladder = [one for one in report.of_endpoint(endpoint) if one.role == "ladder" and one.metrics]
    return ladder[-1] if ladder else None


def _is_binary(report: AnalysisResult, endpoint: str) -> bool:
    return any(one.binary for one in report.endpoints if one.code == endpoint)


def _csv_source(content: bytes) -> str:
    return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(content).decode('ascii')}"


def _picture_source(figure: Figure) -> str:
    return f"data:{figure.mime};base64,{base64.b64encode(figure.image).decode('ascii')}"
