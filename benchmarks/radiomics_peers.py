"""One peer on one lesion, in the peer's own environment: run by ``benchmarks.radiomics``.

``python radiomics_peers.py PEER LESION.npz REPEATS`` prints one line of JSON: seconds of import
plus first lesion (cold), the least of the others (warm), and the values by the peer's names. Uses
nothing of Operandi, which is not installed there.
"""

# mypy: ignore-errors
# ruff: noqa: PLC0415 - each peer is there in its own environment only

import json
import logging
import math
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Beside this script lies radiomics.py, which is not PyRadiomics' package of that name.
sys.path.pop(0)

START = time.perf_counter()
PROCESS = time.process_time()
BINS = 32


def z_rad(image: Any, mask: Any) -> Callable[[], dict[str, Any]]:
    """Make a run of z-rad on prepared arrays."""
    import SimpleITK
    from zrad.image import Image
    from zrad.preprocessing.discretization import IVHIntensityDiscretizer, TextureDiscretizer
    from zrad.preprocessing.roi import IntensityMaskBuilder, RoiData
    from zrad.radiomics.extractor import Radiomics

    folder = Path(tempfile.mkdtemp())
    for name, array in (("image", image), ("mask", mask.astype("uint8"))):
        SimpleITK.WriteImage(
            SimpleITK.GetImageFromArray(array.transpose(2, 1, 0)), folder / f"{name}.nii.gz"
        )
    read = Image.from_nifti(str(folder / "image.nii.gz"))
    drawn = Image.from_nifti_mask(str(folder / "mask.nii.gz"), reference=read)

    def run() -> dict[str, Any]:
        data = RoiData(image=read, filtered_image=None, morphological_mask=drawn)
        data = IntensityMaskBuilder().apply(data)
        data = TextureDiscretizer(number_of_bins=BINS, bin_size=None).apply(data)
        data = IVHIntensityDiscretizer(method="fixed_bin_number", number_of_bins=1000).apply(data)
        found = Radiomics(aggr_dim="3D", aggr_method="MERG").extract_features(roi_data=data)
        return dict(found)

    return run


def mirp(image: Any, mask: Any) -> Callable[[], dict[str, Any]]:
    """Make a run of MIRP on arrays."""
    from mirp import extract_features

    logging.disable(logging.CRITICAL)

    def run() -> dict[str, Any]:
        table = extract_features(
            image=image.transpose(2, 1, 0),
            mask=mask.transpose(2, 1, 0).astype("int32"),
            by_slice=False,
            base_feature_families="all",
            glcm_spatial_method="3d_volume_merge",
            glrlm_spatial_method="3d_volume_merge",
            base_discretisation_method="fixed_bin_number",
            base_discretisation_n_bins=BINS,
            ivh_discretisation_method="fixed_bin_number",
            ivh_discretisation_n_bins=1000,
        )[0]
        return dict(table.iloc[0])

    return run


def pyradiomics(image: Any, mask: Any) -> Callable[[], dict[str, Any]]:
    """Make a run of PyRadiomics on SimpleITK images."""
    import radiomics
    import SimpleITK
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    radiomics.setVerbosity(60)
    extractor = RadiomicsFeatureExtractor(binCount=BINS)
    read = SimpleITK.GetImageFromArray(image.transpose(2, 1, 0))
    drawn = SimpleITK.GetImageFromArray(mask.transpose(2, 1, 0).astype("uint8"))

    def run() -> dict[str, Any]:
        return {
            name: value
            for name, value in extractor.execute(read, drawn).items()
            if name.startswith("original_")
        }

    return run


def nyxus(image: Any, mask: Any) -> Callable[[], dict[str, Any]]:
    """Make a run of Nyxus on NIfTI files, the only 3D input it takes."""
    import SimpleITK
    from nyxus import Nyxus3D

    folder = Path(tempfile.mkdtemp())
    for name, array in (("image", image), ("mask", mask.astype("uint8"))):
        SimpleITK.WriteImage(
            SimpleITK.GetImageFromArray(array.transpose(2, 1, 0)), folder / f"{name}.nii.gz"
        )
    engine = Nyxus3D(["*3D_ALL*"], n_feature_calc_threads=1, coarse_gray_depth=BINS)

    def run() -> dict[str, Any]:
        files = [str(folder / "image.nii.gz")], [str(folder / "mask.nii.gz")]
        return dict(engine.featurize_files(*files, single_roi=False).iloc[0])

    return run


def pictologics(image: Any, mask: Any) -> Callable[[], dict[str, Any]]:
    """Make a run of pictologics on arrays."""
    from pictologics import Image, RadiomicsPipeline

    place = {"spacing": (1.0, 1.0, 1.0), "origin": (0.0, 0.0, 0.0)}
    read, drawn = Image(image.astype("float64"), **place), Image(mask.astype("uint8"), **place)
    families = ["intensity", "spatial_intensity", "local_intensity", "morphology"]
    pipeline = RadiomicsPipeline(load_standard=False)
    steps = [
        {"step": "extract_features", "params": {"families": families}},
        {"step": "discretise", "params": {"method": "FBN", "n_bins": BINS}},
        {"step": "extract_features", "params": {"families": ["histogram", "texture"]}},
    ]
    pipeline.add_config("all", steps)
    finer = [
        {"step": "discretise", "params": {"method": "FBN", "n_bins": 1000}},
        {"step": "extract_features", "params": {"families": ["ivh"]}},
    ]
    pipeline.add_config("finer", finer)

    def run() -> dict[str, Any]:
        found = pipeline.run(read, drawn)
        return dict(found["all"]) | dict(found["finer"].dropna())

    return run


PEERS = {
    "z-rad": z_rad,
    "mirp": mirp,
    "pyradiomics": pyradiomics,
    "nyxus": nyxus,
    "pictologics": pictologics,
}


def main(peer: str, lesion: str, repeats: int) -> None:
    """Run a peer and print what came of it."""
    import numpy as np

    warnings.simplefilter("ignore")
    with np.load(lesion) as stored:
        image, mask = stored["image"], stored["mask"]
    run = PEERS[peer](image, mask)
    values = run()
    cold, cold_cpu = time.perf_counter() - START, time.process_time() - PROCESS
    warm, warm_cpu = [math.inf], [math.inf]
    for _ in range(repeats):
        begun, used = time.perf_counter(), time.process_time()
        run()
        warm.append(time.perf_counter() - begun)
        warm_cpu.append(time.process_time() - used)
    numbers = {}
    for name, value in values.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            continue
        if math.isfinite(number):
            numbers[str(name)] = number
    result = {
        "cold": cold,
        "cold_cpu": cold_cpu,
        "warm": min(warm),
        "warm_cpu": min(warm_cpu),
        "values": numbers,
    }
    print("RESULT " + json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
