"""Manifests: what they must say, and what is refused by name."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.imaging.lesions.models.manifest import Normalization, OutputKind
from operandi.imaging.lesions.models.manifest_file import read_manifest
from operandi.imaging.lesions.models.opened import open_model
from operandi.quantities.errors import DataError
from tests.architecture.source_tree import ROOT
from tests.imaging.lesions.models.networks import MANIFEST, a_model, sha256, write_manifest

KEYS = [line.partition(" = ")[0] for line in MANIFEST.splitlines() if " = " in line]
COMMAND = (
    'kind = "labels"',
    '[command]\nargv = ["/bin/true", "{input}", "{output}"]\ntime_limit_s = 5\n'
    "[command.environment]",
)


def refusal(folder: Path, changes: dict[str, str]) -> str:
    with pytest.raises(DataError) as caught:
        open_model(a_model(folder, changes=changes))
    return str(caught.value)


def test_a_manifest_is_read_as_it_is_written(tmp_path: Path) -> None:
    read, content = read_manifest(a_model(tmp_path) / "model.toml")

    assert (read.name, read.version, read.license) == ("threshold", "1.0", "MIT")
    assert read.inputs[0].channel == "suv"
    assert read.inputs[0].normalization is Normalization.NONE
    assert read.output.kind is OutputKind.LOGITS
    assert read.labels == ((1, "lesion"),)
    assert read.lesion_labels == (1,)
    assert read.grid.spacing_mm is None
    assert content == (tmp_path / "model.toml").read_bytes()


def test_a_folder_and_its_manifest_open_the_same_model(tmp_path: Path) -> None:
    folder = a_model(tmp_path)

    assert open_model(folder).identity == open_model(folder / "model.toml").identity
    assert open_model(folder).identity.digest == sha256((folder / "model.toml").read_bytes())


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no model\.toml"):
        open_model(tmp_path)


@pytest.mark.parametrize("key", sorted(set(KEYS)))
def test_nothing_may_be_left_out(tmp_path: Path, key: str) -> None:
    line = next(line for line in MANIFEST.splitlines() if line.startswith(f"{key} = "))
    write_manifest(tmp_path, MANIFEST.replace("@SHA@", "0" * 64), {})
    path = tmp_path / "model.toml"
    kept = [one for one in path.read_text("utf-8").splitlines() if not one.startswith(line[:6])]
    path.write_text("\n".join(kept), "utf-8")

    with pytest.raises(DataError, match=r"manifest: .*(says no|no label|needs one or more)"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('license = "MIT"\n', "", "says no license"),
        ('license = "MIT"', 'license = " "', "must be one line of text"),
        ('license = "MIT"', 'license = "MIT"\nlicence = "x"', "key 'licence' that is unknown"),
        ("model 1", "model 2", "needed 'operandi-model 1'"),
        ('backend = "onnx"', 'backend = "pickle"', "must be one of onnx"),
        ('channel = "suv"', 'channel = "pet"', "there are suv, water, fat, ct, adc"),
        ('unit = "g/mL"', 'unit = "Bq/mL"', "the model wants 'Bq/mL'"),
        ('axes = "LPS"', 'axes = "LLS"', "three as of LPS or SPL"),
        ('axes = "LPS"', 'axes = "XYZ"', "three as of LPS or SPL"),
        ('spacing_mm = "pet"', "spacing_mm = [4.0, 4.0]", "must be 3 numbers"),
        ('spacing_mm = "pet"', "spacing_mm = [4.0, 4.0, 0.0]", "0.1 to 50 mm"),
        ('spacing_mm = "pet"', "spacing_mm = [4.0, 4.0, nan]", "finite number"),
        ("outside = 0.0", "outside = inf", "finite number"),
        ("outside = 0.0", "outside = true", "finite number"),
        ('normalization = "none"', 'normalization = "mean-sd"', "says no mean"),
        ("outside = 0.0", "outside = 0.0\nclip = [5.0, 1.0]", "must rise"),
        ("may_be_empty = false", 'may_be_empty = "no"', "true or false"),
        ('1 = "lesion"', '0 = "lesion"', "0 is background"),
        ('1 = "lesion"', '2 = "lesion"', "must be 1, 2, 3"),
        ('1 = "lesion"', '1 = "liver"', "no label is named 'lesion'"),
        ('1 = "lesion"', '1 = "lesion"\n1 = "liver"', "cannot be read"),
        ('kind = "logits"', 'kind = "sigmoid"\nthreshold = 1.5', "between 0 and 1"),
        ('tracers = ["68Ga-DOTATOC"]', "tracers = []", "list of texts"),
        ("[output]", "[tiles]\nsize = [8, 8, 0]\noverlap = 0.5\n[output]", "whole numbers"),
        ("[output]", "[tiles]\nsize = [8, 8, 8]\noverlap = 1.0\n[output]", "0 to 0.9"),
        ('file = "model.onnx"', 'file = "../model.onnx"', "outside its folder"),
        ('file = "model.onnx"', 'file = "/model.onnx"', "outside its folder"),
        ('file = "model.onnx"', "file = 'a\\model.onnx'", "outside its folder"),
        ('file = "model.onnx"', 'file = "other.onnx"', "no file other.onnx"),
        ('sha256 = "', 'sha256 = "0', "64 hexadecimal digits"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in refusal(tmp_path, {old: new})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{input}", "{home}", "placeholders are {case}, {input}, {model}, {output}"),
        ("{input}", "{0.__class__}", "placeholders are"),
        ("{input}", "{", "placeholders are"),
        ("{input}", "x", "must hold {input} and {output}"),
        ("time_limit_s = 5", "time_limit_s = 0", "above 0"),
        ("[command.environment]", "[command.environment]\n'A=B' = 'x'", "no variable has"),
    ],
)
def test_what_is_wrong_of_a_command_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    changed = COMMAND[1].replace(old, new)
    changes = {
        'backend = "onnx"': 'backend = "command"',
        'kind = "logits"': COMMAND[0],
        "[grid]": f"{changed}\n\n[grid]",
    }

    assert said in refusal(tmp_path, changes)


@pytest.mark.parametrize("ending", [".pkl", ".pt", ".pth", ".ckpt", ".npy", ".PTH"])
def test_files_that_run_code_as_they_are_read_are_refused(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"more{ending}").write_bytes(b"x")
    more = f'[[weights]]\nfile = "more{ending}"\nsha256 = "{sha256(b"x")}"\n\n[[inputs]]'

    assert "run code as they are read" in refusal(tmp_path, {"[[inputs]]": more})


def test_another_file_than_the_manifest_says_is_refused(tmp_path: Path) -> None:
    folder = a_model(tmp_path)
    (folder / "model.onnx").write_bytes(b"other")

    with pytest.raises(DataError, match=f"has the SHA-256 {sha256(b'other')}"):
        open_model(folder)


def test_a_file_listed_twice_is_refused(tmp_path: Path) -> None:
    folder = a_model(tmp_path)
    digest = sha256((folder / "model.onnx").read_bytes())
    again = f'[[weights]]\nfile = "model.onnx"\nsha256 = "{digest}"\n\n[[inputs]]'

    assert "named twice" in refusal(tmp_path, {"[[inputs]]": again})


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    content = b"outside"
    (tmp_path / "elsewhere").write_bytes(content)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.onnx").symlink_to(tmp_path / "elsewhere")
    write_manifest(folder, MANIFEST.replace("@SHA@", sha256(content)), {})

    with pytest.raises(DataError, match="link that leads out"):
        open_model(folder)


@settings(max_examples=80, deadline=None)
@given(at=st.integers(0, len(MANIFEST) - 1), text=st.text(max_size=3), cut=st.integers(0, 8))
def test_a_damaged_manifest_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, at: int, text: str, cut: int
) -> None:
    path = tmp_path_factory.mktemp("model") / "model.toml"
    path.write_text(MANIFEST[:at] + text + MANIFEST[at + cut :], encoding="utf-8", errors="replace")
    try:
        read_manifest(path)
    except DataError:
        return


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    for content in (b"\xff\xfe\x00", b"x = [" * 100_000, b"#" * (1 << 20) + b"#"):
        path.write_bytes(content)
        with pytest.raises(DataError):
            read_manifest(path)


def test_the_manifest_of_the_documentation_is_one(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "lesions.md").read_text("utf-8")
    path = tmp_path / "model.toml"
    path.write_text(text.partition("```toml\n")[2].partition("```")[0], "utf-8")

    read, _ = read_manifest(path)

    assert [one.channel for one in read.inputs] == ["suv", "water"]
    assert read.grid.axes == "SPL"
    assert read.labels == ((1, "lesion"), (2, "liver"), (3, "spleen"))
