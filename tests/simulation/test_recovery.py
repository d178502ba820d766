"""What was meant is what stands in the files: a written cohort, read without our own reader.

Three participants, one of each vendor. Siemens: two visits, an exact map of attenuation, held
breath, a SPECT. GE: four classes and cut arms. Philips: a breath averaged, and five classes.
"""

import math
import shutil
import subprocess
from datetime import datetime
from typing import Final

import numpy as np
import pytest
import SimpleITK
from pydicom.dataset import Dataset
from scipy.ndimage import (
    binary_dilation,
    binary_erosion,
    distance_transform_edt,
    map_coordinates,
)

from operandi.imaging.dicom.classify import SeriesType
from operandi.imaging.dicom.index import index_dicom
from operandi.simulation.scenes.scene import Tissue
from tests.simulation import plain_dicom as plain
from tests.simulation.plain_dicom import Bools, Floats, PlainVolume
from tests.simulation.recovered import (
    FWHM_MM,
    NOISE,
    VENDORS,
    VOXEL_MM,
    Written,
    deep,
    diffusion,
    the_suv,
    the_volume,
    write,
)

pytestmark = pytest.mark.slow

_MAKER: Final = {
    "siemens": "SIEMENS",
    "ge": "GE MEDICAL SYSTEMS",
    "philips": "Philips Medical Systems",
}
_KINDS: Final = {
    "pet_ac": SeriesType.PET_ATTENUATION_CORRECTED,
    "pet_nac": SeriesType.PET_NOT_ATTENUATION_CORRECTED,
    "organ_map": SeriesType.SEGMENTATION,
    "dixon_water": SeriesType.MR_DIXON_WATER,
    "dixon_fat": SeriesType.MR_DIXON_FAT,
    "dixon_in": SeriesType.MR_DIXON_IN_PHASE,
    "dixon_opposed": SeriesType.MR_DIXON_OPPOSED_PHASE,
    "t2": SeriesType.MR_T2,
    "dwi": SeriesType.MR_DIFFUSION,
    "dwi_adc": SeriesType.MR_DIFFUSION_MAP,
    "t1_flips": SeriesType.MR_T1,
    "dce": SeriesType.MR_DYNAMIC,
    "mre_magnitude": SeriesType.MR_ELASTOGRAPHY,
    "mre_phase": SeriesType.MR_ELASTOGRAPHY,
}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Written]:
    """One participant of each vendor."""
    return {vendor: write(tmp_path_factory.mktemp(vendor), vendor) for vendor in VENDORS}


# --- headers and tables -------------------------------------------------------------------


@pytest.mark.parametrize("vendor", VENDORS)
def test_injected_activity_is_that_of_the_tables(cohort: dict[str, Written], vendor: str) -> None:
    """Assay and residual, each decayed to injection by the half-life that the header states."""
    written = cohort[vendor]
    row = written.row("tracer_administrations", visit=0)
    ds = the_volume(written, "pet_ac").headers[0]
    half_life_s = float(plain.tracer(ds).RadionuclideHalfLife)
    at = {name: datetime.fromisoformat(row[name]) for name in row if name.endswith("_at")}

    def decayed(mbq: str, since: str) -> float:
        elapsed_s = (at["injected_at"] - at[since]).total_seconds()
        return float(row[mbq]) * 1e6 * math.pow(2.0, -elapsed_s / half_life_s)

    net = decayed("activity_mbq", "assayed_at") - decayed("residual_mbq", "residual_at")

    assert float(plain.tracer(ds).RadionuclideTotalDose) == pytest.approx(net, rel=1e-6)
    # 67.71 min: MIRD and ENSDF.
    assert half_life_s == pytest.approx(67.71 * 60.0, rel=2e-3)
    assert plain.injected_at(ds) == at["injected_at"].replace(tzinfo=None)
    assert 55 * 60 <= (plain.scan_start(ds) - plain.injected_at(ds)).total_seconds() <= 70 * 60


@pytest.mark.parametrize("vendor", VENDORS)
def test_decay_factors_follow_from_times_of_frames(cohort: dict[str, Written], vendor: str) -> None:
    """``exp(l t) l T / (1 - exp(-l T))``: from the mean of a frame back to the scan's start."""
    pet = the_volume(cohort[vendor], "pet_ac")
    factors = set()
    for ds in pet.headers:
        rate = math.log(2.0) / float(plain.tracer(ds).RadionuclideHalfLife)
        length_s = float(ds.ActualFrameDuration) / 1000.0
        begun_s = 0.0 if int(ds.AcquisitionNumber) == 1 else length_s + 8.0
        during = rate * length_s / -math.expm1(-rate * length_s)
        assert float(ds.DecayFactor) == pytest.approx(math.exp(rate * begun_s) * during, rel=1e-6)
        factors.add(str(ds.DecayFactor))
    assert len(factors) == 2


@pytest.mark.parametrize("vendor", VENDORS)
def test_headers_say_who_and_when_as_the_tables_do(cohort: dict[str, Written], vendor: str) -> None:
    written = cohort[vendor]
    for visit in written.images.visits:
        n = visit.number
        imaging = written.row("imaging_visits", visit=n)
        vitals = written.row("vitals", visit=n)
        for folder in sorted(written.series("pet_ac", visit=n).parent.iterdir()):
            ds = plain.first_header(folder)
            assert ds.StudyInstanceUID == imaging["study_instance_uid"]
            assert ds.StudyDate == imaging["date"].replace("-", "")
            assert ds.PatientID == written.images.person.pseudonym
            assert ds.PatientSex == written.row("participants")["sex"]
            assert float(ds.PatientWeight) == float(vitals["body_mass_kg"])
            assert float(ds.PatientSize) == float(vitals["height_m"])
            if ds.Modality != "SEG":
                begun = plain.instant(ds.SeriesDate, ds.SeriesTime)
                study = plain.instant(ds.StudyDate, ds.StudyTime)
                assert str(ds.Manufacturer) == _MAKER[vendor]
                assert 0 <= (begun - study).total_seconds() <= 1200


def test_one_visit_has_one_frame_of_reference_and_another_visit_another(
    cohort: dict[str, Written],
) -> None:
    frames = {}
    for vendor, number in (("siemens", 0), ("siemens", 2), ("ge", 0), ("philips", 0)):
        at = cohort[vendor].series("pet_ac", visit=number).parent
        found = {plain.first_header(folder).FrameOfReferenceUID for folder in at.iterdir()}
        assert len(found) == 1
        frames[vendor, number] = found.pop()

    assert len(set(frames.values())) == 4


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_series_is_classified_as_what_it_is(cohort: dict[str, Written], vendor: str) -> None:
    written = cohort[vendor]
    index = index_dicom(written.series("pet_ac").parent)

    found = {series.description: series.classification.type for series in index.series}

    assert found == _KINDS
    assert not index.faults
    assert not any(series.conflicts for series in index.series)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is absent")
@pytest.mark.parametrize("vendor", VENDORS)
def test_an_independent_validator_finds_no_error_in_any_series(
    cohort: dict[str, Written], vendor: str
) -> None:
    """Except SyntheticData (0008,001C), which is younger than dciodvfy's dictionary."""
    found = {}
    for folder in sorted(path for path in cohort[vendor].folder.rglob("*") if path.is_dir()):
        files = sorted(folder.glob("*.dcm"))
        if not files:
            continue
        report = subprocess.run(
            ["dciodvfy", "-new", str(files[len(files) // 2])],
            capture_output=True,
            text=True,
            check=False,
        ).stderr
        found[folder.name] = [
            line
            for line in report.splitlines()
            if line.startswith("Error") and "(0008,001c)" not in line
        ]

    assert len(found) >= len(_KINDS)
    assert {name: errors for name, errors in found.items() if errors} == {}


@pytest.mark.parametrize("vendor", VENDORS)
def test_another_reader_sees_the_same_geometry_and_values(
    cohort: dict[str, Written], vendor: str
) -> None:
    for name in ("pet_ac", "dixon_water", "t2", "dwi_adc", "mre_phase"):
        folder = cohort[vendor].series(name)
        one = plain.volumes_in(folder)[-1]
        image = SimpleITK.ReadImage([str(ds.filename) for ds in one.headers])

        np.testing.assert_allclose(image.GetOrigin(), one.origin_mm, atol=1e-4)
        np.testing.assert_allclose(image.GetSpacing(), one.spacing_mm, atol=1e-4)
        assert image.GetDirection() == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
        values = SimpleITK.GetArrayFromImage(image).T
        if name == "pet_ac":
            # Slopes of their own in every slice: only each slice alone is certain.
            k = one.values.shape[2] // 2
            alone = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(one.headers[k].filename))).T
            np.testing.assert_allclose(alone[..., 0], one.values[..., k], rtol=1e-6)
            continue
        np.testing.assert_allclose(values, one.values, rtol=1e-6, atol=1e-3)


# --- PET --------------------------------------------------------------------------------------


def smoothed_white_noise(*, lag_mm: float, voxel_mm: float, fwhm_mm: float = FWHM_MM) -> float:
    """Covariance of means over voxels of white noise that a Gaussian smoothed, by its spectrum."""
    sigma_mm = fwhm_mm / math.sqrt(8.0 * math.log(2.0))
    f = np.linspace(-1.0, 1.0, 20_001)
    power = np.exp(-np.square(2.0 * math.pi * sigma_mm * f)) * np.square(np.sinc(f * voxel_mm))
    return float(np.trapezoid(power * np.cos(2.0 * math.pi * f * lag_mm), f))


def blurred(image: Floats, *, fwhm_mm: float, spacing_mm: Floats) -> Floats:
    """Convolved with a Gaussian, by Fourier's transform."""
    sigma_mm = fwhm_mm / math.sqrt(8.0 * math.log(2.0))
    spectrum = np.fft.fftn(image)
    for axis, (size, step) in enumerate(zip(image.shape, spacing_mm, strict=True)):
        f = np.fft.fftfreq(size, step)
        factor = np.exp(-0.5 * np.square(2.0 * math.pi * sigma_mm * f))
        spectrum *= factor.reshape([-1 if n == axis else 1 for n in range(3)])
    result: Floats = np.fft.ifftn(spectrum).real
    return result


def lines_through(at: tuple[int, ...], image: Floats) -> Floats:
    """Integrals of an image, per cm, along 90 lines through a voxel in its slice."""
    along = np.arange(-2 * image.shape[0], 2 * image.shape[0]) / 4.0
    angles = np.pi * (np.arange(90) + 0.5) / 90
    where = [
        at[axis] + along[None, :] * turn(angles)[:, None]
        for axis, turn in enumerate((np.cos, np.sin))
    ]
    values = map_coordinates(image[:, :, at[2]], where, order=1, cval=0.0)
    total: Floats = values.sum(axis=1) * VOXEL_MM / 10.0 / 4.0
    return total


@pytest.mark.parametrize("organ", ["liver", "spleen"])
def test_mean_suv_of_an_organ_is_that_of_its_tissue(cohort: dict[str, Written], organ: str) -> None:
    """Exact attenuation, held breath; 12 mm from anything else, where a blur adds nothing."""
    written = cohort["siemens"]
    for visit in (0, 2):
        inside = written.region(organ, visit=visit, within_mm=12.0).values > 0.5
        mean = the_suv(written, visit=visit)[inside].mean()

        assert mean == pytest.approx(written.tissue(organ, visit=visit).suv, rel=0.015)


@pytest.mark.parametrize("vendor", ["ge", "philips"])
def test_a_wrong_map_changes_liver_as_the_lines_through_it_say(
    cohort: dict[str, Written], vendor: str
) -> None:
    """Mean over lines of ``exp`` of what the map has too much, 20 mm deep in the liver.

    A line counts by its share of counts in its data, as maximum likelihood trusts it: survival
    over activity. What neighbors put into the place is left out here, hence 3 %.
    """
    written = cohort[vendor]
    used, true = (written.truth_image(name).values for name in ("mu_used", "mu"))
    activity = written.truth_image("suv").values
    inside = written.region("liver", within_mm=20.0).values > 0.5
    places = [tuple(int(n) for n in place) for place in np.argwhere(inside)]
    factors = []
    for at in places[:: max(1, len(places) // 12)]:
        weight = np.exp(-lines_through(at, true)) / lines_through(at, activity)
        factors.append(np.average(np.exp(lines_through(at, used - true)), weights=weight))
    factor = float(np.mean(factors))

    mean = the_suv(written)[inside].mean()

    assert factor < 0.98
    assert mean == pytest.approx(written.tissue("liver").suv * factor, rel=0.03)


def test_mean_suv_of_a_lesion_is_that_of_its_blurred_truth(cohort: dict[str, Written]) -> None:
    written = cohort["siemens"]
    for visit in (0, 2):
        truth = written.truth_image("suv", visit=visit)
        shown = blurred(truth.values, fwhm_mm=FWHM_MM, spacing_mm=truth.spacing_mm)
        for lesion in written.visit(visit).lesions:
            if lesion.volume_ml < 4.0:
                continue
            inside = written.region(str(lesion.id), visit=visit).values > 0.5
            assert the_suv(written, visit=visit)[inside].mean() == pytest.approx(
                shown[inside].mean(), rel=0.03
            )


def test_what_shrinks_and_loses_uptake_does_so_in_the_image(cohort: dict[str, Written]) -> None:
    """Volume above 40 % of the maximum, and the mean in it, without any true label."""
    written = cohort["siemens"]
    before, after = (
        {str(lesion.id): lesion for lesion in written.visit(n).lesions} for n in (0, 2)
    )
    name = written.largest_lesion()
    measured = {}
    for visit in (0, 2):
        pet = the_volume(written, "pet_ac", visit=visit)
        around = written.tissue("liver", visit=visit).suv
        near = written.region(name, visit=visit).values > 0.5
        values = np.where(near, the_suv(written, visit=visit), 0.0)
        hot = values > around + 0.5 * (np.percentile(values[near], 90) - around)
        measured[visit] = hot.sum() * float(np.prod(pet.spacing_mm)) / 1000.0, values[hot].mean()
    (volume_0, mean_0), (volume_2, mean_2) = measured[0], measured[2]

    assert after[name].volume_ml < 0.5 * before[name].volume_ml
    assert volume_2 / volume_0 == pytest.approx(
        after[name].volume_ml / before[name].volume_ml, rel=0.25
    )
    assert mean_2 / mean_0 == pytest.approx(after[name].suv / before[name].suv, rel=0.15)


@pytest.mark.parametrize("vendor", VENDORS)
def test_noise_is_as_strong_and_as_coarse_as_asked(cohort: dict[str, Written], vendor: str) -> None:
    """``noise sqrt(c 4.8)`` in voxels of 4 mm, less in those of 5 mm, and correlated."""
    written = cohort[vendor]
    expected = written.truth_image("expected_suv")
    bright = expected.values > 1.5
    noise = np.where(bright, the_suv(written) - expected.values, np.nan)
    noise /= np.sqrt(np.where(bright, expected.values * 4.8, 1.0))
    variance, reference = (
        smoothed_white_noise(lag_mm=0.0, voxel_mm=voxel) for voxel in (VOXEL_MM, 4.0)
    )
    asked = NOISE * (variance / reference) ** 1.5
    next_to = smoothed_white_noise(lag_mm=VOXEL_MM, voxel_mm=VOXEL_MM) / variance

    assert np.nanstd(noise) == pytest.approx(asked, rel=0.03)
    assert abs(np.nanmean(noise)) < 0.05 * asked
    for axis in range(3):
        one, other = np.moveaxis(noise, axis, 0)[1:], np.moveaxis(noise, axis, 0)[:-1]
        assert np.nanmean(one * other) / asked**2 == pytest.approx(next_to, abs=0.05)


def test_an_uncorrected_image_is_darkest_in_the_middle(cohort: dict[str, Written]) -> None:
    for written in cohort.values():
        inside = written.region("liver", within_mm=20.0).values > 0.5
        corrected = the_suv(written)[inside].mean()
        dark = the_suv(written, name="pet_nac")[inside].mean()

        assert 0.0 < dark < 0.4 * corrected


# --- volumes ------------------------------------------------------------------------------


def layers_ml(inside: Bools, *, voxel_ml: float) -> tuple[float, float]:
    """Volume of a label without its outermost voxels, and with one more layer of them."""
    return (
        float(binary_erosion(inside).sum()) * voxel_ml,
        float(binary_dilation(inside).sum()) * voxel_ml,
    )


@pytest.mark.parametrize("vendor", VENDORS)
def test_volumes_of_organs_and_lesions_are_the_true_ones_within_a_layer_of_voxels(
    cohort: dict[str, Written], vendor: str
) -> None:
    """Organs from the written organ map, lesions from the true labels; and organs within 4 %."""
    written = cohort[vendor]
    voxel_ml = VOXEL_MM**3 / 1000.0
    [file] = sorted(written.series("organ_map").iterdir())
    organs, _ = plain.segments(file)
    true = dict(written.images.person.organ_volume_ml)
    for organ in ("liver", "spleen", "kidney_left", "kidney_right"):
        least, most = layers_ml(organs[organ], voxel_ml=voxel_ml)
        assert least < true[organ] < most
        assert organs[organ].sum() * voxel_ml == pytest.approx(true[organ], rel=0.04)
    for lesion in written.visit().lesions:
        if lesion.volume_ml < 1.0:
            continue
        inside = written.region(str(lesion.id)).values > 0.5
        least, most = layers_ml(inside, voxel_ml=voxel_ml)
        assert least < lesion.volume_ml < most


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_organ_map_lies_on_the_pet(cohort: dict[str, Written], vendor: str) -> None:
    written = cohort[vendor]
    [file] = sorted(written.series("organ_map").iterdir())
    organs, corner_mm = plain.segments(file)
    pet = the_volume(written, "pet_ac")
    first = round((corner_mm[2] - pet.origin_mm[2]) / pet.spacing_mm[2])
    spleen = organs["spleen"]
    shown = the_suv(written)[:, :, first : first + spleen.shape[2]]

    np.testing.assert_allclose(corner_mm[:2], pet.origin_mm[:2], atol=1e-4)
    assert shown[spleen].mean() > 0.7 * written.tissue("spleen").suv


# --- MR ---------------------------------------------------------------------------------------


def spoiled(*, t1_ms: float, ds: Dataset) -> float:
    """Steady state of a spoiled gradient echo with the times and the angle of a header."""
    flip, e1 = math.radians(float(ds.FlipAngle)), math.exp(-float(ds.RepetitionTime) / t1_ms)
    return math.sin(flip) * (1.0 - e1) / (1.0 - math.cos(flip) * e1)


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_body_lies_in_mr_where_it_lies_in_pet(cohort: dict[str, Written], vendor: str) -> None:
    """Signal above noise in both images of a Dixon, and the true labels but lung and gas."""
    written = cohort[vendor]
    dixon = the_volume(written, "dixon_in")
    labels = dixon.looked_up(written.truth_image("labels"))
    lung = sum(dixon.looked_up(written.region(f"lung_{side}")) for side in ("left", "right"))
    noise = np.percentile(dixon.values, 10)
    shown, there = dixon.values > max(8.0 * noise, 60.0), (labels > 0) & (lung < 0.5)
    dice = 2.0 * (shown & there).sum() / (shown.sum() + there.sum())

    assert dice > 0.95


@pytest.mark.parametrize("vendor", VENDORS)
def test_fat_fractions_are_those_of_the_tissues(cohort: dict[str, Written], vendor: str) -> None:
    """What two echoes make of a tissue, from times and angle of the headers.

    T1 lifts the share of fat, decay between the echoes lowers it, and fat has six peaks
    (Hamilton, NMR Biomed 24:784, 2011 gives such a model; shifts and shares as in the ISMRM's
    challenge of 2012).
    """
    written = cohort[vendor]
    water, fat, opposed, in_phase = (
        the_volume(written, f"dixon_{name}") for name in ("water", "fat", "opposed", "in")
    )
    echoes_ms = [float(image.headers[0].EchoTime) for image in (opposed, in_phase)]
    # With its sign: in little fat, noise alone would lift the magnitude.
    share = (in_phase.values - opposed.values) / np.maximum(2.0 * in_phase.values, 1.0)
    fatty = fat.values / np.maximum(fat.values + water.values, 1.0)

    def meant(tissue: Tissue) -> float:
        of_fat = tissue.fat_fraction * spoiled(t1_ms=382.0, ds=opposed.headers[0])
        of_water = (1.0 - tissue.fat_fraction) * spoiled(t1_ms=tissue.t1_ms, ds=opposed.headers[0])
        first, second = (
            (of_water + of_fat * fat_phasor(echo_ms)) * math.exp(-echo_ms / tissue.t2_star_ms)
            for echo_ms in echoes_ms
        )
        return 0.5 * (1.0 - math.copysign(abs(first), first.real) / abs(second))

    inside = deep(written, water, "liver", within_mm=15.0)
    under_skin = deep(written, water, "fat", within_mm=8.0)

    assert share[inside].mean() == pytest.approx(meant(written.tissue("liver")), abs=0.005)
    assert np.median(fatty[under_skin]) == pytest.approx(meant(written.tissue("fat")), abs=0.02)
    assert np.median(fatty[under_skin]) > 0.85


def fat_phasor(echo_ms: float) -> complex:
    """Of six peaks at 3 T, relative to water."""
    shares = np.array([0.087, 0.693, 0.128, 0.004, 0.039, 0.048])
    ppm = np.array([-3.8, -3.4, -2.6, -1.94, -0.39, 0.6])
    turns = np.exp(2j * math.pi * ppm * 127.74 * echo_ms * 1e-3)
    return complex(np.sum(shares * turns) / shares.sum())


def log_slope(b: Floats, signals: Floats) -> Floats:
    """Apparent diffusion coefficient by an unweighted line through the log of signals, mm2/s."""
    weights = (b - b.mean()) / np.square(b - b.mean()).sum()
    slope: Floats = -np.tensordot(weights, np.log(np.maximum(signals, 1.0)), axes=1)
    return slope


def without_fat_in_front(written: Written, image: PlainVolume, inside: Bools) -> Bools:
    """Leave out where fat behind is shifted to by its 434 Hz, in an echo train of 0.3 ms a row."""
    fat = image.looked_up(written.region("fat")) > 0.5
    rows = image.values.shape[1]
    shift = round(3.4 * 127.74 * rows * 0.3e-3)
    ghost = np.zeros_like(fat)
    for by in range(shift - 3, shift + 4):
        ghost[:, : rows - by] |= fat[:, by:]
    left: Bools = inside & ~ghost
    return left


def diffusion_signal(b: Floats, tissue: Tissue, ds: Dataset) -> Floats:
    """Spin echo of water times IVIM, and the twenty-fifth part of fat that suppression leaves."""
    echo_ms, repetition_ms = float(ds.EchoTime), float(ds.RepetitionTime)

    def relaxed(t1_ms: float, t2_ms: float) -> float:
        return (1.0 - math.exp(-repetition_ms / t1_ms)) * math.exp(-echo_ms / t2_ms)

    f = tissue.perfusion_fraction
    left: Floats = (1.0 - f) * np.exp(-b * tissue.adc_mm2_s) + f * np.exp(
        -b * tissue.pseudo_diffusion_mm2_s
    )
    water = (1.0 - tissue.fat_fraction) * relaxed(tissue.t1_ms, tissue.t2_ms)
    signal: Floats = water * left + 0.04 * tissue.fat_fraction * relaxed(382.0, 68.0)
    return signal


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("organ", "within_mm"), [("liver", 10.0), ("spleen", 12.0), ("kidney_left", 5.0)]
)
def test_adc_is_that_of_the_tissue_within_its_noise(
    cohort: dict[str, Written], vendor: str, organ: str, within_mm: float
) -> None:
    """A line through the log of signals from b = 50 up, so that perfusion adds little.

    The same line through the tissue's own signal says how much. Noise is measured in the air;
    beside it 3 % are left to fat that the echo train moves in, and to what it moves at borders.
    Kidneys lie between cortex and medulla.
    """
    written = cohort[vendor]
    b, volumes = diffusion(written)
    b, volumes = b[1:], volumes[1:]
    kept = without_fat_in_front(
        written, volumes[0], deep(written, volumes[0], organ, within_mm=within_mm)
    )
    signals = np.stack([volume.values for volume in volumes])
    found = log_slope(b, signals)[kept]
    names = ("kidney_cortex", "kidney_medulla") if organ == "kidney_left" else (organ, organ)
    least, most = sorted(
        float(log_slope(b, 1e4 * diffusion_signal(b, tissue, volumes[0].headers[0])))
        for tissue in map(written.tissue, names)
    )
    corner = volumes[-1].values[:5, -4:]
    sigma = math.sqrt(float(np.mean(np.square(corner))) / 2.0)
    weights = (b - b.mean()) / np.square(b - b.mean()).sum()
    spread = math.sqrt(float(np.sum(np.square(weights * sigma / signals[:, kept].mean(axis=1)))))
    error = 3.0 * spread / math.sqrt(found.size)

    assert 0.97 * least - error < found.mean() < 1.03 * most + error
    assert least < 1.05 * max(written.tissue(name).adc_mm2_s for name in names)
    if organ == "liver":
        assert np.percentile(found, [16, 84]) @ [-0.5, 0.5] == pytest.approx(spread, rel=0.25)


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_map_of_adc_is_what_the_series_gives(cohort: dict[str, Written], vendor: str) -> None:
    written = cohort[vendor]
    b, volumes = diffusion(written)
    signals = np.stack([volume.values for volume in volumes])
    fitted = log_slope(b[b >= 50], signals[b >= 50])
    scanner = the_volume(written, "dwi_adc").values
    inside = deep(written, volumes[0], "liver", within_mm=10.0)

    # The map ends at what twelve bits hold.
    np.testing.assert_allclose(
        scanner[inside] * 1e-6, np.clip(fitted[inside], 0.0, 4095e-6), atol=2e-6
    )


@pytest.mark.parametrize("vendor", VENDORS)
def test_tissues_are_as_bright_by_t2_as_they_decay(cohort: dict[str, Written], vendor: str) -> None:
    written = cohort[vendor]
    image = the_volume(written, "t2")
    echo_ms = float(image.headers[0].EchoTime)
    shown, meant = {}, {}
    for organ, within_mm in (
        ("gallbladder", 5.0),
        ("spleen", 8.0),
        ("liver", 12.0),
        ("muscle", 8.0),
    ):
        tissue = written.tissue("bile" if organ == "gallbladder" else organ)
        inside = deep(written, image, organ, within_mm=within_mm)
        shown[organ] = np.median(image.values[inside])
        of_water = (1.0 - tissue.fat_fraction) * math.exp(-echo_ms / tissue.t2_ms)
        of_fat = tissue.fat_fraction * math.exp(-echo_ms / 68.0)
        meant[organ] = tissue.proton_density * (of_water + of_fat)

    assert sorted(shown, key=lambda o: shown[o]) == sorted(meant, key=lambda o: meant[o])
    assert shown["spleen"] / shown["liver"] == pytest.approx(
        meant["spleen"] / meant["liver"], rel=0.3
    )


def test_contrast_comes_to_vessels_first_and_to_muscle_least(cohort: dict[str, Written]) -> None:
    """Enhancement over the mean before contrast; the liver has no portal inflow of its own."""
    written = cohort["ge"]
    volumes = plain.volumes_in(written.series("dce"))
    begun = [
        plain.instant(volume.headers[0].AcquisitionDate, volume.headers[0].AcquisitionTime)
        for volume in volumes
    ]
    after_s = np.array([(one - begun[0]).total_seconds() for one in begun])
    curves = {}
    for organ, within_mm in (
        ("aorta", 4.0),
        ("kidney_left", 5.0),
        ("spleen", 8.0),
        ("liver", 12.0),
        ("muscle", 8.0),
    ):
        inside = deep(written, volumes[0], organ, within_mm=within_mm)
        curve = np.array([volume.values[inside].mean() for volume in volumes])
        curves[organ] = curve / curve[:3].mean() - 1.0
    half_s = {
        organ: after_s[np.argmax(curve > 0.5 * curve.max())] for organ, curve in curves.items()
    }
    kept = {organ: curve[-1] / curve.max() for organ, curve in curves.items()}

    assert list(np.diff(after_s)) == [4.0] * 16 + [8.0] * 8 + [30.0] * 6
    assert sorted(curves, key=lambda organ: curves[organ].max())[0] == "muscle"
    assert sorted(curves, key=lambda organ: curves[organ].max())[-1] == "aorta"
    assert all(half_s["aorta"] < half_s[organ] for organ in curves if organ != "aorta")
    assert kept["aorta"] == min(kept.values()) < 0.5


@pytest.mark.parametrize("vendor", VENDORS)
def test_shear_waves_in_the_liver_are_as_long_as_its_stiffness_says(
    cohort: dict[str, Written], vendor: str
) -> None:
    """Helmholtz' equation, inverted: ``k^2 = -sum(conj u lap u) / sum |u|^2``, 60 Hz."""
    written = cohort[vendor]
    offsets = plain.volumes_in(written.series("mre_phase"))
    times_ms = [float(volume.headers[0].TriggerTime) for volume in offsets]
    np.testing.assert_allclose(times_ms, np.arange(4) * 1000.0 / 60.0 / 4.0, atol=1e-3)
    phases = [plain.phase_rad(volume) for volume in offsets]
    assert max(np.abs(phase).max() for phase in phases) <= math.pi + 1e-3
    wave = sum(phase * np.exp(-2j * math.pi * n / 4.0) for n, phase in enumerate(phases)) / 2.0
    # Where no phase wraps: twice the harmonic's size stays below a turn.
    unwrapped = (
        sum(
            (np.angle(np.exp(1j * (phase - phases[(n + 2) % 4]))) / 2.0)
            * np.exp(-2j * math.pi * n / 4.0)
            for n, phase in enumerate(phases)
        )
        / 2.0
    )
    h_m = offsets[0].spacing_mm[0] * 1e-3
    laplacian = (
        sum(np.roll(unwrapped, by, axis=axis) for axis in (0, 1) for by in (-1, 1))
        - 4.0 * unwrapped
    )
    inside = deep(written, offsets[0], "liver", within_mm=12.0)
    inside &= np.abs(wave) < 1.3
    number = -np.sum(np.conj(unwrapped) * laplacian, where=inside).real / np.sum(
        np.square(np.abs(unwrapped)), where=inside
    )
    # The five-point Laplacian of a wave sees 2 - 2 cos(k h) along its way.
    wavelength_m = 2.0 * math.pi * h_m / math.sqrt(number)
    tissue = written.tissue("liver")
    speed = math.sqrt(2.0 * tissue.stiffness_kpa / (1.0 + math.cos(tissue.loss_angle_rad)))

    assert np.abs(wave[inside]).mean() > 0.2
    assert wavelength_m == pytest.approx(speed / 60.0, rel=0.35)


# --- SPECT ------------------------------------------------------------------------------------


def test_spect_gives_back_the_concentration_that_left_the_dose(cohort: dict[str, Written]) -> None:
    """Two scans of the deep liver give half-life and activity; together the dose.

    0.51 Gy/GBq in the liver; of the electrons and photons of 177Lu that stay, 147 keV a decay.
    """
    written = cohort["siemens"]
    cycle = written.images.cycle
    assert cycle is not None
    at = written.folder / "CYCLE_1"
    means, hours = [], []
    for number in (1, 2):
        image = plain.volumes_in(at / f"spect_{number}")[0]
        [file] = sorted((at / f"drawn_{number}").iterdir())
        ds = image.headers[0]
        masks, corner_mm = plain.segments(file)
        lesions = np.logical_or.reduce([masks[name] for name in masks if name.startswith("OP-")])
        near = distance_transform_edt(~lesions, sampling=image.spacing_mm) < 30.0
        depth = distance_transform_edt(masks["liver"], sampling=image.spacing_mm)
        first = round((corner_mm[2] - image.origin_mm[2]) / image.spacing_mm[2])
        shown = plain.bq_ml(image)[:, :, first : first + depth.shape[2]]
        means.append(float(shown[(depth > 18.0) & ~near].mean()))
        hours.append((plain.scan_start(ds) - plain.injected_at(ds)).total_seconds() / 3600.0)
        assert float(plain.tracer(ds).RadionuclideTotalDose) == pytest.approx(
            1e9 * float(written.row("cycles", cycle="1")["activity_gbq"]), rel=1e-6
        )
    half_life_h = (hours[1] - hours[0]) * math.log(2.0) / math.log(means[0] / means[1])
    at_once = means[0] * 2.0 ** (hours[0] / half_life_h)
    decays = at_once * half_life_h * 3600.0 / math.log(2.0)
    dose_gy = decays * 0.147 * 1.602e-13 / 1.04e-3

    assert hours == pytest.approx([24.0, 96.0], abs=1e-3)
    assert half_life_h == pytest.approx(72.0, rel=0.02)
    assert dose_gy == pytest.approx(0.51 * cycle.administered.activity_bq / 1e9, rel=0.03)
