import pickle

from operandi.quantities.errors import DataError, OperandiError, UnsupportedError


def test_an_error_says_what_was_found_and_then_the_remedy() -> None:
    error = DataError("SUV needs mass > 0, got 0.0 kg.", remedy="Record the weight.")

    assert str(error) == "SUV needs mass > 0, got 0.0 kg. Record the weight."


def test_an_error_without_remedy_ends_cleanly() -> None:
    assert str(UnsupportedError("No such unit.")) == "No such unit."


def test_an_error_keeps_type_and_remedy_across_processes() -> None:
    """Workers send refusals back pickled; a lost remedy would leave the site without help."""
    back = pickle.loads(pickle.dumps(DataError("What.", remedy="Do.")))  # noqa: S301

    assert type(back) is DataError
    assert isinstance(back, OperandiError)
    assert (back.what, back.remedy) == ("What.", "Do.")
