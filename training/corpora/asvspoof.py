"""The lists of ASVspoof 2019 LA, 2021 LA and DF, and ASVspoof 5.

All are separated by spaces and have no header (ASVspoof 5's `.tsv` too).
"""

import re
from pathlib import Path
from typing import Literal

from training.corpora.common import (
    NONE,
    Listing,
    Trial,
    label_of,
    need,
    need_exactly,
    read_rows,
)
from training.corpora.counts import PUBLISHED, TOTALS, check, check_total
from training.errors import TrainingError

Track = Literal["LA", "DF"]
PHASES = ("eval", "progress", "hidden")


def _split_in_name(file: Path, given: str | None) -> str:
    """train, dev or eval, from the file's name where it is not given."""
    if given is not None:
        return given
    found = re.search(r"(?:^|[._])(train|trn|dev|eval)(?:[._]|$)", file.name)
    return {"trn": "train"}.get(found[1], found[1]) if found else NONE


def _system(text: str, label: str) -> str:
    return NONE if label == "bonafide" else text


def read_2019_la(file: Path, split: str | None = None) -> Listing:
    """`ASVspoof2019.LA.cm.*.txt`: speaker, utterance, -, attack (A01-A19 or -), key.

    The split is read from the file's name where it is not given.
    """
    part = _split_in_name(file, split)

    def parse(parts: list[str], line: int) -> Trial:
        need_exactly(parts, 5, "speaker utterance - attack bonafide|spoof", file, line)
        speaker, utt, _, attack, key = parts
        label = label_of(key, file, line)
        folder = f"ASVspoof2019_LA_{part}/flac/" if part != NONE else ""
        return Trial(utt, label, _system(attack, label), speaker, f"{folder}{utt}.flac", split=part)

    return check(read_rows("asvspoof2019la", file, parse), part)


def read_2021(file: Path, track: Track, phase: str | None = "eval") -> Listing:
    """`trial_metadata.txt` of the 2021 LA (8 columns) or DF (13 columns) keys.

    Progress, eval and hidden trials are never mixed unless `phase=None` asks for all of them.
    LA: speaker utterance codec transmission attack key trim phase. DF: speaker utterance codec
    source attack key trim phase vocoder task team gender-pair language; its last columns may be
    missing, and how many lines lack some is said.
    """
    corpus = f"asvspoof2021{track.lower()}"
    fourth = "transmission" if track == "LA" else "source"
    what = f"speaker utterance codec {fourth} attack key trim phase"
    ragged: list[int] = []

    def parse(parts: list[str], line: int) -> Trial:
        need(parts, 8, what, file, line)
        if parts[7] not in PHASES:
            raise TrainingError(
                f"{file}, line {line}: found the phase {parts[7]!r}; expected one of "
                f"{', '.join(PHASES)} in column 8 ({what})."
            )
        if track == "DF" and len(parts) != 13:
            ragged.append(line)
        if track == "LA":
            need_exactly(parts, 8, what, file, line)
        return _trial_2021(parts, track, label_of(parts[5], file, line))

    listing = read_rows(corpus, file, parse)
    if ragged:
        listing = listing.warn(
            f"{file}: {len(ragged):,} lines have not 13 columns (the first is line {ragged[0]}); "
            "what is missing reads '-'."
        )
    if phase is None:
        return check_total(listing, TOTALS[corpus])
    return check(listing.only(phase=phase), phase)


def _trial_2021(parts: list[str], track: Track, label: Literal["bonafide", "spoof"]) -> Trial:
    tail = [*parts[8:13], *[NONE] * 5][:5]
    extra = {"trim": parts[6]}
    if track == "LA":
        extra["transmission"] = parts[3]
    else:
        extra |= dict(
            zip(("vocoder", "task", "team", "gender_pair", "language"), tail, strict=True)
        )
    return Trial(
        parts[1],
        label,
        _system(parts[4], label),
        parts[0],
        f"ASVspoof2021_{track}_eval/flac/{parts[1]}.flac",
        codec=parts[2],
        source=parts[3] if track == "DF" else NONE,
        family=tail[0] if track == "DF" else NONE,
        split="eval",
        phase=parts[7],
        extra=extra,
    )


def read_2021_ids(file: Path, track: Track) -> Listing:
    """`ASVspoof2021.{LA,DF}.cm.eval.trl.txt`: utterance ids only, without labels."""

    def parse(parts: list[str], line: int) -> Trial:
        need_exactly(parts, 1, "an utterance id", file, line)
        path = f"ASVspoof2021_{track}_eval/flac/{parts[0]}.flac"
        return Trial(parts[0], None, path=path, split="eval")

    corpus = f"asvspoof2021{track.lower()}"
    return check_total(read_rows(corpus, file, parse), TOTALS[corpus])


FOLDERS_5 = {"T": "flac_T", "D": "flac_D", "E": "flac_E_eval"}
SPLITS_5 = {"T": "train", "D": "dev", "E": "eval"}


def read_5(file: Path) -> Listing:
    """ASVspoof 5 lists: 10 columns (`*.tsv`), 6 columns (baseline lists), or ids only.

    10: speaker file gender codec codec-quality codec-seed attack-tag attack key -.
    6: speaker file gender codec attack key.
    """
    what = "speaker file gender codec codec_q codec_seed attack_tag attack key -, or 6, or 1"

    def parse(parts: list[str], line: int) -> Trial:
        if len(parts) == 1:
            return _trial_5(parts[0], NONE, None)
        if len(parts) == 6:
            speaker, utt, gender, codec, attack, key = parts
            extra = {"gender": gender}
        else:
            need_exactly(parts, 10, what, file, line)
            speaker, utt, gender, codec, quality, seed, tag, attack, key, _ = parts
            extra = {"gender": gender, "codec_q": quality, "codec_seed": seed, "attack_tag": tag}
        label = label_of(key, file, line)
        return _trial_5(utt, speaker, label, _system(attack, label), codec, extra)

    listing = read_rows("asvspoof5", file, parse)
    splits = {t.split for t in listing.trials}
    part = next(iter(splits)) if len(splits) == 1 else NONE
    return check(listing, part) if ("asvspoof5", part) in PUBLISHED else listing


def _trial_5(
    utt: str,
    speaker: str,
    label: Literal["bonafide", "spoof"] | None,
    system: str = NONE,
    codec: str = NONE,
    extra: dict[str, str] | None = None,
) -> Trial:
    folder = FOLDERS_5.get(utt[:1])
    return Trial(
        utt,
        label,
        system,
        speaker,
        f"{folder}/{utt}.flac" if folder else f"{utt}.flac",
        codec=codec,
        split=SPLITS_5.get(utt[:1], NONE),
        extra=extra or {},
    )
