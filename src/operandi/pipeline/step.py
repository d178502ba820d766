"""The nouns of a run: steps, the nodes that apply them to subjects, and what a refusal is."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from operandi.domain.identity import Digest

NOTHING: Final = "nothing"
"""Name of the source that stands for an input which a visit does not have."""

_ADDRESS: Final = re.compile(r"[\w.]+:[\w.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One row of the road: an ordinary pure function with a name and a version.

    Parameters
    ----------
    name : str
        Short identifier, unique on the road.
    function : callable or str
        Module-level and pure, or its address ``"package.module:function"``, which is imported
        only by those who run it. It is called with the values of the node's inputs in their order
        and, where the node has settings, with those last; all by position.
    version : str
        Changed by hand when the result changes though no code of ours did.
    title : str
        For people.
    threads : int
        The most threads a kernel of this step may use, where the run allows more than one.

    Raises
    ------
    ValueError
        If another process could not find the function by its name.
    """

    name: str
    function: Callable[..., object] | str
    version: str
    title: str
    threads: int = 1

    def __post_init__(self) -> None:
        if not (self.name and self.version and self.threads >= 1):
            raise ValueError(f"a step needs a name, a version and threads >= 1: {self}")
        if not _ADDRESS.fullmatch(self.function_name) or self.module == "__main__":
            raise ValueError(
                f"step {self.name}: {self.function_name} must be a function of a module that "
                "another process can import"
            )

    @property
    def function_name(self) -> str:
        """Where the function is found, ``"package.module:function"``."""
        if isinstance(self.function, str):
            return self.function
        return f"{self.function.__module__}:{self.function.__qualname__}"

    @property
    def module(self) -> str:
        """The module that holds the function."""
        return self.function_name.partition(":")[0]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """An input that no step makes, such as the files of a series.

    Parameters
    ----------
    name : str
        For people and records: no path of this machine.
    digest : Digest
        SHA-256 of the content. It stands for the value in keys.
    value : object
        What the function receives; it may hold paths, because only the digest is kept. It travels
        with every node that uses it, so keep it small.
    """

    name: str
    digest: Digest
    value: object = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """A step applied to one subject. A node equals only itself.

    Parameters
    ----------
    step : Step
        What to do.
    subject : str
        To whom or what, such as ``"P-014/BASELINE"``; with the step's name unique in a run.
    inputs : tuple of Node or Source
        Where the function's arguments come from, in order.
    settings : object
        Any value that the codec takes, passed last; None passes nothing.
    who : str
        Who can mend a refusal here. Not part of the key: a new contact recomputes nothing.
    accepts_refusals : bool
        Whether the function takes a `Refusal` where an input has one, as tables and reports do.
        Other nodes never run on a refused input; they are refused for the same cause.
    required_inputs : int
        How many of the first inputs must not be refused even so.
    """

    step: Step
    subject: str
    inputs: tuple["Node | Source", ...] = field(default=(), repr=False)
    settings: object = field(default=None, repr=False)
    who: str = ""
    accepts_refusals: bool = False
    required_inputs: int = 0

    @property
    def label(self) -> str:
        """Short name of the node, unique in a run."""
        return label_of(self.step.name, self.subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a node has no value: where, what was needed and found, and who can mend it.

    Parameters
    ----------
    step, subject : str
        Where the cause lies, which may be far upstream of the node.
    what, remedy : str
        The sentences of the error.
    who : str
        Who can act on it; empty where nobody is named.
    defect : bool
        Whether the program failed rather than refused. A defect is never kept in the store.
    """

    step: str
    subject: str
    what: str
    remedy: str = ""
    who: str = ""
    defect: bool = False

    def __str__(self) -> str:
        where = ", ".join([*filter(None, self.subject.split("/")), f"step {self.step}"])
        sentences = (f"{self.what.rstrip('.')} ({where}).", self.remedy)
        who = f"For: {self.who}." if self.who else ""
        return " ".join(filter(None, (*sentences, who)))


def label_of(step_name: str, subject: str) -> str:
    """Name a node by its step and subject."""
    return f"{step_name}:{subject}"


def in_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """List the nodes and all they hang on, every node after its inputs.

    Raises
    ------
    ValueError
        If two nodes have the same step and subject.
    """
    placed: dict[Node, None] = {}
    waiting = list(nodes)[::-1]
    while waiting:
        node = waiting[-1]
        missing = [i for i in node.inputs if isinstance(i, Node) and i not in placed]
        if missing:
            waiting += missing[::-1]
        else:
            placed.setdefault(waiting.pop())
    labels: set[str] = set()
    for node in placed:
        if node.label in labels:
            raise ValueError(f"two nodes are called {node.label}")
        labels.add(node.label)
    return tuple(placed)
