"""What Operandi raises when it refuses. The one place below every room.

A refusal is a full sentence that says what was needed and what was found; ``remedy`` says what
to supply. The pipeline adds where it happened and who can act on it.
"""


class OperandiError(Exception):
    """A refusal that a person can read and act on.

    Parameters
    ----------
    what : str
        What was needed and what was found, naming the file, tag or field.
    remedy : str, optional
        What to supply or correct. Shown after *what*.
    """

    def __init__(self, what: str, *, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process borders by pickle, which forgets keyword-only arguments.
        return (_rebuild, (type(self), self.what, self.remedy))


def _rebuild(kind: type[OperandiError], what: str, remedy: str) -> OperandiError:
    return kind(what, remedy=remedy)


class DataError(OperandiError):
    """The data are missing, contradictory or implausible; a site can correct them."""


class GridMismatchError(OperandiError):
    """Two volumes were to meet that do not lie on the same grid."""


class UnsupportedError(OperandiError):
    """The input is valid but of a sort that Operandi does not read."""
