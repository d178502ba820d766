"""Make the shipped point kernels anew: ``python -m operandi.therapy.make_kernels [folder]``.

Prints the digest of each table, which stands in ``point_kernels.DIGESTS``. On another processor
or mathematical library a table may differ in the last bits, and in a few histories that they turn
another way; it then agrees within the statistical error.
"""

import sys
from pathlib import Path

import numpy as np

from operandi.therapy import electron_transport, photon_transport
from operandi.therapy.point_kernels import digest_of


def make_kernels(folder: Path) -> dict[str, str]:
    """Write both tables into *folder*; returns the SHA-256 of each by file name."""
    tables = {
        electron_transport.TABLE_PATH.name: electron_transport.kernel_table(),
        photon_transport.TABLE_PATH.name: photon_transport.kernel_table(),
    }
    digests = {}
    for name, table in tables.items():
        np.save(folder / name, table.astype("<f4"))
        digests[name] = digest_of(folder / name)
    return digests


def main() -> None:
    """Write the tables where the package reads them, or into the folder that is named."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else electron_transport.TABLE_PATH.parent
    for name, digest in make_kernels(folder).items():
        sys.stdout.write(f"{name} {digest}\n")


if __name__ == "__main__":
    main()
