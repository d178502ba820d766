"""10 000 virtual patients from kinetics to dose to the courses of their lesions, on one core.

Run from the checkout: ``NUMBA_NUM_THREADS=1 python -m benchmarks.virtual_patients [patients]``. The
target is 10 s without compilation. As a peer stands scipy's ``solve_ivp`` (LSODA) on the same
equations, one patient after another; tests/therapy compares both to 1e-6. No published simulator
of this model was found that runs here.
"""

import sys
import time
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

from operandi.quantities.nuclides import GA68, LU177
from operandi.therapy.course import follow, virtual_tumors
from operandi.therapy.course_parameters import COURSE_A
from operandi.therapy.kinetic_parameters import DOTATATE_DOTATOC as PARAMETERS
from operandi.therapy.kinetic_parameters import HA_DOTATATE, Role
from operandi.therapy.kinetics import decay_per_h, local_s_value, simulate, virtual_patients

TARGET_S: Final = 10.0
VISIT_DAY: Final = np.arange(0.0, 5 * 365.0, 91.0)


def chain(n: int) -> dict[str, float]:
    """CPU seconds of each link."""
    spent = {}
    mark = time.process_time()

    def lap(name: str) -> None:
        nonlocal mark
        now = time.process_time()
        spent[name] = now - mark
        mark = now

    patients = virtual_patients(n, parameters=PARAMETERS, seed=1)
    lap("draw patients")
    simulate(
        patients, role=Role.DIAGNOSTIC, nuclide=GA68, peptide_ug=20.0, activity_bq=150e6,
        time_h=[1.0],
    )  # fmt: skip
    lap("kinetics of PET")
    therapy = simulate(
        patients, role=Role.THERAPY, nuclide=LU177, peptide_ug=151.0, activity_bq=7.4e9,
        time_h=[4.0, 24.0, 96.0, 168.0],
    )  # fmt: skip
    lap("kinetics of therapy")
    dose_gy = 7.4 * therapy.lesion_dose_gy_per_gbq(local_s_value(electron_mev=0.1479))
    lap("dose")
    tumors = virtual_tumors(patients.lesion_volume_ml, parameters=COURSE_A, seed=1)
    follow(
        tumors,
        first_cycle_dose_gy=dose_gy,
        cycle_day=[0.0, 56.0, 112.0, 168.0],
        visit_day=VISIT_DAY,
    )
    lap(f"courses, {VISIT_DAY.size} visits")
    return spent


def peer(n: int) -> float:
    """CPU seconds that ``solve_ivp`` takes for the median patient of one tumor."""
    peptide, decay = HA_DOTATATE.therapy, decay_per_h(LU177)
    capacity = np.array([16.7 * 0.21, 6.7 * 0.3, 2.4 * 4.0, np.inf, 30.0 * 0.08])
    uptake = np.array([*peptide.organ_uptake_per_h, peptide.tumor_uptake_per_h])
    uptake[0] *= np.exp(-0.4 * 0.283)
    loss = np.array([*peptide.organ_degradation_per_h, peptide.tumor_degradation_per_h])

    def slope(t: float, y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        flux = uptake * peptide.fraction_unbound * y[0] * (1 - y[1:6] / capacity)
        blood = -peptide.elimination_per_h * y[:1] - flux.sum()
        return np.concatenate([blood, flux - loss * y[1:6], np.exp(-decay * t) * y[1:6]])

    start = np.zeros(11)
    start[0] = 151.0 / 1.6285
    began = time.process_time()
    for _ in range(n):
        solve_ivp(slope, (0.0, 3000.0), start, method="LSODA", rtol=1e-8, atol=1e-10)
    return (time.process_time() - began) / n


def main() -> None:
    """Time the chain and print what each link costs."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    chain(10)  # compiles
    spent = chain(count)
    for name, seconds in spent.items():
        print(f"{name:24} {seconds:7.2f} s CPU")
    total = sum(spent.values())
    print(f"{count} patients           {total:7.2f} s CPU (target {TARGET_S * count / 10_000:g} s)")
    ours = spent["kinetics of therapy"] / count
    theirs = peer(20)
    print(f"kinetics of one patient: {1e3 * ours:.3f} ms; solve_ivp {1e3 * theirs:.1f} ms "
          f"({theirs / ours:.0f} x)")  # fmt: skip


if __name__ == "__main__":
    main()
