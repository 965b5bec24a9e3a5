"""Two data sets with almost one name.

Codecfake (Xie et al.): `label/{train,dev,C1..C7}.txt`, lines `F01_SSB13650058.wav fake 1`.
CodecFake (Wu et al.): a folder `processed/` of files `codec+VCTK-utterance.wav`, all fake; the
bona fide speech is VCTK's own and is not part of it.
"""

from pathlib import Path

from training.corpora.common import NONE, Listing, Trial, label_of, need_exactly, read_rows
from training.corpora.folders import audio_files
from training.errors import fault


def read_codecfake_xie(file: Path) -> Listing:
    """One list of Codecfake: file name, `real`|`fake`, codec number (0 = real, n = F0n)."""

    def parse(parts: list[str], line: int) -> Trial:
        need_exactly(parts, 3, "file real|fake codec-number", file, line)
        name, word, number = parts
        label = label_of(word, file, line)
        if not number.isdigit() or (number == "0") != (label == "bonafide"):
            found = f"the codec number {number!r} for a {word} clip"
            raise fault(file, line, found, "0 for real, 1 or more for fake")
        system = NONE if label == "bonafide" else f"F{int(number):02d}"
        return Trial(
            Path(name).stem, label, system, path=f"{file.stem}/{name}", family="neural codec",
            split=file.stem,
        )  # fmt: skip

    return read_rows("codecfake-xie", file, parse)


def read_codecfake_wu(root: Path) -> Listing:
    """The folder `processed/` of CodecFake: every file is spoofed, the codec is in its name."""
    folder = root / "processed" if (root / "processed").is_dir() else root
    trials = []
    for path in audio_files(folder):
        codec, plus, utterance = path.stem.partition("+")
        if not plus or not codec or not utterance:
            raise fault(path, None, "a file name without codec", "codec+utterance.wav")
        relative = path.relative_to(root).as_posix()
        speaker = utterance.split("_")[0]
        trials.append(
            Trial(path.stem, "spoof", codec, speaker, relative, family="neural codec", codec=codec)
        )
    return Listing("codecfake-wu", folder, tuple(trials))
