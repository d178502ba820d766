"""Builders of steps, nodes and sources, and what a test compares two stores by."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from operandi.domain.identity import Digest
from operandi.pipeline.runner import Result
from operandi.pipeline.step import Node, Source, Step


def a_step(function: Callable[..., object], *, version: str = "1", threads: int = 1) -> Step:
    name = function.__name__
    return Step(name=name, function=function, version=version, title=name, threads=threads)


def a_node(
    function: Callable[..., object],
    subject: str = "P-001",
    inputs: tuple[Node | Source, ...] = (),
    *,
    settings: object = None,
    who: str = "",
    accepts_refusals: bool = False,
) -> Node:
    return Node(
        step=a_step(function),
        subject=subject,
        inputs=inputs,
        settings=settings,
        who=who,
        accepts_refusals=accepts_refusals,
    )


def a_source(text: str, *, name: str = "source") -> Source:
    return Source(name, Digest(hashlib.sha256(text.encode()).hexdigest()), text)


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


class Told:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.plans: list[tuple[int, int]] = []
        self.labels: list[str] = []

    def planned(self, *, nodes: int, known: int) -> None:
        self.plans.append((nodes, known))

    def settled(self, result: Result) -> None:
        self.labels.append(result.node.label)


def flip_a_byte(path: Path, *, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(bytes(data))
