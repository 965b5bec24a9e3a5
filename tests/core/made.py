"""A whole checkpoint on disk and a clip, for tests that go the whole way.

The weights are an AASIST's as they come from its constructor with a fixed seed: never trained, so
its scores mean nothing. Its id says so, and it lives in a test's own folder.
"""

from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from checkpoints import store
from checkpoints.store import Checkpoint
from core.detectors.aasist import Aasist
from core.loading import golden_logit

UNTRAINED = "test-only-untrained-aasist"
CALIBRATION = {
    "slope": 1.0,
    "intercept": 0.0,
    "n_bonafide": 100,
    "n_spoof": 100,
    "cllr": 0.5,
    "set": "made up for tests",
}


def save_untrained(root: Path, name: str = UNTRAINED, *, calibrated: bool = True) -> Checkpoint:
    """A checkpoint of random weights in `root`, which passes its own self-test."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        detector = Aasist.build(size="paper").eval()
    card = {
        "id": name,
        "detector": "aasist",
        "size": "paper",
        "config": detector.config_dict(),
        "sha256": "0" * 64,
        "licence": "none",
        "provenance": {"source": "random", "url": None, "commit": None, "made_by": "a test"},
        "trained_on": [],
        "recipe": None,
        "command": None,
        "measured": [],
        "calibration": CALIBRATION if calibrated else None,
        "golden": {"spoof_logit": golden_logit(detector), "tolerance": 1e-3},
        "backbone": None,
        "default": False,
        "notes": ["Random weights for tests; scores mean nothing."],
    }
    return store.save(root / name, detector.state_dict(), card)


def buzz(seconds: float, pitch: float = 120.0) -> NDArray[np.float32]:
    """A buzz that comes and goes, (samples,) at 16 kHz: sound, but no speech."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    harmonics = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 40))
    noise = np.random.default_rng(3).normal(0.0, 0.02, len(time))
    wave = 0.1 * harmonics * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time)) + noise
    return np.asarray(wave, np.float32)


def write(path: Path, wave: NDArray[np.float32]) -> Path:
    """A 16-bit WAV file."""
    soundfile.write(path, wave, 16_000, subtype="PCM_16")
    return path
