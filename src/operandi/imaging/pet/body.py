"""Body size: the denominators of SUV.

References
----------
.. [1] Du Bois & Du Bois, Arch Intern Med 17:863, 1916 (surface area).
.. [2] James, Research on Obesity, HMSO, 1976 (lean body mass; 128 for men. DICOM's defined term
   ``LBM`` is the widespread variant with 120).
.. [3] Janmahasatian et al., Clin Pharmacokinet 44:1051, 2005 (lean body mass).
.. [4] Robinson et al., Am J Hosp Pharm 40:1016, 1983 (ideal body weight).
.. [5] Sugawara et al., Radiology 213:521, 1999 (ideal body weight).
"""

from operandi.domain.participant import Sex
from operandi.quantities.errors import DataError


def lean_body_mass_james(
    *, mass_kg: float, height_m: float, sex: Sex, male: float = 128.0
) -> float:
    """Lean body mass after James, kg.

    Men ``1.10 m - 128 (m / h)**2``, women ``1.07 m - 148 (m / h)**2``, *m* in kg, *h* in cm.

    Raises
    ------
    DataError
        If sex is neither F nor M, the formula gives more than the whole body, or, a falling
        parabola in mass, has passed its top.

    >>> round(lean_body_mass_james(mass_kg=70.0, height_m=1.75, sex=Sex.MALE), 3)
    56.52
    """
    linear, quadratic = (1.10, male) if _is_male(sex) else (1.07, 148.0)
    height_cm = height_m * 100.0
    if mass_kg > linear * height_cm**2 / (2.0 * quadratic):
        raise DataError(
            f"James' lean body mass falls with mass beyond "
            f"{linear * height_cm**2 / (2.0 * quadratic):.0f} kg at {height_cm:.0f} cm; "
            f"found {mass_kg:g} kg.",
            remedy="Use Janmahasatian's lean body mass.",
        )
    return _below_mass(linear * mass_kg - quadratic * (mass_kg / height_cm) ** 2, mass_kg)


def lean_body_mass_janmahasatian(*, mass_kg: float, height_m: float, sex: Sex) -> float:
    """Lean body mass after Janmahasatian, kg.

    Men ``9270 m / (6680 + 216 b)``, women ``9270 m / (8780 + 244 b)``, *b* = body mass index.

    Raises
    ------
    DataError
        If sex is neither F nor M, or the formula gives more than the whole body.
    """
    body_mass_index = mass_kg / height_m**2
    constant, slope = (6680.0, 216.0) if _is_male(sex) else (8780.0, 244.0)
    return _below_mass(9270.0 * mass_kg / (constant + slope * body_mass_index), mass_kg)


def _below_mass(lean_kg: float, mass_kg: float) -> float:
    if lean_kg >= mass_kg:
        raise DataError(
            f"Lean body mass by formula is {lean_kg:.1f} kg of {mass_kg:g} kg in all: height and "
            "mass do not belong together, or the person is too thin for the formula.",
            remedy="Check height and weight, or report SUV by body weight only.",
        )
    return lean_kg


def body_surface_area_m2(*, mass_kg: float, height_m: float) -> float:
    """Body surface area after Du Bois, m2: ``0.007184 m**0.425 h**0.725``, *h* in cm."""
    return float(0.007184 * mass_kg**0.425 * (height_m * 100.0) ** 0.725)


def ideal_body_weight_robinson(*, height_m: float, sex: Sex) -> float:
    """Ideal body weight after Robinson, kg: 51.65 + 1.85 (men), 48.67 + 1.65 an inch over 60."""
    over_60_inches = height_m / 0.0254 - 60.0
    start, step = (51.65, 1.85) if _is_male(sex) else (48.67, 1.65)
    return start + step * over_60_inches


def ideal_body_weight_sugawara(*, height_m: float, sex: Sex) -> float:
    """Ideal body weight after Sugawara, kg: 48.0 + 1.06 (men), 45.5 + 0.91 a cm over 152."""
    start, step = (48.0, 1.06) if _is_male(sex) else (45.5, 0.91)
    return start + step * (height_m * 100.0 - 152.0)


def _is_male(sex: Sex) -> bool:
    if sex not in {Sex.MALE, Sex.FEMALE}:
        raise DataError(
            f"Lean and ideal body mass are defined for PatientSex F or M; found {sex.value}.",
            remedy="Record the sex the formula shall use in participants, or report SUV by body "
            "weight only.",
        )
    return sex is Sex.MALE
