"""What the commands print with, and how they show refusals, defects and progress."""

from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from operandi.pipeline.runner import How, Result
from operandi.quantities.errors import OperandiError

out = Console()
err = Console(stderr=True)
debug = False
"""Whether errors show their traceback; set by ``--debug``."""


def refuse(error: OperandiError) -> None:
    """Show a refusal: what was needed and found, and what to do."""
    if debug:
        err.print_exception()
        return
    text = Text(error.what)
    if error.remedy:
        text.append(f"\n\n{error.remedy}", style="bold")
    err.print(Panel(text, title="Refused", title_align="left", border_style="red"))


def defect(error: Exception) -> None:
    """Show a failure of the program itself."""
    if debug:
        err.print_exception()
        return
    text = Text(f"{type(error).__name__}: {error}\n\n")
    text.append("This is a defect of Operandi, not of your data. ", style="bold")
    text.append("Run it again as `operandi --debug …` and report what it prints.")
    err.print(Panel(text, title="Defect", title_align="left", border_style="red"))


class StudyProgress:
    """Progress of a study: bars on a terminal, a line a stage where the output is a file."""

    def __init__(self) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err,
            disable=not err.is_terminal,
        )
        self._steps: TaskID | None = None
        self._settled = 0
        self._planned = 0

    def __enter__(self) -> Self:
        """Show the bars."""
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave them as they stand."""
        self._bars.stop()

    def stage(self, title: str) -> Callable[[int, int], None]:
        """Begin a bar; returns what moves it."""
        task = self._bars.add_task(title, total=None, visible=False)
        told = False

        def move(done: int, total: int) -> None:
            nonlocal told
            self._bars.update(task, completed=done, total=total, visible=total > 0)
            if not told:
                _line(title)
                told = True

        return move

    def by_title(self) -> Callable[[str, int, int], None]:
        """Give what moves a bar for each title it is called with."""
        bars: dict[str, Callable[[int, int], None]] = {}

        def tell(title: str, done: int, total: int) -> None:
            if title not in bars:
                bars[title] = self.stage(title)
            bars[title](done, total)

        return tell

    def planned(self, *, nodes: int, known: int) -> None:
        """Begin the bar of the steps."""
        title = f"steps ({known} known already)" if known else "steps"
        self._steps = self._bars.add_task(title, total=nodes)
        self._planned = nodes
        if known < nodes:
            _line(f"{nodes} steps, {known} known already")

    def settled(self, result: Result) -> None:
        """Count a step; name what was computed last."""
        if self._steps is None:
            return
        self._bars.advance(self._steps)
        self._settled += 1
        if result.how is not How.REUSED:
            node = result.node
            self._bars.update(self._steps, description=f"{node.step.title}, {node.subject}"[:60])
            if self._settled % _EVERY == 0:
                _line(f"{self._settled} of {self._planned} steps")


_EVERY: Final = 25
"""Steps between two lines where there are no bars."""


def _line(text: str) -> None:
    """Tell it where there is no terminal to draw bars on."""
    if not err.is_terminal:
        err.print(f"operandi: {text}", soft_wrap=True, highlight=False)
