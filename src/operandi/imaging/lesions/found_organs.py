"""Organs on a PET grid, each with how it was found, and those that were not, with the reason."""

from dataclasses import dataclass

from operandi.domain.mask import Mask


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundOrgan:
    """One organ on the PET grid.

    Parameters
    ----------
    name : str
        As in ``organs.ORGAN_NAMES`` or ``organ_finding.SOUGHT``.
    mask : Mask
        Its voxels; at least one.
    confidence : float, 0 to 1
        Share of the checks of place, size and shape that it passed. A rank, no probability:
        it has not been calibrated on patients.
    how : str
        What it was found by, and which checks failed.
    """

    name: str
    mask: Mask
    confidence: float
    how: str

    def __post_init__(self) -> None:
        if not self.name or not self.how or not 0.0 <= self.confidence <= 1.0:
            raise ValueError("an organ needs a name, how it was found and a confidence of 0 to 1")
        if not self.mask.inside.any():
            raise ValueError(f"{self.name} has no voxel; say that it is missing instead")


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingOrgan:
    """An organ that is not there or was not found; never one that was guessed.

    Parameters
    ----------
    name : str
        As of ``FoundOrgan``.
    reason : str
        Why there is no mask.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundOrgans:
    """All organs of one PET. Has what the pipeline's organ map has: ``masks`` and ``named``.

    Parameters
    ----------
    organs : tuple of FoundOrgan
        By name. No two share a voxel where they come from ``find_organs``.
    missing : tuple of MissingOrgan
        By name.
    notes : tuple of str
        What holds for all, such as a PET that ends within the liver.
    """

    organs: tuple[FoundOrgan, ...]
    missing: tuple[MissingOrgan, ...]
    notes: tuple[str, ...] = ()

    @property
    def masks(self) -> tuple[tuple[str, Mask], ...]:
        """Name and voxels of every organ that was found."""
        return tuple((organ.name, organ.mask) for organ in self.organs)

    def named(self, organ: str) -> Mask | None:
        """The organ's mask; None where it was not found."""
        return next((one.mask for one in self.organs if one.name == organ), None)

    def reason_missing(self, organ: str) -> str:
        """Why there is no mask of an organ."""
        found = next((one.reason for one in self.missing if one.name == organ), "")
        return found or f"{organ} was not sought"
