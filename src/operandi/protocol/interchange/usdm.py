"""A study as CDISC USDM 4.0 JSON, the study definition that DDF tools exchange.

A criterion is text there; our rules go with it as extension attributes. What USDM asks for and a
study file does not say is null or empty, and listed by :func:`not_carried`. Decision 0017.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import operandi
from operandi.protocol.format import Criterion, Endpoint, Intervention, StudyProtocol
from operandi.protocol.interchange.timing import Timing, timings_of
from operandi.protocol.interchange.words import comment_on, events_of, expressions_of, words_of
from operandi.protocol.schedule_format import CyclePlan

VERSION: Final = "4.0.0"
EXTENSION: Final = "urn:operandi:usdm:"
"""Before the name of each of our extension attributes."""
_SYSTEM: Final = ("http://www.cdisc.org", "2024-09-27")
_CATEGORIES: Final = {
    "inclusion": ("C25532", "Inclusion Criteria"),
    "exclusion": ("C25370", "Exclusion Criteria"),
}
_LEVELS: Final = {
    "primary": (("C85826", "Primary Objective"), ("C94496", "Primary Endpoint")),
    "secondary": (("C85827", "Secondary Objective"), ("C139173", "Secondary Endpoint")),
    "exploratory": (("C163559", "Exploratory Objective"), ("C170559", "Exploratory Endpoint")),
}
_REGISTERED: Final = re.compile(r"NCT\d{8}")

_Thing = dict[str, Any]


def usdm_of(study: StudyProtocol) -> bytes:
    """Write a study as USDM 4.0 JSON, UTF-8. The same study gives the same bytes.

    Keys and codes are those of CDISC's published examples.
    """
    content = {
        "study": _Writer(study).study(),
        "usdmVersion": VERSION,
        "systemName": "Operandi",
        "systemVersion": operandi.__version__,
    }
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


_ASKED: Final = (
    "asked for by USDM, not in a study file, and null or empty: version identifier, rationale, "
    "phase, model, blinding, intent, indications, therapeutic areas, planned sex and age, healthy "
    "subjects, type and data origin of arms, role of interventions, estimands, biospecimens",
    "design: written as interventional, because a study file lists what is given",
    "title: written as the public one, because a study file does not say which it is",
    "epochs: not in a study file; one without type, STUDY, holds what each arm gets",
)


def not_carried(study: StudyProtocol) -> tuple[str, ...]:
    """List what a USDM file says in our extensions or words only, adds, or does not say."""
    about = study.study
    lost = [*_ASKED]
    lost += (text for timing in timings_of(study) for text in timing.lost)
    lost += (
        f"criterion {criterion.code}: rules, gates, cautions, reasons; in extension attributes"
        for criterion in study.criterion
    )
    lost += (
        f"{event.code}: how it is planned and read; in an extension attribute"
        for event in events_of(study)
    )
    lost += (f"anchor {anchor.code}: that its event is {anchor.event}" for anchor in study.anchor)
    lost += (f"item {name}" for name in study.item)
    lost += (f"hospital {hospital.code}: USDM asks for its country" for hospital in study.hospital)
    lost += (f"department {department.code}" for department in study.department)
    lost += (
        f"intervention {entry.code}: that it is a {entry.kind}; in an extension attribute"
        for entry in study.intervention
        if entry.kind != "drug"
    )
    lost += (
        f"endpoint {endpoint.code}: stands under an objective without text; that it is "
        f"{endpoint.status} in an extension attribute"
        for endpoint in study.endpoint
    )
    lost += (
        f"laboratory of {', '.join(entry.visits)}: what is measured there"
        for entry in study.laboratory
    )
    lost += (f"imaging of {', '.join(entry.visits)}" for entry in study.imaging)
    if study.recist is not None:
        lost.append(f"recist: version {study.recist.version}")
    if about.sponsor_code and not about.sponsor:
        lost.append("sponsor_code: USDM asks whose it is")
    lost += (
        f"{key}: in an extension attribute"
        for key in ("source", "transcription", "timezone", "ctcae_version", *_DATES)
        if getattr(about, key) is not None
    )
    return tuple(lost)


_DATES: Final = ("starts_on", "completes_on")


class _Writer:
    """Makes objects with identifiers of their own, counted by class."""

    def __init__(self, study: StudyProtocol) -> None:
        self.source = study
        self.counts: Counter[str] = Counter()

    def make(self, kind: str, extensions: Iterable[tuple[str, str]] = (), **fields: Any) -> _Thing:
        self.counts[kind] += 1
        thing: _Thing = {"id": f"{kind}_{self.counts[kind]}"}
        thing["extensionAttributes"] = [
            self.make("ExtensionAttribute", url=EXTENSION + name, valueString=value)
            for name, value in extensions
        ]
        return thing | fields | {"instanceType": kind}

    def named(
        self, kind: str, name: str, label: str | None, *more: tuple[str, str], **fields: Any
    ) -> _Thing:
        said = {"description": None} | fields
        return self.make(kind, more, name=name, label=label, **said)

    def code(self, code: tuple[str, str]) -> _Thing:
        system, version = _SYSTEM
        return self.make(
            "Code", code=code[0], codeSystem=system, codeSystemVersion=version, decode=code[1]
        )

    def study(self) -> _Thing:
        about = self.source.study
        return {
            "id": None,
            "name": about.code,
            "description": about.title,
            "label": None,
            "versions": [self.version()],
            "documentedBy": [],
            "instanceType": "Study",
        }

    def version(self) -> _Thing:
        about = self.source.study
        organizations, identifiers = self.identifiers()
        interventions = {i.code: self.intervention(i) for i in self.source.intervention}
        items = [
            self.named(
                "EligibilityCriterionItem",
                criterion.code,
                None,
                text=criterion.text,
                dictionaryId=None,
                notes=[],
            )
            for criterion in self.source.criterion
        ]
        title = self.code(("C99905x3", "Public Study Title"))
        empty = (
            "dateValues",
            "amendments",
            "businessTherapeuticAreas",
            "referenceIdentifiers",
            "narrativeContentItems",
            "abbreviations",
            "roles",
            "administrableProducts",
            "medicalDevices",
            "productOrganizationRoles",
            "biomedicalConcepts",
            "bcCategories",
            "bcSurrogates",
            "dictionaries",
            "conditions",
            "notes",
        )
        return self.make(
            "StudyVersion",
            [
                (key, str(getattr(about, key)))
                for key in ("source", "transcription", "timezone", "ctcae_version", *_DATES)
                if getattr(about, key) is not None
            ],
            versionIdentifier=None,
            rationale=None,
            documentVersionIds=[],
            studyIdentifiers=identifiers,
            titles=[self.make("StudyTitle", text=about.title, type=title)],
            organizations=organizations,
            studyInterventions=[*interventions.values()],
            eligibilityCriterionItems=items,
            studyDesigns=[self.design([item["id"] for item in items], _ids_by_code(interventions))],
            **{key: [] for key in empty},
        )

    def identifiers(self) -> tuple[list[_Thing], list[_Thing]]:
        """The organizations, and the study's identifiers in their scope."""
        about = self.source.study
        organizations: list[_Thing] = []
        scopes: dict[str, str] = {}
        if _REGISTERED.fullmatch(about.code):
            kind = ("C93453", "Study Registry")
            # Scheme and identifier as the published examples have them.
            registry = self.organization("CT-GOV", "ClinicalTrials.gov", kind, "USGOV", "CT-GOV")
            organizations.append(registry)
            scopes[about.code] = registry["id"]
        if about.sponsor:
            kind = ("C70793", "Clinical Study Sponsor")
            sponsor = self.organization(about.sponsor, about.sponsor, kind)
            organizations.append(sponsor)
            if about.sponsor_code:
                scopes[about.sponsor_code] = sponsor["id"]
        codes = dict.fromkeys((about.code, *scopes))
        return organizations, [
            self.make("StudyIdentifier", text=code, scopeId=scopes.get(code)) for code in codes
        ]

    def organization(
        self,
        name: str,
        label: str,
        kind: tuple[str, str],
        scheme: str | None = None,
        identifier: str | None = None,
    ) -> _Thing:
        return self.make(
            "Organization",
            name=name,
            label=label,
            type=self.code(kind),
            identifierScheme=scheme,
            identifier=identifier,
            legalAddress=None,
            managedSites=[],
        )

    def intervention(self, entry: Intervention) -> _Thing:
        drug = entry.kind == "drug"
        return self.named(
            "StudyIntervention",
            entry.code,
            entry.title,
            ("kind", entry.kind),
            role=None,
            type=self.code(("C1909", "Pharmacologic Substance")) if drug else None,
            minimumResponseDuration=None,
            codes=[],
            administrations=[],
            notes=[],
        )

    def design(self, item_ids: list[str], intervention_ids: Mapping[str, str]) -> _Thing:
        study = self.source
        criteria = [
            self.criterion(criterion, item_id)
            for criterion, item_id in zip(study.criterion, item_ids, strict=True)
        ]
        arms, elements, cells, epochs = self.arms(intervention_ids)
        timeline, encounters, activities = self.calendar()
        lists = (
            "therapeuticAreas",
            "characteristics",
            "estimands",
            "indications",
            "analysisPopulations",
            "biospecimenRetentions",
            "documentVersionIds",
            "intentTypes",
            "subTypes",
            "notes",
        )
        return self.named(
            "InterventionalStudyDesign",
            study.study.code,
            study.study.title,
            studyType=self.code(("C98388", "Interventional Study")),
            studyPhase=None,
            model=None,
            blindingSchema=None,
            rationale=None,
            arms=arms,
            elements=elements,
            studyCells=cells,
            epochs=epochs,
            studyInterventionIds=[*intervention_ids.values()],
            objectives=[self.objective(endpoint) for endpoint in study.endpoint],
            population=self.population([criterion["id"] for criterion in criteria]),
            eligibilityCriteria=criteria,
            encounters=encounters,
            activities=activities,
            scheduleTimelines=[timeline] if timeline else [],
            **{key: [] for key in lists},
        )

    def criterion(self, criterion: Criterion, item_id: str) -> _Thing:
        rules = [
            (f"formal-expression:{context.replace(', ', ':').replace(' ', '-')}", expression)
            for context, expression in expressions_of(criterion, self.source)
        ]
        return self.named(
            "EligibilityCriterion",
            criterion.code,
            None,
            *rules,
            ("comment", comment_on(criterion, self.source)),
            category=self.code(_CATEGORIES[criterion.polarity]),
            identifier=criterion.code,
            criterionItemId=item_id,
            nextId=None,
            previousId=None,
            notes=[],
        )

    def population(self, criterion_ids: list[str]) -> _Thing:
        target = self.source.study.target
        planned = None if target is None else self.make("Quantity", value=target, unit=None)
        return self.named(
            "StudyDesignPopulation",
            "POPULATION",
            None,
            includesHealthySubjects=None,
            plannedEnrollmentNumber=planned,
            plannedCompletionNumber=None,
            plannedSex=[],
            criterionIds=criterion_ids,
            plannedAge=None,
            notes=[],
            cohorts=[],
        )

    def objective(self, endpoint: Endpoint) -> _Thing:
        objective, level = _LEVELS[endpoint.kind]
        said: list[tuple[str, str]] = [("status", endpoint.status)]
        said += [("reason", endpoint.reason)] if endpoint.reason else []
        written = self.named(
            "Endpoint",
            endpoint.code,
            None,
            *said,
            text=endpoint.title,
            dictionaryId=None,
            notes=[],
            purpose=None,
            level=self.code(level),
        )
        return self.named(
            "Objective",
            endpoint.code,
            None,
            text="",
            dictionaryId=None,
            notes=[],
            level=self.code(objective),
            endpoints=[written],
        )

    def arms(
        self, intervention_ids: Mapping[str, str]
    ) -> tuple[list[_Thing], list[_Thing], list[_Thing], list[_Thing]]:
        """Arms; and elements, cells and one epoch, by which USDM says what each arm gets."""
        arms: list[_Thing] = []
        elements: list[_Thing] = []
        cells: list[_Thing] = []
        if not self.source.arm:
            return arms, elements, cells, []
        epoch = self.named(
            "StudyEpoch", "STUDY", None, type=None, previousId=None, nextId=None, notes=[]
        )
        for entry in self.source.arm:
            arm = self.named(
                "StudyArm",
                entry.code,
                entry.title,
                type=None,
                dataOriginDescription=None,
                dataOriginType=None,
                populationIds=[],
                notes=[],
            )
            element = self.named(
                "StudyElement",
                entry.code,
                entry.title,
                transitionStartRule=None,
                transitionEndRule=None,
                studyInterventionIds=[intervention_ids[code] for code in entry.interventions],
                notes=[],
            )
            cell = self.make(
                "StudyCell", armId=arm["id"], epochId=epoch["id"], elementIds=[element["id"]]
            )
            arms.append(arm)
            elements.append(element)
            cells.append(cell)
        return arms, elements, cells, [epoch]

    def calendar(self) -> tuple[_Thing | None, list[_Thing], list[_Thing]]:
        """The timeline, its encounters, and an activity for each kind of them."""
        study = self.source
        kinds = [*(["cycle"] if study.cycle else []), *(str(visit.kind) for visit in study.visit)]
        activities = {
            kind: self.named(
                "Activity",
                kind,
                kind.replace("_", " "),
                previousId=None,
                nextId=None,
                childIds=[],
                definedProcedures=[],
                biomedicalConceptIds=[],
                bcCategoryIds=[],
                bcSurrogateIds=[],
                timelineId=None,
                notes=[],
            )
            for kind in dict.fromkeys(kinds)
        }
        encounters: list[_Thing] = []
        instances = {
            anchor.code: self.instance(anchor.code, anchor.title, None, [])
            for anchor in study.anchor
        }
        for event in events_of(study):
            if isinstance(event, CyclePlan):
                title, kind = f"Cycle {event.number}", "cycle"
            else:
                title, kind = event.title, str(event.kind)
            encounter = self.named(
                "Encounter",
                event.code,
                title,
                ("plan", words_of(event)),
                type=self.code(("C25716", "Visit")),
                previousId=None,
                nextId=None,
                scheduledAtId=None,
                environmentalSettings=[],
                contactModes=[],
                transitionStartRule=None,
                transitionEndRule=None,
                notes=[],
            )
            encounters.append(encounter)
            instances[event.code] = self.instance(
                event.code, title, encounter["id"], [activities[kind]["id"]]
            )
        if not instances:
            return None, [], []
        ids = _ids_by_code(instances)
        timings = [self.timing(timing, ids) for timing in timings_of(study) if timing.offset]
        timed = {timing["relativeFromScheduledInstanceId"] for timing in timings}
        fixed = [self.fixed(code, id_) for code, id_ in ids.items() if id_ not in timed]
        timeline = self.named(
            "ScheduleTimeline",
            "CALENDAR",
            "Calendar",
            mainTimeline=True,
            entryCondition="",
            entryId=next(iter(ids.values())),
            exits=[],
            timings=[*fixed, *timings],
            instances=[*instances.values()],
            plannedDuration=None,
        )
        return timeline, encounters, [*activities.values()]

    def instance(
        self, code: str, title: str, encounter_id: str | None, activity_ids: list[str]
    ) -> _Thing:
        return self.named(
            "ScheduledActivityInstance",
            code,
            title,
            defaultConditionId=None,
            epochId=None,
            timelineId=None,
            timelineExitId=None,
            activityIds=activity_ids,
            encounterId=encounter_id,
        )

    def timing(self, timing: Timing, ids: Mapping[str, str]) -> _Thing:
        offset = timing.offset or ""
        before = offset.startswith("-")
        return self.named(
            "Timing",
            timing.code,
            f"{timing.code} from {timing.anchor}",
            type=self.code(("C201357", "Before") if before else ("C201356", "After")),
            value=offset.removeprefix("-"),
            valueLabel=offset,
            relativeToFrom=self.code(("C201355", "Start to Start")),
            relativeFromScheduledInstanceId=ids[timing.code],
            relativeToScheduledInstanceId=ids[timing.anchor],
            windowLower=timing.earlier,
            windowUpper=timing.later,
            windowLabel="",
        )

    def fixed(self, code: str, id_: str) -> _Thing:
        """An instance that hangs on no other, which USDM times by itself."""
        return self.named(
            "Timing",
            code,
            code,
            type=self.code(("C201358", "Fixed Reference")),
            value="P0D",
            valueLabel="",
            relativeToFrom=self.code(("C201355", "Start to Start")),
            relativeFromScheduledInstanceId=id_,
            relativeToScheduledInstanceId=id_,
            windowLower=None,
            windowUpper=None,
            windowLabel="",
        )


def _ids_by_code(things: Mapping[str, _Thing]) -> dict[str, str]:
    return {code: str(thing["id"]) for code, thing in things.items()}
