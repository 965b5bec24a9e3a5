"""Which rows of a batch are on show: by verdict, by the highest window, by name."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.batch import LEAN_ORDER, Row

NOT_READ = "not read"
KINDS = (*LEAN_ORDER, NOT_READ)


@dataclass(frozen=True, slots=True)
class Sieve:
    """What a row must be to be shown.

    Attributes
    ----------
    kinds : leans, and "not read"; none named lets all through.
    least : the highest window, an llr or a raw score, is this or more; rows without one fall
        through where it is given.
    name : what the recording's name must contain, in either case.
    """

    kinds: frozenset[str] = frozenset()
    least: float | None = None
    name: str = ""

    def keeps(self, row: Row) -> bool:
        kind = NOT_READ if row.problem is not None else row.lean
        top = row.highest
        return (
            (not self.kinds or kind in self.kinds)
            and (self.least is None or (top is not None and top.value >= self.least))
            and self.name.casefold() in row.name.casefold()
        )

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that are shown, in their order."""
        return [row for row in rows if self.keeps(row)]
