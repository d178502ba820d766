import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import GA68, LU177
from operandi.therapy.dose_units import DoseCoefficient
from operandi.therapy.organ_s_values import OrganSTable, read_olinda_masses, read_organ_s_values
from tests.shared_data import published
from tests.therapy.dose_builders import MGY_PER_MBQ_S

CANONICAL = """# nuclide: Lu-177
source,target,S electron [mGy/MBq.s],S photon [mGy/MBq.s],uncertainty,target mass [g]
Kidneys,Kidneys,7.64e-5,1.2e-6,1e-8,310
Liver,Kidneys,0,1.2e-7,,310
"""
OPENDOSE_WEB = """Target,S-value (mGy/MBq/s),Standard error,Mass (g)
Liver,1.3713e-5,9.1331e-10,1799.776
"RKidney + LKidney",1.3943e-7,1.5356e-10,309.994
"""
OLINDA = """Target,Kidneys ,Liver,Red Mar.,Tot Body
Kidneys,7.76E-05,1.20E-07,4.71E-08,3.58E-07
Red Marrow,3.35E-08,3.09E-08,1.15E-05,2.74E-07
"""
IDAC = """Source Regions,,Target Regions,,Photon,Electron,Beta,Alpha,Neutron,Total
IDAC Dose2.1,OIR(FlexID),IDAC Dose2.1,OIR(FlexID)
"Kidneys",Kidneys,"Kidneys",Kidneys,1.2E-15,1.0E-14,6.6E-14,0.0E+00,0.0E+00,7.72E-14
,,"Red (active) bone marrow",R-marrow,3.0E-17,0.0E+00,0.0E+00,0.0E+00,0.0E+00,3.0E-17
,,"Colon wall",,,,,,,


"Liver",Liver,"Kidneys",Kidneys,1.2E-16,0.0E+00,0.0E+00,0.0E+00,0.0E+00,1.2E-16
"""
CAS = """[BEGIN CASE FILE]
[BEGIN ICRP 89 Adult Male SOURCE ORGANS]
Small Intestine|350.0|0.0
Stomach Contents|250.0|0.0
[END ICRP 89 Adult Male SOURCE ORGANS]
[BEGIN ICRP 89 Adult Male TARGET ORGANS]
Kidneys|310.0
Small Intestine|650.0
Uterus|0.0
Total Body|73000.0
[END ICRP 89 Adult Male TARGET ORGANS]
[BEGIN ICRP 89 Adult Male MODEL TARGET ORGANS]
TARGET_ORGAN_MASSES_ARE_FROM_USER_INPUT|FALSE
[END ICRP 89 Adult Male MODEL TARGET ORGANS]
"""


def reading(folder: Path, content: str, **options: object) -> OrganSTable:
    path = folder / "table.csv"
    path.write_text(content, encoding="utf-8")
    chosen: dict[str, object] = {"nuclide": LU177, "phantom": "a phantom"} | options
    return read_organ_s_values(path, **chosen)  # type: ignore[arg-type]


def test_the_published_opendose_table_is_read_with_masses_and_uncertainties() -> None:
    """Values as printed in the file: OpenDose, ICRP 110 adult male, 177Lu."""
    path = published("dosimetry/organ_s_values_lu177_ICRP_110_AM.csv")

    table = read_organ_s_values(path, nuclide=LU177, phantom="ICRP 110 AM")

    liver = table.s_value(source="Liver", target="liver")
    assert len(table.values) == 676
    assert liver.total_gy_per_bq_s == pytest.approx(1.3713e-5 * MGY_PER_MBQ_S, rel=1e-12)
    assert liver.standard_uncertainty_gy_per_bq_s == pytest.approx(9.1331e-10 * MGY_PER_MBQ_S)
    assert liver.electron_gy_per_bq_s is None
    assert table.mass_g("Left kidney C+M+P") == 152.983
    assert table.file == hashlib.sha256(path.read_bytes()).hexdigest()


def test_kidneys_of_a_left_and_a_right_one_agree_with_olinda_within_one_percent() -> None:
    """OLINDA/EXM 2: S(kidneys <- kidneys) of 177Lu, adult male, 7.76e-5 mGy/MBq s."""
    table = read_organ_s_values(
        published("dosimetry/organ_s_values_lu177_ICRP_110_AM.csv"),
        nuclide=LU177,
        phantom="ICRP 110 AM",
    ).with_combined_source("kidneys", ["left kidney", "right kidney"])

    kidneys = table.s_value(source="kidneys", target="kidneys").total_gy_per_bq_s

    assert kidneys == pytest.approx(7.76e-5 * MGY_PER_MBQ_S, rel=0.01)
    assert table.mass_g("kidneys") == pytest.approx(309.994)


def test_the_canonical_layout_keeps_parts_uncertainty_and_mass(tmp_path: Path) -> None:
    table = reading(tmp_path, CANONICAL)

    own = table.s_value(source="kidneys", target="kidneys")
    cross = table.s_value(source="liver", target="kidneys")

    assert own.electron_gy_per_bq_s == pytest.approx(7.64e-14)
    assert own.photon_gy_per_bq_s == pytest.approx(1.2e-15)
    assert own.total_gy_per_bq_s == pytest.approx(7.76e-14)
    assert own.standard_uncertainty_gy_per_bq_s == pytest.approx(1e-17)
    assert cross.standard_uncertainty_gy_per_bq_s is None
    assert table.mass_g("kidneys") == 310


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_semicolons_and_tabs_are_read_too(tmp_path: Path, delimiter: str) -> None:
    table = reading(tmp_path, CANONICAL.replace(",", delimiter))
    assert table.sources == {"kidneys", "liver"}


def test_a_file_of_one_source_needs_its_name(tmp_path: Path) -> None:
    table = reading(tmp_path, OPENDOSE_WEB, source="liver")

    assert table.s_value(source="liver", target="kidneys").total_gy_per_bq_s == 1.3943e-16
    with pytest.raises(DataError, match="does not name its source"):
        reading(tmp_path, OPENDOSE_WEB)
    with pytest.raises(DataError, match="one was given too"):
        reading(tmp_path, CANONICAL, source="liver")


def test_the_olinda_matrix_needs_a_declared_unit_and_masses_from_the_case_file(
    tmp_path: Path,
) -> None:
    case = tmp_path / "adult_male.cas"
    case.write_text(CAS, encoding="utf-8")
    masses = read_olinda_masses(case)

    table = reading(tmp_path, OLINDA, declared_unit="mGy/MBq.s", masses_g=masses)

    assert table.s_value(source="Kidneys", target="Kidneys").total_gy_per_bq_s == 7.76e-5 * 1e-9
    assert table.s_value(source="total body", target="red marrow").total_gy_per_bq_s == (
        pytest.approx(2.74e-16)
    )
    assert table.mass_g("total body") == 73000
    assert masses["small intestine wall"] == 650
    assert "uterus" not in masses
    with pytest.raises(DataError, match="does not state the unit"):
        reading(tmp_path, OLINDA)


def test_the_idac_comparable_blocks_keep_the_parts(tmp_path: Path) -> None:
    table = reading(tmp_path, IDAC, declared_unit="Gy/Bq.s")

    own = table.s_value(source="kidneys", target="kidneys")

    assert own.electron_gy_per_bq_s == pytest.approx(7.6e-14)
    assert table.sources == {"kidneys", "liver"}
    assert table.targets == {"kidneys", "red marrow"}


def test_refuses_the_weighted_alpha_part_of_the_idac_comparable_blocks(tmp_path: Path) -> None:
    weighted = IDAC.replace("0.0E+00,0.0E+00,1.2E-16", "2.0E-12,0.0E+00,2.0E-12")
    with pytest.raises(UnsupportedError, match="weights it by 20"):
        reading(tmp_path, weighted, declared_unit="Gy/Bq.s")


def test_refuses_a_table_of_doses_per_activity(tmp_path: Path) -> None:
    doses = "source,target,S [mGy/MBq]\nkidneys,kidneys,0.5\n"
    with pytest.raises(DataError, match="dose per administered activity"):
        reading(tmp_path, doses)


def test_refuses_a_unit_that_is_declared_beside_the_header(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="declared too"):
        reading(tmp_path, CANONICAL, declared_unit="mGy/MBq.h")


def test_refuses_an_organ_that_is_absent_and_names_near_ones(tmp_path: Path) -> None:
    table = reading(tmp_path, CANONICAL)
    with pytest.raises(DataError, match=r"no target organ 'kidny'.*kidneys"):
        table.s_value(source="kidneys", target="kidny")
    with pytest.raises(DataError, match="phantom mass"):
        table.mass_g("spleen")


@given(st.floats(1e-12, 1e-2))
def test_one_value_in_any_unit_is_one_s_value(mgy_per_mbq_s: float) -> None:
    written = {
        "mGy/MBq.s": mgy_per_mbq_s,
        "Gy/Bq.s": mgy_per_mbq_s * 1e-9,
        "mGy/(MBq h)": mgy_per_mbq_s * 3600,
        "Gy/GBq/h": mgy_per_mbq_s * 3600,
    }
    with tempfile.TemporaryDirectory() as folder:
        read = [
            reading(Path(folder), f"source,target,S [{unit}]\na,b,{value!r}\n")
            .s_value(source="a", target="b")
            .total_gy_per_bq_s
            for unit, value in written.items()
        ]
    assert read == pytest.approx([mgy_per_mbq_s * 1e-9] * 4, rel=1e-12)


def test_refuses_a_dose_coefficient_among_s_values(tmp_path: Path) -> None:
    table = reading(tmp_path, CANONICAL)
    mixed = {("kidneys", "kidneys"): DoseCoefficient(0.5)}
    with pytest.raises(TypeError, match="found DoseCoefficient"):
        OrganSTable(
            nuclide=table.nuclide,
            phantom=table.phantom,
            values=mixed,  # type: ignore[arg-type]
            masses_g={},
            layout="canonical",
            file=table.file,
        )


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("source,target,S [mGy/MBq.s]\na,a,-1\n", "finite and >= 0"),
        ("source,target,S [mGy/MBq.s]\na,a,nan\n", "finite number"),
        ("source,target,S [mGy/MBq.s]\na,a,1\nA,a,2\n", "twice"),
        ('source,target,S [mGy/MBq.s]\na,a,"7,76E-5"\n', "needed a number"),
        ("source,target,S\na,a,1\n", "does not state the unit"),
        ("source,target,mass [g]\na,a,1\n", "no column of S values"),
        ("source,target,S [mGy/MBq.s],mass\na,a,1,5\n", "unit of mass"),
        ("source,target,S [mGy/MBq.s],mass [g]\na,a,1,0\n", "needed > 0"),
        ("source,target,S [mGy/MBq.s],mass [g]\na,a,1,5\nb,a,1,6\n", "two masses"),
        ("source,target,S electron [Gy/Bq.s]\na,a,1\n", "not both"),
        (
            "source,target,S electron [Gy/Bq.s],S photon [Gy/Bq.s],S total [Gy/Bq.s]\na,a,1,1,3\n",
            "parts add to",
        ),
        ("# nuclide: Ga-68\nsource,target,S [mGy/MBq.s]\na,a,1\n", "needed S values of 177Lu"),
        ("", "is empty"),
    ],
)
def test_refuses_tables_that_cannot_be_believed(tmp_path: Path, content: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        reading(tmp_path, content)


def test_refuses_a_layout_that_was_never_seen(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="canonical form"):
        reading(tmp_path, "Organ,Alpha,Beta,Photon,Total\nKidneys,0,1,2,3\n")


def test_a_remark_of_the_same_nuclide_in_another_spelling_is_accepted(tmp_path: Path) -> None:
    assert reading(tmp_path, CANONICAL).nuclide is LU177
    with pytest.raises(DataError, match="needed S values of 68Ga"):
        reading(tmp_path, CANONICAL, nuclide=GA68)


def test_a_table_in_another_encoding_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(CANONICAL.replace("Liver", "Foie droité").encode("latin-1"))

    with pytest.raises(DataError, match=r"table.csv is not UTF-8. Save it as CSV UTF-8"):
        read_organ_s_values(path, nuclide=LU177, phantom="a phantom")
    with pytest.raises(DataError, match=r"table.csv is not UTF-8"):
        read_olinda_masses(path)
