"""What this place allows: a laptop allows more than a public demo."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core import intake


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes and times, by where the app runs."""

    space: bool
    max_bytes: int
    max_seconds: float
    batch_files: int
    shortest_hop: float  # seconds from window to window; a hop of 0.02 s is 200 times the work
    keep_seconds: int  # how long uploads and results stay on disk
    queue: int

    @classmethod
    def here(cls, environment: Mapping[str, str] = os.environ) -> "Limits":
        """Those of a Hugging Face Space where `SPACE_ID` is set, else of one's own machine."""
        return SPACE if environment.get("SPACE_ID") else OWN

    def for_intake(self) -> "intake.Limits":
        """The part that is about reading files."""
        from core import intake

        return intake.Limits(bytes=self.max_bytes, seconds=self.max_seconds)


OWN = Limits(
    space=False,
    max_bytes=1_000_000_000,
    max_seconds=6 * 3_600.0,
    batch_files=200,
    shortest_hop=0.02,
    keep_seconds=86_400,
    queue=16,
)
SPACE = Limits(
    space=True,
    max_bytes=200_000_000,
    max_seconds=1_800.0,
    batch_files=20,
    shortest_hop=1.0,
    keep_seconds=3_600,
    queue=16,
)
