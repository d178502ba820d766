"""Many lesions, maps and recipes at once, on threads: the kernels let go of Python's lock."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from operandi.domain.mask import Mask
from operandi.imaging.radiomics.extract import Extraction, Families, Recipe, extract_recipes
from operandi.imaging.radiomics.prepare import Image
from operandi.quantities.errors import OperandiError


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A lesion on a map, and what to extract.

    Parameters
    ----------
    name : str
        Comes back with the outcome.
    image : Volume, or pair of array (i, j, k) and spacing (i, j, k) in mm
    mask : Mask, or bool array (i, j, k)
    recipes : tuple of Recipe
        Those that prepare alike share the preparation.
    families : frozenset of FeatureFamily, or None
        None for all.
    """

    name: str
    image: Image
    mask: Mask | npt.NDArray[np.bool_]
    recipes: tuple[Recipe, ...]
    families: Families | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job: extractions in the order of its recipes, or a refusal."""

    name: str
    extractions: tuple[Extraction, ...]
    refusal: OperandiError | None = None


def extract_many(
    jobs: Iterable[Job],
    *,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Outcome]:
    """Extract job after job, in order; a refused lesion stops no other.

    Parameters
    ----------
    jobs : iterable of Job
        Drawn as they are needed, two ahead of each thread, so that images may be read lazily and
        memory holds only those at work.
    threads : int, >= 1
        Results do not depend on it: each job is computed by one thread.
    progress : function, optional
        Called with the number of jobs done.

    Yields
    ------
    Outcome
        In the order of ``jobs``.
    """
    if threads < 1:
        raise ValueError(f"at least one thread is needed, not {threads}")
    done = 0
    with ThreadPoolExecutor(threads, thread_name_prefix="radiomics") as pool:
        waiting: deque[Future[Outcome]] = deque()
        for job in jobs:
            waiting.append(pool.submit(_outcome, job))
            if len(waiting) < 3 * threads:
                continue
            yield waiting.popleft().result()
            done = _told(done, progress)
        while waiting:
            yield waiting.popleft().result()
            done = _told(done, progress)


def _told(done: int, progress: Callable[[int], None] | None) -> int:
    if progress is not None:
        progress(done + 1)
    return done + 1


def _outcome(job: Job) -> Outcome:
    try:
        found = extract_recipes(job.image, job.mask, job.recipes, families=job.families)
    except OperandiError as refusal:
        return Outcome(job.name, (), refusal)
    return Outcome(job.name, found)
