"""A progress bar for one clip, on standard error, only where somebody watches or it takes long."""

import sys
from types import TracebackType
from typing import Any, Self

from core.detect import Step
from core.sentences import shown

LONG_SECONDS = 30.0  # after which a bar appears, and how often it moves, where nobody watches
SHORT_SECONDS = 1.0  # what is over sooner needs no bar


class Progress:
    """Give `step` to `analyse`; the bar is drawn by tqdm, with its own time left."""

    def __init__(self, name: str) -> None:
        self._name = shown(name)
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, step: Step) -> None:
        """One reading more."""
        if self._bar is None:
            self._bar = self._open(step.total)
        self._bar.total = step.total
        self._bar.set_postfix_str(
            f"window {step.window} of {step.windows} · {step.loaded.detector.label}", refresh=False
        )
        self._bar.update(step.done - self._bar.n)

    def _open(self, total: int) -> Any:
        from tqdm import tqdm

        watched = sys.stderr.isatty()
        return tqdm(
            total=total,
            desc=self._name,
            unit="reading",
            file=sys.stderr,
            leave=False,
            delay=SHORT_SECONDS if watched else LONG_SECONDS,
            mininterval=0.1 if watched else LONG_SECONDS,
        )
