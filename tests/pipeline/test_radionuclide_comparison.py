"""From measured doses to a comparison of radionuclides: what is asked, joined and refused."""

import importlib.util
from dataclasses import replace

import pytest

from operandi.pipeline.radionuclide_comparison import (
    ComparedRadionuclides,
    Question,
    _slowest_of_each,
    _spelled,
    candidates_of,
    compared_radionuclides,
)
from operandi.pipeline.radionuclide_page import (
    cohort_rows,
    columns_of,
    legend_of,
    radionuclide_page,
    remarks_of,
    rows_of,
    trade_off,
)
from operandi.pipeline.step import Refusal
from operandi.pipeline.steps.dose_cycle import CycleDoses
from operandi.pipeline.steps.dose_marrow import MarrowDoses
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import LU177, Y90
from operandi.therapy.chains import (
    AllDecaysLocal,
    DaughtersNeglected,
    EquilibriumLocal,
    EscapeFraction,
)
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.kernels import sphere_s_value
from operandi.therapy.measured_therapy import Role
from operandi.therapy.radionuclides import emissions_of
from tests.pipeline.cycle_doses import (
    KIDNEYS,
    LESIONS,
    a_cycle,
    a_marrow,
    a_region_dose,
    participant_with,
)

needs_spectra = pytest.mark.skipif(
    importlib.util.find_spec("icrp107_database") is None,
    reason="emission spectra are absent: needed the extra 'nuclides'",
)


def compared(
    *daughters: str,
    nuclides: tuple[str, ...] = (),
    cycle: CycleDoses | None = None,
    marrow: MarrowDoses | None = None,
    equal: Role = Role.KIDNEYS,
) -> ComparedRadionuclides:
    return compared_radionuclides(
        participant_with(cycle or a_cycle(), marrow=marrow),
        Question(candidates=candidates_of(nuclides, daughters), equal=equal, density_g_cm3=1.04),
    )


# --- What is asked ----------------------------------------------------------------------------


def test_alpha_emitters_are_compared_where_daughters_have_a_policy() -> None:
    plain = candidates_of((), ())
    with_policy = candidates_of((), ("equilibrium",))

    assert [one.nuclide.name for one in plain] == ["177Lu", "161Tb", "90Y"]
    assert [one.nuclide.name for one in with_policy][3:] == ["225Ac", "212Pb"]
    assert [one.daughters for one in with_policy] == [None] * 3 + [EquilibriumLocal()] * 2


def test_refuses_an_alpha_emitter_without_a_policy_and_says_how_to_state_one() -> None:
    with pytest.raises(DataError, match=r"daughters of 225Ac, 212Pb are radioactive") as refused:
        candidates_of(("177Lu", "225Ac", "212Pb"), ())

    assert "--daughters: equilibrium" in refused.value.remedy


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("escape:0.3", EscapeFraction(0.3, "221Fr")),
        ("escape:0.3:213Bi", EscapeFraction(0.3, "213Bi")),
        ("225Ac=escape:0.3:Bi-213", EscapeFraction(0.3, "213Bi")),
        ("local:10", AllDecaysLocal(864_000.0)),
    ],
)
@needs_spectra
def test_a_policy_is_read_as_it_is_written(text: str, policy: object) -> None:
    [actinium] = candidates_of(("225Ac",), (text,))

    assert actinium.daughters == policy


@needs_spectra
def test_daughters_without_alphas_may_be_neglected() -> None:
    [terbium] = candidates_of(("149Tb",), ("Tb-149=neglected:for a test",))

    assert terbium.daughters == DaughtersNeglected("for a test")


@needs_spectra
@pytest.mark.parametrize(
    ("nuclide", "text"),
    [
        ("212Pb", "neglected:because"),
        ("225Ac", "neglected:because"),
        ("212Pb", "escape:1"),
        ("225Ac", "escape:1"),
        ("225Ac", "local:0.001"),
        ("223Ra", "223Ra=neglected:because"),
    ],
)
def test_refuses_a_policy_that_takes_alphas_out_of_the_dose(nuclide: str, text: str) -> None:
    with pytest.raises(DataError, match=f"alphas after {nuclide} .*dangerously high"):
        candidates_of((nuclide,), (text,))


@needs_spectra
def test_what_is_proposed_for_a_chain_of_alphas_that_is_not_followed_can_be_done() -> None:
    for said in ((), ("local:3",), ("223Ra=neglected:because",)):
        with pytest.raises(DataError) as refused:
            candidates_of(("223Ra",), said)
        assert refused.value.remedy.startswith("Leave the nuclide out")


def test_refuses_two_policies_that_contradict_one_another() -> None:
    with pytest.raises(DataError, match=r"both equilibrium and escape:0\.9 of every nuclide"):
        candidates_of(("225Ac",), ("equilibrium", "escape:0.9"))
    with pytest.raises(DataError, match=r"both escape:0\.1 and escape:0\.2 of 225Ac"):
        candidates_of(("225Ac",), ("225Ac=escape:0.1", "Ac-225=escape:0.2"))


@needs_spectra
def test_the_policy_stands_beside_its_nuclide_and_what_escapes_is_said() -> None:
    found = compared("escape:0.3", nuclides=("177Lu", "212Pb"))

    assert rows_of(found)[1][0] == ("212Pb\nequilibrium, 30 % of decays from 212Bi on elsewhere")
    assert any("212Pb: 30% of the energy of its alphas" in line for line in remarks_of(found))


@needs_spectra
def test_the_policy_of_one_nuclide_wins_over_that_of_all() -> None:
    actinium, lead = candidates_of(("225Ac", "212Pb"), ("equilibrium", "225Ac=escape:0.5"))

    assert actinium.daughters == EscapeFraction(0.5, "221Fr")
    assert lead.daughters == EquilibriumLocal()


@pytest.mark.parametrize(
    "text", ["escape", "escape:half", "escape:1.5", "equilibrium:1", "gone", "local:-4", "local:0"]
)
def test_refuses_a_policy_that_cannot_be_read(text: str) -> None:
    with pytest.raises(DataError, match="does not say where the daughters of 225Ac decay"):
        candidates_of(("225Ac",), (text,))


def test_refuses_a_policy_for_a_nuclide_that_is_not_compared() -> None:
    with pytest.raises(DataError, match=r"speaks of 225Ac; compared are 177Lu"):
        candidates_of(("177Lu",), ("225Ac=equilibrium",))


def test_spellings_of_a_nuclide_are_one_and_it_is_named_once() -> None:
    assert [one.nuclide for one in candidates_of(("lu-177",), ())] == [LU177]
    with pytest.raises(DataError, match="named twice"):
        candidates_of(("177Lu", "Lu-177"), ())
    with pytest.raises(UnsupportedError, match="'lutetium' names no nuclide"):
        candidates_of(("lutetium",), ())
    with pytest.raises(UnsupportedError, match="No nuclide is named"):
        candidates_of(("",), ())


@needs_spectra
@pytest.mark.parametrize("name", ["99mTc", "Tc-99m", "99m-Tc", "tc99m"])
def test_an_isomer_is_a_nuclide(name: str) -> None:
    assert _spelled(name) == "99mTc"
    with pytest.raises(DataError, match=r"99mTc may decay to .*99Tc, radioactive") as refused:
        candidates_of((name,), ())
    assert "99mTc=neglected:REASON" in refused.value.remedy
    [technetium] = candidates_of((name,), ("neglected:lives 210 000 years",))
    assert technetium.daughters == DaughtersNeglected("lives 210 000 years")


# --- What is joined ---------------------------------------------------------------------------


@needs_spectra
def test_the_measured_nuclide_has_the_activity_that_was_given_and_the_doses_of_spheres() -> None:
    lutetium = compared().compared[0].nominal

    assert lutetium.activity_bq == pytest.approx(7.4e9)
    for dose, lesion in zip(lutetium.of(Role.TUMOR), LESIONS, strict=True):
        s = sphere_s_value(emissions_of(LU177), mass_g=lesion.mass_g, density_g_cm3=1.04)
        assert dose.dose_gy == pytest.approx(lesion.course.integral * s.total)
        assert dose.uncertainty_gy.standard == pytest.approx(0.1 * dose.dose_gy, rel=1e-3)


@needs_spectra
def test_two_kidneys_are_one_region_with_the_mean_dose_of_both() -> None:
    [joined] = compared().compared[0].nominal.of(Role.KIDNEYS)

    alone = [
        one.course.integral
        * sphere_s_value(emissions_of(LU177), mass_g=one.mass_g, density_g_cm3=1.04).total
        for one in KIDNEYS
    ]
    mean = (150.0 * alone[0] + 160.0 * alone[1]) / 310.0
    assert joined.dose_gy == pytest.approx(mean, rel=2e-3)
    assert joined.uncertainty_gy.standard == pytest.approx(0.1 * joined.dose_gy, rel=1e-3)


@needs_spectra
def test_a_region_of_both_kidneys_is_not_counted_beside_each_of_them() -> None:
    both = a_region_dose("kidneys", mass_g=310.0, start_bq=300e6)

    beside = compared(cycle=a_cycle(*KIDNEYS, both, *LESIONS))

    assert beside.compared == compared().compared


@needs_spectra
@pytest.mark.parametrize(
    ("refused", "why"),
    [
        ((("right kidney", False, "It lies outside the scan."),), "It lies outside the scan."),
        ((), "It was not drawn."),
    ],
)
def test_a_kidney_that_stands_for_both_is_named_and_why(
    refused: tuple[tuple[str, bool, str], ...], why: str
) -> None:
    found = compared(cycle=a_cycle(KIDNEYS[0], *LESIONS, refused=refused))

    said = f"the left kidney stands for both kidneys. The right kidney has no dose: {why}"
    assert any(said in line for line in remarks_of(found))
    assert said in radionuclide_page([found], study="A study", title="Radionuclides")
    assert not compared().one_kidney


@needs_spectra
def test_decays_before_the_first_scan_are_told_for_each_nuclide() -> None:
    """By hand: what falls with T1/2 loses 1 - 2 ** (-24 h / T) of its decays in 24 h."""
    found = compared(nuclides=("177Lu", "90Y"))

    [lutetium, yttrium] = found.compared
    assert lutetium.before_first_scan[0] == pytest.approx(1 - 2 ** (-24 / 50))
    rates = 1 / 50 - 3600 / LU177.half_life_s + 3600 / Y90.half_life_s
    assert [row[6] for row in rows_of(found)] == ["28 %", "39 %"]
    assert yttrium.before_first_scan[0] == pytest.approx(1 - 2 ** (-24 * rates))
    assert "before the first scan at 24 h" in legend_of(found)
    assert any(
        "177Lu: in 2 of 4 regions more than 20% of the decays" in line for line in remarks_of(found)
    )


@needs_spectra
def test_a_nuclide_that_decays_before_the_first_scan_is_absent_with_its_reason() -> None:
    found = compared("equilibrium", nuclides=("177Lu", "213Bi", "90Y"))

    assert [one.nuclide.name for one in found.compared] == ["177Lu", "90Y"]
    [(name, reason)] = found.absent
    assert name == "213Bi"
    assert "100% in kidneys (first scan at 24 h)" in reason
    assert [row[:2] for row in rows_of(found)][1] == ("213Bi", "absent")
    assert all(len(row) == len(columns_of(found)) for row in rows_of(found))
    assert cohort_rows([found])[0][3] == "absent"
    assert reason in radionuclide_page([found], study="A study", title="Radionuclides")


@needs_spectra
def test_refuses_where_no_nuclide_can_be_compared() -> None:
    with pytest.raises(DataError, match=r"None of these nuclides can be compared\. Of 213Bi"):
        compared("equilibrium", nuclides=("213Bi",))


@needs_spectra
def test_the_calibration_cancels_in_the_index_and_not_in_the_doses() -> None:
    def calibrated(share: float) -> ComparedRadionuclides:
        regions = [replace(one, calibration_relative=share) for one in (*KIDNEYS, *LESIONS)]
        return compared(cycle=a_cycle(*regions))

    without, shared = (calibrated(share).compared[0].nominal for share in (0.0, 0.08))

    assert shared.therapeutic_index_uncertainty.standard is not None
    assert without.therapeutic_index_uncertainty.standard is not None
    assert (
        shared.therapeutic_index_uncertainty.standard
        < 0.8 * without.therapeutic_index_uncertainty.standard
    )
    for one, other in zip(shared.doses, without.doses, strict=True):
        assert one.uncertainty_gy.standard == pytest.approx(other.uncertainty_gy.standard)


@needs_spectra
def test_an_uncertain_half_life_makes_nuclides_of_other_half_life_less_certain() -> None:
    def known(half_life_u_h: float) -> list[float]:
        regions = [
            replace(one, effective_half_life_uncertainty_h=half_life_u_h)
            for one in (*KIDNEYS, *LESIONS)
        ]
        found = compared(cycle=a_cycle(*regions), nuclides=("177Lu", "90Y"))
        spreads = [one.nominal.of(Role.TUMOR)[0].uncertainty_gy for one in found.compared]
        assert not any("lower bound" in one.basis for one in spreads)
        return [one.standard or 0.0 for one in spreads]

    [lutetium, yttrium], [same, wider] = known(1.0), known(9.0)

    assert same == pytest.approx(lutetium, rel=0.05)
    assert wider > 1.05 * yttrium


def test_two_courses_have_two_terminal_phases() -> None:
    course = ExponentialSum((-1.0, 1.0), (3e-5, 2e-6))

    assert _slowest_of_each([course, ExponentialSum((1.0,), (1e-6,)), course]) == [1, 2, 4]


@needs_spectra
def test_equal_marrow_dose_needs_a_marrow() -> None:
    with pytest.raises(DataError, match="no dose of the red marrow after cycle 1"):
        compared(equal=Role.MARROW)

    found = compared(equal=Role.MARROW, marrow=a_marrow())
    doses = [one.nominal.of(Role.MARROW)[0].weighted_gy_rbe for one in found.compared]
    assert doses == pytest.approx([doses[0]] * 3)
    # Of the measured nuclide it is the self-dose that the organ S values gave.
    assert doses[0] == pytest.approx(0.03)
    assert columns_of(found)[-1] == "marrow (self), Gy"
    assert all(len(row) == len(columns_of(found)) for row in rows_of(found))


def test_refuses_who_has_no_measured_dose_lesion_or_kidney() -> None:
    question = Question(candidates=candidates_of((), ()), equal=Role.KIDNEYS, density_g_cm3=1.04)
    refused = Refusal(step="activity", subject="P-014/CYCLE_1", what="The scan has no calibration.")
    with pytest.raises(DataError, match=r"no measured dose: .*no calibration"):
        compared_radionuclides(participant_with(refused), question)
    with pytest.raises(DataError, match="No lesion of P-014 has a dose after cycle 1: none is"):
        compared_radionuclides(participant_with(a_cycle(*KIDNEYS)), question)
    with pytest.raises(DataError, match="No kidney of P-014 has a dose after cycle 1: none is"):
        compared_radionuclides(participant_with(a_cycle(*LESIONS)), question)
    lost = a_cycle(*KIDNEYS, refused=(("L1", True, "Too faint."), ("L2", True, "Too faint.")))
    with pytest.raises(DataError, match=r"No lesion .*: L1, L2: Too faint\."):
        compared_radionuclides(participant_with(lost), question)


# --- What is shown ----------------------------------------------------------------------------


@needs_spectra
def test_rows_hold_physical_and_weighted_dose_and_the_range_over_the_rbe() -> None:
    found = compared("equilibrium")

    rows = {
        row[0].split("\n")[0]: dict(zip(columns_of(found), row, strict=True))
        for row in rows_of(found)
    }
    assert rows["177Lu"]["activity"] == "7.4 GBq"
    assert rows["177Lu"]["tumors, Gy"] == rows["177Lu"]["Gy(RBE)"]
    assert rows["225Ac"]["tumors, Gy"] != rows["225Ac"]["Gy(RBE)"]
    assert "MBq\n[" in rows["225Ac"]["activity"]
    assert rows["161Tb"]["index"].endswith(" %")
    bed = {row["kidneys, Gy"].split("BED ")[1] for row in rows.values()}
    assert len(bed) == 1


@needs_spectra
def test_the_page_states_its_assumptions_and_is_the_same_each_time() -> None:
    found = [compared("escape:0.3"), compared("escape:0.3")]

    page = radionuclide_page(found, study="A study", title="Radionuclides")

    assert page == radionuclide_page(found, study="A study", title="Radionuclides")
    assert "30 % of decays from 221Fr on elsewhere" in page
    assert "self-dose only" in page
    assert "within single cells" in page
    assert "Therapeutic index at equal biologically effective dose of the kidneys" in page
    assert len(cohort_rows(found)) == 2
    assert "225Ac and 212Pb at an RBE of 5" in trade_off(found[0]).caption
