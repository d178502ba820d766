"""What a lesion's uptake is compared with: liver, spleen and blood pool."""

from dataclasses import dataclass

from operandi.domain.grid import Grid
from operandi.imaging.lesions.reference import ReferenceRegion


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardsticks:
    """Reference regions of one PET volume; in place of one, the sentence that says why not.

    Parameters
    ----------
    liver, spleen, blood_pool : ReferenceRegion or str
        For example ``"the spleen was removed"`` or ``"the PET ends above the liver"``. Never
        empty.
    """

    liver: ReferenceRegion | str
    spleen: ReferenceRegion | str
    blood_pool: ReferenceRegion | str

    def __post_init__(self) -> None:
        if "" in (self.liver, self.spleen, self.blood_pool):
            raise ValueError("a missing reference region needs the reason why it is missing")

    def require_grid(self, grid: Grid) -> None:
        """Refuse regions of another grid.

        Raises
        ------
        GridMismatchError
            Naming the region.
        """
        for name, region in (
            ("liver", self.liver),
            ("spleen", self.spleen),
            ("blood pool", self.blood_pool),
        ):
            if isinstance(region, ReferenceRegion):
                grid.require_same(region.mask.grid, what=f"SUV and the {name} reference")


def mean_of(region: ReferenceRegion | str) -> float | None:
    """Mean SUV of a region, g/mL, or None where a reason stands in its place."""
    return region.mean if isinstance(region, ReferenceRegion) else None


def reason_of(region: ReferenceRegion | str) -> str:
    """Why a region is missing; empty where it is there."""
    return region if isinstance(region, str) else ""
