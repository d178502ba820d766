"""Organ S values from the table that a site supplies; none are shipped.

Layouts that were seen, and are read:

* **canonical**: one row per source and target, ``source``, ``target``, one or more S columns with
  the unit in their header (``S [mGy/MBq.s]``, or ``S electron [..]`` and ``S photon [..]``, also
  ``alpha``), optionally ``uncertainty`` and ``target mass [g]``; lines that start with ``#`` are
  remarks. The OpenDose file of the shared data has this shape.
* **OpenDose, one source**: ``Target``, ``S-value (mGy/MBq/s)``, ``Standard error``, ``Mass (g)``;
  the source organ is not in it and must be named.
* **OLINDA/EXM matrix**: ``Target`` and one column per source, as PyTheranostics distributes it. It
  holds neither unit nor masses: the unit must be declared, and the masses come from a case file
  (``read_olinda_masses``).
* **IDAC-Dose 2.1 comparable** blocks as FlexID writes them (``Source Regions,,Target Regions,,
  Photon,Electron,Beta,Alpha,Neutron,Total``), unit declared.

Not seen, and therefore not read: the native export of IDAC-Dose 2.1, and OLINDA's own text report
of doses (which is a table of doses per activity anyway).
"""

import csv
import hashlib
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from operandi.domain.identity import Digest
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import Nuclide, nuclide_named
from operandi.therapy.dose_units import s_unit_gy_per_bq_s, states_a_dose_per_activity
from operandi.therapy.organ_names import near_names, organ_name

_IDAC_HEADER: Final = ("source regions", "", "target regions", "")
_SPLIT_TOLERANCE: Final = 0.01
"""Components of a row must add to its total within this; tables are printed with 3 digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganSValue:
    """Absorbed dose to a target per time-integrated activity in a source, of one phantom.

    Parameters
    ----------
    source, target : str
        As :func:`organ_name` spells them.
    total_gy_per_bq_s : float, >= 0
        All radiations, Gy/(Bq s).
    electron_gy_per_bq_s, photon_gy_per_bq_s : float or None
        Its parts; both or neither. None where the table does not part them.
    alpha_gy_per_bq_s : float
        Part of the alphas; 0 where the table names none.
    standard_uncertainty_gy_per_bq_s : float or None
        Of the total, as published (usually Monte Carlo statistics alone, no anatomy).
    """

    source: str
    target: str
    total_gy_per_bq_s: float
    electron_gy_per_bq_s: float | None = None
    photon_gy_per_bq_s: float | None = None
    alpha_gy_per_bq_s: float = 0.0
    standard_uncertainty_gy_per_bq_s: float | None = None

    def __post_init__(self) -> None:
        parts = [
            part
            for part in (self.electron_gy_per_bq_s, self.photon_gy_per_bq_s)
            if part is not None
        ]
        values = [self.total_gy_per_bq_s, self.alpha_gy_per_bq_s, *parts]
        if not all(math.isfinite(value) and value >= 0 for value in values):
            raise DataError(
                f"S({self.target} <- {self.source}) needs values that are finite and >= 0, "
                f"found {values} Gy/(Bq s)."
            )
        if len(parts) == 1:
            raise DataError(
                f"S({self.target} <- {self.source}) has an electron or a photon part but not both."
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrganSTable:
    """S values of one nuclide in one phantom.

    Parameters
    ----------
    nuclide : Nuclide
        What decays.
    phantom : str
        Whose anatomy, ``"ICRP 110 adult male"``.
    values : mapping of (source, target) to OrganSValue
        All there are.
    masses_g : mapping of organ to g
        Phantom masses; those the file or a case file gave.
    layout : str
        In which layout the file was.
    file : Digest
        SHA-256 of the file as supplied.
    """

    nuclide: Nuclide
    phantom: str
    values: Mapping[tuple[str, str], OrganSValue]
    masses_g: Mapping[str, float]
    layout: str
    file: Digest

    def __post_init__(self) -> None:
        # mypy sees this first; a table made at run time does not pass through mypy.
        for value in self.values.values():
            if not isinstance(value, OrganSValue):
                raise TypeError(f"needed S values, found {type(value).__name__}")

    @property
    def sources(self) -> frozenset[str]:
        """Organs that may hold activity."""
        return frozenset(source for source, _ in self.values)

    @property
    def targets(self) -> frozenset[str]:
        """Organs whose dose is known."""
        return frozenset(target for _, target in self.values)

    def s_value(self, *, source: str, target: str) -> OrganSValue:
        """S(target <- source).

        Raises
        ------
        DataError
            If the table lacks the pair, naming the nearest organs that it has.
        """
        found = self.values.get((organ_name(source), organ_name(target)))
        if found is not None:
            return found
        for role, wanted, known in (
            ("source", source, self.sources),
            ("target", target, self.targets),
        ):
            if organ_name(wanted) not in known:
                raise DataError(
                    f"The S table ({self.phantom}, {self.nuclide.name}) has no {role} organ "
                    f"{wanted!r}.",
                    remedy="Near names: " + (", ".join(near_names(wanted, known)) or "none") + ".",
                )
        raise DataError(f"The S table ({self.phantom}) has no S({target} <- {source}).")

    def mass_g(self, organ: str) -> float:
        """Mass of an organ of the phantom, g.

        Raises
        ------
        DataError
            If neither the table nor a case file gave it.
        """
        mass = self.masses_g.get(organ_name(organ))
        if mass is None:
            raise DataError(
                f"The phantom mass of {organ!r} is not in the S table ({self.phantom}).",
                remedy="Supply masses_g of the phantom; near names: "
                + (", ".join(near_names(organ, self.masses_g)) or "none")
                + ".",
            )
        return mass

    def with_combined_source(self, name: str, parts: Sequence[str]) -> "OrganSTable":
        """Add a source of even concentration over several (kidneys of a left and a right one).

        ``S(t <- name) = sum_p m_p S(t <- p) / sum_p m_p`` for each target that all parts reach.

        Raises
        ------
        DataError
            If a part or its mass is missing.
        """
        masses = [self.mass_g(part) for part in parts]
        shared = [
            {target for source, target in self.values if source == organ_name(part)}
            for part in parts
        ]
        added = {}
        for target in frozenset.intersection(*map(frozenset, shared)):
            rows = [self.s_value(source=part, target=target) for part in parts]
            added[organ_name(name), target] = _mean(rows, masses, source=organ_name(name))
        if not added:
            raise DataError(f"The sources {', '.join(parts)} share no target in the S table.")
        total = {organ_name(name): math.fsum(masses)}
        return replace(
            self,
            values=MappingProxyType({**self.values, **added}),
            masses_g=MappingProxyType({**total, **self.masses_g}),
        )


def read_organ_s_values(
    path: Path,
    *,
    nuclide: Nuclide,
    phantom: str,
    declared_unit: str = "",
    source: str = "",
    masses_g: Mapping[str, float] = MappingProxyType({}),
) -> OrganSTable:
    """Read a table of organ S values; layouts in the module's docstring.

    Parameters
    ----------
    path : Path
        A CSV file (comma, semicolon or tab), UTF-8.
    nuclide : Nuclide
        What decays; a file that names another in a remark ``# nuclide: ...`` is refused.
    phantom : str
        Whose anatomy. Without it a table cannot be told from another.
    declared_unit : str
        Unit of a layout that holds none, ``"mGy/MBq.s"``. Refused where the header has one.
    source : str
        The source organ of a layout that holds one source and does not name it.
    masses_g : mapping of organ to g
        Phantom masses of a layout that holds none. Refused where they contradict the file.

    Returns
    -------
    OrganSTable
        In Gy/(Bq s), with the digest of the file.

    Raises
    ------
    DataError
        If the unit is missing, a value is negative, text or twice there, parts do not add up, or
        the table is one of doses per administered activity.
    UnsupportedError
        If the layout is not one of those named, or a value holds a radiation weighting.
    """
    content = path.read_bytes()
    if not phantom:
        raise ValueError("name the phantom of the table")
    remarks, lines = _remarks_and_lines(content, path.name)
    stated = remarks.get("nuclide")
    if stated is not None and nuclide_named(stated).name != nuclide.name:
        raise DataError(f"{path.name} is of {stated}; needed S values of {nuclide.name}.")
    rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=_delimiter(lines[0])))
    header = [cell.strip() for cell in rows[0]]
    folded = [cell.casefold() for cell in header]
    file = _File(name=path.name, header=header, rows=rows[1:], unit=declared_unit)
    masses: dict[str, float] = {}
    if tuple(folded[:4]) == _IDAC_HEADER:
        layout, values = "IDAC-Dose 2.1 comparable", _idac_blocks(file)
    elif "source" in folded or _single_source_columns(folded):
        layout, values, masses = _long(file, source=source)
    elif folded[0] in {"target", "target organ", "t/s"}:
        layout, values = "OLINDA/EXM matrix", _matrix(file)
    else:
        raise UnsupportedError(
            f"{path.name} has a layout that is not read: its header starts with {header[:4]}.",
            remedy="Bring it into the canonical form: source, target, S [mGy/MBq.s], mass [g].",
        )
    return OrganSTable(
        nuclide=nuclide,
        phantom=phantom,
        values=MappingProxyType(_unique(values, path.name)),
        masses_g=MappingProxyType(_merged_masses(masses, masses_g, path.name)),
        layout=layout,
        file=Digest(hashlib.sha256(content).hexdigest()),
    )


def read_olinda_masses(path: Path) -> dict[str, float]:
    """Organ masses of the phantom in an OLINDA/EXM case file (``.cas``), g.

    Sections ``[BEGIN ... SOURCE ORGANS]`` and ``[BEGIN ... TARGET ORGANS]`` hold lines
    ``name|mass`` or ``name|mass|activity``; a mass of 0 means that the phantom lacks the organ.
    Where both sections hold a name with two masses (``Small Intestine``: contents 350 g, wall
    650 g), the target's counts, for that is what a dose is divided by.

    Raises
    ------
    DataError
        If there is no such section.
    """
    masses: dict[str, dict[str, float]] = {"SOURCE": {}, "TARGET": {}}
    section = ""
    for number, line in enumerate(_text(path.read_bytes(), path.name).splitlines(), start=1):
        if line.startswith("["):
            opened = re.match(r"\[BEGIN (?!.*MODEL).* (SOURCE|TARGET) ORGANS\]", line)
            section = opened[1] if opened else ""
        elif section and "|" in line:
            name, mass = line.split("|")[:2]
            value = _number(mass, f"{path.name}, line {number}")
            if value > 0:
                masses[section][organ_name(name)] = value
    if not masses["TARGET"]:
        raise DataError(f"{path.name} holds no section of target organs with masses.")
    return masses["SOURCE"] | masses["TARGET"]


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    header: list[str]
    rows: list[list[str]]
    unit: str

    def factor(self, header: str = "") -> float:
        """From the unit of a header, or the declared one, to Gy/(Bq s)."""
        if header and states_a_dose_per_activity(header):
            if self.unit:
                raise DataError(
                    f"{self.name} states its unit in the header {header!r}, and {self.unit!r} was "
                    "declared too.",
                    remedy="Leave the declaration out.",
                )
            return s_unit_gy_per_bq_s(header, where=f"{self.name}, column {header!r}")
        if not self.unit:
            raise DataError(
                f"{self.name} does not state the unit of its S values.",
                remedy="Declare it (mGy/MBq.s, Gy/Bq.s, mGy/MBq.h) as the program that wrote the "
                "file documents it.",
            )
        return s_unit_gy_per_bq_s(self.unit, where=f"The unit declared for {self.name}")


def _long(file: _File, *, source: str) -> tuple[str, Iterator[OrganSValue], dict[str, float]]:
    folded = [cell.casefold() for cell in file.header]
    named = "source" in folded
    if named == bool(source):
        raise DataError(
            f"{file.name} names its source organs and one was given too."
            if named
            else f"{file.name} does not name its source organ.",
            remedy="Leave the source out." if named else "Name the source organ of this file.",
        )
    if "target" not in folded:
        raise DataError(f"{file.name} has no column 'target': found {file.header}.")
    columns = _s_columns(file)
    error = _column(folded, ("uncertainty", "standard error"))
    mass = _column(folded, ("mass",))
    masses: dict[str, float] = {}
    if mass is not None:
        grams = _mass_factor(file.header[mass], file.name)
        for number, row in enumerate(file.rows, start=2):
            target = row[folded.index("target")]
            value = grams * _number(row[mass], f"{file.name}, row {number}")
            if value <= 0:
                raise DataError(f"{file.name}: the mass of {target!r} is {value} g; needed > 0.")
            masses = _merged_masses(masses, {target: value}, file.name)

    def values() -> Iterator[OrganSValue]:
        percent = error is not None and "%" in folded[error]
        factor = next(iter(columns.values()))[1]
        for number, row in enumerate(file.rows, start=2):
            where = f"{file.name}, row {number}"
            parts = {part: f * _number(row[i], where) for part, (i, f) in columns.items()}
            made = _s_value(
                source=row[folded.index("source")] if named else source,
                target=row[folded.index("target")],
                parts=parts,
                where=where,
            )
            if error is not None and row[error].strip():
                size = _number(row[error], where)
                u = made.total_gy_per_bq_s * size / 100 if percent else factor * size
                made = replace(made, standard_uncertainty_gy_per_bq_s=u)
            yield made

    return ("canonical" if named else "OpenDose, one source"), values(), masses


def _matrix(file: _File) -> Iterator[OrganSValue]:
    factor = file.factor(file.header[0])
    for number, row in enumerate(file.rows, start=2):
        where = f"{file.name}, row {number}"
        if len(row) != len(file.header):
            raise DataError(f"{where} has {len(row)} cells; needed {len(file.header)}.")
        for source, cell in zip(file.header[1:], row[1:], strict=True):
            yield _s_value(
                source=source,
                target=row[0],
                parts={"total": factor * _number(cell, where)},
                where=where,
            )


def _idac_blocks(file: _File) -> Iterator[OrganSValue]:
    factor = file.factor(file.header[0])
    source = ""
    for number, row in enumerate(file.rows[1:], start=3):  # the second row is a second header
        where = f"{file.name}, row {number}"
        if not any(cell.strip() for cell in row):
            continue
        source = row[0].strip() or source
        if not any(cell.strip() for cell in row[4:]):
            continue  # a pair without value is written with empty cells
        photon, electron, beta, alpha, neutron, total = (
            factor * _number(cell, where) for cell in row[4:10]
        )
        if alpha > 0 or neutron > 0:
            raise UnsupportedError(
                f"{where} has an alpha or neutron part; this layout weights it by 20 (Sv).",
                remedy="Supply absorbed dose in the canonical form.",
            )
        yield _s_value(
            source=source,
            target=row[2],
            parts={"electron": electron + beta, "photon": photon, "total": total},
            where=where,
        )


def _s_value(*, source: str, target: str, parts: Mapping[str, float], where: str) -> OrganSValue:
    """One row, its components checked against its total."""
    split = {part: value for part, value in parts.items() if part != "total"}
    total = parts.get("total", math.fsum(split.values()))
    if split and "total" in parts:
        summed = math.fsum(split.values())
        if abs(summed - total) > _SPLIT_TOLERANCE * max(total, summed):
            raise DataError(
                f"{where}: the parts add to {summed:.4g} and the total is {total:.4g} Gy/(Bq s)."
            )
    return OrganSValue(
        source=organ_name(source),
        target=organ_name(target),
        total_gy_per_bq_s=total,
        electron_gy_per_bq_s=split.get("electron"),
        photon_gy_per_bq_s=split.get("photon"),
        alpha_gy_per_bq_s=split.get("alpha", 0.0),
    )


def _s_columns(file: _File) -> dict[str, tuple[int, float]]:
    """Column and factor to Gy/(Bq s) of each component, by the words in the header."""
    found: dict[str, tuple[int, float]] = {}
    for index, header in enumerate(file.header):
        folded = header.casefold()
        is_s = folded == "s" or folded.startswith(("s ", "s_", "s-value", "s [", "s("))
        if not is_s and not states_a_dose_per_activity(header):
            continue
        if "uncertainty" in folded or "error" in folded:
            continue
        words = {
            "electron": ("electron", "beta"),
            "photon": ("photon", "gamma"),
            "alpha": ("alpha",),
        }
        part = next((p for p, w in words.items() if any(word in folded for word in w)), "total")
        if part in found:
            raise DataError(f"{file.name} has two columns of {part} S values: {header!r}.")
        found[part] = (index, file.factor(header))
    if not found:
        raise DataError(
            f"{file.name} has no column of S values: found {file.header}.",
            remedy="Head it with S and its unit: S [mGy/MBq.s].",
        )
    return found


def _single_source_columns(folded: list[str]) -> bool:
    return "target" in folded and any(cell.startswith(("s-value", "s [", "s (")) for cell in folded)


def _column(folded: list[str], words: tuple[str, ...]) -> int | None:
    return next((i for i, cell in enumerate(folded) if any(w in cell for w in words)), None)


def _mass_factor(header: str, name: str) -> float:
    words = header.casefold().replace("[", "_").replace("]", "").replace("(", "_").replace(")", "")
    factor = {"g": 1.0, "kg": 1000.0}.get(words.replace(" ", "_").split("_")[-1])
    if factor is None:
        raise DataError(f"{name}: the column {header!r} does not state the unit of mass (g or kg).")
    return factor


def _mean(rows: list[OrganSValue], masses_g: list[float], *, source: str) -> OrganSValue:
    weights = [mass / math.fsum(masses_g) for mass in masses_g]

    def mean(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        return math.fsum(w * value for w, value in zip(weights, known, strict=True))

    total = mean([row.total_gy_per_bq_s for row in rows])
    alpha = mean([row.alpha_gy_per_bq_s for row in rows])
    spread = [row.standard_uncertainty_gy_per_bq_s for row in rows]
    known = [u for u in spread if u is not None]
    parts = [w * u for w, u in zip(weights, known, strict=False)]
    u = math.hypot(*parts) if len(known) == len(rows) else None
    return OrganSValue(
        source=source,
        target=rows[0].target,
        total_gy_per_bq_s=total or 0.0,
        electron_gy_per_bq_s=mean([row.electron_gy_per_bq_s for row in rows]),
        photon_gy_per_bq_s=mean([row.photon_gy_per_bq_s for row in rows]),
        alpha_gy_per_bq_s=alpha or 0.0,
        standard_uncertainty_gy_per_bq_s=u,
    )


def _unique(values: Iterator[OrganSValue], name: str) -> dict[tuple[str, str], OrganSValue]:
    table: dict[tuple[str, str], OrganSValue] = {}
    for value in values:
        key = value.source, value.target
        if key in table:
            raise DataError(
                f"{name} gives S({value.target} <- {value.source}) twice.",
                remedy="Two spellings may mean one organ; keep one of them.",
            )
        table[key] = value
    if not table:
        raise DataError(f"{name} holds no S value.")
    return table


def _merged_masses(
    first: Mapping[str, float], second: Mapping[str, float], name: str
) -> dict[str, float]:
    merged = dict(first)
    for organ, mass in second.items():
        if not (math.isfinite(mass) and mass > 0):
            raise DataError(f"{name}: the mass of {organ!r} must be > 0 g, found {mass}.")
        known = merged.setdefault(organ_name(organ), mass)
        if not math.isclose(known, mass, rel_tol=1e-3):
            raise DataError(f"{name}: two masses of {organ!r}, {known:g} and {mass:g} g.")
    return merged


def _remarks_and_lines(content: bytes, name: str) -> tuple[dict[str, str], list[str]]:
    lines = _text(content, name).splitlines()
    remarks = {}
    for line in lines:
        if line.startswith("#") and ":" in line:
            key, _, value = line.lstrip("# ").partition(":")
            remarks[key.strip().casefold()] = value.strip()
    rows = [line for line in lines if not line.startswith("#")]
    while rows and not rows[0].strip():
        rows.pop(0)
    if not rows:
        raise DataError(f"{name} is empty.")
    return remarks, rows


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{name} is not UTF-8.", remedy="Save it as CSV UTF-8.") from None


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _number(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise DataError(f"{where}: needed a number, found {cell!r}.") from None
    if not math.isfinite(value):
        raise DataError(f"{where}: needed a finite number, found {cell!r}.")
    return value
