import pytest

from operandi.imaging.lesions.organs import is_physiological, lacking, organ_named


@pytest.mark.parametrize(
    ("label", "code", "organ"),
    [
        ("Foie", "10200004", "liver"),
        ("liver", "", "liver"),
        ("Left Kidney", "", "left kidney"),
        ("kidney_left", "18639004", "left kidney"),
        ("Rate", "78961009", "spleen"),
        ("urinary_bladder", "unknown", "urinary bladder"),
        ("Vertebra L3", "", "vertebra l3"),
        # The code wins: a segment labeled spleen by mistake is the liver that its code says.
        ("spleen", "10200004", "liver"),
    ],
)
def test_a_segment_is_named_by_its_code_else_by_its_label(
    label: str, code: str, organ: str
) -> None:
    assert organ_named(label, code) == organ


@pytest.mark.parametrize("organ", ["liver", "pancreas", "vertebra l3", "aorta", "liver_segment_4"])
def test_organs_that_hold_metastases_are_searched(organ: str) -> None:
    assert not is_physiological(organ)


def test_a_burden_needs_spleen_both_kidneys_and_bladder() -> None:
    whole = ("spleen", "left kidney", "right kidney", "urinary bladder", "liver")
    assert lacking(whole, absent=()) == ()
    assert lacking(("spleen", "kidneys", "urinary bladder"), absent=()) == ()
    assert lacking(("liver", "aorta"), absent=()) == whole[:4]
    assert lacking(whole[1:], absent=("spleen",)) == ()
