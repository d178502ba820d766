"""A table of organ S values beside spheres of its organs' masses."""

import pytest

from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import LU177
from operandi.therapy.kernels import sphere_s_value
from operandi.therapy.organ_s_check import require_physical
from operandi.therapy.organ_s_values import OrganSTable, read_organ_s_values
from operandi.therapy.radionuclides import emissions_of
from tests.shared_data import published
from tests.therapy.dose_builders import a_table


def checked(table: OrganSTable) -> None:
    require_physical(
        table, emissions=emissions_of(LU177), sphere_s_value=sphere_s_value, name="s.csv"
    )


def kidneys(s_mgy_per_mbq_s: float) -> OrganSTable:
    """OLINDA/EXM 2, adult male, 177Lu: 7.76e-5 mGy/(MBq s) in 310 g."""
    return a_table({("kidneys", "kidneys"): s_mgy_per_mbq_s}, {"kidneys": 310.0})


def test_published_tables_are_believed() -> None:
    checked(kidneys(7.76e-5))
    checked(
        read_organ_s_values(
            published("dosimetry/organ_s_values_lu177_ICRP_110_AM.csv"),
            nuclide=LU177,
            phantom="ICRP 110 AM",
        )
    )


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (3600.0, "the ratio is near 3600, as of values per Bq h"),
        (8000.0, "doses per administered activity"),
        (1e3, "mGy and Gy exchanged"),
        (1e-6, "MBq and Bq exchanged"),
        (1.4, "1.39 times.*Check the unit .values per hour"),
        (1 / 1.4, "the nuclide and the mass"),
    ],
)
def test_values_that_are_none_of_the_organs_mass_are_refused(factor: float, said: str) -> None:
    with pytest.raises(DataError, match=rf"s.csv: S\(kidneys <- kidneys\) is .*{said}"):
        checked(kidneys(factor * 7.76e-5))


def test_a_table_without_masses_is_left_to_those_who_ask_for_one() -> None:
    checked(a_table({("kidneys", "kidneys"): 1.0}, {}))
