"""A workbench whose one detector has a known answer; see tests/core/loudness.py."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import soundfile

from core.detect import Settings
from core.loading import Loaded
from core.preferences import Preferences
from core.workbench import Checkpoint, Workbench
from tests.core.loudness import levels, loaded


class Known(Workbench):
    """As many loudness meters as there are names."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.all = {}
        for name in names:
            one = loaded(name=name)
            checkpoint = replace(one.checkpoint, card={"calibration": None})
            self.all[name] = replace(one, checkpoint=checkpoint)

    def installed(self) -> tuple[Checkpoint, ...]:  # type: ignore[override]
        return tuple(one.checkpoint for one in self.all.values())

    def chosen(self, checkpoints: Sequence[str] = ()) -> tuple[Checkpoint, ...]:  # type: ignore[override]
        return tuple(self.all[name].checkpoint for name in checkpoints or self.all)

    def is_loaded(self, checkpoint: Checkpoint) -> bool:
        return True

    def load(self, checkpoint: Checkpoint) -> Loaded:
        return self.all[checkpoint.id]

    def preferences(self, kept: Any = None) -> Preferences:
        return Preferences(Settings(score_anyway=True))  # the made waves are no speech


def wave(path: Path, *amplitudes: float, channels: int = 1) -> Path:
    """A clip with these loudnesses, four seconds each; a second channel is silent but for noise."""
    made = levels(*amplitudes)
    both = (
        made if channels == 1 else [[one, 0.5 * one * (n % 3 == 0)] for n, one in enumerate(made)]
    )
    soundfile.write(path, both, 16_000, subtype="FLOAT")
    return path
