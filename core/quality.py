"""What a signal is, by measurement and not by its header: fit to be scored, and how far.

One pass over the clip gathers numbers that do not grow with it (one short spectrum a second);
core.speech makes another. Thresholds are the named constants below, each with its reason.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core import sentences, speech
from core.clipping import FlatTops
from core.types import RATE, ChannelPolicy, Clip, Notice, Region
from core.windows import SAMPLES, STEP, channel_name, sounding

LITTLE_OF_THE_SOUND = 0.3  # share of speech; of 180 clips of the corpus none has less than 0.38
MIN_SECONDS = 1.0  # of sound, and of speech: below, one syllable repeated four times over
SILENT_PEAK = -66.0  # dBFS; sixteen steps of 16 bits: hiss and hum, no voice
QUIET_LEVEL = -55.0  # dBFS, RMS; the step of 16 bits lies 35 dB below, codecs hide more
GAP_FRAME = 320  # samples; digital silence is counted in stretches of 20 ms
GAPS_WORTH_SAYING = 0.1
ENDS_WORTH_SAYING = 0.5  # seconds of digital silence before and after, which windows leave out
CLIPPED_WORTH_SAYING = 1e-3

SECOND = 16_384  # samples a spectrum is averaged over
FRAME = 1024  # samples; bins of 15.6 Hz
BANDS = 64  # of 125 Hz each
BAND = RATE / 2 / BANDS  # Hz
LOWEST_EDGE, HIGHEST_EDGE = 2_000.0, 7_000.0  # Hz; below, speech itself falls as steeply;
# above, the low-pass filters of resamplers to 16 kHz begin
CLIFF = 18.0  # dB of fall within 500 Hz after which nothing comes back; speech falls by less
ACTIVE = 30.0  # dB below the loudest seconds: what counts as sound for the spectrum
OFTEN = 0.9  # quantile over seconds: a click or two does not make a band full
FULL_BAND = RATE / 2  # Hz


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of a clip.

    Attributes
    ----------
    bandwidth_hz : where the sound ends; 8000 where nothing but 16 kHz sampling ends it.
    level_dbfs, peak_dbfs : RMS of all channels together, and the highest sample; full scale 0.
    clipped_fraction : samples that were cut off at the top.
    silent_fraction : of the clip that is digital silence.
    speech_seconds, speech : how much speech, and where.
    channel_correlation : of the two channels; the lowest of each with the first where there are
        more; 0 where one is silent; None where there is one.
    notices : what the reader should know.
    refusal : why the clip is not scored; None where it is. `may_overrule` says whether a person
        may have it scored anyway.
    """

    bandwidth_hz: float
    level_dbfs: float
    peak_dbfs: float
    clipped_fraction: float
    silent_fraction: float
    speech_seconds: float
    speech: tuple[Region, ...]
    channel_correlation: float | None
    notices: tuple[Notice, ...]
    refusal: Notice | None

    @property
    def may_overrule(self) -> bool:
        return self.refusal is not None and self.refusal.code in sentences.OVERRIDABLE


def measure(clip: Clip, policy: ChannelPolicy = "mix") -> Quality:
    """Measure a clip.

    Parameters
    ----------
    policy : how channels that differ are going to be scored; it is said in the notice, and speech
        and bandwidth are measured in what is scored (for `"each"`, in the mix).
    """
    sums = _gather(clip, policy)
    channel = policy if policy in ("left", "right") and clip.samples.channels > 1 else "mix"
    audible = sums.peak_dbfs > SILENT_PEAK
    spoken = speech.regions(clip, channel) if audible else ()
    seconds = sum(region.stop - region.start for region in spoken)
    heard = clip.seconds * (1 - sums.silent_fraction)
    return Quality(
        bandwidth_hz=bandwidth(np.array(sums.spectra)),
        level_dbfs=sums.level_dbfs,
        peak_dbfs=sums.peak_dbfs,
        clipped_fraction=_clipped(clip, sums),
        silent_fraction=sums.silent_fraction,
        speech_seconds=seconds,
        speech=spoken,
        channel_correlation=sums.correlation,
        notices=(*_notices(clip, sums, policy), *_mostly_other(heard, seconds)),
        refusal=_refusal(clip, sums.peak_dbfs, heard, seconds),
    )


@dataclass(slots=True)
class _Sums:
    """What one pass over the clip gathers."""

    channels: int
    length: int
    peak: float = 0.0
    silent: int = 0
    tops: FlatTops = field(default_factory=FlatTops)
    products: NDArray[np.float64] = field(init=False)  # (2, channels): with itself, with the first
    means: NDArray[np.float64] = field(init=False)
    spectra: list[NDArray[np.float64]] = field(default_factory=list)  # (BANDS,) of power, each

    def __post_init__(self) -> None:
        self.products = np.zeros((2, self.channels))
        self.means = np.zeros(self.channels)

    @property
    def level_dbfs(self) -> float:
        return decibels(math.sqrt(self.products[0].mean() / self.length))

    @property
    def peak_dbfs(self) -> float:
        return decibels(self.peak)

    @property
    def silent_fraction(self) -> float:
        return self.silent / self.length

    @property
    def correlation(self) -> float | None:
        if self.channels == 1:
            return None
        means = self.means / self.length
        power = self.products[0] / self.length - means**2
        common = self.products[1] / self.length - means * means[0]
        scale = np.sqrt(np.maximum(power * power[0], 0.0))
        found = np.divide(common, scale, out=np.zeros(self.channels), where=scale > 1e-14)
        return float(np.clip(found[1:].min(), -1, 1))

    def silent_channels(self) -> list[str]:
        quiet = self.products[0] <= self.length * STEP**2 / 4
        return [channel_name(int(index)) for index in np.flatnonzero(quiet)]


def _clipped(clip: Clip, sums: _Sums) -> float:
    return sums.tops.fraction if clip.clipped_fraction is None else clip.clipped_fraction


def decibels(value: float) -> float:
    """20 log10; minus infinity for 0."""
    return 20 * math.log10(value) if value > 0 else -math.inf


def _blocks(clip: Clip) -> "list[tuple[int, int]]":
    block, length = 8 * SECOND, clip.samples.length
    return [(first, min(first + block, length)) for first in range(0, length, block)]


def _gather(clip: Clip, policy: ChannelPolicy) -> _Sums:
    sums = _Sums(clip.samples.channels, clip.samples.length)
    for block in _blocks(clip):
        values = clip.samples.read(*block)
        sums.peak = max(sums.peak, float(np.abs(values).max(initial=0.0)))
        wide = values.astype(np.float64)
        sums.products += (wide**2).sum(axis=1), (wide * wide[:1]).sum(axis=1)
        sums.means += wide.sum(axis=1)
        sums.silent += _silent_samples(values)
        if clip.clipped_fraction is None:
            sums.tops.feed(values)
        sums.spectra += _spectra(_heard(values, policy))
    return sums


def _heard(values: NDArray[np.float32], policy: ChannelPolicy) -> NDArray[np.float32]:
    index = {"left": 0, "right": 1}.get(policy)
    mix = index is None or len(values) == 1
    heard: NDArray[np.float32] = values.mean(axis=0) if mix else values[index]
    return heard


def _silent_samples(values: NDArray[np.float32]) -> int:
    """Samples in stretches of 20 ms in which no channel rises above one 16-bit step."""
    loud = np.abs(values).max(axis=0) > STEP
    starts = np.arange(0, len(loud), GAP_FRAME)
    lengths = np.diff(np.append(starts, len(loud)))
    return int(lengths[np.add.reduceat(loud, starts) == 0].sum())


def _spectra(wave: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """Mean power in each band for each second of `wave`; what is no whole frame is left out."""
    whole = len(wave) // FRAME * FRAME
    frames = wave[:whole].reshape(-1, FRAME) * np.hanning(FRAME)
    power = np.abs(np.fft.rfft(frames, axis=1)[:, 1:]) ** 2
    bands = power.reshape(len(frames), BANDS, -1).mean(axis=2)
    each = SECOND // FRAME
    return [bands[first : first + each].mean(axis=0) for first in range(0, len(bands), each)]


def bandwidth(spectra: NDArray[np.float64]) -> float:
    """Where the sound ends, in Hz: the foot of a cliff after which nothing comes back.

    Dark or quiet recordings fade into their own noise and are full-band; a telephone, a codec or
    a resampler leaves a cliff, because it takes away the noise of the room as well.

    Parameters
    ----------
    spectra : power, (seconds, BANDS).
    """
    if spectra.size == 0 or not spectra.any():
        return FULL_BAND
    level = spectra.mean(axis=1)
    loudest = np.quantile(level, 0.95)
    active = spectra[level >= loudest * 10 ** (-ACTIVE / 10)]
    often = np.quantile(active, OFTEN, axis=0)
    curve = 10 * np.log10(np.maximum(often, 1e-20))
    falls = {band: _fall(curve, band) for band in range(round(LOWEST_EDGE / BAND), BANDS - 4)}
    steepest = max(falls, key=lambda band: falls[band])
    if falls[steepest] < CLIFF:
        return FULL_BAND
    rest = curve[steepest + 3 :].max()
    above = np.flatnonzero(curve > rest + falls[steepest] / 2)
    edge = (int(above.max()) + 1) * BAND
    return edge if edge <= HIGHEST_EDGE else FULL_BAND


def _fall(curve: NDArray[np.float64], band: int) -> float:
    """Decibels from the 250 Hz below `band` to the highest level 375 Hz and more above it."""
    return float(curve[band - 2 : band].mean() - curve[band + 3 :].max())


def _notices(clip: Clip, sums: _Sums, policy: ChannelPolicy) -> "list[Notice]":
    found: list[Notice] = []
    if sums.correlation is not None:
        silent = sums.silent_channels()
        found.append(sentences.channels_differ(sums.correlation, policy, sums.channels, silent))
    edge = bandwidth(np.array(sums.spectra))
    if edge < FULL_BAND:
        found.append(sentences.band_limited(edge))
    if sums.peak_dbfs > SILENT_PEAK and sums.level_dbfs < QUIET_LEVEL:
        found.append(sentences.quiet(sums.level_dbfs))
    if _clipped(clip, sums) > CLIPPED_WORTH_SAYING:
        found.append(sentences.clipped(_clipped(clip, sums)))
    if GAPS_WORTH_SAYING < sums.silent_fraction < 1:
        found.append(sentences.gaps(sums.silent_fraction))
    begin, end = sounding(clip)
    before, scored, after = (
        samples / RATE for samples in (begin, end - begin, clip.samples.length - end)
    )
    if before + after >= ENDS_WORTH_SAYING:
        found.append(sentences.silent_ends(before, after))
    if MIN_SECONDS <= scored < SAMPLES / RATE:
        found.append(sentences.shorter_than_window(scored, SAMPLES / RATE))
    return found


def _mostly_other(sounding: float, spoken: float) -> "tuple[Notice, ...]":
    """Where there is enough speech to score, and far more of something else."""
    if not MIN_SECONDS <= spoken < LITTLE_OF_THE_SOUND * sounding:
        return ()
    return (sentences.mostly_not_speech(spoken, sounding),)


def _refusal(clip: Clip, peak: float, sounding: float, spoken: float) -> Notice | None:
    if peak <= SILENT_PEAK:
        return sentences.silent(clip.source.name, peak)
    if sounding < MIN_SECONDS:
        return sentences.too_short(clip.seconds if clip.seconds < MIN_SECONDS else sounding)
    if spoken == 0:
        return sentences.no_speech()
    if spoken < MIN_SECONDS:
        return sentences.little_speech(spoken)
    return None
