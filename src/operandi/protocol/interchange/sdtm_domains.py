"""The domains of SDTM: DM, IE, SV, DS, EX and AE here, LB and those of tumors beside.

The variables are those of the SDTM Implementation Guide 3.4 that the records can fill, and those
that it requires.
"""

from datetime import date
from typing import Final

from operandi.domain.participant import Sex
from operandi.protocol.format import StudyProtocol
from operandi.protocol.interchange.sdtm import (
    IDENTIFIERS,
    Dataset,
    Draft,
    Source,
    study_day,
    variables,
    with_sequence,
)
from operandi.protocol.interchange.sdtm_laboratory import laboratory
from operandi.protocol.interchange.sdtm_tumors import lesions, measurements, responses
from operandi.protocol.kleene import Truth
from operandi.records.rows import ParticipantRow


def sdtm(source: Source) -> tuple[Dataset, ...]:
    """Make every domain."""
    makers = (_dm, _ie, _sv, _ds, _ex, laboratory, _ae, lesions, measurements, responses)
    return tuple(make(source) for make in makers)


# --- who, and whether they may -------------------------------------------------------------------

_DM: Final = variables(
    IDENTIFIERS
    + """
    SUBJID string Subject Identifier for the Study
    RFSTDTC date Subject Reference Start Date/Time
    RFENDTC date Subject Reference End Date/Time
    RFXSTDTC date Date/Time of First Study Treatment
    RFXENDTC date Date/Time of Last Study Treatment
    RFICDTC date Date/Time of Informed Consent
    RFPENDTC date Date/Time of End of Participation
    DTHDTC date Date/Time of Death
    DTHFL string Subject Death Flag
    SITEID string Study Site Identifier
    BRTHDTC date Date/Time of Birth
    AGE integer Age
    AGEU string Age Units
    SEX string Sex
    RACE string Race
    ETHNIC string Ethnicity
    ARMCD string Planned Arm Code
    ARM string Description of Planned Arm
    ACTARMCD string Actual Arm Code
    ACTARM string Description of Actual Arm
    ARMNRS string Reason Arm and/or Actual Arm is Null
    COUNTRY string Country
    """
)


def age_on(person: ParticipantRow, day: date | None) -> int | None:
    """Age in whole years; None where the month of birth leaves two, or no day is given."""
    if day is None or day.month == person.birth_month:
        return None
    return day.year - person.birth_year - (day.month < person.birth_month)


def consented_on(source: Source, participant: str) -> date | None:
    """Day on which consent to the study was first signed."""
    rows = source.of(participant, "consents")
    signed = [row.on for row in rows if (row.kind, row.state) == ("study", "signed")]
    return min(signed, default=None)


def _dm(source: Source) -> Dataset:
    draft = Draft(source, "DM", "Demographics", "STUDYID USUBJID", _DM)
    for name in ("RFENDTC", "RFPENDTC", "RACE", "ETHNIC", "COUNTRY"):
        draft.lacks(name, "no table records it")
    arms = source.study.arm
    for person in source.people:
        who = person.participant
        cycles = source.cycles(who)
        start = source.started_on(who)
        death = next(iter(source.of(who, "deaths")), None)
        consent, age = consented_on(source, who), age_on(person, start)
        arm = arms[0] if len(arms) == 1 and cycles else None
        if consent is None:
            draft.lacks("RFICDTC", "no signed consent to the study is recorded", who)
        if start is None:
            draft.lacks("RFSTDTC", "no cycle was given yet", who)
            draft.lacks("ARM", "no cycle was given, and no table records the inclusion", who)
        elif arm is None:
            draft.lacks("ARM", "the study has several arms or none, and no table says which", who)
        if age is None:
            why = "no day that it counts to" if start is None else "the day of birth is not known"
            draft.lacks("AGE", why, who)
        if person.sex is Sex.OTHER:
            draft.lacks("SEX", "recorded as O, for which SDTM has no term", who)
        draft.add(
            who,
            SUBJID=who,
            SITEID=person.site,
            RFSTDTC=start,
            RFXSTDTC=start,
            RFXENDTC=cycles[-1].date if cycles else None,
            RFICDTC=consent,
            DTHDTC=death.died_on if death else None,
            DTHFL="Y" if death else None,
            BRTHDTC=f"{person.birth_year}-{person.birth_month:02}",
            AGE=age,
            AGEU=None if age is None else "YEARS",
            SEX=None if person.sex is Sex.OTHER else person.sex.value,
            ARMCD=arm.code if arm else None,
            ARM=arm.title if arm else None,
            ACTARMCD=arm.code if arm else None,
            ACTARM=arm.title if arm else None,
        )
    return draft.done()


_IE: Final = with_sequence(
    "IE",
    """
    IETESTCD string Inclusion/Exclusion Criterion Short Name
    IETEST string Inclusion/Exclusion Criterion
    IECAT string Inclusion/Exclusion Category
    IEORRES string I/E Criterion Original Result
    IESTRESC string I/E Criterion Result in Std Format
    IEDTC date Date/Time of Collection
    IEDY integer Study Day of Collection
    """,
)


def _ie(source: Source) -> Dataset:
    """Criteria that keep out at inclusion, as proposed to be read."""
    label = "Inclusion/Exclusion Criteria Not Met"
    draft = Draft(source, "IE", label, "STUDYID USUBJID IETESTCD", _IE)
    for person in source.people:
        who = person.participant
        screening = source.screening(who)
        gate = screening.at("G1")
        for verdict in gate.verdicts if gate else ():
            criterion = verdict.criterion
            if verdict.favorable is Truth.UNKNOWN:
                missing = "; ".join(one.sentence for one in verdict.missing)
                draft.lacks("IEORRES", f"whether {criterion.code} is met: {missing}", who)
            if verdict.favorable is Truth.NO:
                answer = "N" if criterion.polarity == "inclusion" else "Y"
                draft.add(
                    who,
                    IETESTCD=criterion.code,
                    IETEST=criterion.text,
                    IECAT=criterion.polarity.upper(),
                    IEORRES=answer,
                    IESTRESC=answer,
                    IEDTC=screening.on,
                    IEDY=study_day(screening.on, source.started_on(who)),
                )
    return draft.done()


# --- what happened -------------------------------------------------------------------------------

_SV: Final = variables(
    IDENTIFIERS
    + """
    VISITNUM integer Visit Number
    VISIT string Visit Name
    SVOCCUR string Visit Occurrence
    SVREASOC string Reason for Visit Occurrence Value
    SVSTDTC date Start Date/Time of Visit
    SVENDTC date End Date/Time of Visit
    SVSTDY integer Study Day of Start of Visit
    SVENDY integer Study Day of End of Visit
    """
)


def _sv(source: Source) -> Dataset:
    """Visits done, on their days, and those missed or canceled, which have none."""
    draft = Draft(source, "SV", "Subject Visits", "STUDYID USUBJID VISITNUM VISIT SVSTDTC", _SV)
    numbers = {visit.code: number for number, visit in enumerate(source.study.visit, start=1)}
    for person in source.people:
        who, start = person.participant, source.started_on(person.participant)
        done = {(row.date, row.timepoint): "" for row in source.of(who, "imaging_visits")}
        rows = source.of(who, "visits")
        done |= {(row.on, row.visit): "" for row in rows if row.state == "done"}
        for on, code in sorted(done):
            draft.add(
                who,
                VISITNUM=numbers.get(code),
                VISIT=code,
                SVOCCUR="Y",
                SVSTDTC=on,
                SVENDTC=on,
                SVSTDY=study_day(on, start),
                SVENDY=study_day(on, start),
            )
        for row in rows:
            if row.state != "done":
                reason = row.reason or row.state
                draft.add(
                    who,
                    VISITNUM=numbers.get(row.visit),
                    VISIT=row.visit,
                    SVOCCUR="N",
                    SVREASOC=f"{reason} ({row.on})",
                )
        named = {code for _, code in done} | {row.visit for row in rows}
        for code in sorted(named - numbers.keys()):
            draft.lacks("VISITNUM", f"the study file has no visit {code}", who)
    return draft.done()


_DS: Final = with_sequence(
    "DS",
    """
    DSTERM string Reported Term for the Disposition Event
    DSDECOD string Standardized Disposition Term
    DSCAT string Category for Disposition Event
    DSSTDTC date Start Date/Time of Disposition Event
    DSSTDY integer Study Day of Start of Disposition Event
    """,
)
_MILESTONE, _DISPOSITION, _OTHER = "PROTOCOL MILESTONE", "DISPOSITION EVENT", "OTHER EVENT"
_OF_CONSENT: Final = {
    "signed": ("INFORMED CONSENT OBTAINED", _MILESTONE),
    "withdrawn": ("WITHDRAWAL BY SUBJECT", _DISPOSITION),
}


def _ds(source: Source) -> Dataset:
    draft = Draft(source, "DS", "Disposition", "STUDYID USUBJID DSSEQ", _DS)
    for person in source.people:
        who, start = person.participant, source.started_on(person.participant)
        included = source.included_on.get(who)
        if included is None:
            draft.lacks("DSDECOD", "no table records the confirmation of eligibility", who)
        else:
            term = "ELIGIBILITY CRITERIA MET"
            day = study_day(included, start)
            draft.add(
                who, DSTERM=term, DSDECOD=term, DSCAT=_MILESTONE, DSSTDTC=included, DSSTDY=day
            )
        for row in source.of(who, "consents"):
            of_study = _OF_CONSENT.get(row.state) if row.kind == "study" else None
            version = f", version {row.version}" if row.version else ""
            draft.add(
                who,
                DSTERM=f"consent, {row.kind}: {row.state}{version}",
                DSDECOD=of_study[0] if of_study else None,
                DSCAT=of_study[1] if of_study else _OTHER,
                DSSTDTC=row.on,
                DSSTDY=study_day(row.on, start),
            )
        plans = source.of(who, "cycle_plans")
        last = {row.cycle: row for row in sorted(plans, key=lambda row: row.recorded_on)}
        for cycle, row in sorted(last.items()):
            if row.state == "cancelled":
                reason = f": {row.reason}" if row.reason else ""
                draft.add(
                    who,
                    DSTERM=f"cycle {cycle} cancelled{reason}",
                    DSCAT=_OTHER,
                    DSSTDTC=row.recorded_on,
                    DSSTDY=study_day(row.recorded_on, start),
                )
        for row in source.of(who, "deaths"):
            draft.add(
                who,
                DSTERM=f"death, cause: {row.cause}",
                DSDECOD="DEATH",
                DSCAT=_DISPOSITION,
                DSSTDTC=row.died_on,
                DSSTDY=study_day(row.died_on, start),
            )
    return draft.done()


_EX: Final = with_sequence(
    "EX",
    """
    EXSPID string Sponsor-Defined Identifier
    EXTRT string Name of Treatment
    EXDOSE decimal Dose
    EXDOSU string Dose Units
    EXDOSFRM string Dose Form
    EXROUTE string Route of Administration
    EXSTDTC date Start Date/Time of Treatment
    EXENDTC date End Date/Time of Treatment
    EXSTDY integer Study Day of Start of Treatment
    EXENDY integer Study Day of End of Treatment
    """,
)


def treatment(study: StudyProtocol) -> str | None:
    """Name of the one radiopharmaceutical that the study file names; None if there are others."""
    named = [one.title for one in study.intervention if one.kind == "radiopharmaceutical"]
    return named[0] if len(named) == 1 else None


def _ex(source: Source) -> Dataset:
    draft = Draft(source, "EX", "Exposure", "STUDYID USUBJID EXTRT EXSTDTC EXSPID", _EX)
    for name in ("EXDOSFRM", "EXROUTE"):
        draft.lacks(name, "no table records it")
    treated_with = treatment(source.study)
    if treated_with is None:
        draft.lacks("EXTRT", "the study file names no radiopharmaceutical, or several")
    for person in source.people:
        start = source.started_on(person.participant)
        for row in source.cycles(person.participant):
            draft.add(
                person.participant,
                EXSPID=f"CYCLE {row.cycle}",
                EXTRT=treated_with,
                EXDOSE=row.activity_gbq,
                EXDOSU="GBq",
                EXSTDTC=row.date,
                EXENDTC=row.date,
                EXSTDY=study_day(row.date, start),
                EXENDY=study_day(row.date, start),
            )
    return draft.done()


_AE: Final = with_sequence(
    "AE",
    """
    AETERM string Reported Term for the Adverse Event
    AEDECOD string Dictionary-Derived Term
    AETOX string Toxicity
    AETOXGR string Standard Toxicity Grade
    AESER string Serious Event
    AEACN string Action Taken with Study Treatment
    AEREL string Causality
    AEOUT string Outcome of Adverse Event
    AESTDTC date Start Date/Time of Adverse Event
    AEENDTC date End Date/Time of Adverse Event
    AESTDY integer Study Day of Start of Adverse Event
    AEENDY integer Study Day of End of Adverse Event
    AEENRTPT string End Relative to Reference Time Point
    AEENTPT date End Reference Time Point
    """,
)
_CAUSALITY: Final = {
    "related": "RELATED",
    "possibly": "POSSIBLY RELATED",
    "unrelated": "NOT RELATED",
    "unknown": "UNKNOWN",
}


def _ae(source: Source) -> Dataset:
    draft = Draft(source, "AE", "Adverse Events", "STUDYID USUBJID AESEQ", _AE)
    draft.lacks("AEDECOD", "the records hold no terms of MedDRA")
    for person in source.people:
        start = source.started_on(person.participant)
        for row in source.of(person.participant, "adverse_events"):
            draft.add(
                person.participant,
                AETERM=row.term,
                AETOX=row.code and f"{row.code} (CTCAE {row.ctcae_version})",
                AETOXGR=str(row.grade),
                AESER="Y" if row.serious else "N",
                AEACN=row.action,
                AEREL=_CAUSALITY[row.related],
                AEOUT=row.outcome,
                AESTDTC=row.started_on,
                AEENDTC=row.ended_on,
                AESTDY=study_day(row.started_on, start),
                AEENDY=study_day(row.ended_on, start),
                AEENRTPT="ONGOING" if row.ongoing else None,
                AEENTPT=source.on if row.ongoing else None,
            )
    return draft.done()
