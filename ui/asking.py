"""A long piece of work in a thread of its own, so that its progress can be shown as it runs."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from core.rescoring import OnProbing, Probing

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """The last of what `running` gives."""

    value: Result


def running(
    work: "Callable[[OnProbing], Result]",
) -> "Iterator[Probing | Done[Result]]":
    """Do the work; a `Probing` for every step that it tells of, then what it returned.

    What the work raises is raised here.
    """
    said: SimpleQueue[Any] = SimpleQueue()

    def run() -> None:
        try:
            said.put(Done(work(said.put)))
        except BaseException as error:  # noqa: BLE001 - handed to the caller
            said.put(error)

    thread = threading.Thread(target=run, name="question", daemon=True)
    thread.start()
    while True:
        one = said.get()
        if isinstance(one, BaseException):
            raise one
        yield one
        if isinstance(one, Done):
            thread.join()
            return
