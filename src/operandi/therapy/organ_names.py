"""One name for an organ that every table spells its own way."""

import difflib
import re
from collections.abc import Iterable
from typing import Final

# Spellings as seen in: OLINDA/EXM S matrices and case files (as distributed with PyTheranostics),
# the ICRP 110 tables of OpenDose, and the IDAC-Dose 2.1 region list that FlexID writes.
_SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "adrenals": ("radrenal + ladrenal",),
    "brain": (),
    "breasts": ("breast", "breast-a + breast-g"),
    "colon": ("colon wall",),
    "cortical bone": ("cortbone", "cortical bone mineral, volume"),
    "esophagus": ("oesophagus", "oesophagus wall"),
    "gallbladder contents": ("gb cont", "gall bladder contents"),
    "gallbladder wall": ("gall bladder wall",),
    "heart contents": ("heartcon", "heart contents (blood)"),
    "heart wall": ("hrt wall",),
    "kidneys": ("kidney", "rkidney + lkidney"),
    "left kidney": ("left kidney c+m+p", "kidney left"),
    "right kidney": ("right kidney c+m+p", "kidney right"),
    "liver": (),
    "lower large intestine contents": ("lli cont", "lli contents"),
    "lower large intestine wall": ("lli wall",),
    "lungs": ("lung", "rlung + llung"),
    "osteogenic cells": ("bone surfaces", "endosteum (bone surface)", "endosteum"),
    "pancreas": (),
    "prostate": ("prostate gland",),
    "red marrow": (
        "red mar.",
        "red bone marrow",
        "red (active) bone marrow",
        "active marrow",
        "r-marrow",
        "bone marrow",
    ),
    "salivary glands": ("salivary", "s-glands"),
    "small intestine contents": ("si cont",),
    "small intestine wall": ("small intestine",),
    "spleen": (),
    "stomach contents": ("stomcont",),
    "stomach wall": ("stomach",),
    "testes": (),
    "thymus": (),
    "thyroid": (),
    "total body": ("tot body", "whole body", "body"),
    "trabecular bone": ("trabbone", "trabecular bone mineral, volume"),
    "upper large intestine contents": ("uli cont", "uli contents"),
    "upper large intestine wall": ("uli wall",),
    "urinary bladder contents": ("ub cont", "bladder contents"),
    "urinary bladder wall": ("bladder", "bladder wall"),
}
_CANONICAL: Final = {
    spelling: name for name, spellings in _SPELLINGS.items() for spelling in (name, *spellings)
}


def organ_name(spelling: str) -> str:
    """The one name of an organ; an unknown spelling is kept, in lower case.

    Parameters
    ----------
    spelling : str
        As the table or a person writes it.

    >>> organ_name("Red Mar."), organ_name("RKidney + LKidney"), organ_name("Left kidney C+M+P")
    ('red marrow', 'kidneys', 'left kidney')
    """
    plain = re.sub(r"\s+", " ", spelling.strip().strip('"').casefold())
    return _CANONICAL.get(plain, plain)


def near_names(wanted: str, known: Iterable[str], *, at_most: int = 3) -> tuple[str, ...]:
    """The *known* names that look like the *wanted* one, nearest first."""
    names = sorted(set(known))
    near = difflib.get_close_matches(organ_name(wanted), names, n=at_most, cutoff=0.5)
    words = set(re.findall(r"[a-z]{4,}", organ_name(wanted)))
    alike = [name for name in names if words & set(re.findall(r"[a-z]{4,}", name))]
    return tuple(dict.fromkeys([*near, *alike]))[:at_most]
