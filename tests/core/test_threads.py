"""The number of torch's threads is set around a reading, whichever thread it runs in."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor

from core import threads
from core.detect import Settings, scan
from core.detectors.base import Features
from tests.core.loudness import Loudness, clip_of, loaded


class Counting(Loudness):
    """Notes how many threads it is given."""

    def features(self, wave: Tensor) -> Features:
        self.threads = torch.get_num_threads()
        return super().features(wave)


@pytest.fixture
def three_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 3)


def counted(settings: Settings) -> tuple[int, int]:
    """Threads during a reading, and after it."""
    detector = Counting()
    list(scan(clip_of(np.full((1, 64_600), 0.1, np.float32)), [loaded(detector)], settings))
    return detector.threads, torch.get_num_threads()


@pytest.mark.usefixtures("three_processors")
def test_every_thread_of_the_program_scores_with_the_number_that_was_asked_for() -> None:
    automatic = threads.used(0)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        both: tuple[Callable[..., object], ...] = (
            lambda n: one.submit(counted, Settings(threads=n)).result(),
            lambda n: other.submit(counted, Settings(threads=n)).result(),
        )
        for number in (3, 2, 0, 3):
            for ask in both:
                assert ask(number) == (number or automatic, automatic)


@pytest.mark.usefixtures("three_processors")
def test_more_threads_than_processors_are_not_used() -> None:
    assert threads.used(1_000) == 3
    assert threads.used(2) == 2


@pytest.mark.usefixtures("three_processors")
def test_the_number_is_put_back_after_an_error() -> None:
    before = torch.get_num_threads()
    detector = Counting()
    detector.fails_at, detector.failure = 1, ValueError("a bug")
    wave = np.full((1, 64_600), 0.1, np.float32)
    with pytest.raises(ValueError, match="a bug"):
        list(scan(clip_of(wave), [loaded(detector)], Settings(threads=before + 1)))
    assert torch.get_num_threads() == before
