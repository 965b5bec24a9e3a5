"""A corpus of noises, for tests of what needs a corpus and no speech."""

import csv
from pathlib import Path

import numpy as np
import soundfile


def corpus(folder: Path, clips: int) -> Path:
    """Noises with a manifest: every second one machine-made, in two ways; the first half is dev."""
    (folder / "flac").mkdir(parents=True)
    rng = np.random.default_rng(2)
    rows = []
    for number in range(clips):
        label = "spoof" if number % 2 else "bonafide"
        rows.append(
            {
                "utt_id": f"U{number}",
                "split": "dev" if number < clips // 2 else "train",
                "label": label,
                "system": "vocoder" if label == "spoof" else "-",
                "system_family": ("made", "made otherwise")[number // 2 % 2] if number % 2 else "-",
                "source_repo": f"page/{number % 3}",
                "licence": "made here" if number % 4 else "",
            }
        )
        wave = 0.05 * rng.standard_normal(20_000 + 500 * number)
        soundfile.write(folder / "flac" / f"U{number}.flac", wave, 16_000)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder
