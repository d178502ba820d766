"""A two-dimensional PET of a torso by other means: sparse lines and full expectation maximization.

Sampled lines with bilinear weights instead of Joseph's, one subset, the image's own grid: nothing
is shared with ``operandi.simulation.emission.projection``.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.ndimage import gaussian_filter

Image = npt.NDArray[np.float64]
Layer = tuple[str, tuple[float, float], tuple[float, float], float]

SPACING_MM: Final = 5.0
SIZE: Final = 128
VIEWS: Final = 60
ITERATIONS: Final = 50

MU_PER_CM: Final = {
    "fat": 0.090,
    "soft": 0.100,
    "lung": 0.0255,  # "lung 0.0224 for a true 0.0255" (survey of PET-MR, section 3)
    "bone_cortex": 0.170,
    "bone_marrow": 0.108,
    "bone_lesion": 0.115,
}

_BODY: Final[tuple[Layer, ...]] = (
    # 41 x 31 cm torso with arms, as in the survey; uptake in g/mL.
    ("fat", (0, 0), (205, 155), 0.3),
    ("soft", (0, 0), (185, 135), 0.8),
    *[
        layer
        for x in (-250, 250)
        for layer in (
            ("fat", (x, 0), (48, 48), 0.3),
            ("soft", (x, 0), (40, 40), 0.8),
            ("bone_cortex", (x, 0), (12, 12), 0.5),
        )
    ],
    ("bone_cortex", (0, 75), (24, 20), 0.9),
    ("bone_marrow", (0, 75), (20, 16), 0.9),
)
ABDOMEN: Final[tuple[Layer, ...]] = (
    *_BODY,
    ("soft", (-80, -15), (90, 95), 4.8),
    ("soft", (125, 40), (35, 45), 16.0),
    ("soft", (65, 55), (28, 28), 13.0),
    ("soft", (-55, 65), (28, 28), 13.0),
    ("soft", (-90, -40), (10, 10), 16.0),
    ("bone_lesion", (5, 75), (10, 10), 16.0),
    ("soft", (30, -10), (10, 10), 16.0),
)
THORAX: Final[tuple[Layer, ...]] = (
    *_BODY[:2],
    ("lung", (-85, 0), (70, 95), 0.4),
    ("lung", (85, 0), (70, 95), 0.4),
    *_BODY[-2:],
    ("soft", (20, -20), (45, 40), 1.5),
    ("soft", (-85, 20), (10, 10), 10.0),
)

LIVER_LESION: Final = ((-90.0, -40.0), 8.0)
SPINE_LESION: Final = ((5.0, 75.0), 8.0)
PANCREATIC_LESION: Final = ((30.0, -10.0), 8.0)
LIVER: Final = ((-80.0, 20.0), 30.0)
SPLEEN: Final = ((125.0, 40.0), 20.0)
LUNG_LESION: Final = ((-85.0, 20.0), 8.0)
LUNG: Final = ((-85.0, -40.0), 25.0)
SPINE: Final = ((0.0, 75.0), 12.0)


def axis() -> Image:
    """Voxel centers, mm."""
    centers = np.arange(SIZE, dtype=np.float64) - (SIZE - 1) / 2
    return np.asarray(centers * SPACING_MM, dtype=np.float64)


def painted(layers: tuple[Layer, ...]) -> tuple[Image, dict[str, Image]]:
    """Activity, and shares of tissues."""
    fine = ((np.arange(SIZE * 3) + 0.5) / 3 - SIZE / 2) * SPACING_MM
    activity, shares = np.zeros((SIZE, SIZE)), dict.fromkeys(MU_PER_CM, np.zeros((SIZE, SIZE)))
    for tissue, (x, y), (a, b), suv in layers:
        inside = ((fine[:, None] - x) / a) ** 2 + ((fine[None, :] - y) / b) ** 2 <= 1
        share = inside.reshape(SIZE, 3, SIZE, 3).mean(axis=(1, 3))
        shares = {name: other * (1 - share) for name, other in shares.items()}
        shares[tissue] = shares[tissue] + share
        activity = activity * (1 - share) + suv * share
    return activity, shares


def lines() -> sparse.csr_matrix:
    """The projector, (views * bins, voxels), mm."""
    offset = np.arange(SIZE) - (SIZE - 1) / 2
    s, t = np.meshgrid(offset, offset, indexing="ij")
    entries: list[tuple[Image, Image, Image]] = []
    for view in range(VIEWS):
        angle = np.pi * view / VIEWS
        x = s * np.cos(angle) - t * np.sin(angle) + (SIZE - 1) / 2
        y = s * np.sin(angle) + t * np.cos(angle) + (SIZE - 1) / 2
        i, j = np.floor(x).astype(int), np.floor(y).astype(int)
        row = np.broadcast_to(view * SIZE + np.arange(SIZE)[:, None], i.shape)
        for a, in_x in ((0, 1 - x + i), (1, x - i)):
            for b, in_y in ((0, 1 - y + j), (1, y - j)):
                there = (i + a >= 0) & (i + a < SIZE) & (j + b >= 0) & (j + b < SIZE)
                weight = in_x * in_y * SPACING_MM
                entries.append((row[there], ((i + a) * SIZE + j + b)[there], weight[there]))
    rows, columns, weights = (np.concatenate(part) for part in zip(*entries, strict=True))
    return sparse.csr_matrix((weights, (rows, columns)), shape=(VIEWS * SIZE, SIZE * SIZE))


def reconstructed(
    projector: sparse.csr_matrix, activity: Image, *, mu_true: Image, mu_used: Image
) -> Image:
    """Image by expectation maximization of the data of *activity*, corrected by *mu_used*."""
    survival = np.exp(-projector @ mu_used.ravel() / 10)
    counts = (projector @ activity.ravel()) * np.exp(-projector @ mu_true.ravel() / 10)
    image, sensitivity = np.ones(SIZE * SIZE), np.maximum(projector.T @ survival, 1e-9)
    for _ in range(ITERATIONS):
        expected = projector @ image
        ratio = np.divide(counts, expected, out=np.zeros_like(counts), where=expected > 1e-9)
        image = image * (projector.T @ ratio) / sensitivity
    return image.reshape(SIZE, SIZE)


def error_percent(
    image: Image, reference: Image, region: tuple[tuple[float, float], float]
) -> float:
    """Change of the mean in a disk, both images blurred as a PET is."""
    (x, y), radius = region
    inside = np.hypot(axis()[:, None] - x, axis()[None, :] - y) <= radius
    sigma = 5.5 / 2.355 / SPACING_MM
    ratio = gaussian_filter(image, sigma)[inside].mean()
    return float(100 * (ratio / gaussian_filter(reference, sigma)[inside].mean() - 1))
