"""Model cards as files: written alike for the same card, read with every fault named."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from operandi.quantities.errors import DataError
from operandi.signatures.card import CARD_FORMAT, ModelCard, plain_tuples
from operandi.signatures.card_faults import found_faults

CARD_FILE: Final = "model-card.json"
MOST_BYTES: Final = 256 * 2**20
"""A card of 2000 columns and 200 refits has 36 MiB; what is larger was not written here."""


class CardError(DataError):
    """A card that cannot be used. ``faults`` says why, all at once."""

    def __init__(self, what: str, *, remedy: str = "", faults: tuple[str, ...] = ()) -> None:
        super().__init__(what, remedy=remedy)
        self.faults = faults

    def __reduce__(self) -> tuple[object, ...]:
        return (_card_error, (self.what, self.remedy, self.faults))


def _card_error(what: str, remedy: str, faults: tuple[str, ...]) -> CardError:
    return CardError(what, remedy=remedy, faults=faults)


def card_json(card: ModelCard) -> bytes:
    """Write a card: the same bytes for the same card, what people read first, a line an entry."""
    said = {"id": card.id} | card.model_dump(mode="json")
    lines = [f" {_compact(key)}: {_lines(value)}" for key, value in said.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _lines(value: Any) -> str:
    if not isinstance(value, list) or not any(isinstance(one, dict) for one in value):
        return _compact(value)
    return "[\n" + ",\n".join(f"  {_compact(one)}" for one in value) + "\n ]"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def read_card(path: Path) -> ModelCard:
    """Read a card.

    Raises
    ------
    CardError
        If there is none, or ``parse_card`` refuses it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CardError(
            f"There is no model card {path.name}: {error.strerror}.",
            remedy="Give the path of a model-card.json that operandi analyse wrote.",
        ) from None
    return parse_card(content, file=path.name)


def parse_card(content: bytes, *, file: str = CARD_FILE) -> ModelCard:
    """Read what ``card_json`` wrote.

    Raises
    ------
    CardError
        If it is of another format, was changed, or says something wrong; all faults are named.
    """
    said = _parsed(content, file)
    if said.get("format") != CARD_FORMAT:
        raise CardError(
            f"{file}, format: {said.get('format')!r} is not a format that is read; this version "
            f"reads {CARD_FORMAT}.",
            remedy="Use the version of Operandi that wrote the card.",
        )
    name = said.pop("id", None)
    try:
        card = ModelCard.model_validate(plain_tuples(said))
    except ValidationError as error:
        faults = tuple(_fault(one) for one in error.errors(include_url=False))
    else:
        faults = tuple(found_faults(card))
        if not faults and name != card.id:
            raise CardError(
                f"{file} was changed after it was written.", remedy="Fetch an unchanged copy."
            )
        if not faults:
            return card
    raise CardError(
        "\n".join(f"{file}, {fault}" for fault in faults),
        remedy="Fetch an unchanged copy.",
        faults=faults,
    )


def _parsed(content: bytes, file: str) -> dict[str, Any]:
    if len(content) > MOST_BYTES:
        raise CardError(
            f"{file} is larger than {MOST_BYTES // 2**20} MiB, and no model card.",
            remedy="Give the path of a model-card.json that operandi analyse wrote.",
        )
    try:
        said = json.loads(
            content.decode("utf-8-sig"),
            object_pairs_hook=no_key_twice,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CardError(
            f"{file} is no JSON of a model card: {why}.",
            remedy="Give the path of a model-card.json that operandi analyse wrote.",
        ) from None
    if not isinstance(said, dict):
        raise CardError(
            f"{file} is no model card: it needs an object, and is a {type(said).__name__}.",
            remedy="Give the path of a model-card.json that operandi analyse wrote.",
        )
    return said


def no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, as a hook of its reader.

    Raises
    ------
    ValueError
        If a key stands twice, of which the reader would keep the last without a word.
    """
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:60]!r} stands twice")
        found[key] = value
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0.0:
        raise ValueError(f"{text[:40]} is no finite number")
    return value


def _whole(text: str) -> int:
    if len(text) > 20 or abs(int(text)) >= 2**63:
        raise ValueError(f"{text[:40]} is too large a whole number")
    return int(text)


def _fault(error: Any) -> str:
    path = ".".join(str(part) for part in error["loc"])
    match error["type"]:
        case "missing":
            return f"{path}: is missing"
        case "extra_forbidden":
            return f"{path}: is no key of a model card"
        case _:
            found = error["input"]
            shown = "" if isinstance(found, Mapping | tuple) else f"{str(found)[:60]!r}: "
            return f"{path}: {shown}{error['msg']}"
