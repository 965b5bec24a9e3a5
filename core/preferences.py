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


def demand(asked: Mapping[str, Any], installed: Sequence[str]) -> Preferences:
    """What a program asks for, which is told where a value cannot be had.

    Raises
    ------
    DetectorError
        for a name that is no setting, a value that does not fit, a checkpoint that is not there.
    """
    if not isinstance(asked, Mapping):
        raise DetectorError(
            f"The settings are {asked!r}; give them as an object of names and values."
        )
    usual = Settings()
    known = [one.name for one in fields(Settings)]
    for name, value in asked.items():
        if name not in (*known, CHECKPOINTS):
            raise DetectorError(
                f"There is no setting “{name}”; there are {', '.join([*known, CHECKPOINTS])}."
            )
        if name in known and not _fits(value, default := getattr(usual, name)):
            raise DetectorError(f"“{name}” is {value!r}; give a value such as {default!r}.")
    named = asked.get(CHECKPOINTS, [])
    if not isinstance(named, list) or not all(one in installed for one in named):
        raise DetectorError(
            f"“{CHECKPOINTS}” is {named!r}; give a list of {', '.join(installed) or 'none'}."
        )
    settings = Settings(**{name: asked[name] for name in known if name in asked})
    return Preferences(settings, tuple(named))


def in_public(found: Preferences, shortest_hop: float) -> Preferences:
    """What of it one visitor of a public demo may have.

    Threads and determinism hold for everybody, and a very small hop keeps everybody waiting.
    """
    hop = max(found.settings.hop_seconds, shortest_hop)
    return replace(
        found,
        settings=replace(found.settings, hop_seconds=hop, threads=0, deterministic=False),
    )


def _fits(value: Any, default: Any) -> bool:
    """Whether a value is of the default's kind; a whole number will do for a float."""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))
