"""Changes of tracked lesions: who is compared with whom, and what is not comparable."""

from dataclasses import replace

import pytest

from operandi.domain.identity import LesionId, Pseudonym, TimepointCode
from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.imaging.lesions.change import ChangeClass
from operandi.imaging.lesions.change_budget import BudgetItem
from operandi.imaging.lesions.comparability import ScanConditions
from operandi.imaging.lesions.judged_quantities import OF_LESIONS, OF_PATIENT
from operandi.imaging.lesions.published_repeatability import ChangeScale
from operandi.imaging.lesions.repeatability import (
    Repeatability,
    RepeatabilityOrigin,
    UnknownRepeatability,
)
from operandi.imaging.lesions.track_changes import (
    NO_LESION,
    ChangeRules,
    JudgedChange,
    JudgedVisit,
    judge_tracks,
)
from operandi.imaging.lesions.tracking.tracks import (
    EventKind,
    LesionTrack,
    Sighting,
    TrackEvent,
    Tracks,
)
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import SSTR_TUMOR_VOLUME, SUV_PEAK, VOLUME, Kind

WHO = Pseudonym("P-014")
CONDITIONS = ScanConditions(
    scanner="one",
    tracer="68Ga-DOTATOC",
    reconstruction="OSEM",
    attenuation="Dixon",
    delineation="half of the mean",
    uptake_time_min=60.0,
)


def measured(
    kind: Kind,
    value: float | None,
    visit: str,
    *,
    name: str = "",
    subject: SubjectType = SubjectType.LESION,
) -> Measurement:
    return Measurement(
        subject=Subject(participant=WHO, type=subject, name=name),
        timepoint=TimepointCode(visit),
        kind=kind,
        value=value,
        absent="" if value is not None else "candidates",
        uncertainty=Uncertainty(None, "not known"),
        method="by hand",
        version="1",
    )


def a_visit(
    code: str,
    lesions: dict[str, float],
    *,
    conditions: ScanConditions = CONDITIONS,
    burden: float | None = 10.0,
    subject: SubjectType = SubjectType.LESION,
) -> JudgedVisit:
    """Each quantity of a lesion has the same number."""
    return JudgedVisit(
        timepoint=TimepointCode(code),
        measurements=(
            *(
                measured(kind, value, code, name=name, subject=subject)
                for name, value in lesions.items()
                for kind in OF_LESIONS
            ),
            measured(SSTR_TUMOR_VOLUME, burden, code, subject=SubjectType.PARTICIPANT),
        ),
        conditions=conditions,
    )


def a_track(name: str, *sightings: tuple[str, str]) -> LesionTrack:
    return LesionTrack(
        id=LesionId(name),
        tracking_uid=f"2.25.{name[1:]}",
        sightings=tuple(
            Sighting(timepoint=TimepointCode(visit), name=LesionId(own)) for visit, own in sightings
        ),
    )


def the_rules(*, known: bool = True) -> ChangeRules:
    return ChangeRules(
        repeatability={
            kind.name: Repeatability(
                quantity=kind.name,
                scale=ChangeScale.RELATIVE,
                within_sd=0.08,
                degrees=None,
                origin=RepeatabilityOrigin.OWN_STUDY,
                source="by hand",
            )
            if known
            else UnknownRepeatability(
                quantity=kind.name, scale=ChangeScale.RELATIVE, reason="nobody measured it"
            )
            for kind in (*OF_LESIONS, *OF_PATIENT)
        },
        uptake_window_min=(45.0, 90.0),
        uptake_difference_min=15.0,
    )


def of(changes: tuple[JudgedChange, ...], lesion: str, kind: Kind) -> list[JudgedChange]:
    return [one for one in changes if one.lesion == lesion and one.verdict.before.kind == kind]


def three_visits() -> tuple[Tracks, list[JudgedVisit]]:
    """L01 falls by half and stays; at the second visit it is called L02."""
    tracks = Tracks(tracks=(a_track("L01", ("A", "L01"), ("B", "L02"), ("C", "L01")),), events=(),
                    steps=())  # fmt: skip
    return tracks, [a_visit("A", {"L01": 20.0}), a_visit("B", {"L02": 10.0, "L01": 99.0}),
                    a_visit("C", {"L01": 10.0})]  # fmt: skip


def test_a_lesion_is_held_against_the_visit_before_and_against_the_first() -> None:
    tracks, visits = three_visits()

    changes = of(judge_tracks(tracks, visits, rules=the_rules()), "L01", SUV_PEAK)

    assert [(one.before, one.after, one.consecutive) for one in changes] == [
        ("A", "B", True),
        ("B", "C", True),
        ("A", "C", False),
    ]
    assert [one.verdict.verdict for one in changes] == [
        ChangeClass.DECREASED,
        ChangeClass.WITHIN_REPEATABILITY,
        ChangeClass.DECREASED,
    ]


def test_the_name_at_the_visit_is_followed_not_the_name_over_all_visits() -> None:
    tracks, visits = three_visits()

    first = of(judge_tracks(tracks, visits, rules=the_rules()), "L01", VOLUME)[0]

    assert first.verdict.after.value == 10.0
    assert first.verdict.after.subject.name == "L01"


def test_without_a_repeatability_nothing_is_judged() -> None:
    tracks, visits = three_visits()

    changes = judge_tracks(tracks, visits, rules=the_rules(known=False))

    assert {one.verdict.verdict for one in changes} == {ChangeClass.REPEATABILITY_UNKNOWN}
    assert all(one.adjusted_p is None for one in changes)


def test_the_patient_is_compared_visit_by_visit() -> None:
    tracks, visits = three_visits()
    visits[1] = a_visit("B", {"L02": 10.0}, burden=30.0)

    changes = of(judge_tracks(tracks, visits, rules=the_rules()), NO_LESION, SSTR_TUMOR_VOLUME)

    assert [one.verdict.verdict for one in changes] == [
        ChangeClass.INCREASED,
        ChangeClass.DECREASED,
        ChangeClass.WITHIN_REPEATABILITY,
    ]


def test_a_burden_of_candidates_is_not_comparable_and_their_lesions_are() -> None:
    tracks, visits = three_visits()
    visits[0] = a_visit("A", {"L01": 20.0}, burden=None, subject=SubjectType.CANDIDATE)

    changes = judge_tracks(tracks, visits, rules=the_rules())

    burden = of(changes, NO_LESION, SSTR_TUMOR_VOLUME)[0].verdict
    assert burden.verdict is ChangeClass.NOT_COMPARABLE
    assert "candidates" in burden.reasons[0]
    assert of(changes, "L01", SUV_PEAK)[0].verdict.verdict is ChangeClass.DECREASED


@pytest.mark.parametrize("kind", [EventKind.SPLIT, EventKind.MERGED])
def test_a_lesion_that_split_or_merged_is_not_comparable(kind: EventKind) -> None:
    tracks, visits = three_visits()
    event = TrackEvent(
        kind=kind,
        likeliest=kind,
        lesion=LesionId("L01"),
        timepoint=TimepointCode("B"),
        modality="PET",
        probability=0.9,
        others=(LesionId("L02"),),
    )

    changes = of(
        judge_tracks(replace(tracks, events=(event,)), visits, rules=the_rules()), "L01", VOLUME
    )

    verdicts = [one.verdict.verdict for one in changes]
    assert verdicts == [
        ChangeClass.NOT_COMPARABLE,
        ChangeClass.WITHIN_REPEATABILITY,
        ChangeClass.NOT_COMPARABLE,
    ]
    assert f"the lesion {kind} by B (L01, L02)" in changes[0].verdict.reasons[0]


def test_another_scanner_makes_everything_not_comparable() -> None:
    tracks, visits = three_visits()
    visits[2] = a_visit("C", {"L01": 10.0}, conditions=replace(CONDITIONS, scanner="two"))

    changes = judge_tracks(tracks, visits, rules=the_rules())

    later = [one for one in changes if one.after == "C"]
    assert {one.verdict.verdict for one in later} == {ChangeClass.NOT_COMPARABLE}
    assert later[0].verdict.reasons == ("different scanner: one, then two",)


def test_a_readers_border_is_not_held_against_that_of_a_rule() -> None:
    tracks, visits = three_visits()
    visits[1] = replace(visits[1], by_reader=frozenset({LesionId("L02")}))

    changes = judge_tracks(tracks, visits, rules=the_rules())

    volumes = of(changes, "L01", VOLUME)
    assert [one.verdict.verdict for one in volumes] == [
        ChangeClass.NOT_COMPARABLE,
        ChangeClass.NOT_COMPARABLE,
        ChangeClass.DECREASED,
    ]
    said = "a reader drew the border at B, and not at the other visit"
    assert said in " ".join(volumes[0].verdict.reasons)
    assert of(changes, "L01", SUV_PEAK)[0].verdict.verdict is ChangeClass.DECREASED


def test_borders_of_a_reader_at_both_visits_are_compared() -> None:
    tracks, visits = three_visits()
    names = ("L01", "L02", "L01")
    visits = [
        replace(visit, by_reader=frozenset({LesionId(name)}))
        for visit, name in zip(visits, names, strict=True)
    ]

    changes = of(judge_tracks(tracks, visits, rules=the_rules()), "L01", VOLUME)

    assert changes[0].verdict.verdict is ChangeClass.DECREASED


def test_a_burden_is_not_comparable_where_the_level_of_the_search_moved() -> None:
    """As a liver of 5 g/mL that falls to 1.6 makes other tissue count as lesions."""
    tracks, visits = three_visits()
    moved = [
        replace(visit, liver_suv_mean=mean)
        for visit, mean in zip(visits, (5.0, 5.5, 1.6), strict=True)
    ]

    changes = judge_tracks(tracks, moved, rules=the_rules())

    burden = of(changes, NO_LESION, SSTR_TUMOR_VOLUME)
    assert [one.verdict.verdict for one in burden] == [
        ChangeClass.WITHIN_REPEATABILITY,
        ChangeClass.NOT_COMPARABLE,
        ChangeClass.NOT_COMPARABLE,
    ]
    assert "from 5.5 to 1.6 g/mL" in burden[1].verdict.reasons[0]
    assert of(changes, "L01", SUV_PEAK)[1].verdict.verdict is ChangeClass.WITHIN_REPEATABILITY


def test_what_impairs_one_lesion_leaves_the_others_alone() -> None:
    tracks = Tracks(
        tracks=(a_track("L01", ("A", "L01"), ("B", "L01")),
                a_track("L02", ("A", "L02"), ("B", "L02"))),
        events=(),
        steps=(),
    )  # fmt: skip
    one, two = (a_visit(code, {"L01": 5.0, "L02": 5.0}) for code in "AB")
    cut = replace(two, impaired={LesionId("L02"): ("cut by the edge of the image",)})

    changes = judge_tracks(tracks, [one, cut], rules=the_rules())

    assert of(changes, "L01", SUV_PEAK)[0].verdict.verdict is ChangeClass.WITHIN_REPEATABILITY
    assert of(changes, "L02", SUV_PEAK)[0].verdict.verdict is ChangeClass.NOT_COMPARABLE


def test_noise_and_the_spread_over_delineations_stand_in_the_budget() -> None:
    tracks, visits = three_visits()
    noisy = [replace(visit, noise={"SUV_PEAK": 0.3}) for visit in visits]
    spread = [
        replace(visit, by_method={LesionId(name): {"VOLUME": {"a": one, "b": two, "c": 1.0}}})
        for visit, name, one, two in zip(
            noisy, ("L01", "L02", "L01"), (1.0, 2.0, 1.0), (1.0, 1.0, 1.0), strict=True
        )
    ]

    changes = judge_tracks(tracks, spread, rules=the_rules())

    peak, volume = (of(changes, "L01", kind)[0].verdict.budget for kind in (SUV_PEAK, VOLUME))
    assert peak is not None
    assert volume is not None
    by_item = {term.item: term for term in peak.terms}
    # 2 * 0.3^2 less what repeatability holds already, 2 * 0.08^2.
    assert by_item[BudgetItem.NOISE].counted == pytest.approx(2 * 0.3**2 - 2 * 0.08**2)
    assert by_item[BudgetItem.SEGMENTATION].standard is None
    # Changes of ln 2, 0 and 0: their standard deviation is ln 2 / sqrt 3.
    of_volume = {term.item: term for term in volume.terms}
    assert of_volume[BudgetItem.SEGMENTATION].standard == pytest.approx(0.6931472 / 3**0.5)


def test_p_is_adjusted_over_the_lesions_of_one_pair_of_visits() -> None:
    tracks = Tracks(
        tracks=tuple(a_track(name, ("A", name), ("B", name)) for name in ("L01", "L02", "L03")),
        events=(),
        steps=(),
    )
    visits = [
        a_visit("A", {"L01": 10.0, "L02": 10.0, "L03": 10.0}),
        a_visit("B", {"L01": 14.0, "L02": 10.0, "L03": 10.5}),
    ]

    changes = judge_tracks(tracks, visits, rules=the_rules())

    first = of(changes, "L01", SUV_PEAK)[0]
    assert first.verdict.p_value is not None
    assert first.adjusted_p == pytest.approx(3 * first.verdict.p_value)


def test_refuses_a_sighting_at_a_visit_without_measurements() -> None:
    tracks, visits = three_visits()

    with pytest.raises(DataError, match="L01 was seen at C"):
        judge_tracks(tracks, visits[:2], rules=the_rules())


def test_refuses_a_lesion_that_was_not_measured() -> None:
    tracks, visits = three_visits()
    visits[1] = a_visit("B", {"L05": 10.0})

    with pytest.raises(DataError, match="L01 was not measured at B"):
        judge_tracks(tracks, visits, rules=the_rules())
