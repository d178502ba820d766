"""Scores that a physician reads from uptake: Krenning, SSTR-RADS, NETPET, Choi.

Each returns the score with what decided it, or the reason why it cannot be given.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from operandi.domain.measurement import Measurement
from operandi.imaging.lesions.measures.lesion_uptake import LesionUptake, Statistic
from operandi.imaging.lesions.measures.origin import MeasurementOrigin
from operandi.imaging.lesions.measures.yardsticks import Yardsticks, mean_of, reason_of
from operandi.quantities.kinds import KRENNING_SCORE, MODIFIED_KRENNING_SCORE


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A category, or why there is none.

    Parameters
    ----------
    scale : str
        Scale and version.
    value : str or None
        Category; None exactly when ``absent`` gives a reason.
    at_least : bool
        Whether a higher category could not be looked at, so that this is the lowest possible.
    because : tuple of str
        What decided, with numbers.
    absent : str
        Why there is no category.
    """

    scale: str
    value: str | None
    at_least: bool = False
    because: tuple[str, ...] = ()
    absent: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.absent):
            raise ValueError("a score has either a value or the reason it is absent")


class KrenningVersion(StrEnum):
    """Versions of the scale, which differ below the liver."""

    LIVER = "Krenning (1 much lower than liver, 2 up to liver, 3 above liver, 4 above spleen)"
    MODIFIED = "modified Krenning, PET (1 up to blood pool, 2 up to liver, 3 above, 4 above spleen)"


MUCH_LOWER_SHARE: Final = 0.5
"""Assumed: "much lower than the liver" is up to half of it. The scale was read by eye."""


def krenning_score(
    uptake: LesionUptake,
    yardsticks: Yardsticks,
    *,
    version: KrenningVersion,
    statistic: Statistic = Statistic.MAXIMUM,
    background: float | None = None,
) -> Score:
    """Krenning score of one lesion from numbers, in place of the eye.

    4 above the spleen and the liver, 3 above the liver, 2 up to the liver [1]_. Below, the versions
    differ: 1 up to ``MUCH_LOWER_SHARE`` of the liver, or up to the blood pool (recalled). The
    eligibility of NCT06256705 asks for uptake above the liver, which is 3 and more; the label of
    the drug for uptake at least that of the liver.

    Parameters
    ----------
    uptake : LesionUptake
        The lesion.
    yardsticks : Yardsticks
        Reference regions of the same volume. Without a liver there is no score; without a spleen a
        lesion above the liver is at least 3; without blood pool the modified scale below the liver
        has none.
    version : KrenningVersion
        There is no default: versions of one name differ.
    statistic : Statistic
        SUVmax by default, as study criterion I4 of NCT06256705 measures it. Noise raises a maximum
        of many voxels.
    background : float, optional
        SUV around the lesion, g/mL: uptake up to it scores 0, none. Without it 0 is never given.

    References
    ----------
    .. [1] Scale as on radiopaedia.org, "Krenning score of neuroendocrine tumor uptake", 2021;
       after Kwekkeboom and Krenning, Semin Nucl Med 32:84, 2002, whose 4 is above spleen or
       kidneys.
    """
    value, liver = uptake.by(statistic), mean_of(yardsticks.liver)
    if value is None:
        return Score(scale=version, value=None, absent=f"the lesion has no {statistic}")
    if liver is None:
        why = f"there is no liver reference: {reason_of(yardsticks.liver)}"
        return Score(scale=version, value=None, absent=why)
    compared = (f"{statistic} {value:.2f} g/mL", f"liver {liver:.2f} g/mL")
    if background is not None and value <= background:
        seen = (*compared, f"background {background:.2f} g/mL")
        return Score(scale=version, value="0", because=seen)
    if value > liver:
        return _above_liver(value, yardsticks, version, compared)
    return _up_to_liver(value, liver, yardsticks, version, compared)


def _above_liver(
    value: float, yardsticks: Yardsticks, version: str, compared: tuple[str, ...]
) -> Score:
    spleen = mean_of(yardsticks.spleen)
    if spleen is None:
        seen = (*compared, f"no spleen reference: {reason_of(yardsticks.spleen)}")
        return Score(scale=version, value="3", at_least=True, because=seen)
    seen = (*compared, f"spleen {spleen:.2f} g/mL")
    return Score(scale=version, value="4" if value > spleen else "3", because=seen)


def _up_to_liver(
    value: float,
    liver: float,
    yardsticks: Yardsticks,
    version: KrenningVersion,
    compared: tuple[str, ...],
) -> Score:
    if version is KrenningVersion.LIVER:
        seen = (*compared, f"much lower is up to {MUCH_LOWER_SHARE:g} of the liver (assumed)")
        low = value <= MUCH_LOWER_SHARE * liver
        return Score(scale=version, value="1" if low else "2", because=seen)
    blood = mean_of(yardsticks.blood_pool)
    if blood is None:
        why = f"up to the liver, and no blood pool: {reason_of(yardsticks.blood_pool)}"
        return Score(scale=version, value=None, absent=why)
    seen = (*compared, f"blood pool {blood:.2f} g/mL")
    return Score(scale=version, value="1" if value <= blood else "2", because=seen)


def measure_krenning(
    uptake: LesionUptake, yardsticks: Yardsticks, *, origin: MeasurementOrigin
) -> tuple[Measurement, ...]:
    """Both versions of the Krenning score as measurements, from SUVmax.

    A score that could be higher, for want of a spleen reference, says so first in its basis.
    """
    found = []
    for kind, version in (
        (KRENNING_SCORE, KrenningVersion.LIVER),
        (MODIFIED_KRENNING_SCORE, KrenningVersion.MODIFIED),
    ):
        score = krenning_score(uptake, yardsticks, version=version)
        seen = ", ".join(score.because) or "no score"
        least = "at least this; " if score.at_least else ""
        found.append(
            origin.value(
                kind,
                None if score.value is None else float(score.value),
                method="SUVmax against reference regions",
                basis=f"{least}read by numbers, not by eye: {seen}",
                absent=score.absent,
            )
        )
    return tuple(found)


class FindingSite(StrEnum):
    """What a finding lies in, as far as SSTR-RADS asks."""

    SOFT_TISSUE = "soft tissue"
    BONE = "bone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a reader knows of a lesion beside its uptake; None where nobody said.

    Parameters
    ----------
    site : FindingSite or None
        Soft tissue or bone.
    benign : bool or None
        Whether histology or a pathognomonic look shows it to be benign.
    typical_site : bool or None
        Whether neuroendocrine tumors are commonly found at this site.
    anatomical_correlate : bool or None
        Whether CT or MR shows a finding there.
    other_malignancy_suspected : bool or None
        Whether it looks malignant, and not neuroendocrine.
    """

    site: FindingSite | None = None
    benign: bool | None = None
    typical_site: bool | None = None
    anatomical_correlate: bool | None = None
    other_malignancy_suspected: bool | None = None


RADS: Final = "SSTR-RADS 1.0 (categories recalled from Werner et al., J Nucl Med 59:1085, 2018)"


def sstr_rads(uptake: LesionUptake, yardsticks: Yardsticks, finding: Finding) -> Score:
    """SSTR-RADS 1.0 category of one lesion, proposed from its uptake and what a reader knows.

    1 benign; 3C high uptake of an uncommon site, suspected to be another malignancy; 3A
    (soft tissue) and 3B (bone) equivocal, with uptake up to the liver; 4 intense uptake at a
    typical site without anatomical finding; 5 the same with one. Intense is SUVmax above the liver
    (level 3 of the scale). 2 (likely benign) and 3D (malignant by CT or MR without uptake) are a
    reader's alone: a lesion that was segmented by its uptake is neither.

    Returns
    -------
    Score
        Absent, with what must be said first, where a fact that decides is not known.

    References
    ----------
    .. [1] Werner et al., J Nucl Med 59:1085, 2018. The table of categories was not seen; recalled.
    """
    liver = mean_of(yardsticks.liver)
    if finding.benign:
        return Score(scale=RADS, value="1", because=("known to be benign",))
    missing = _unsaid(finding, intense=liver is None or uptake.maximum > liver)
    if liver is None:
        missing = (f"a liver reference ({reason_of(yardsticks.liver)})", *missing)
    if missing or liver is None:
        return Score(scale=RADS, value=None, absent=f"not evaluable: needs {', '.join(missing)}")
    seen = (f"SUVmax {uptake.maximum:.2f} g/mL", f"liver {liver:.2f} g/mL")
    if uptake.maximum <= liver:
        return Score(
            scale=RADS, value="3B" if finding.site is FindingSite.BONE else "3A", because=(*seen,)
        )
    if finding.other_malignancy_suspected or not finding.typical_site:
        return Score(scale=RADS, value="3C", because=(*seen, "not typical of a NET"))
    correlate = finding.anatomical_correlate
    said = "with" if correlate else "without"
    return Score(
        scale=RADS,
        value="5" if correlate else "4",
        because=(*seen, f"typical site {said} a finding on CT or MR"),
    )


def _unsaid(finding: Finding, *, intense: bool) -> tuple[str, ...]:
    needed: dict[str, object] = {"whether it is known to be benign": finding.benign}
    if not intense:
        needed["the site"] = finding.site
    else:
        needed["whether another malignancy is suspected"] = finding.other_malignancy_suspected
        if not finding.other_malignancy_suspected:
            needed["whether the site is typical"] = finding.typical_site
            if finding.typical_site is not False:
                needed["whether CT or MR shows it"] = finding.anatomical_correlate
    return tuple(words for words, said in needed.items() if said is None)


NETPET: Final = "NETPET (Chan et al., Theranostics 7:1149, 2017)"


def netpet_grade(tracers: Collection[str]) -> Score:
    """NETPET grade: it compares 18F-FDG with receptor PET, and is not evaluable without FDG.

    P0 to P5 grade how the uptake of FDG stands to that of the receptor tracer in the most
    discordant lesions [1]_. Where both were imaged a reader grades: nothing here registers the two.

    Parameters
    ----------
    tracers : collection of str
        Tracers of the participant's PET scans at this visit, such as ``"68Ga-DOTATOC"``.

    References
    ----------
    .. [1] Chan et al., Theranostics 7:1149, 2017; grades as in Cancer Imaging 22, 2022,
       doi 10.1186/s40644-022-00465-3, table 1.
    """
    if not any("FDG" in tracer.upper() for tracer in tracers):
        found = ", ".join(sorted(tracers)) or "none"
        why = f"not evaluable: needs an 18F-FDG PET beside the receptor PET, found {found}"
        return Score(scale=NETPET, value=None, absent=why)
    why = "not evaluable here: a reader grades FDG against receptor PET lesion by lesion"
    return Score(scale=NETPET, value=None, absent=why)


CHOI: Final = "Choi (Choi et al., J Clin Oncol 25:1753, 2007)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiReading:
    """Target lesions at one exam.

    Parameters
    ----------
    modality : str
        ``"CT"`` or another.
    sum_mm : float, >= 0
        Sum of the longest diameters.
    attenuation_hu : float or None
        Mean attenuation of the targets in the portal venous phase, HU; None where not measured.
    """

    modality: str
    sum_mm: float
    attenuation_hu: float | None


def choi_response(
    before: ChoiReading, after: ChoiReading, *, new_lesions: bool, non_target_progression: bool
) -> Score:
    """Response by Choi; not evaluable on MR, which has no attenuation in HU.

    PR by at least 10 % less size or 15 % less attenuation, PD by 10 % more size without PR by
    attenuation, or by new lesions [1]_. A partial response needs no obvious progression of what is
    not measurable.

    References
    ----------
    .. [1] Criteria as in Clin Transl Imaging 5:183, 2017 (PMC5658474), table 2.
    """
    for reading in (before, after):
        if reading.modality.upper() != "CT":
            why = f"not evaluable on {reading.modality}: attenuation in HU is of CT only"
            return Score(scale=CHOI, value=None, absent=why)
        if reading.sum_mm < 0:
            raise ValueError(f"a sum of diameters is at least 0 mm, got {reading.sum_mm}")
    if new_lesions:
        return Score(scale=CHOI, value="PD", because=("new lesions",))
    if after.sum_mm == 0:
        return Score(scale=CHOI, value="CR", because=("all targets gone",))
    hu, later = before.attenuation_hu, after.attenuation_hu
    if hu is None or later is None or hu <= 0 or before.sum_mm == 0:
        why = "not evaluable: needs a size and an attenuation above 0 HU before, and one after"
        return Score(scale=CHOI, value=None, absent=why)
    size, density = after.sum_mm / before.sum_mm - 1.0, later / hu - 1.0
    seen = (f"size {size:+.1%}", f"attenuation {density:+.1%}")
    return Score(
        scale=CHOI,
        value=_choi(size=size, density=density, progression=non_target_progression),
        because=seen,
    )


def _choi(*, size: float, density: float, progression: bool) -> str:
    if size >= 0.10 - _TIE and density > -0.15 + _TIE:
        return "PD"
    if (size <= -0.10 + _TIE or density <= -0.15 + _TIE) and not progression:
        return "PR"
    return "SD"


_TIE: Final = 1e-12
