"""The detectors by name. A sixth one is a file in core/detectors and a line here."""

from core.detectors.base import Detector

DETECTORS: dict[str, type[Detector]] = {}
