"""Models that run as a program: files in and out, limits, and what is told when it fails."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from operandi.domain.volume import Volume
from operandi.imaging.lesions.models.opened import open_model
from operandi.imaging.lesions.models.protocol import ModelImages, PredictedLabels
from operandi.quantities.errors import OperandiError
from operandi.quantities.kinds import SUV_BODY_WEIGHT
from tests.imaging.lesions.models.networks import MANIFEST, sha256, write_manifest
from tests.imaging.lesions.phantoms import a_pet_grid

GRID = a_pet_grid((10, 9, 8), spacing_mm=(4.0, 3.0, 5.0), turned_deg=12.0)
SUV = Volume(
    np.random.default_rng(2).uniform(0.0, 6.0, GRID.shape).astype(np.float32),
    GRID,
    SUV_BODY_WEIGHT,
)
PROGRAM = """
import sys, os
from pathlib import Path
import nibabel as nib, numpy as np
given, returned = Path(sys.argv[1]), Path(sys.argv[2])
image = nib.load(given / "case_0000.nii.gz")
labels = (np.asarray(image.dataobj) > 3.0).astype(np.uint8)
"""
WRITE = """
out = nib.Nifti1Image(labels, image.affine)
out.header.set_xyzt_units("mm")
nib.save(out, returned / "case.nii.gz")
"""


def a_program(
    folder: Path, program: str, *, limit_s: float = 60.0, changes: dict[str, str] | None = None
) -> Path:
    content = program.encode()
    (folder / "run.py").write_bytes(content)
    command = (
        f'[command]\nargv = ["{sys.executable}", "{{model}}/run.py", "{{input}}", "{{output}}"]\n'
        f'time_limit_s = {limit_s}\n[command.environment]\nMODEL_SAYS = "hello"\n\n[grid]'
    )
    return write_manifest(
        folder,
        MANIFEST.replace("@SHA@", sha256(content)),
        {
            'backend = "onnx"': 'backend = "command"',
            'file = "model.onnx"': 'file = "run.py"',
            'kind = "logits"': 'kind = "labels"',
            "[grid]": command,
            **(changes or {}),
        },
    )


def predicted(folder: Path) -> PredictedLabels:
    return open_model(folder).predict(ModelImages(volumes={"suv": SUV}))


def refusal(folder: Path) -> str:
    with pytest.raises(OperandiError) as caught:
        predicted(folder)
    return str(caught.value)


def ends(process: int) -> bool:
    """Whether a process is gone, or a corpse, within some seconds."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("axes", ["LPS", "SPL"])
def test_labels_of_a_program_are_where_the_suv_is_above_its_threshold(
    tmp_path: Path, axes: str
) -> None:
    folder = a_program(tmp_path, PROGRAM + WRITE, changes={'"LPS"': f'"{axes}"'})

    np.testing.assert_array_equal(predicted(folder).values, SUV.values > 3.0)


def test_labels_with_turned_axes_come_back_right(tmp_path: Path) -> None:
    """As a converter leaves them that knows one orientation only."""
    turn = "\nflipped = nib.as_closest_canonical(nib.Nifti1Image(labels, image.affine))"
    turn += "\nlabels, image = np.asarray(flipped.dataobj), flipped\n"

    found = predicted(a_program(tmp_path, PROGRAM + turn + WRITE))

    np.testing.assert_array_equal(found.values, SUV.values > 3.0)


def test_the_program_is_given_the_stated_environment_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPERANDI_SECRET", "1")
    look = "\nsys.stderr.write(' '.join(sorted(os.environ)))\nsys.exit(7)\n"

    told = refusal(a_program(tmp_path, PROGRAM + look))

    assert "status 7" in told
    assert "MODEL_SAYS" in told
    assert "OPERANDI_SECRET" not in told
    assert "HOME" not in told


def test_the_end_of_what_it_said_is_told(tmp_path: Path) -> None:
    said = "\nsys.stderr.write('x' * 100000 + ' CUDA is not here')\nsys.exit(1)\n"

    told = refusal(a_program(tmp_path, PROGRAM + said))

    assert "CUDA is not here" in told
    assert len(told) < 3000


def test_a_program_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "child"
    program = (
        "import subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(note)!r}).write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )

    told = refusal(a_program(tmp_path, program, limit_s=2.0))

    assert "did not end within 2 s" in told
    assert ends(int(note.read_text("ascii")))


def test_children_that_a_program_leaves_behind_are_ended_too(tmp_path: Path) -> None:
    note = tmp_path / "child"
    leave = (
        "\nimport subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"Path({str(note)!r}).write_text(str(child.pid))\n"
    )

    predicted(a_program(tmp_path, PROGRAM + WRITE + leave))

    assert ends(int(note.read_text("ascii")))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "left 0 label maps"),
        ("\n(returned / 'case.nii.gz').write_bytes(b'no')\n", "cannot be read as NIfTI"),
        ("\nlabels = labels * 7\n" + WRITE, "the label 7"),
        ("\nlabels = labels[1:]\n" + WRITE, "does not lie on the grid"),
        ("\nimage.affine[0, 3] += 1.0\n" + WRITE, "does not lie on the grid"),
        ("\nlabels = labels * 0\n" + WRITE, "labeled nothing"),
        ("\nlabels = labels * np.float32('nan')\n" + WRITE, "not finite"),
        (
            "\n(returned / 'case.nii.gz').symlink_to(given / 'case_0000.nii.gz')\n",
            "left 0 label maps",
        ),
    ],
)
def test_what_a_program_leaves_is_not_believed_unseen(tmp_path: Path, more: str, said: str) -> None:
    assert said in refusal(a_program(tmp_path, PROGRAM + more))


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    changes = {sys.executable: "{model}/absent"}
    assert "cannot be started" in refusal(a_program(tmp_path, PROGRAM, changes=changes))


def test_nothing_is_left_in_the_folder_of_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))

    predicted(a_program(tmp_path, PROGRAM + WRITE))
    refusal(a_program(tmp_path, PROGRAM + "\nsys.exit(1)\n"))

    assert list(place.iterdir()) == []
