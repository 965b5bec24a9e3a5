"""A card that is complete, for tests to spoil."""

from typing import Any


def card(**changes: Any) -> dict[str, Any]:
    return {
        "id": "one",
        "detector": "aasist",
        "size": "paper",
        "config": {},
        "sha256": "0" * 64,
        "licence": "MIT",
        "provenance": {"source": "a test", "url": None, "commit": None, "made_by": None},
        "trained_on": [],
        "recipe": None,
        "command": None,
        "measured": [],
        "calibration": None,
        "golden": {"spoof_logit": 0.0, "tolerance": 1e-3},
        "backbone": None,
        "default": False,
        "notes": [],
    } | changes
