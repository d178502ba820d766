"""Organs of physiological somatostatin-receptor uptake, and how segments name them.

A closed list: only these, and stomach and bowel (``seeds.ALSO_LEFT_OUT``), are left out of the
lesion search. An organ map may hold vertebrae, the pancreas and muscle too; leaving those out would
hide the very metastases that are looked for.
"""

from typing import Final

_ORGANS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    # our name: (SNOMED CT and RT codes, labels in lower case without separators)
    "liver": (("10200004", "T-62000"), ("liver",)),
    "spleen": (("78961009", "T-C3000"), ("spleen",)),
    "left kidney": (("18639004", "T-71020"), ("kidneyleft", "leftkidney")),
    "right kidney": (("9846003", "T-71010"), ("kidneyright", "rightkidney")),
    "kidneys": (("64033007", "T-71000"), ("kidney", "kidneys")),
    "urinary bladder": (("89837001", "T-74000"), ("urinarybladder", "bladder")),
    "gallbladder": (("28231008", "T-63000"), ("gallbladder",)),
    "left adrenal gland": (("38666009",), ("adrenalglandleft", "leftadrenalgland")),
    "right adrenal gland": (("29392005",), ("adrenalglandright", "rightadrenalgland")),
    "adrenal glands": (("23451007", "T-B3000"), ("adrenalgland", "adrenalglands")),
    "pituitary gland": (("56329008", "T-B1000"), ("pituitary", "pituitarygland")),
    "thyroid gland": (("69748006", "T-B6000"), ("thyroid", "thyroidgland")),
    "parotid glands": (("45289007", "T-61100"), ("parotidgland", "parotidglands")),
    "salivary glands": (("385294005",), ("salivaryglands", "submandibularglands")),
}

ORGAN_NAMES: Final = frozenset(_ORGANS)
"""Our names of all organs on the list."""

NEEDED: Final = ("spleen", "left kidney", "right kidney", "urinary bladder")
"""Without these among the organs left out, their uptake would be taken for tumor."""


def organ_named(label: str, code: str) -> str:
    """Name the organ that a segment is by its property type's code, else by its label.

    Returns the label itself, in lower case, for what is not on the list.

    >>> organ_named("Foie", "10200004"), organ_named("kidney_left", "")
    ('liver', 'left kidney')
    """
    plain = "".join(letter for letter in label.casefold() if letter.isalnum())
    for name, (codes, labels) in _ORGANS.items():
        if code in codes or (plain in labels and not _is_other(code)):
            return name
    return label.strip().casefold()


def organ_code(organ: str) -> str:
    """SNOMED CT code of an organ on the list; empty for what is not."""
    codes, _ = _ORGANS.get(organ, ((), ()))
    return codes[0] if codes else ""


def _is_other(code: str) -> bool:
    """Whether the code is that of another organ on the list, which a label cannot overrule."""
    return any(code in codes for codes, _ in _ORGANS.values())


def is_physiological(organ: str) -> bool:
    """Whether uptake in the organ is left out of the lesion search. The liver is searched."""
    return organ in _ORGANS and organ != "liver"


def lacking(organs: tuple[str, ...], *, absent: tuple[str, ...]) -> tuple[str, ...]:
    """Organs that must be left out for a tumor burden and are not in the map.

    Parameters
    ----------
    organs : tuple of str
        Non-empty organs of the map.
    absent : tuple of str
        Organs that the participant does not have any more, as declared.
    """
    found = set(organs) | set(absent)
    if "kidneys" in found:
        found |= {"left kidney", "right kidney"}
    return tuple(organ for organ in NEEDED if organ not in found)
