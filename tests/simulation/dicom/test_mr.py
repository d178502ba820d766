"""MR series: contrasts, times and phases, in every dialect."""

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK

from operandi.domain.volume import Volume
from operandi.imaging.dicom.classify import b_values_of
from operandi.quantities.errors import DataError
from operandi.simulation.dicom.headers import MrSequence, Vendor
from operandi.simulation.dicom.mr import write_mr
from tests.simulation.dicom.scans import (
    a_diffusion,
    a_grid,
    a_ramp,
    a_sequence,
    a_series,
    a_study,
    an_mr,
    contents,
    stack_of,
    stacks_of,
    type_of,
)

EVERY_VENDOR = pytest.mark.parametrize("vendor", list(Vendor))


def written_files(
    folder: Path,
    volumes: list[Volume],
    sequence: MrSequence,
    *,
    vendor: Vendor = Vendor.NEUTRAL,
    description: str = "a series",
) -> tuple[Path, ...]:
    return write_mr(
        folder,
        volumes,
        study=a_study(),
        series=a_series(description=description),
        sequence=sequence,
        vendor=vendor,
    )


def written_mr(
    folder: Path, volumes: list[Volume], sequence: MrSequence, **how: Any
) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(file) for file in written_files(folder, volumes, sequence, **how)]


def shown(folder: Path) -> list[tuple[str, float]]:
    """What sets each volume apart, and its mean."""
    return [(stack.key[0][1], float(stack.values.mean())) for stack in stacks_of(folder)]


# --- the neutral dialect ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "b_values", "digest"),
    [((900, 325), (0, 800), "169f35ef0391b83c"), ((4095,), (), "5c782c2e8e193b36")],
)
def test_neutral_files_are_byte_for_byte_those_of_the_first_writer(
    values: tuple[float, ...], b_values: tuple[float, ...], digest: str, tmp_path: Path
) -> None:
    """SHA-256 of what the writer before the dialects made of the same input."""
    volumes = [an_mr(value) for value in values]

    files = written_files(tmp_path, volumes, a_diffusion(*b_values))

    assert hashlib.sha256(b"".join(contents(files))).hexdigest().startswith(digest)


def test_a_diffusion_series_states_the_weighting_of_every_slice(tmp_path: Path) -> None:
    slices = written_mr(tmp_path, [an_mr(900), an_mr(325)], a_diffusion(0, 800))

    assert [(ds.DiffusionBValue, ds.pixel_array.max()) for ds in slices] == [(0.0, 900)] * 4 + [
        (800.0, 325)
    ] * 4
    assert [ds.InstanceNumber for ds in slices] == list(range(1, 9))


def test_an_ordinary_mr_series_states_no_weighting(tmp_path: Path) -> None:
    assert "DiffusionBValue" not in written_mr(tmp_path, [an_mr(4095)], a_diffusion())[0]


# --- every dialect ----------------------------------------------------------------------------


@EVERY_VENDOR
def test_signals_read_back_within_half_a_level_in_their_place(
    vendor: Vendor, tmp_path: Path
) -> None:
    """A level is 1, and of Philips the largest signal by 4095."""
    files = written_files(tmp_path, [an_mr(a_ramp(largest=3000.4))], a_sequence(), vendor=vendor)

    stack = stack_of(tmp_path)
    image = SimpleITK.ReadImage([str(file) for file in files])
    for values in (stack.values, SimpleITK.GetArrayFromImage(image).T):
        np.testing.assert_allclose(values, a_ramp(largest=3000.4), atol=0.501, rtol=1e-6)
    assert stack.grid.same_as(a_grid())
    assert image.GetOrigin() == pytest.approx((-20.5, 7.0, -101.25))


@EVERY_VENDOR
def test_equal_input_gives_equal_bytes(vendor: Vendor, tmp_path: Path) -> None:
    first, again = (
        contents(
            written_files(
                tmp_path / name, [an_mr(a_ramp(largest=3000.4))], a_sequence(), vendor=vendor
            )
        )
        for name in ("a", "b")
    )

    assert first == again


@EVERY_VENDOR
def test_b_values_read_back_where_each_vendor_states_them(vendor: Vendor, tmp_path: Path) -> None:
    volumes = [an_mr(value) for value in (900, 700, 325)]
    slices = written_mr(tmp_path, volumes, a_diffusion(0, 50, 800), vendor=vendor)

    assert [key for key, _ in shown(tmp_path)] == ["0", "50", "800"]
    assert [mean for _, mean in shown(tmp_path)] == pytest.approx([900, 700, 325], abs=0.2)
    assert [b_values_of(stack.headers[0]) for stack in stacks_of(tmp_path)] == [
        (0.0,),
        (50.0,),
        (800.0,),
    ]
    own = {
        Vendor.SIEMENS: ((0x0019, 0x100C), 800),
        Vendor.GE: ((0x0043, 0x1039), [1_000_000_800, 8, 0, 0]),
        Vendor.PHILIPS: ((0x2001, 0x1003), 800.0),
    }
    assert ("DiffusionBValue" in slices[-1]) == (vendor in {Vendor.NEUTRAL, Vendor.PHILIPS})
    if vendor in own:
        tag, value = own[vendor]
        assert slices[-1][tag].value == value


@EVERY_VENDOR
@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("DERIVED", "PRIMARY", "DIXON", "WATER"), "MR Dixon, water"),
        (("DERIVED", "PRIMARY", "DIXON", "FAT"), "MR Dixon, fat"),
        (("ORIGINAL", "PRIMARY", "DIXON", "IN_PHASE"), "MR Dixon, in phase"),
        (("ORIGINAL", "PRIMARY", "DIXON", "OPP_PHASE"), "MR Dixon, opposed phase"),
        (("DERIVED", "PRIMARY", "ADC"), "MR apparent diffusion coefficient map"),
        (("DERIVED", "PRIMARY", "STIFFNESS"), "MR elastography"),
        (("DERIVED", "PRIMARY", "OTHER"), "MR, derived map"),
        (("ORIGINAL", "PRIMARY", "OTHER"), "MR T1-weighted"),
    ],
)
def test_what_is_shown_is_recognized(
    words: tuple[str, ...], kind: str, vendor: Vendor, tmp_path: Path
) -> None:
    written_files(tmp_path, [an_mr(7)], a_sequence(image_type=words), vendor=vendor)

    assert type_of(tmp_path) == kind


@EVERY_VENDOR
def test_a_dynamic_series_comes_apart_in_order_of_time(vendor: Vendor, tmp_path: Path) -> None:
    volumes = [an_mr(value) for value in (100, 300, 200)]
    sequence = a_sequence(offsets_s=(0.0, 6.5, 13.0))

    slices = written_mr(tmp_path, volumes, sequence, vendor=vendor)

    means = [mean for _, mean in shown(tmp_path)]
    assert means == pytest.approx([100, 300, 200], abs=0.1)
    assert type_of(tmp_path) == "MR dynamic contrast-enhanced"
    assert [str(ds.AcquisitionTime) for ds in slices[::4]] == [
        "111600.000000", "111606.500000", "111613.000000",
    ]  # fmt: skip
    assert ("TemporalPositionIdentifier" in slices[0]) == (vendor is not Vendor.SIEMENS)


@EVERY_VENDOR
def test_echoes_and_flip_angles_come_apart(vendor: Vendor, tmp_path: Path) -> None:
    volumes = [an_mr(value) for value in (100, 300)]
    echoes = a_sequence(echo_times_ms=(1.15, 2.3))
    angles = a_sequence(flip_angles_degree=(2.0, 15.0))

    written_files(tmp_path / "echoes", volumes, echoes, vendor=vendor)
    written_files(tmp_path / "angles", volumes, angles, vendor=vendor)

    for name, stated in (("echoes", ["1.15", "2.3"]), ("angles", ["2", "15"])):
        assert [key for key, _ in shown(tmp_path / name)] == stated
        assert [mean for _, mean in shown(tmp_path / name)] == pytest.approx([100, 300], abs=0.1)


@EVERY_VENDOR
def test_phases_read_back_in_the_unit_of_each_vendor(vendor: Vendor, tmp_path: Path) -> None:
    """A quarter of a turn is 2048 levels, or 1570.8 mrad; and 4095 is just short of half a turn."""
    volumes = [an_mr(value) for value in (-4096, 0, 2048, 4095)]
    sequence = a_sequence(
        image_type=("ORIGINAL", "PRIMARY", "OTHER"),
        trigger_offsets_ms=(0.0, 4.2, 8.3, 12.5),
        phase=True,
    )

    written_files(tmp_path, volumes, sequence, vendor=vendor, description="mre phase")

    per_level = 1000 * math.pi / 4096 if vendor in {Vendor.GE, Vendor.PHILIPS} else 1.0
    step = {Vendor.SIEMENS: 2.0, Vendor.PHILIPS: 1.54}.get(vendor, 1.0)
    assert type_of(tmp_path) == "MR elastography"
    read = shown(tmp_path)
    assert [key for key, _ in read] == ["0", "4.2", "8.3", "12.5"]
    assert [mean for _, mean in read] == pytest.approx(
        [per_level * value for value in (-4096, 0, 2048, 4095)], abs=step / 2 + 0.01
    )


def test_ge_tells_phase_from_magnitude_by_its_own_element(tmp_path: Path) -> None:
    phase, magnitude = (
        written_mr(tmp_path / str(one), [an_mr(1)], a_sequence(phase=one), vendor=Vendor.GE)[0]
        for one in (True, False)
    )

    assert (phase[0x0043, 0x102F].value, magnitude[0x0043, 0x102F].value) == (1, 0)


def test_philips_scales_each_series_to_its_own_twelve_bits(tmp_path: Path) -> None:
    """Stored levels of two visits are not comparable; rescaled values are."""
    slices = written_mr(
        tmp_path, [an_mr(a_ramp(largest=819.0))], a_sequence(), vendor=Vendor.PHILIPS
    )

    assert slices[-1].pixel_array.max() == 4095
    assert float(slices[-1].RescaleSlope) == pytest.approx(0.2)
    assert slices[-1][0x2005, 0x100E].value == pytest.approx(5.0)


def test_a_sequence_states_its_flip_angle_and_inversion_time(tmp_path: Path) -> None:
    sequence = a_sequence(
        scanning_sequence="IR", flip_angle_degree=9.0, inversion_time_ms=200.0, echo_train_length=7
    )

    ds = written_mr(tmp_path, [an_mr(1)], sequence)[0]

    assert (ds.FlipAngle, ds.InversionTime, ds.EchoTrainLength) == (9, 200, 7)


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "phase"), [(4096, False), (-1, False), (4096, True)])
def test_refuses_a_value_that_its_bits_do_not_hold(
    value: float, *, phase: bool, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"must lie between (0|-4096) and 4095"):
        written_files(tmp_path, [an_mr(value)], a_sequence(phase=phase))


def test_refuses_a_phase_beyond_a_turn(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="MR phase must lie between -4096 and 4095; found -4097"):
        written_files(tmp_path, [an_mr(-4097)], a_sequence(phase=True))


def test_refuses_a_signal_that_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found nan"):
        written_files(tmp_path, [an_mr(math.nan)], a_sequence())


def test_refuses_another_number_of_volumes_than_of_b_values(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Needed 2 MR volumes, one for each b value"):
        written_files(tmp_path, [an_mr(1)], a_diffusion(0, 800))


def test_refuses_fields_of_one_a_volume_that_differ_in_length() -> None:
    sequence = a_sequence(offsets_s=(0.0, 1.0), echo_times_ms=(1.0, 2.0, 3.0))

    with pytest.raises(DataError, match="their numbers are 2, 3"):
        assert sequence.volumes


@pytest.mark.parametrize("vendor", [Vendor.SIEMENS, Vendor.GE])
def test_refuses_a_b_value_that_a_vendor_cannot_state(vendor: Vendor, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="whole s/mm2"):
        written_files(tmp_path, [an_mr(1)], a_diffusion(0.5), vendor=vendor)


def test_refuses_volumes_of_different_grids(tmp_path: Path) -> None:
    other = replace(an_mr(1), grid=replace(a_grid(), affine=np.eye(4)))

    with pytest.raises(Exception, match="volumes of one series lie on different grids"):
        written_files(tmp_path, [an_mr(1), other], a_diffusion(0, 800))
