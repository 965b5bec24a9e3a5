"""In-the-Wild: `meta.csv` with `file,speaker,label`, the wav files beside it."""

import csv
from pathlib import Path

from training.corpora.common import Listing, Trial, label_of, need_exactly, read_rows
from training.corpora.counts import check
from training.errors import fault

HEADER = ["file", "speaker", "label"]


def read_in_the_wild(file: Path) -> Listing:
    """The 31,779 clips; the label is written `bona-fide` there."""

    def parse(parts: list[str], line: int) -> Trial:
        if line == 1:
            if parts != HEADER:
                raise fault(file, 1, ",".join(parts), f"the header {','.join(HEADER)}")
            return HEAD
        need_exactly(parts, 3, "file,speaker,label", file, line)
        name, speaker, label = parts
        return Trial(Path(name).stem, label_of(label, file, line), speaker=speaker, path=name)

    listing = read_rows("in-the-wild", file, parse, _csv_row)
    trials = tuple(t for t in listing.trials if t is not HEAD)
    if not trials:
        raise fault(file, None, "a header and no clip", "one clip a line")
    return check(Listing(listing.corpus, file, trials, listing.warnings), "all")


HEAD = Trial("", None)  # stands for the header line while reading


def _csv_row(text: str) -> list[str]:
    return next(csv.reader([text]))
