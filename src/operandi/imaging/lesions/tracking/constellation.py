"""Constellations of lesions laid on one another: matched, deformed, matched again.

The displacement that a registration leaves is taken as a Gaussian process over the body: a common
shift, a regularized affine part, and a smooth deformation. For a set of pairs its evidence is a
closed formula, so that alignments found from several starts are compared by one number.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from operandi.imaging.lesions.tracking.association import NEVER, assigned, pair_probabilities
from operandi.imaging.lesions.tracking.settings import TrackingSettings

Array = npt.NDArray[np.float64]
Pairs = tuple[tuple[int, int], ...]

_SOFT_ROUNDS = 8
_HARD_ROUNDS = 6
_VOTE_MM = 8.0
_APART_MM = 8.0
_MOST_VOTERS = 1500
_VARIANCE_OF_NOTHING = 1e8
_WORTH_TRYING_NATS = 12.0
# New lesions come near others (the liver, the spine) as well as anywhere in the body.
_CLUSTER_MM = 60.0
_BODY_MM3 = 5e7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Constellation:
    """Lesions as the matching sees them.

    Parameters
    ----------
    centers : array, (n, 3)
        Positions, mm; of the earlier visit after the registration.
    radius : array, (n,)
        Of the ball of equal volume, mm.
    log_volume, log_suv : array, (n,)
        Natural logarithms; NaN where there is no SUV.
    organs : tuple of str
        Empty where not known.
    """

    centers: Array
    radius: Array
    log_volume: Array
    log_suv: Array
    organs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Match:
    """Pairs, their probabilities, and the deformation that they imply.

    Parameters
    ----------
    pairs : tuple of (row, column)
        Chosen one-to-one, by rows.
    probability : array, (n, m)
        Of each pair, over assignments and over the alignments that were found.
    expected : array, (n, 3)
        Where each earlier lesion is expected, without its own match, mm.
    field : DisplacementField
        The deformation at any point.
    """

    pairs: Pairs
    probability: Array
    expected: Array
    field: "DisplacementField"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DisplacementField:
    """Posterior mean of the Gaussian process, from the matched centers.

    Parameters
    ----------
    anchors : array, (p, 3)
        Matched earlier centers, mm.
    weights : array, (p, 3)
        Of the kernel at each anchor.
    start : array, (3,)
        Common shift that the process varies around, mm.
    middle : array, (3,)
        Center of the affine part, mm.
    deformation_sd_mm : float
        Amplitude of the smooth part.
    settings : TrackingSettings
        Its other parameters.
    """

    anchors: Array
    weights: Array
    start: Array
    middle: Array
    deformation_sd_mm: float
    settings: TrackingSettings

    def moved(self, points: Array) -> Array:
        """Move points (n, 3) of the earlier visit, registered, to the later one, mm."""
        shift = np.tile(self.start, (len(points), 1))
        if len(self.anchors):
            kernel = _kernel(
                points - self.middle,
                self.anchors - self.middle,
                deformation_sd_mm=self.deformation_sd_mm,
                settings=self.settings,
            )
            shift += kernel @ self.weights
        moved: Array = points + shift
        return moved


def match_constellations(
    before: Constellation,
    after: Constellation,
    *,
    survival: Array,
    settings: TrackingSettings,
    stated: Array | None = None,
    still: bool = False,
) -> Match:
    """Match lesions of two visits, one to one, through the deformation between them.

    From several common shifts, voted for by pairs that move alike, and for each amplitude of the
    deformation: soft assignment and deformation in turn, then hard ones. A lesion's position is
    predicted from the matches of the others alone. The solution with the greatest evidence is
    taken; the probabilities average over all, weighted by it.

    Parameters
    ----------
    before, after : Constellation
        Of n and m lesions.
    survival : array, (n,)
        Probability that each earlier lesion is seen again.
    settings : TrackingSettings
        The priors.
    stated : array, (n, m), optional
        Added to the log odds: ``ALWAYS`` or ``NEVER`` where a reader has spoken, else 0.
    still : bool
        Both images of one examination: nothing moved but for the error of the centers.
    """
    said = np.zeros((len(before.centers), len(after.centers))) if stated is None else stated
    if said.size == 0:
        return _nothing(before, said.shape, settings)
    model = _Model(before, after, survival, settings, said)
    if still:
        only = model.solution(np.zeros(3), deformation_sd_mm=0.1, rounds=0)
        return model.match((only,))
    found: dict[tuple[float, Pairs], _Solution] = {}
    for start in model.starts():
        for amplitude in settings.deformation_sd_mm:
            one = model.solution(start, deformation_sd_mm=amplitude, rounds=_SOFT_ROUNDS)
            known = found.get((amplitude, one.pairs))
            if known is None or one.evidence > known.evidence:
                found[amplitude, one.pairs] = one
    return model.match(tuple(found.values()))


@dataclass(frozen=True, slots=True)
class _Solution:
    """One local optimum."""

    pairs: Pairs
    evidence: float
    log_odds: Array
    expected: Array
    start: Array
    deformation_sd_mm: float


class _Model:
    """Log odds and evidence of pairs."""

    __slots__ = ("after", "base", "before", "middle", "noise", "said", "settings")

    def __init__(
        self,
        before: Constellation,
        after: Constellation,
        survival: Array,
        settings: TrackingSettings,
        said: Array,
    ) -> None:
        self.before, self.after, self.settings, self.said = before, after, settings, said
        size = np.minimum(before.radius[:, None], after.radius[None, :])
        self.noise = 2.0 * settings.center_sd_mm**2 + (0.25 * size) ** 2
        self.middle = before.centers.mean(axis=0)
        self.base = self._features() + self._births_and_deaths(survival)

    def _features(self) -> Array:
        """Log ratio of the likelihood of volumes, SUV and organs: of a pair, and by chance."""
        total = np.zeros(self.said.shape)
        for name, spread in (
            ("log_volume", self.settings.volume_log_sd),
            ("log_suv", self.settings.suv_log_sd),
        ):
            one, other = getattr(self.before, name), getattr(self.after, name)
            both = np.isfinite(one)[:, None] & np.isfinite(other)[None, :]
            if not both.any():
                continue
            mean, broad = _mean_and_spread(other, least=spread)
            change = mean - _mean_and_spread(one, least=spread)[0]
            # The common change is known no better than the few lesions tell.
            wide = math.hypot(spread, broad / math.sqrt(min(len(one), len(other))))
            paired = _log_normal(other[None, :] - one[:, None] - change, variance=wide**2)
            alone = _log_normal(other - mean, variance=broad**2)[None, :]
            total += np.where(both, paired - alone, 0.0)
        return total + self._organs()

    def _organs(self) -> Array:
        one = np.array(self.before.organs, dtype=object)[:, None]
        other = np.array(self.after.organs, dtype=object)[None, :]
        known = (one != "") & (other != "")
        mismatch = math.log(self.settings.organ_mismatch)
        return np.where(known & (one != other), mismatch, 0.0).astype(np.float64)

    def _births_and_deaths(self, survival: Array) -> Array:
        everyone = np.vstack([self.before.centers + 0.0, self.after.centers])
        squared = _squared_distances(self.after.centers, everyone)
        near = np.exp(_log_normal3(squared, variance=np.full_like(squared, _CLUSTER_MM**2)))
        density = (near.sum(axis=1) + 1.0 / _BODY_MM3) / (len(everyone) + 1.0)
        births = self.settings.new_share * len(self.before.centers) + 0.5
        lives = np.log(survival) - np.log1p(-survival)
        odds: Array = lives[:, None] - np.log(births * density)[None, :]
        return odds

    def log_odds(self, expected: Array, variance: Array) -> Array:
        """Of each pair, where the expected position has a variance per axis besides the noise."""
        squared = _squared_distances(expected, self.after.centers)
        near = _log_normal3(squared, variance=variance[:, None] + self.noise)
        return self.base + near + self.said

    def starts(self) -> list[Array]:
        """No shift, and the shifts that most pairs of similar lesions agree on."""
        difference = (self.after.centers[None] - self.before.centers[:, None]).reshape(-1, 3)
        reach = 3.0 * math.hypot(self.settings.shift_sd_mm, max(self.settings.deformation_sd_mm))
        length = np.linalg.norm(difference, axis=1)
        similar = np.clip(self._features().ravel() + np.minimum(self.said.ravel(), 0.0), -20, 3)
        near = np.flatnonzero((length <= reach) & (self.said.ravel() > NEVER / 2))
        near = near[np.argsort(length[near] - 5.0 * similar[near], kind="stable")][:_MOST_VOTERS]
        chosen = [np.zeros(3)]
        if not near.size:
            return chosen
        candidates, weight = difference[near], np.exp(similar[near])
        votes = np.exp(-_squared_distances(candidates, candidates) / (2 * _VOTE_MM**2)) @ weight
        votes *= np.exp(-(length[near] ** 2) / (2 * reach**2))
        for index in np.argsort(-np.round(votes, 9), kind="stable"):
            shift = candidates[index]
            if min(float(np.linalg.norm(shift - one)) for one in chosen) >= _APART_MM:
                chosen.append(shift)
            if len(chosen) > self.settings.starts:
                break
        return chosen

    def solution(self, start: Array, *, deformation_sd_mm: float, rounds: int) -> _Solution:
        """Alternate between matching and deforming, from one common shift."""
        kernel = self._kernel(deformation_sd_mm, still=rounds == 0)
        expected = self.before.centers + start
        variance = np.full(len(expected), deformation_sd_mm**2 if rounds else 0.0)
        for _ in range(rounds):
            weights = pair_probabilities(self.log_odds(expected, variance))
            expected, variance = self._predicted(weights, kernel, start=start)
        pairs: Pairs = ()
        best: _Solution | None = None
        for _ in range(_HARD_ROUNDS if rounds else 1):
            log_odds = self.log_odds(expected, variance)
            now = assigned(log_odds)
            here = _Solution(
                now,
                self.evidence(now, kernel, start=start),
                log_odds,
                expected,
                start,
                deformation_sd_mm,
            )
            if best is None or here.evidence > best.evidence:
                best = here
            if now == pairs or not rounds:
                break
            pairs = now
            hard = np.zeros(log_odds.shape)
            hard[tuple(np.array(pairs).T) if pairs else ([], [])] = 1.0
            expected, variance = self._predicted(hard, kernel, start=start)
        assert best is not None  # noqa: S101 - the loop runs at least once
        return best

    def _kernel(self, amplitude: float, *, still: bool = False) -> Array:
        points = self.before.centers - self.middle
        if still:
            return np.zeros((len(points), len(points)))
        return _kernel(points, points, deformation_sd_mm=amplitude, settings=self.settings)

    def _predicted(self, weights: Array, kernel: Array, *, start: Array) -> tuple[Array, Array]:
        """Position of each lesion from the matches of all others, and its variance per axis."""
        share = weights.sum(axis=1)
        safe = np.maximum(share, 1e-12)
        target = weights @ self.after.centers / safe[:, None]
        spread = (weights * _squared_distances(target, self.after.centers)).sum(axis=1) / safe / 3
        noise = (weights * self.noise).sum(axis=1) / safe
        unsure = np.where(
            share > 1e-6, (noise + spread) / np.maximum(share, 1e-6), _VARIANCE_OF_NOTHING
        )
        shift = np.where(share[:, None] > 1e-6, target - self.before.centers - start, 0.0)
        inverse = np.linalg.inv(kernel + np.diag(unsure))
        diagonal = np.diag(inverse)
        left_out = shift - (inverse @ shift) / diagonal[:, None]
        variance = np.maximum(1.0 / diagonal - unsure, 0.0)
        # 1 / diagonal - noise cancels where the noise is that of no match at all.
        without = np.flatnonzero(share <= 1e-6)
        if without.size:
            others = np.flatnonzero(share > 1e-6)
            cross = kernel[np.ix_(without, others)]
            gain = cross @ np.linalg.inv(kernel[np.ix_(others, others)] + np.diag(unsure[others]))
            left_out[without] = gain @ shift[others]
            variance[without] = np.diag(kernel)[without] - (gain * cross).sum(axis=1)
        return self.before.centers + start + left_out, np.maximum(variance, 0.0)

    def evidence(self, pairs: Pairs, kernel: Array, *, start: Array) -> float:
        """Log probability of a set of pairs and their displacements, nats.

        The start has the prior of the common shift in the kernel, hence displacements are taken
        from zero, not from it.
        """
        if not pairs:
            return 0.0
        rows, columns = np.array(pairs).T
        shift = self.after.centers[columns] - self.before.centers[rows]
        covariance = kernel[np.ix_(rows, rows)] + np.diag(self.noise[rows, columns])
        lower = np.linalg.cholesky(covariance)
        white = np.linalg.solve(lower, shift)
        log_volume = 2.0 * float(np.log(np.diag(lower)).sum()) + len(rows) * math.log(2 * math.pi)
        fit = -0.5 * (float((white**2).sum()) + 3.0 * log_volume)
        return fit + float((self.base + self.said)[rows, columns].sum())

    def match(self, solutions: tuple[_Solution, ...]) -> Match:
        """Average over solutions by their evidence; choose the best."""
        best = max(solutions, key=lambda one: one.evidence)
        probability = np.zeros(self.said.shape)
        total = 0.0
        for one in solutions:
            behind = best.evidence - one.evidence
            if behind < _WORTH_TRYING_NATS:
                weight = math.exp(-behind)
                probability += weight * pair_probabilities(one.log_odds)
                total += weight
        return Match(
            pairs=best.pairs,
            probability=probability / total,
            expected=best.expected,
            field=self._field(best),
        )

    def _field(self, best: _Solution) -> DisplacementField:
        rows = np.array([row for row, _ in best.pairs], dtype=int)
        columns = np.array([column for _, column in best.pairs], dtype=int)
        anchors = self.before.centers[rows]
        kernel = self._kernel(best.deformation_sd_mm)[np.ix_(rows, rows)]
        noisy = kernel + np.diag(self.noise[rows, columns])
        shift = self.after.centers[columns] - anchors - best.start
        return DisplacementField(
            anchors=anchors,
            weights=np.linalg.solve(noisy, shift) if len(rows) else shift,
            start=best.start,
            middle=self.middle,
            deformation_sd_mm=best.deformation_sd_mm,
            settings=self.settings,
        )


def _nothing(before: Constellation, shape: tuple[int, ...], settings: TrackingSettings) -> Match:
    none = np.zeros((0, 3))
    still = DisplacementField(
        anchors=none,
        weights=none,
        start=np.zeros(3),
        middle=np.zeros(3),
        deformation_sd_mm=settings.deformation_sd_mm[0],
        settings=settings,
    )
    return Match(pairs=(), probability=np.zeros(shape), expected=before.centers, field=still)


def _kernel(
    one: Array, other: Array, *, deformation_sd_mm: float, settings: TrackingSettings
) -> Array:
    """Covariance of the displacement along one axis at points around the middle, mm^2."""
    affine = settings.shift_sd_mm**2 + settings.strain_sd**2 * (one @ other.T)
    squared = _squared_distances(one, other)
    smooth = np.exp(-squared / (2.0 * settings.deformation_length_mm**2))
    kernel: Array = affine + deformation_sd_mm**2 * smooth
    return kernel


def _squared_distances(one: Array, other: Array) -> Array:
    squared: Array = ((one[:, None, :] - other[None, :, :]) ** 2).sum(axis=-1)
    return squared


def _log_normal(deviation: Array, *, variance: float) -> Array:
    return -0.5 * (deviation**2 / variance + math.log(2.0 * math.pi * variance))


def _log_normal3(squared: Array, *, variance: Array) -> Array:
    density: Array = -0.5 * squared / variance - 1.5 * np.log(2.0 * math.pi * variance)
    return density


def _mean_and_spread(values: Array, *, least: float) -> tuple[float, float]:
    """Median and standard deviation, NaN left out; the spread no less than of one lesion."""
    known = values[np.isfinite(values)]
    return float(np.median(known)), max(float(known.std()), 2.0 * least)
