"""Samples by position: the same in memory and in a file, and nothing left behind."""

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from core.pcm import ArraySamples, SampleWriter, SpooledSamples
from core.types import Samples


def written(values: np.ndarray, in_memory_bytes: int, keep: int | None = None) -> Samples:
    with SampleWriter(len(values), in_memory_bytes) as writer:
        for first in range(0, values.shape[1], 700):
            writer.write(values[:, first : first + 700])
        return writer.finish(keep)


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, (2, 5000)).astype(np.float32)


@pytest.mark.parametrize(("limit", "kind"), [(1 << 20, ArraySamples), (9000, SpooledSamples)])
def test_what_is_written_is_read(values: np.ndarray, limit: int, kind: type) -> None:
    samples = written(values, limit)
    assert isinstance(samples, kind)
    assert (samples.channels, samples.length) == (2, 5000)
    for start, stop in [(0, 5000), (699, 701), (4999, 5000), (17, 17)]:
        np.testing.assert_array_equal(samples.read(start, stop), values[:, start:stop])


@pytest.mark.parametrize("limit", [1 << 20, 9000])
def test_channels_can_be_left_out(values: np.ndarray, limit: int) -> None:
    samples = written(values, limit, keep=1)
    np.testing.assert_array_equal(samples.read(0, 5000), values[:1])


@pytest.mark.parametrize("limit", [1 << 20, 9000])
@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (6, 5), (0, 5001)])
def test_reading_outside_is_refused(values: np.ndarray, limit: int, start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="asked of a clip of 5000"):
        written(values, limit).read(start, stop)


def test_samples_in_memory_cannot_be_changed(values: np.ndarray) -> None:
    samples = ArraySamples(values)
    values[:] = 0
    assert samples.read(0, 10).any()
    with pytest.raises(ValueError, match="read-only"):
        samples.read(0, 10)[0, 0] = 1


def test_the_file_goes_with_the_samples(values: np.ndarray) -> None:
    samples = written(values, 0)
    assert isinstance(samples, SpooledSamples)
    files = samples._files
    del samples
    gc.collect()
    assert all(file.closed for file in files)


def failing(writer: SampleWriter, values: np.ndarray) -> None:
    with writer:
        writer.write(values)
        raise ZeroDivisionError


def test_the_file_goes_when_writing_fails(values: np.ndarray) -> None:
    writer = SampleWriter(2, 0)
    with pytest.raises(ZeroDivisionError):
        failing(writer, values)
    assert len(writer._files) == 2
    assert all(file.closed for file in writer._files)


def test_several_threads_read_one_file(values: np.ndarray) -> None:
    samples = written(values, 0)
    starts = [(37 * step) % 4000 for step in range(400)]
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda start: samples.read(start, start + 900), starts))
    assert all(
        np.array_equal(part, values[:, start : start + 900])
        for start, part in zip(starts, parts, strict=True)
    )


def test_a_block_of_other_channels_is_refused(values: np.ndarray) -> None:
    with SampleWriter(1) as writer, pytest.raises(ValueError, match="2 channels among 1"):
        writer.write(values)
