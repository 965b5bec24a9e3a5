"""How somebody wants clips scored: kept in a browser as plain values, and never trusted from there.

What was kept may be from another version, name a checkpoint that is gone, or be made up; every
value is looked at, and one that does not fit becomes the default of that value alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from core.detect import Settings
from core.types import DetectorError

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, slots=True)
class Preferences:
    """The settings of a scan, and which checkpoints take part; none named: the default ones."""

    settings: Settings = field(default_factory=Settings)
    checkpoints: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        """Plain values for `read`."""
        return {**self.settings.as_record(), CHECKPOINTS: list(self.checkpoints)}


def read(kept: Mapping[str, Any] | None, installed: Sequence[str]) -> Preferences:
    """What was kept, as far as it can be used here."""
    kept = kept if isinstance(kept, Mapping) else {}
    settings = Settings()
    for one in fields(Settings):
        value = kept.get(one.name)
        if not _fits(value, getattr(settings, one.name)):
            continue
        try:
            settings = replace(settings, **{one.name: value})  # type: ignore[arg-type]
        except DetectorError:
            continue
    named = kept.get(CHECKPOINTS)
    chosen = named if isinstance(named, list) else []
    return Preferences(settings, tuple(name for name in installed if name in chosen))


def _fits(value: Any, default: Any) -> bool:
    """Whether a value is of the default's kind; a whole number will do for a float."""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))
