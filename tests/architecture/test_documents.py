"""The documents are checked like code: examples are read, tables compared, links followed."""

import re
import tomllib
from dataclasses import fields
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from operandi.cli.main import app
from operandi.imaging.pet.declaration import Declaration
from operandi.imaging.radiomics.aggregation import Aggregation
from operandi.pipeline.choosing_cycles import calibrations_on
from operandi.pipeline.lesion_table import LesionTable
from operandi.pipeline.settings import Settings, parse_settings
from operandi.pipeline.step_settings import DosimetrySettings, RadiomicsRequest
from operandi.pipeline.steps.measurements import SCHEMA
from operandi.pipeline.steps.radiomics import DESCRIPTOR_SCHEMA
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import LU177
from operandi.records import plausible
from operandi.records.documentation import documented
from operandi.records.names import IMAGE_TABLES
from operandi.records.reading import read_records
from operandi.records.rows import ROWS
from operandi.records.tables import Records
from operandi.therapy.chains import decay_constant_per_s
from operandi.therapy.limits import limits_from
from operandi.therapy.population_prior import (
    KIDNEY_LU177_DOTATATE,
    LIVER_LU177_DOTATATE,
    SPLEEN_LU177_DOTATATE,
    TUMOR_LU177_DOTATATE,
    PopulationPrior,
)
from operandi.therapy.single_time_point import SingleTimePointMethod, accepted_times_s
from tests.architecture.source_tree import ROOT, modules

DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
STUDY_FOLDER = (DOCS / "study-folder.md").read_text(encoding="utf-8")
TUTORIAL = (DOCS / "tutorial-first-study.md").read_text(encoding="utf-8")
DOSES = (DOCS / "tutorial-doses.md").read_text(encoding="utf-8")
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
PAGES = sorted([ROOT / "README.md", ROOT / "changes" / "README.md", *DOCS.rglob("*.md")])
CATEGORIES = {"added", "changed", "fixed", "removed", "numbers"}


def blocks(text: str, language: str) -> dict[str, str]:
    """Fenced blocks of a language, by the word behind it."""
    fence = re.compile(rf"^```{language} ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return dict(fence.findall(text))


def section(text: str, title: str) -> str:
    """What stands below a heading, down to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section is called {title}"
    return found[1]


def first_cells(table: str) -> list[str]:
    """Every name in backticks in the first column, in order."""
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


def settings_of(toml: str) -> Settings:
    return parse_settings(tomllib.loads(toml))


def records_of(tables: dict[str, str], settings: Settings, folder: Path) -> Records:
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return read_records(
        folder,
        timezone=settings.zone,
        today=date(2026, 11, 22),
        timepoints=[timepoint.code for timepoint in settings.timepoints],
        sites=[code for code, _ in settings.sites],
    )


# --- docs/study-folder.md ---------------------------------------------------------------------


def test_the_minimal_study_file_is_accepted() -> None:
    settings = settings_of(blocks(STUDY_FOLDER, "toml")["minimal"])

    assert settings.zone == ZoneInfo("Europe/Paris")
    assert settings.declared == Declaration()


def _paths(content: dict[str, Any], prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for key, value in content.items():
        inner = value[0] if isinstance(value, list) and isinstance(value[0], dict) else value
        path = (*prefix, key)
        found += _paths(inner, path) if isinstance(inner, dict) else [path]
    return found


MINIMAL = tomllib.loads(blocks(STUDY_FOLDER, "toml")["minimal"])


@pytest.mark.parametrize("path", _paths(MINIMAL), ids=".".join)
def test_the_minimal_study_file_cannot_lose_a_key(path: tuple[str, ...]) -> None:
    content: Any = tomllib.loads(blocks(STUDY_FOLDER, "toml")["minimal"])
    inner = content
    for key in path[:-1]:
        inner = inner[key][0] if isinstance(inner[key], list) else inner[key]
    del inner[path[-1]]

    with pytest.raises(DataError, match=path[-1]):
        parse_settings(content)


def test_every_key_of_the_minimal_study_file_is_explained() -> None:
    explained = first_cells(section(STUDY_FOLDER, "study.toml"))
    used = {".".join(path).replace("site.NANTES", "site.CODE") for path in _paths(MINIMAL)}

    assert used <= set(explained)
    assert set(explained) - used == {"study.protocol", "declare", "dosimetry", "radiomics"}


def test_every_key_of_lesions_is_explained() -> None:
    explained = first_cells(section(STUDY_FOLDER, "lesions: found, followed, compared"))
    shown = parse_settings(
        {**MINIMAL, **tomllib.loads(blocks(STUDY_FOLDER, "toml")["lesions"])}
    ).lesions

    assert explained == list(LesionTable.model_fields)
    assert shown.segmentation_at("NANTES").fwhm_mm == 4.5


def test_every_key_of_dosimetry_is_explained() -> None:
    explained = first_cells(section(STUDY_FOLDER, "dosimetry: absorbed doses"))
    shown = parse_settings(
        {**MINIMAL, **tomllib.loads(blocks(STUDY_FOLDER, "toml")["dosimetry"])}
    ).dosimetry

    assert explained == [field.name for field in fields(DosimetrySettings)]
    assert shown is not None


def test_every_key_of_radiomics_is_explained() -> None:
    text = section(STUDY_FOLDER, "radiomics: features of lesions")
    shown = parse_settings(
        {**MINIMAL, **tomllib.loads(blocks(STUDY_FOLDER, "toml")["radiomics"])}
    ).radiomics

    assert first_cells(text) == [field.name for field in fields(RadiomicsRequest)]
    assert shown is not None
    assert all(f'`"{way}"`' in text for way in Aggregation)


def test_every_column_of_the_descriptors_is_named() -> None:
    text = section(STUDY_FOLDER, "radiomics: features of lesions")

    assert all(f"`{column}`" in text for column in DESCRIPTOR_SCHEMA)


def test_the_limits_shown_are_read_as_they_stand() -> None:
    both = blocks(STUDY_FOLDER, "toml")["dosimetry"] + blocks(STUDY_FOLDER, "toml")["limit"]
    shown = parse_settings({**MINIMAL, **tomllib.loads(both)}).dosimetry

    assert shown is not None
    [limit] = limits_from(shown.limit)
    assert limit.limit_gy == 35.0
    text = section(STUDY_FOLDER, "dosimetry.limit: numbers beside the sums")
    assert all(f"`{key}`" in text for key in ("organ", "kind", "limit_gy", "applies_to", "source"))


def test_every_declaration_is_explained() -> None:
    text = section(STUDY_FOLDER, "declare: answers to ambiguous headers")
    everywhere, for_one_visit = text.split("Under `[[declare.visit]]` also:")

    assert first_cells(everywhere) == [field.name for field in fields(Declaration)]
    assert first_cells(for_one_visit) == [
        "participant",
        "timepoint",
        "pet_series_uid",
        "organs_absent",
        "lesions_from",
        "lesions_reader",
        "lesions_corrected_at",
        "lesions_confirmed",
    ]


def test_the_declared_study_file_says_what_it_means_to() -> None:
    settings = settings_of(blocks(STUDY_FOLDER, "toml")["declared"])

    joined = settings.declaration_at("NA-014", "BASELINE")
    assert (joined.activity_unit, joined.body_mass_from) == ("MBq", "records")
    assert settings.declaration_at("TO-003", "BASELINE").body_mass_from == ""
    assert settings.pet_series_at("NA-014", "BASELINE").endswith(".77")


@pytest.mark.parametrize("table", ROWS)
def test_every_table_is_described_by_its_declaration(table: str) -> None:
    """To mend it, print ``documented(table)`` and paste it."""
    assert f"{documented(table)}\n\n```csv {table}\n" in STUDY_FOLDER


def test_the_tables_of_the_study_folder_hold(tmp_path: Path) -> None:
    settings = settings_of(blocks(STUDY_FOLDER, "toml")["declared"])
    tables = blocks(STUDY_FOLDER, "csv")

    records = records_of(tables, settings, tmp_path)

    assert tables.keys() == ROWS.keys()
    assert [str(fault) for fault in records.faults] == []
    assert len(records.participants) == 2
    assert len(records.visits) == len(records.vitals) == len(records.administrations) == 3
    assert (len(records.cycles), len(records.regions)) == (3, 1)
    assert {name: len(rows) for name, rows in records.rows.items()} == {
        name: text.count("\n") - 1 for name, text in tables.items()
    }


def _span(limits: plausible.Plausible, unit: str) -> str:
    return limits.bounds(unit=unit).partition("(")[2].rstrip(")")


@pytest.mark.parametrize(
    ("table", "column", "stated"),
    [
        ("vitals", "body_mass_kg", _span(plausible.BODY_MASS, "kg")),
        ("vitals", "body_mass_kg", f"{plausible.LARGEST_MASS_CHANGE:.0%}".replace("%", " %")),
        ("vitals", "height_m", _span(plausible.HEIGHT, "m")),
        ("vitals", "height_cm", _span(plausible.HEIGHT, "cm")),
        ("tracer_administrations", "activity_mbq", _span(plausible.GA68_ASSAY, "MBq")),
        ("tracer_administrations", "activity_mbq", _span(plausible.GA68_ACTIVITY, "MBq")),
        ("tracer_administrations", "activity_mbq", _span(plausible.OTHER_ASSAY, "MBq")),
        ("cycles", "activity_gbq", _span(plausible.CYCLE_ACTIVITY, "GBq")),
        ("reference_regions", "x_mm", f"{plausible.FARTHEST_MM} mm"),
        ("reference_regions", "radius_mm", f"{plausible.LARGEST_RADIUS_MM} mm"),
        ("participants", "birth_year", f"{plausible.EARLIEST_BIRTH_YEAR} to"),
    ],
)
def test_the_bounds_are_those_that_are_checked(table: str, column: str, stated: str) -> None:
    (row,) = [
        line
        for line in section(STUDY_FOLDER, table).splitlines()
        if line.startswith(f"| `{column}` |")
    ]

    assert stated in row


# --- docs/tutorial-first-study.md -------------------------------------------------------------


def test_the_mended_study_of_the_tutorial_holds(tmp_path: Path) -> None:
    tomls = blocks(TUTORIAL, "toml")
    settings = settings_of(tomls[""] + tomls["declare"])

    records = records_of(blocks(TUTORIAL, "csv"), settings, tmp_path)

    assert [str(fault) for fault in records.faults] == []
    assert settings.declaration_at("OP-001", "BASELINE").body_mass_from == "records"


def test_the_slips_of_the_tutorial_are_refused_as_it_says(tmp_path: Path) -> None:
    slips = {
        "vitals" if "height_m" in block else "tracer_administrations": block
        for block in re.findall(r"^```\n(participant,timepoint.*?)^```$", TUTORIAL, re.M | re.S)
    }
    assert len(slips) == 2

    tables = blocks(TUTORIAL, "csv") | slips
    records = records_of(tables, settings_of(blocks(TUTORIAL, "toml")[""]), tmp_path)

    assert len(records.faults) == 2
    for fault in records.faults:
        assert f"> {fault}" in TUTORIAL


# --- docs/tutorial-doses.md -------------------------------------------------------------------


def test_the_study_of_the_tutorial_of_doses_holds(tmp_path: Path) -> None:
    tomls, tables = blocks(DOSES, "toml"), blocks(DOSES, "csv")
    settings = settings_of(blocks(TUTORIAL, "toml")[""] + tomls["dosimetry"] + tomls["declare"])

    records = records_of(blocks(TUTORIAL, "csv") | tables, settings, tmp_path)

    assert [str(fault) for fault in records.faults] == []
    assert settings.dosimetry is not None
    assert settings.declaration_at("OP-001", "CYCLE_1").decay_corrected_to == "scan start"
    [camera] = calibrations_on(date(2024, 9, 18), site="NANTES", nuclide="177Lu", records=records)
    assert len(camera.spheres) == 4


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (KIDNEY_LU177_DOTATATE, "{:g} to {:g} h in kidneys"),
        (LIVER_LU177_DOTATATE, "{:g} to {:g} h in liver and spleen"),
        (SPLEEN_LU177_DOTATATE, "{:g} to {:g} h in liver and spleen"),
        (TUMOR_LU177_DOTATATE, "{:g} to {:g} h in tumors"),
    ],
)
def test_the_times_at_which_one_scan_is_enough_are_those_of_the_code(
    prior: PopulationPrior, words: str
) -> None:
    accepted = accepted_times_s(
        SingleTimePointMethod.BAYESIAN,
        physical_rate_per_s=decay_constant_per_s(LU177),
        prior=prior,
    )

    assert accepted is not None
    assert words.format(*(time / 3600 for time in accepted)) in DOSES


# --- README.md --------------------------------------------------------------------------------


def test_the_readme_names_every_command() -> None:
    commands = {
        command.name or command.callback.__name__
        for command in app.registered_commands
        if command.callback
    } | {
        str(group.typer_instance.info.name)
        for group in app.registered_groups
        if group.typer_instance
    }

    named = {cell.partition(" ")[0] for cell in first_cells(section(README, "Commands"))}
    assert named == commands | {"test"}  # which is the launcher's own


def test_the_readme_names_every_column_of_the_measurements() -> None:
    assert first_cells(section(README, "What comes out")) == list(SCHEMA)


def test_the_readme_names_every_table_that_images_need() -> None:
    text = section(README, "Your study folder")

    assert set(re.findall(r"(\w+)\.csv", text)) == set(IMAGE_TABLES)


def test_the_exit_statuses_are_those_of_the_command() -> None:
    (command,) = [module for module in modules() if module.name == "operandi.cli.main"]
    stated = (command.tree.body[0].value.value).partition("Exit status: ")[2]  # type: ignore[attr-defined]

    listed = re.findall(r"^\| (\d+) \|", section(README, "Commands"), re.MULTILINE)
    assert listed == re.findall(r"(?:^|; )\s*(\d+) ", stated.replace("\n", " "))


# --- every page -------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    inside = [link for link in links if "://" not in link]

    assert [link for link in inside if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_every_decision_is_complete(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)

    assert re.match(rf"# {page.stem[:4]} \w", text)
    assert [h for h in headings if h != "References"] == [
        "Context",
        "Options",
        "Choice",
        "Consequences",
        "Revisit when",
    ]


def test_decisions_are_numbered_one_by_one() -> None:
    assert [int(page.stem[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_every_decision_that_the_code_cites_exists() -> None:
    numbers = {page.stem[:4] for page in DECISIONS}
    cited = {
        number
        for module in modules()
        for number in re.findall(r"decisions?[ /](\d{4})", module.file.read_text(encoding="utf-8"))
    }

    assert cited <= numbers


def test_every_dependency_has_its_reason_and_license() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[^\w.-]", entry, maxsplit=1)[0] for entry in project["dependencies"]}
    page = (DOCS / "decisions" / "0002-dependencies-of-the-core.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w.-]+) \| (.+?) \| (.+?) \| .+ \|$", page, re.MULTILINE)
    explained = {name: license_ for name, _, license_ in rows if name != "Dependency"}

    assert explained.keys() == declared
    for name, license_ in explained.items():
        assert license_.split()[0].split("-")[0] in _stated_license(name), name


def _stated_license(name: str) -> str:
    about = metadata.metadata(name)
    fields_of_it = ("License-Expression", "License", "Classifier")
    return " ".join(text for field in fields_of_it for text in about.get_all(field) or [])


def test_every_fragment_of_a_change_has_a_number_and_a_category() -> None:
    names = [p.name for p in (ROOT / "changes").glob("*.md") if p.name != "README.md"]
    shape = re.compile(rf"\d{{4}}-[a-z0-9]+(-[a-z0-9]+){{1,4}}\.({'|'.join(CATEGORIES)})\.md")

    assert [name for name in names if not shape.fullmatch(name)] == []
