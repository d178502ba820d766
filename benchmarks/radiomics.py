"""Radiomics beside every peer: warm and cold times, agreement feature by feature, a whole trial.

Run from the checkout::

    python -m benchmarks.radiomics --peer z-rad=peers/bin/python --peer mirp=peers/bin/python

A peer is a name and a Python that has it (z-rad, mirp, pyradiomics, nyxus, pictologics); each runs
in a process of its own, alternating with ours, one thread each. Lesions: bumpy near-spheres of
7,300 and 66,000 voxels, 32 bins, all families, in 3D, merged. On a machine that does other work
the CPU seconds say more than the wall clock. ``--trial`` extrapolates 80 participants x 3 visits x
10 lesions x 5 maps, with three Laplacians of Gaussian and eight wavelet bands.
"""

# ruff: noqa: E402 - libraries read their number of threads once, as they are imported
import os

ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
os.environ.update(ONE_THREAD)

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from operandi.imaging.radiomics.batch import Job, extract_many
from operandi.imaging.radiomics.extract import Recipe, extract
from operandi.imaging.radiomics.names import FEATURE_NAMES, Like, exported_name
from operandi.imaging.radiomics.prepare import discretize, prepare
from operandi.imaging.radiomics.settings import (
    Dimension,
    FixedBinNumber,
    Interpolation,
    RadiomicsSettings,
)
from operandi.imaging.radiomics.settings_file import filtered_recipes, filters_named
from operandi.imaging.radiomics.texture import texture_features

BINS = 32
MAPS = 80 * 3 * 10 * 5
SHARE_OF_SMALL = 0.8
AGREES = 1e-3

SETTINGS = RadiomicsSettings(
    dimension=Dimension.VOLUME,
    spacing_mm=None,
    interpolation=Interpolation.LINEAR,
    mask_interpolation=Interpolation.LINEAR,
    mask_threshold=0.5,
    rounding=None,
    lower=None,
    upper=None,
    outlier_sigmas=None,
    discretization=FixedBinNumber(bins=BINS),
    volume_histogram=FixedBinNumber(bins=1000),
)

Lesion = tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]


def lesion(radius: int, *, seed: int = 0) -> Lesion:
    """Make a bumpy near-sphere with waves and noise, 12 voxels of air around it."""
    n = 2 * radius + 24
    at = np.indices((n, n, n)) - n / 2 + 0.37
    distance = np.sqrt((at**2).sum(axis=0))
    mask = distance < radius * (1 + 0.08 * np.sin(5 * np.arctan2(at[0], at[1])))
    noise = np.random.default_rng(seed).normal(0, 1, (n, n, n))
    return (5 + 3 * np.cos(distance / 3) + noise).astype(np.float32), mask


def least(work: Callable[[], Any], *, repeats: int) -> tuple[float, float]:
    """Least wall and CPU seconds of several runs."""
    wall, cpu = math.inf, math.inf
    for _ in range(repeats):
        begun, used = time.perf_counter(), time.process_time()
        work()
        wall = min(wall, time.perf_counter() - begun)
        cpu = min(cpu, time.process_time() - used)
    return wall, cpu


def cold_start(file: Path) -> tuple[float, float]:
    """Wall and CPU seconds of a fresh process from its start to the first lesion's features."""
    code = (
        "import time; t = time.perf_counter()\n"
        "import sys, numpy as np\n"
        "from benchmarks.radiomics import SETTINGS, extract\n"
        "z = np.load(sys.argv[1])\n"
        "extract((z['image'], (1., 1., 1.)), z['mask'], SETTINGS)\n"
        "print(time.perf_counter() - t, time.process_time())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    wall, cpu = done.stdout.split()
    return float(wall), float(cpu)


def peer_result(peer: str, python: str, file: Path, *, repeats: int) -> Mapping[str, Any] | str:
    """Run a peer; what it measured, or the last line of its complaint."""
    script = Path(__file__).with_name("radiomics_peers.py")
    try:
        done = subprocess.run(
            [python, str(script), peer, str(file), str(repeats)],
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
            env=ONE_THREAD | {"HOME": str(Path.home())},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            found: Mapping[str, Any] = json.loads(line[7:])
            return found
    return (done.stderr.strip().splitlines() or ["no result"])[-1]


def values_in(dimension: Dimension, image: Any, mask: Any) -> dict[str, float]:
    """Our features, those that are absent left out."""
    settings = replace(SETTINGS, dimension=dimension)
    found = extract((image, (1.0, 1.0, 1.0)), mask, settings)
    return {f.tag: f.value for f in found.features if f.value is not None}


def names_of(peer: str) -> dict[str, str]:
    """Our tag by the peer's name."""
    codes: dict[str, list[str]] = {}
    for tag, name in FEATURE_NAMES.items():
        codes.setdefault(name.code, []).append(tag)
    match peer:
        case "z-rad":
            return {exported_name(tag, Like.IBSI, SETTINGS): tag for tag in FEATURE_NAMES}
        case "mirp" | "pyradiomics":
            return {exported_name(tag, Like(peer), SETTINGS): tag for tag in FEATURE_NAMES}
        case "pictologics":
            single = {code: tags[0] for code, tags in codes.items() if len(tags) == 1}
            points = {"BC2M_10": "ivh_v10", "BC2M_90": "ivh_v90"}
            points |= {"GBPN_10": "ivh_i10", "GBPN_90": "ivh_i90"}
            # It gives the 90th percentile of levels the code of the 10th.
            return single | points | {"GPMT": "ih_p90"}
        case _:
            return {}


def agreement(peer: str, theirs: Mapping[str, float], ours: Mapping[str, float]) -> list[str]:
    """Lines on how many features agree, and which do not."""
    names = names_of(peer)
    if not names:
        return ["not compared: it truncates intensities to whole numbers"]
    apart, compared = [], set()
    for name, value in theirs.items():
        key = name
        if peer == "pictologics":
            parts = name.rsplit("_", 2)
            key = "_".join(parts[1:]) if "_".join(parts[1:]) in names else parts[-1]
        tag = names.get(key)
        if tag is None or tag not in ours:
            continue
        compared.add(tag)
        if abs(value - ours[tag]) > AGREES * max(abs(ours[tag]), 1e-9):
            apart.append(f"{tag} {value:.6g}, ours {ours[tag]:.6g}")
    lines = [f"{len(compared) - len(apart)} of {len(compared)} compared agree within 0.1 %"]
    return lines + [f"  {line}" for line in apart]


def beside_peers(peers: Mapping[str, str], *, repeats: int) -> None:
    """Print times, ratios and agreement on both lesions."""
    with tempfile.TemporaryDirectory() as folder:
        for radius, target_ms in ((12, 8.0), (25, 40.0)):
            image, mask = lesion(radius)
            file = Path(folder) / f"lesion_{radius}.npz"
            np.savez(file, image=image, mask=mask)
            merged = values_in(Dimension.VOLUME, image, mask)
            # PyRadiomics averages over directions.
            averaged = values_in(Dimension.VOLUME_AVERAGED, image, mask)

            def run(image: Any = image, mask: Any = mask) -> None:
                extract((image, (1.0, 1.0, 1.0)), mask, SETTINGS)

            wall, cpu = least(run, repeats=5 * repeats)
            cold, cold_cpu = cold_start(file)
            print(f"\n{int(mask.sum()):,} voxels, {len(merged)} features, target {target_ms:g} ms")
            print(
                f"{'':14}{'warm wall':>11}{'warm CPU':>11}{'cold wall':>11}{'cold CPU':>11}  ratio"
            )
            print(_line("operandi", wall, cpu, cold, cold_cpu) + "      1")
            for peer, python in peers.items():
                result = peer_result(peer, python, file, repeats=repeats)
                if isinstance(result, str):
                    print(f"{peer:14}{result}")
                    continue
                wall_now, cpu_now = least(run, repeats=2 * repeats)  # beside the peer in time
                wall, cpu = min(wall, wall_now), min(cpu, cpu_now)
                times = (result[key] for key in ("warm", "warm_cpu", "cold", "cold_cpu"))
                ratio = result["warm_cpu"] / cpu
                print(f"{_line(peer, *times)} {ratio:6.1f}")
                ours = averaged if peer == "pyradiomics" else merged
                for line in agreement(peer, result["values"], ours):
                    print(f"{'':14}{line}")
            print(_line("operandi", wall, cpu, cold, cold_cpu) + "      (again)")


def _line(name: str, warm: float, warm_cpu: float, cold: float, cold_cpu: float) -> str:
    return f"{name:14}{1e3 * warm:8.1f} ms{1e3 * warm_cpu:8.1f} ms{cold:9.2f} s{cold_cpu:9.2f} s"


def whole_trial(*, lesions: int, threads: int) -> None:
    """Measure a batch of simulated lesions and extrapolate to the trial."""
    words = ("log:1", "log:2", "log:3", "wavelet:db3")
    filters = [each for word in words for each in filters_named(word)]
    recipes = (Recipe(SETTINGS), *filtered_recipes(SETTINGS, filters))
    small = round(SHARE_OF_SMALL * lesions)
    jobs = []
    for number in range(lesions):
        image, mask = lesion(12 if number < small else 25, seed=number)
        jobs.append(Job(str(number), (image, (1.0, 1.0, 1.0)), mask, recipes))
    list(extract_many(jobs[:1]))
    wall, cpu = time.perf_counter(), time.process_time()
    refused = [outcome.name for outcome in extract_many(jobs, threads=threads) if outcome.refusal]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert not refused
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    minutes = MAPS / lesions / 60
    print(
        f"\nWhole trial: {MAPS:,} lesion-maps, {len(recipes)} images each, from {lesions} lesions"
    )
    print(f"  {cpu / lesions * 1e3:.0f} ms CPU a lesion-map; {threads} threads, peak {peak:.0f} MB")
    print(
        f"  {wall * minutes:.1f} min wall as measured; {cpu * minutes / 2:.1f} min on 2 free cores"
    )


def perturbed(*, repeats: int) -> None:
    """Time 30 perturbations x 12 images of a lesion of 1,200 voxels."""
    image, mask = lesion(6)
    words = ("log:1", "log:2", "log:3", "wavelet:db3")
    filters = [each for word in words for each in filters_named(word)][:11]
    recipes = filtered_recipes(SETTINGS, filters)

    def run() -> None:
        jobs = (Job("", (image, (1.0, 1.0, 1.0)), mask, recipes) for _ in range(30))
        list(extract_many(jobs))

    wall, cpu = least(run, repeats=repeats)
    print(
        f"\n30 x {len(recipes)} filtered images of {int(mask.sum()):,} voxels: {wall:.2f} s wall, ",
        end="",
    )
    print(f"{cpu:.2f} s CPU (target 4 s)")


def beside_memory() -> None:
    """Print how far texture is from one pass over the box at the memory's speed."""
    block = np.zeros(1 << 25)
    copy = np.empty_like(block)
    seconds, _ = least(lambda: np.copyto(copy, block), repeats=5)
    per_second = 2 * block.nbytes / seconds
    image, mask = lesion(25)
    region = prepare((image, (1.0, 1.0, 1.0)), mask, SETTINGS)
    levels = discretize(region, SETTINGS)
    texture, _ = least(lambda: texture_features(levels, region.morphology, SETTINGS), repeats=5)
    # Levels and mask are read once; 13 neighbors of a voxel come from the cache.
    bound = (levels.values.nbytes + region.morphology.nbytes) / per_second
    print(
        f"\nMemory copies {per_second / 1e9:.1f} GB/s: one pass over {mask.sum():,} voxels' box ",
        end="",
    )
    print(f"takes {1e3 * bound:.3f} ms, six texture families {1e3 * texture:.2f} ms, ", end="")
    print(
        f"{texture / bound:.0f} times that; {1e9 * texture / mask.sum() / 13:.1f} ns a voxel pair"
    )


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--trial", type=int, default=10, metavar="LESIONS", help="0 for none")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    beside_peers(dict(each.split("=", 1) for each in given.peer), repeats=given.repeats)
    beside_memory()
    perturbed(repeats=1)
    if given.trial:
        whole_trial(lesions=given.trial, threads=given.threads)


if __name__ == "__main__":
    main()
