"""Every sentence about a clip and its scoring, in one place.

The command line, the app and the reports all say the same words. A function returns a `Notice`
where a program may want to know which sentence it is (its `code` is stable), else a plain `str`.
File names are shown as they are, without what could disturb a terminal; a page escapes them
itself.
"""

from collections.abc import Sequence

from core.types import ChannelPolicy, Notice

# refusals that a person may overrule with "Score anyway"; the others leave nothing to score
OVERRIDABLE = frozenset({"no-speech", "little-speech"})
CALLED_EQUAL = 0.95  # correlation from which channels are one sound with small differences


def shown(name: str) -> str:
    """A file name fit for a terminal, a report and UTF-8: odd characters become U+FFFD."""
    return "".join(c if c.isprintable() else "\ufffd" for c in name) or "(no name)"


def clock(seconds: float) -> str:
    """`0:41`, `3:00`, `1:02:05`; below ten seconds, where it matters, `3.25 s`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def span(seconds: float) -> str:
    """`40 s`, `45 min`, `1 h 12 min`."""
    if seconds < 59.5:
        return f"{max(round(seconds), 1)} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def size(count: float) -> str:
    """Bytes as people say them: `512 bytes`, `3.2 GB`."""
    if count < 1000:
        return f"{count:.0f} bytes"
    units = (("kB", 1e3), ("MB", 1e6), ("GB", 1e9))
    unit, worth = next((pair for pair in units if count < 999.95 * pair[1]), units[-1])
    return f"{count / worth:.1f} {unit}".replace(".0 ", " ")


def percent(fraction: float) -> str:
    """`2.1 %`; what is not nothing is never shown as zero."""
    value = 100 * fraction
    return f"{value:.1f} %" if value >= 0.05 or value == 0 else "less than 0.1 %"


def decibels(level: float) -> str:
    """`-23.4 dBFS` with a real minus sign."""
    if level == float("-inf"):
        return "−∞ dBFS"
    return f"{level:.1f} dBFS".replace("-", "−")


# What keeps a file from being read: the messages of AudioError.


def no_such_file(name: str) -> str:
    return f"There is no file “{shown(name)}”."


def folder(name: str) -> str:
    return f"“{shown(name)}” is a folder. Give the recordings in it one by one."


def not_a_file(name: str) -> str:
    return f"“{shown(name)}” is not an ordinary file, so it was not opened."


def unreadable(name: str, reason: str) -> str:
    return f"“{shown(name)}” cannot be opened: {reason}."


def empty_file(name: str) -> str:
    return f"“{shown(name)}” is empty (0 bytes)."


def no_samples(name: str, kind: str) -> str:
    return f"“{shown(name)}” is {kind} without a single sample of sound."


def huge(name: str, given: int, limit: int) -> str:
    return (
        f"“{shown(name)}” is {size(given)}; the limit here is {size(limit)}. "
        "Cut it, or raise --max-file-size."
    )


def endless(name: str, limit: float) -> str:
    return f"“{shown(name)}” holds more than {span(limit)} of sound, the limit here. Cut it."


def not_audio(name: str, message: str) -> str:
    return (
        f"We could not read sound from “{shown(name)}”. It may not be an audio or video file, "
        f"or it may be damaged. Decoder said: {message.rstrip('.') or 'nothing'}."
    )


def no_audio_track(name: str) -> str:
    return f"“{shown(name)}” is a video without sound."


def ffmpeg_missing(name: str, kind: str) -> str:
    return (
        f"“{shown(name)}” is {kind}. Reading it needs FFmpeg, which is not installed. "
        "Install FFmpeg, or convert the file to WAV or FLAC."
    )


def took_too_long(name: str, seconds: float) -> str:
    return (
        f"Reading “{shown(name)}” was stopped after {span(seconds)}. It may be damaged; "
        "converting it to WAV or FLAC may help."
    )


def absurd_rate(name: str, rate: float, lowest: int, highest: int) -> str:
    return (
        f"“{shown(name)}” claims {rate:,.0f} samples a second; {lowest:,} to {highest:,} can be "
        "read. Its header is probably damaged."
    )


def too_many_channels(name: str, channels: int, limit: int) -> str:
    return (
        f"“{shown(name)}” claims {channels} channels; up to {limit} can be read. "
        "Its header may be damaged; if not, export the channels you need."
    )


def wrong_scale(name: str, peak: float) -> str:
    return (
        f"The samples of “{shown(name)}” go up to {peak:,.0f} where full scale is 1. They were "
        "stored in the wrong scale; export them again as 16-bit PCM or as floats from −1 to 1."
    )


# What a reader should know of a clip that was read: notices.


def damaged(declared: float, read: float) -> Notice:
    return Notice(
        "damaged",
        f"The file ends early: header says {clock(declared)}, {clock(read)} could be read. "
        "Only that part was scored.",
    )


def broken_inside(read: float, message: str) -> Notice:
    return Notice(
        "broken",
        f"The file is damaged: {clock(read)} could be read, and only that was scored. "
        f"Decoder said: {message.rstrip('.')}.",
    )


def not_numbers(count: int) -> Notice:
    return Notice(
        "not-numbers",
        f"{count} sample{'s are' if count != 1 else ' is'} not a number or infinite; set to zero.",
    )


def beyond_full_scale(fraction: float, peak: float) -> Notice:
    return Notice(
        "beyond-full-scale",
        f"{percent(fraction)} of samples go beyond full scale (up to {peak:.2f}); "
        "cut off at full scale.",
    )


def several_tracks(count: int) -> Notice:
    return Notice("several-tracks", f"The file holds {count} sound tracks; the first was read.")


def lossy(codec: str, kilobits: float | None) -> Notice:
    rate = "" if kilobits is None else f" {kilobits:.0f} kbit/s"
    return Notice(
        "lossy",
        f"Source codec: {codec}{rate}. Compression can hide or imitate artefacts.",
    )


def channels_equal(count: int) -> Notice:
    number = {2: "Two", 3: "Three", 4: "Four", 5: "Five", 6: "Six"}.get(count, str(count))
    return Notice("channels-equal", f"{number} equal channels; scored once.")


POLICY_DONE: dict[ChannelPolicy, str] = {
    "mix": "They were mixed and scored as one; they can also be scored separately.",
    "left": "Only the left one was scored.",
    "right": "Only the right one was scored.",
    "each": "They were scored separately; pick one below.",
}


def channels_differ(
    correlation: float, policy: ChannelPolicy = "mix", count: int = 2, silent: Sequence[str] = ()
) -> Notice:
    """`silent` names the channels that hold no sound at all."""
    if silent:
        said = f"There is no sound in {' and '.join(silent)} of {count} channels."
    else:
        who = "The two channels" if count == 2 else f"The {count} channels"
        how = "differ a little" if correlation >= CALLED_EQUAL else "carry different sound"
        said = f"{who} {how} (correlation {correlation:.2f}).".replace("-", "−")
    return Notice("channels-differ", f"{said} {POLICY_DONE[policy]}")


def band_limited(edge: float) -> Notice:
    return Notice(
        "band-limited",
        f"The sound has nothing above {edge / 1000:.1f} kHz (telephone or resampled). "
        "The detectors were trained on 16 kHz; scores shift. Treat as weaker evidence.",
    )


def clipped(fraction: float) -> Notice:
    return Notice("clipped", f"{percent(fraction)} of samples are clipped.")


def gaps(fraction: float) -> Notice:
    return Notice(
        "digital-silence",
        f"{percent(fraction)} of the clip is digital silence: it was gated, edited or generated.",
    )


def silent_ends(before: float, after: float) -> Notice:
    """Seconds of digital silence at either end; 0 where there is none."""
    ends = ((before, "at the start"), (after, "at the end"))
    said = " and ".join(f"{seconds:.1f} s {where}" for seconds, where in ends if seconds > 0)
    return Notice("silent-ends", f"Digital silence, {said}, is not scored: no recording is in it.")


def quiet(level: float) -> Notice:
    return Notice("quiet", f"The sound is very quiet ({decibels(level)}). Less reliable.")


def shorter_than_window(seconds: float, window: float) -> Notice:
    return Notice(
        "short",
        f"Shorter than one window ({seconds:.1f} s of {window:.0f} s); "
        "the sound was repeated to fill it. Less reliable.",
    )


def microphone() -> Notice:
    return Notice(
        "microphone",
        "Browser recordings are processed (noise and echo filters) and are not originals. "
        "Use for trying out only.",
    )


# Why a clip is not scored: refusals.


def silent(name: str, peak: float) -> Notice:
    return Notice("silent", f"“{shown(name)}” is silent (peak {decibels(peak)}). Not scored.")


def too_short(seconds: float) -> Notice:
    return Notice(
        "too-short",
        f"Only {seconds:.2f} s of sound. The detectors need at least 1 s; not scored.",
    )


def little_speech(seconds: float) -> Notice:
    return Notice(
        "little-speech",
        f"Only {seconds:.2f} s of speech. The detectors need at least 1 s; "
        "not scored unless you press Score anyway.",
    )


def mostly_not_speech(spoken: float, sounding: float) -> Notice:
    return Notice(
        "mostly-not-speech",
        f"Speech was found in only {spoken:.1f} of {sounding:.1f} s of sound. The detectors know "
        "speech only; what they say of music or noise means nothing. Select the speech and score "
        "that.",
    )


def no_speech() -> Notice:
    return Notice(
        "no-speech",
        "Little or no speech found. The detectors know speech only; "
        "not scored unless you press Score anyway.",
    )


def scored_anyway(refusal: Notice) -> Notice:
    """The same finding once a person has overruled it."""
    finding = refusal.text.split(". ")[0]
    return Notice(refusal.code, f"{finding}. It was scored all the same, as asked.")


# While scoring, and after.


def drop_a_recording(limit: int, *, space: bool = False) -> str:
    where = (
        "Your file is sent to this server and deleted after 1 hour."
        if space
        else "Nothing leaves this computer."
    )
    return f"Drop a recording to begin. Audio or video, up to {size(limit)}. {where}"


def no_detector(download: int | None = None, licence: str | None = None) -> str:
    offer = ""
    if download is not None:
        offer = f" or press Download ({size(download)}, licence {licence or 'not stated'})"
    return f"No detector is installed. Nothing was scored. Put a checkpoint in checkpoints/{offer}."


def loading(detector: str, weights: int) -> str:
    return f"Loading {detector} ({size(weights)})… first time only."


def scoring(done: int, total: int, detector: str, seconds_left: float | None = None) -> str:
    left = "" if seconds_left is None else f" · about {span(seconds_left)} left"
    return f"Window {done} of {total} · {detector}{left}"


def stopped(done: int, total: int) -> str:
    return f"Stopped. {done} of {total} windows were scored; the rest are blank."


def long_clip(seconds: float, windows: int, estimate: float) -> str:
    count = f"{windows:,}".replace(",", " ")
    return f"{span(seconds)} makes {count} windows: about {span(estimate)} here."


def out_of_memory(detector: str) -> str:
    return f"Not enough memory for {detector}. Other models' results are kept."


def disagree(lowest: float, highest: float) -> str:
    numbers = f"from {lowest:+.1f} to {highest:+.1f}".replace("-", "−")
    return f"The detectors disagree ({numbers}). Treat as inconclusive."


def uncalibrated() -> str:
    return "Raw score, not calibrated: higher means more spoof-like; the size has no meaning."
