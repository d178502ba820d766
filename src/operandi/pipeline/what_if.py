"""What every "what if" asks of measured doses: of whom, which kidneys, and why one is missing."""

from operandi.pipeline.steps.dose_cycle import KIDNEYS, CycleDoses, kidneys_of
from operandi.pipeline.study import Study

_BOTH = "kidneys"


def whom_to_ask(study: Study) -> tuple[str, ...]:
    """All with scans after a cycle, and those whose cycles have a fault, which may hide scans."""
    scanned = {chosen.measured.participant for chosen, _ in study.cycles}
    faulty = {one.participant for one in study.records.faults if one.table == "cycles"}
    return tuple(
        one.pseudonym
        for one in study.records.participants
        if one.pseudonym in scanned or one.pseudonym in faulty
    )


def why_refused(cycle: CycleDoses, *, lesions: bool) -> str:
    """Why lesions, or organs, of a cycle have no dose, once each; empty where none was refused."""
    reasons: dict[str, list[str]] = {}
    for name, is_lesion, why in cycle.refused:
        if is_lesion == lesions and (lesions or name in KIDNEYS):
            reasons.setdefault(why, []).append(name)
    return " ".join(f"{', '.join(names)}: {why}" for why, names in reasons.items())


def one_kidney_for_both(cycle: CycleDoses) -> str:
    """Which kidney stands for both, and why the other has no dose; empty where none has to."""
    names = [one.name for one in kidneys_of(cycle)]
    if len(names) != 1 or names == [_BOTH]:
        return ""
    [other] = KIDNEYS - {*names, _BOTH}
    reasons = [why for name, is_lesion, why in cycle.refused if name == other and not is_lesion]
    return (
        f"the {names[0]} stands for both kidneys. The {other} has no dose: "
        f"{reasons[0] if reasons else 'It was not drawn.'}"
    )
