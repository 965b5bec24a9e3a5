"""Published sizes of the corpora, and the sentence that says what a list lacks.

From the corpora's papers and read-me files; each total is the sum of its parts. Corpora whose
published counts differ between versions (MLAAD, Codecfake, CodecFake, DFADD) have none here.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from training.corpora.common import Listing


@dataclass(frozen=True, slots=True)
class Published:
    """What a complete list holds."""

    bonafide: int
    spoof: int
    per_system: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.bonafide + self.spoof


def _attacks(first: int, last: int, each: int) -> dict[str, int]:
    return {f"A{i:02d}": each for i in range(first, last + 1)}


PUBLISHED: Mapping[tuple[str, str], Published] = {
    ("asvspoof2019la", "train"): Published(2_580, 22_800, _attacks(1, 6, 3_800)),
    ("asvspoof2019la", "dev"): Published(2_548, 22_296, _attacks(1, 6, 3_716)),
    ("asvspoof2019la", "eval"): Published(7_355, 63_882, _attacks(7, 19, 4_914)),
    ("asvspoof2021la", "eval"): Published(14_816, 133_360),
    ("asvspoof2021df", "eval"): Published(14_869, 519_059),
    ("asvspoof5", "train"): Published(18_797, 163_560),
    ("asvspoof5", "dev"): Published(31_334, 109_616),
    ("asvspoof5", "eval"): Published(138_688, 542_086),
    ("in-the-wild", "all"): Published(19_963, 11_816),
}
TOTALS: Mapping[str, int] = {"asvspoof2021la": 181_566, "asvspoof2021df": 611_829}


def check(listing: Listing, part: str) -> Listing:
    """The list with a warning where it differs from the published counts of `part`."""
    published = PUBLISHED.get((listing.corpus, part))
    if published is None:
        return listing
    found, systems = listing.labels(), Counter(t.system for t in listing.trials)
    if NO_KEY in found and len(found) == 1:  # a list of ids
        return check_total(listing, published.total)
    pieces = [
        f"{found[name]:,} of {count:,} {name}"
        for name, count in (("bonafide", published.bonafide), ("spoof", published.spoof))
        if found[name] != count
    ]
    pieces += [
        f"{name} has {systems[name]:,} of {count:,}"
        for name, count in published.per_system.items()
        if systems[name] != count
    ]
    if not pieces:
        return listing
    return listing.warn(
        f"{listing.file}: {len(listing.trials):,} trials, published are {published.total:,} "
        f"({listing.corpus} {part}): {'; '.join(pieces)}."
    )


NO_KEY = "-"


def check_total(listing: Listing, total: int) -> Listing:
    """The list with a warning where it has not `total` trials."""
    if len(listing.trials) == total:
        return listing
    return listing.warn(
        f"{listing.file}: {len(listing.trials):,} trials, published are {total:,} "
        f"({listing.corpus})."
    )
