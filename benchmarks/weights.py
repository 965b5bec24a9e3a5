"""The shipped checkpoints on a clip of ten seconds: seconds from a warm process, and peak memory.

    python -m benchmarks.weights [--clip FILE] [--rounds 5] [--threads 2] [--out DIR]

The whole way of `python -m core analyze` (decode, quality, windows, all detectors, calibration,
fusion, verdict) with the application's settings, in one process: the checkpoints are loaded and the
clip is analysed once before it is timed. Without --clip it is ten seconds of the signal of the
self-test, scored although it is not speech. Memory is the highest resident size of the process,
Python and torch included. Ends with an error where a limit is passed.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import soundfile

from benchmarks.aasist import resident
from core.allocator import keep_freed_memory
from core.analysis import analyse
from core.detect import Settings, prepare
from core.loading import Loaded, golden_wave, select
from core.types import RATE
from training.tables import markdown, save

SECONDS, MEGABYTES = 6.0, 2_500.0  # what is asked for
CLIP_SECONDS = 10


def timed(path: Path, loaded: Sequence[Loaded], settings: Settings) -> tuple[float, float]:
    """Wall and CPU seconds of one analysis."""
    wall, cpu = time.perf_counter(), time.process_time()
    report = analyse(path, loaded, settings)
    if len(report.detections) != len(loaded):
        raise SystemExit(f"{path.name}: {len(report.detections)} of {len(loaded)} detectors scored")
    return time.perf_counter() - wall, time.process_time() - cpu


def measured(path: Path, settings: Settings, rounds: int) -> list[dict[str, object]]:
    """A row for all detectors together, the first and the warm analysis, and one for each alone."""
    begun = time.perf_counter()
    loaded = select()
    loading = time.perf_counter() - begun
    if not loaded:
        raise SystemExit("no checkpoint is installed; `python -m core detectors` lists them")
    first, first_cpu = timed(path, loaded, settings)
    rows: list[dict[str, object]] = [
        {"what": "loading the checkpoints", "seconds": loading, "cpu": None},
        {"what": "all and the fusion, the first time", "seconds": first, "cpu": first_cpu},
    ]
    groups = {"all and the fusion, warm": loaded, **{o.checkpoint.id: (o,) for o in loaded}}
    for name, group in groups.items():
        runs = [timed(path, group, settings) for _ in range(rounds)]
        wall, cpu = (median(column) for column in zip(*runs, strict=True))
        rows.append({"what": name, "seconds": wall, "cpu": cpu})
    return rows


def main() -> None:
    """Measure, print, and end with an error where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clip", type=Path, help="a recording instead of the test signal")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, metavar="DIR", help="weights.csv and weights.json")
    options = parser.parse_args()
    keep_freed_memory()
    settings = Settings(threads=options.threads, score_anyway=True)
    prepare(settings)
    with tempfile.TemporaryDirectory() as folder:
        path = options.clip or Path(folder) / "signal.wav"
        if options.clip is None:
            soundfile.write(path, golden_wave(CLIP_SECONDS * RATE), RATE)
        rows = measured(path, settings, options.rounds)
    peak = resident("VmHWM")
    body = [
        [
            str(row["what"]),
            *("-" if row[k] is None else f"{row[k]:.2f}" for k in ("seconds", "cpu")),
        ]
        for row in rows
    ]
    print(markdown(["what", "seconds", "CPU seconds"], body))
    print(f"peak memory of the process: {peak:.0f} MB (limit {MEGABYTES:.0f})")
    facts = {"threads": options.threads, "rounds": options.rounds, "peak_mb": round(peak)}
    if options.out:
        save(options.out, "weights", rows, facts)
    warm = next(float(str(row["seconds"])) for row in rows if str(row["what"]).endswith("warm"))
    if warm > SECONDS or peak > MEGABYTES:
        sys.exit(f"{warm:.2f} s and {peak:.0f} MB; {SECONDS:g} s and {MEGABYTES:.0f} MB are asked")


if __name__ == "__main__":
    main()
