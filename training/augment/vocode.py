"""Copy-synthesis: human speech taken apart and put together again by a machine.

The copy says the same in the same voice at the same time, so that a network that tells the two
apart has to listen to the machine. WORLD (Morise 2016) through pyworld, Griffin-Lim (1984) on
mel or linear spectra, and linear prediction with a pulse train. Copies count as spoof.
"""

import importlib.metadata
import sys
import types
from functools import cache
from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray
from scipy import signal

from core.types import RATE
from training.augment.channel import fit
from training.errors import TrainingError

Wave = NDArray[np.float64]
Rng = np.random.Generator

KINDS = ("world", "griffin_lim", "lpc")


def copy(wave: NDArray[Any], rng: Rng, kinds: tuple[str, ...] = KINDS) -> Wave:
    """A machine-made copy of a clip (samples,), by one of the named kinds; same length and power.

    Silence has no voice to copy and comes back as it is.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise TrainingError(f"copy-synthesis is one of {', '.join(KINDS)}, not {unknown}")
    x = np.asarray(wave, dtype=np.float64)
    if x.size < 1024 or not x.any():
        return x
    kind = kinds[int(rng.integers(len(kinds)))]
    made = {"world": world, "griffin_lim": griffin_lim, "lpc": lpc}[kind](x, rng)
    made = fit(made, x.size)
    power = float(np.mean(made**2))
    return made * np.sqrt(float(np.mean(x**2)) / power) if power > 0.0 else made


def world(wave: Wave, rng: Rng) -> Wave:
    """WORLD: pitch by DIO or Harvest, envelope by CheapTrick, aperiodicity by D4C.

    Envelope and aperiodicity are coded in a drawn number of bands, as in statistical synthesis.
    """
    pw = _pyworld()
    x = np.ascontiguousarray(wave)
    period = float(rng.choice([5.0, 10.0]))  # ms
    if rng.random() < 0.9:  # Harvest takes ten times as long
        pitch, time = pw.dio(x, RATE, frame_period=period)
        pitch = pw.stonemask(x, pitch, time, RATE)
    else:
        pitch, time = pw.harvest(x, RATE, frame_period=period)
    envelope = pw.cheaptrick(x, pitch, time, RATE)
    noise = pw.d4c(x, pitch, time, RATE)
    size = (envelope.shape[1] - 1) * 2
    if (bands := int(rng.choice([0, 24, 40, 60]))) > 0:
        coded = pw.code_spectral_envelope(envelope, RATE, bands)
        envelope = pw.decode_spectral_envelope(coded, RATE, size)
        noise = pw.decode_aperiodicity(pw.code_aperiodicity(noise, RATE), RATE, size)
    made: Wave = pw.synthesize(pitch, envelope, noise, RATE, frame_period=period)
    return made


def griffin_lim(wave: Wave, rng: Rng) -> Wave:
    """Phases thrown away and guessed again, from a linear or a mel spectrogram."""
    size = int(rng.choice([512, 1024]))
    hop = size // int(rng.choice([4, 8]))
    magnitude = np.abs(librosa.stft(wave, n_fft=size, hop_length=hop))
    if rng.random() < 0.7:
        bank, inverse = _mel(size, int(rng.choice([60, 80])))
        magnitude = np.maximum(inverse @ (bank @ magnitude), 1e-10)
    made: Wave = librosa.griffinlim(
        magnitude,
        n_iter=int(rng.integers(8, 33)),
        hop_length=hop,
        n_fft=size,
        length=wave.size,
        random_state=int(rng.integers(2**31)),
    )
    return made


@cache
def _mel(size: int, bands: int) -> tuple[Wave, Wave]:
    """A mel filterbank (bands, bins) and its pseudo-inverse."""
    bank = librosa.filters.mel(sr=RATE, n_fft=size, n_mels=bands).astype(np.float64)
    inverse: Wave = np.linalg.pinv(bank).astype(np.float64)
    return bank, inverse


def lpc(wave: Wave, rng: Rng) -> Wave:
    """Linear prediction: an all-pole envelope, driven by pulses where voiced and by noise else."""
    order = int(rng.integers(12, 25))
    hop, size = 160, 400
    padded = np.pad(wave, (size // 2, size))
    count = wave.size // hop + 1
    pitch = _pitch(wave, count, hop)
    drive = _excitation(pitch, hop, rng)
    out = np.zeros(count * hop + size)
    window = signal.get_window("hann", 2 * hop)
    for k in range(count):
        frame = padded[k * hop : k * hop + size] * signal.get_window("hamming", size)
        coefficients, level = _predictor(frame, order)
        piece = drive[k * hop : k * hop + 2 * hop]
        out[k * hop : k * hop + 2 * hop] += window * signal.lfilter([level], coefficients, piece)
    return out[hop : hop + wave.size]


def _predictor(frame: Wave, order: int) -> tuple[Wave, float]:
    """Prediction filter (order + 1,) and the level of what it leaves, by autocorrelation."""
    full = np.fft.irfft(np.abs(np.fft.rfft(frame, 1024)) ** 2)[: order + 1]
    if full[0] <= 1e-9:
        return np.array([1.0]), 0.0
    full[0] *= 1.0 + 1e-5  # keeps the all-pole filter stable
    solved = _levinson(full)
    error = float(np.dot(solved, full))
    return solved, float(np.sqrt(max(error, 0.0) / frame.size))


def _levinson(correlation: Wave) -> Wave:
    """Prediction filter (lags,) for an autocorrelation (lags,), by Levinson's recursion."""
    filter_ = np.array([1.0])
    error = float(correlation[0])
    for step in range(1, correlation.size):
        reflection = -float(np.dot(filter_, correlation[step:0:-1][: filter_.size])) / error
        filter_ = np.append(filter_, 0.0)
        filter_ = filter_ + reflection * filter_[::-1]
        error *= 1.0 - reflection**2
    return filter_


def _pitch(wave: Wave, count: int, hop: int) -> Wave:
    """Hz at each frame, 0 where unvoiced."""
    pitch, _ = _pyworld().dio(np.ascontiguousarray(wave), RATE, frame_period=1000.0 * hop / RATE)
    return fit(np.asarray(pitch, dtype=np.float64), count)


def _excitation(pitch: Wave, hop: int, rng: Rng) -> Wave:
    """Unit-power pulses at the pitch, noise where there is none."""
    hertz = np.repeat(pitch, hop)
    hertz = np.append(hertz, np.zeros(2 * hop))
    turns = np.cumsum(hertz) / RATE
    pulses = np.diff(np.floor(turns), prepend=0.0) * np.sqrt(RATE / np.maximum(hertz, 50.0))
    return np.where(hertz > 0.0, pulses, rng.standard_normal(hertz.size))


@cache
def _pyworld() -> Any:
    """pyworld, which asks `pkg_resources` for its version; setuptools has no such module any more.

    Raises
    ------
    TrainingError
        It is not installed.
    """
    name = "pkg_resources"
    standing_in = name not in sys.modules
    if standing_in:
        stub = types.ModuleType(name)
        stub.get_distribution = lambda package: types.SimpleNamespace(  # type: ignore[attr-defined]
            version=importlib.metadata.version(package)
        )
        sys.modules[name] = stub
    try:
        import pyworld
    except ImportError as error:
        raise TrainingError(
            "copy-synthesis with WORLD needs pyworld: pip install -r requirements-dev.txt"
        ) from error
    finally:
        if standing_in:
            del sys.modules[name]
    return pyworld
