"""What ODM and USDM carry of a study as expressions and as words."""

from collections.abc import Iterator

from operandi.protocol.formal import formal
from operandi.protocol.format import READINGS, Criterion, Reading, StudyProtocol
from operandi.protocol.schedule_format import CyclePlan, VisitPlan


def events_of(study: StudyProtocol) -> tuple[CyclePlan | VisitPlan, ...]:
    """List the cycles and the visits."""
    return (*study.cycle, *study.visit)


def expressions_of(criterion: Criterion, study: StudyProtocol) -> Iterator[tuple[str, str]]:
    """Each reading's name with its rule as a formal expression; literal is proposed if alone."""
    for name in READINGS:
        reading = criterion.reading(name)
        if reading is None:  # not encoded yet
            continue
        yield name, formal(reading.rule, study)
        if reading.rule_before_cycle is not None:
            yield f"{name}, before cycle", formal(reading.rule_before_cycle, study)


def comment_on(criterion: Criterion, study: StudyProtocol) -> str:
    """Say in words what the rules of a criterion do not: one line for each."""
    lines = [f"Polarity: {criterion.polarity}"]
    group = next((g for g in study.group if g.code == criterion.group), None)
    if group is not None:
        lines.append(f"Stands under {group.code}: {group.text}")
        lines += [f"Ambiguity of {group.code}: {group.ambiguity}"] if group.ambiguity else []
    if criterion.ambiguity:
        lines.append(f"Ambiguity: {criterion.ambiguity}")
    if criterion.literal is None:
        lines.append("The literal reading is the proposed one.")
    for name in READINGS:
        reading = criterion.reading(name)
        if reading is None:
            return "\n".join([*lines[:-1], "Not encoded yet: it has no rule."])
        lines += _comments_on_reading(name, reading, study)
    return "\n".join(lines)


def _comments_on_reading(name: str, reading: Reading, study: StudyProtocol) -> Iterator[str]:
    if reading.reason:
        yield f"Reason for the {name} reading: {reading.reason}"
    yield f"Asked at, {name}: {', '.join(reading.gates)}; cycles: {reading.cycles}"
    for caution in reading.cautions:
        yield f"Caution, {name}: {caution.say} Unless {formal(caution.unless, study)}"


def words_of(event: CyclePlan | VisitPlan) -> str:
    """Say in words how a cycle or visit is planned, and how the record is read."""
    if isinstance(event, CyclePlan):
        lines = [f"Activity: {event.activity_gbq} GBq of {event.nuclide}"]
        if event.activity_tolerance_percent is not None:
            lines.append(f"Tolerance of the activity: {event.activity_tolerance_percent} %")
    else:
        lines = [f"Kind: {event.kind}", f"Window: {event.window}"]
        lines += [f"Target: {event.target}"] if event.target is not None else []
        lines += (
            f"Where {other.when_cancelled} is cancelled: {other.window}"
            + (f"; target {other.target}" if other.target is not None else "")
            for other in event.alternative
        )
        if not event.study_act:
            lines.append("Routine care, no act of the study: it may come before consent.")
    lines += [f"In the record: {event.text}"] if event.text else []
    lines.append(f"Reading: {event.reading}. {event.reason}".rstrip())
    return "\n".join(lines)
