"""Regions with notes, for other tools: WAV, Praat TextGrid, Audacity labels, RTTM, CSV.

For the app and for scripts:

    Marked(region, note="")                      a region and what a person says of it
    wav(clip, region) -> bytes                   all channels at 16 kHz, exactly the scored samples
    textgrid(regions, seconds) -> str            Praat, long text format; overlaps get more tiers
    audacity(regions) -> str                     label track: start, tab, stop, tab, label
    rttm(regions, name) -> str                   NIST: ten fields, SPEAKER lines
    table(regions) -> str                        CSV: start,stop,seconds,note
    export(clip, regions, folder, stem) -> tuple[Path, ...]    all of them as files

Notes. A line of Praat, Audacity or RTTM is a line: line breaks and tabs in a note become spaces
there (in RTTM every space becomes "_"), quotes are doubled for Praat. CSV keeps a note as it is;
only what a spreadsheet would run as a formula gets an apostrophe in front, as in all our tables.
A region without a note is called "region 1", "region 2", ... in the order of `regions`, because
an empty label would be invisible. All text files are UTF-8.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.regions import samples_of
from core.report import as_cell, write_file
from core.types import RATE, AudioError, Clip, Region

CSV_HEAD = ("start", "stop", "seconds", "note")
TIER = "regions"


@dataclass(frozen=True, slots=True)
class Marked:
    """A region and what a person says of it."""

    region: Region
    note: str = ""


def wav(clip: Clip, region: Region) -> bytes:
    """The sound of a region, all channels at 16 kHz, float 32 bit: exactly what is scored."""
    import soundfile

    first, last = samples_of(clip, region)
    file = io.BytesIO()
    soundfile.write(file, clip.samples.read(first, last).T, RATE, format="WAV", subtype="FLOAT")
    return file.getvalue()


def textgrid(regions: Sequence[Marked], seconds: float) -> str:
    """Praat's long text format; an interval tier holds no overlaps, so those get a tier more."""
    tiers: list[list[tuple[float, float, str]]] = []
    named = [(one.region.start, one.region.stop, label) for one, label in _labelled(regions)]
    for interval in sorted(named):
        if not 0 <= interval[0] < interval[1] <= seconds:
            raise AudioError(
                f"The region {interval[0]:.2f}–{interval[1]:.2f} s is not within the clip's "
                f"{seconds:.2f} s."
            )
        home = next((tier for tier in tiers if tier[-1][1] <= interval[0]), None)
        if home is None:
            tiers.append([interval])
        else:
            home.append(interval)
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {seconds:.6f}",
        "tiers? <exists>" if tiers else "tiers? <absent>",
    ]
    if tiers:
        lines += [f"size = {len(tiers)}", "item []:"]
    for place, tier in enumerate(tiers, start=1):
        lines += _tier(place, tier, seconds)
    return "\n".join(lines) + "\n"


def audacity(regions: Sequence[Marked]) -> str:
    """Audacity's label track: one line a region."""
    return "".join(
        f"{one.region.start:.6f}\t{one.region.stop:.6f}\t{label}\n"
        for one, label in _labelled(regions)
    )


def rttm(regions: Sequence[Marked], name: str) -> str:
    """NIST Rich Transcription Time Marks; `name` is the recording's, without its suffix."""
    recording = "_".join(_line(name).split()) or "clip"
    return "".join(
        f"SPEAKER {recording} 1 {one.region.start:.3f} {one.region.stop - one.region.start:.3f} "
        f"<NA> <NA> {'_'.join(label.split())} <NA> <NA>\n"
        for one, label in _labelled(regions)
    )


def table(regions: Sequence[Marked]) -> str:
    """CSV with a header; a note keeps its line breaks, tabs and quotes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEAD)
    for one in regions:
        start, stop = one.region.start, one.region.stop
        writer.writerow((f"{start:.6f}", f"{stop:.6f}", f"{stop - start:.6f}", as_cell(one.note)))
    return text.getvalue()


def export(clip: Clip, regions: Sequence[Marked], folder: Path, stem: str) -> tuple[Path, ...]:
    """Write every format into `folder`: four lists, and a WAV file a region.

    `stem` begins each file's name; it must be fit for one.
    """
    lists = {
        "TextGrid": textgrid(regions, clip.seconds),
        "txt": audacity(regions),
        "rttm": rttm(regions, Path(clip.source.name).stem),
        "csv": table(regions),
    }
    paths = []
    for suffix, text in lists.items():
        paths.append(folder / f"{stem} regions.{suffix}")
        write_file(paths[-1], text)
    for place, one in enumerate(regions, start=1):
        span = f"{one.region.start:.2f}-{one.region.stop:.2f} s"
        paths.append(folder / f"{stem} region {place} {span}.wav")
        write_file(paths[-1], wav(clip, one.region))
    return tuple(paths)


def _labelled(regions: Sequence[Marked]) -> list[tuple[Marked, str]]:
    """Each region with its note on one line, or a name where there is none."""
    return [(one, _line(one.note) or f"region {n}") for n, one in enumerate(regions, start=1)]


def _line(text: str) -> str:
    """Text on one line, fit for UTF-8: control characters and runs of spaces become one space."""
    clean = text.encode("utf-8", "replace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in clean).split())


def _tier(place: int, tier: Sequence[tuple[float, float, str]], seconds: float) -> list[str]:
    """An interval tier from 0 to the end, gaps filled with empty intervals."""
    filled: list[tuple[float, float, str]] = []
    reached = 0.0
    for start, stop, label in tier:
        if start > reached:
            filled.append((reached, start, ""))
        filled.append((start, stop, label))
        reached = stop
    if reached < seconds:
        filled.append((reached, seconds, ""))
    name = TIER if place == 1 else f"{TIER} {place}"
    lines = [
        f"    item [{place}]:",
        '        class = "IntervalTier"',
        f'        name = "{name}"',
        "        xmin = 0",
        f"        xmax = {seconds:.6f}",
        f"        intervals: size = {len(filled)}",
    ]
    for number, (start, stop, label) in enumerate(filled, start=1):
        quoted = label.replace('"', '""')
        lines += [
            f"        intervals [{number}]:",
            f"            xmin = {start:.6f}",
            f"            xmax = {stop:.6f}",
            f'            text = "{quoted}"',
        ]
    return lines
