"""An hour of sound through decoding, resampling and windows: time and memory beside librosa.load.

    python -m benchmarks.intake [--minutes 60] [--rounds 3] [--quality]

Each measurement is its own process. Memory is the highest resident size above that of the same
interpreter with numpy imported; what a child process (ffmpeg, or what librosa starts) took at its
peak is given apart.
A ratio is the median over rounds of librosa's CPU time over ours, children included.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import soundfile

RATE = 44_100
WORK = {
    "ours": """
from core.intake import decode
from core.windows import segment, wave_of
clip = decode(Path(sys.argv[1]))
total = sum(float(wave_of(clip, window)[0]) for window in segment(clip))
seconds = clip.seconds
""",
    "ours and quality": """
from core.intake import decode
from core.quality import measure
clip = decode(Path(sys.argv[1]))
measure(clip)
seconds = clip.seconds
""",
    "librosa.load": """
import warnings
import librosa
warnings.simplefilter("ignore")
wave, _ = librosa.load(sys.argv[1], sr=16000)
seconds = len(wave) / 16000
""",
}
FRAME = """
import json, resource, sys, time
from pathlib import Path
import numpy
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
{work}
own, child = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps(dict(
    seconds=seconds, wall=time.perf_counter() - start,
    cpu=sum(use.ru_utime + use.ru_stime for use in (own, child)),
    megabytes=(own.ru_maxrss - base) / 1024, child=child.ru_maxrss / 1024)))
"""


def write_sound(path: Path, minutes: float) -> None:
    """Stereo noise that rises and falls like syllables, its channels different."""
    random = np.random.default_rng(0)
    envelope = 0.1 * (1 + np.sin(2 * np.pi * 4 * np.arange(RATE) / RATE))[:, None]
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        for _ in range(round(minutes * 60)):
            file.write(random.standard_normal((RATE, 2)) * envelope)


def files(folder: Path, minutes: float) -> list[Path]:
    """The same sound as WAV, and as FLAC, MP3 and M4A where ffmpeg can write them."""
    wav = folder / "sound.wav"
    write_sound(wav, minutes)
    made = [wav]
    program = shutil.which("ffmpeg")
    for suffix in ("flac", "mp3", "m4a") if program else ():
        path = folder / f"sound.{suffix}"
        command = [str(program), "-nostdin", "-v", "error", "-i", str(wav), str(path)]
        if subprocess.run(command, check=False).returncode == 0:  # noqa: S603
            made.append(path)
    return made


def measured(way: str, path: Path) -> dict[str, float] | None:
    """One run in a process of its own; None where this way cannot read the file."""
    command = [sys.executable, "-c", FRAME.format(work=WORK[way]), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        return None
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quality", action="store_true", help="measure the quality as well")
    options = parser.parse_args()
    ways = [way for way in WORK if options.quality or way != "ours and quality"]
    print("| file | way | wall s | CPU s | MB above numpy | MB of a child | librosa / this, CPU |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for path in files(Path(folder), options.minutes):
            rounds = [{way: measured(way, path) for way in ways} for _ in range(options.rounds)]
            for way in ways:
                print_row(path.suffix[1:].upper(), way, rounds)


def print_row(kind: str, way: str, rounds: list[dict[str, dict[str, float] | None]]) -> None:
    """One line of the table: medians over the rounds."""
    runs = [run for one in rounds if (run := one[way]) is not None]
    if not runs:
        print(f"| {kind} | {way} | cannot read it | | | | |")
        return
    pairs = [(one["librosa.load"], one[way]) for one in rounds]
    ratios = [peer["cpu"] / own["cpu"] for peer, own in pairs if peer and own]
    middle = {key: median(run[key] for run in runs) for key in runs[0]}
    ratio = f"{median(ratios):.1f}" if ratios else "-"
    print(
        f"| {kind} | {way} | {middle['wall']:.1f} | {middle['cpu']:.1f} | "
        f"{middle['megabytes']:.0f} | {middle['child']:.0f} | {ratio} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
