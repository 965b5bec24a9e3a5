"""Progress of a question is told as it runs; what it raises is raised where it is read."""

import threading

import pytest

from core.rescoring import OnProbing, Probing
from core.types import DetectorError
from ui.asking import Done, running


def test_progress_comes_before_the_end() -> None:
    go_on = threading.Event()

    def work(tell: OnProbing) -> str:
        tell(Probing(1, 2, "gain", "A", 1.0))
        assert go_on.wait(5)
        return "answer"

    said = running(work)
    assert next(said) == Probing(1, 2, "gain", "A", 1.0)  # while the work is waiting
    go_on.set()
    assert list(said) == [Done("answer")]


def test_what_is_raised_there_is_raised_here() -> None:
    def work(tell: OnProbing) -> None:
        raise DetectorError("no")

    with pytest.raises(DetectorError, match="no"):
        list(running(work))
