"""ASVspoof lists in their published formats, read and checked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from training.corpora.asvspoof import read_5, read_2019_la, read_2021, read_2021_ids
from training.corpora.common import Listing
from training.corpora.counts import PUBLISHED, TOTALS
from training.errors import TrainingError

LA19 = """\
LA_0079 LA_T_1138215 - - bonafide
LA_0079 LA_T_1271820 - A01 spoof
LA_0098 LA_T_9990001 - A06 spoof
"""
LA21 = """\
LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval
LA_0020 LA_E_6866159 alaw ita_tx bonafide bonafide notrim eval
LA_0031 LA_E_0000003 none - A19 spoof notrim progress
LA_0031 LA_E_0000004 g722 loc_tx bonafide bonafide trim hidden
"""
DF21 = """\
LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim progress traditional_vocoder - - - -
TEF2 DF_E_2000013 low_m4a vcc2020 Task1-team20 spoof notrim eval neural_vocoder_nonautoregressive Task1 team20 FF E
TGF1 DF_E_2000024 mp3m4a vcc2020 Task2-team12 spoof notrim eval traditional_vocoder Task2 team12 FF G
LA_0043 DF_E_2000026 mp3m4a asvspoof bonafide bonafide notrim eval bonafide - - - -
VCC2TF1 DF_E_2000031 oggm4a vcc2018 bonafide bonafide notrim eval bonafide
"""  # noqa: E501  (lines as published)
ASV5 = """\
D_4461 D_0000000169 F - - - AC1 A14 spoof -
D_2201 D_0000000170 M C05 3 17 - bonafide bonafide -
"""
ASV5_OLD = """\
T_4850 T_0000000000 F - A05 spoof
T_0777 T_0000000001 M - bonafide bonafide
"""


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_2019_la(tmp_path: Path) -> None:
    listing = read_2019_la(write(tmp_path, "ASVspoof2019.LA.cm.train.trn.txt", LA19))
    first, second, _ = listing.trials
    assert (first.utt_id, first.label, first.system, first.speaker) == (
        "LA_T_1138215",
        "bonafide",
        "-",
        "LA_0079",
    )
    assert (second.label, second.system, second.split) == ("spoof", "A01", "train")
    assert second.path == "ASVspoof2019_LA_train/flac/LA_T_1271820.flac"
    (warning,) = listing.warnings
    assert "3 trials, published are 25,380" in warning
    assert "1 of 2,580 bonafide" in warning
    assert "A06 has 1 of 3,800" in warning


@pytest.mark.parametrize("part", ["dev.trl", "eval.trl"])
def test_2019_split_is_in_the_name(tmp_path: Path, part: str) -> None:
    listing = read_2019_la(write(tmp_path, f"ASVspoof2019.LA.cm.{part}.txt", LA19))
    assert listing.trials[0].split == part[:-4]


def test_a_list_that_was_cut_after_a06(tmp_path: Path) -> None:
    lines = [f"LA_0079 LA_T_{i:07d} - - bonafide" for i in range(2580)]
    for a in range(1, 7):
        kept = 3755 if a == 6 else 3800
        lines += [f"LA_0079 LA_T_{a}{i:06d} - A{a:02d} spoof" for i in range(kept)]
    text = "\n".join(lines) + "\nLA_0098 LA_T_99"
    listing = read_2019_la(write(tmp_path, "ASVspoof2019.LA.cm.train.trn.txt", text))
    assert len(listing.trials) == 25_335
    half, counts = listing.warnings
    assert "line 25336: half a line ('LA_0098 LA_T_99') is left out" in half
    assert "22,755 of 22,800 spoof" in counts
    assert "A06 has 3,755 of 3,800" in counts
    assert "A05" not in counts


def test_a_complete_list_has_no_warning(tmp_path: Path) -> None:
    lines = [f"LA_0079 LA_T_{i:07d} - - bonafide" for i in range(2580)]
    lines += [f"LA_0079 LA_T_{a}{i:06d} - A0{a} spoof" for a in range(1, 7) for i in range(3800)]
    file = write(tmp_path, "ASVspoof2019.LA.cm.train.trn.txt", "\n".join(lines) + "\n")
    assert read_2019_la(file).warnings == ()


def test_2021_la_keeps_the_phases_apart(tmp_path: Path) -> None:
    file = write(tmp_path, "trial_metadata.txt", LA21)
    assert [t.utt_id for t in read_2021(file, "LA").trials] == ["LA_E_9332881", "LA_E_6866159"]
    (progress,) = read_2021(file, "LA", "progress").trials
    assert (progress.system, progress.phase, progress.codec) == ("A19", "progress", "none")
    (hidden,) = read_2021(file, "LA", "hidden").trials
    assert hidden.extra == {"trim": "trim", "transmission": "loc_tx"}
    assert hidden.system == "-"
    every = read_2021(file, "LA", None)
    assert len(every.trials) == 4
    assert "published are 181,566" in every.warnings[0]
    assert "published are 148,176" in read_2021(file, "LA").warnings[0]


def test_2021_df_with_ragged_lines(tmp_path: Path) -> None:
    file = write(tmp_path, "trial_metadata.txt", DF21)
    listing = read_2021(file, "DF")
    assert len(listing.trials) == 4
    first, *_, last = listing.trials
    assert (first.codec, first.source, first.system) == ("low_m4a", "vcc2020", "Task1-team20")
    assert first.extra["gender_pair"] == "FF"
    assert first.family == "neural_vocoder_nonautoregressive"
    assert (last.extra["task"], last.family) == ("-", "bonafide")
    assert "1 lines have not 13 columns (the first is line 5)" in listing.warnings[0]
    assert "published are 533,928" in listing.warnings[1]


def test_2021_ids_have_no_label(tmp_path: Path) -> None:
    file = write(tmp_path, "ASVspoof2021.DF.cm.eval.trl.txt", "DF_E_2000011\nDF_E_2000013\nDF_E_20")
    listing = read_2021_ids(file, "DF")
    assert [t.label for t in listing.trials] == [None, None]
    assert "half a line ('DF_E_20')" in listing.warnings[0]


def test_asvspoof5_has_no_header(tmp_path: Path) -> None:
    listing = read_5(write(tmp_path, "ASVspoof5.dev.track_1.tsv", ASV5))
    spoof, bona = listing.trials  # the first row is a trial
    assert (spoof.utt_id, spoof.label, spoof.system) == ("D_0000000169", "spoof", "A14")
    assert spoof.extra["attack_tag"] == "AC1"
    assert spoof.path == "flac_D/D_0000000169.flac"
    assert (bona.system, bona.codec, bona.extra["codec_q"], bona.split) == ("-", "C05", "3", "dev")
    assert "published are 140,950" in listing.warnings[0]


def test_asvspoof5_baseline_list(tmp_path: Path) -> None:
    spoof, bona = read_5(write(tmp_path, "ASVspoof5.train.metainfor.txt", ASV5_OLD)).trials
    assert (spoof.system, spoof.speaker, spoof.path) == (
        "A05",
        "T_4850",
        "flac_T/T_0000000000.flac",
    )
    assert bona.label == "bonafide"


def test_published_counts_add_up() -> None:
    assert PUBLISHED["asvspoof2019la", "train"].total == 25_380
    assert PUBLISHED["asvspoof2019la", "dev"].total == 24_844
    assert PUBLISHED["asvspoof2019la", "eval"].total == 71_237
    assert PUBLISHED["asvspoof2021la", "eval"].total == 148_176
    assert PUBLISHED["asvspoof2021df", "eval"].total == 533_928
    assert [PUBLISHED["asvspoof5", s].total for s in ("train", "dev", "eval")] == [
        182_357,
        140_950,
        680_774,
    ]
    assert PUBLISHED["in-the-wild", "all"].total == 31_779
    assert TOTALS["asvspoof2021la"] == 181_566
    for published in PUBLISHED.values():
        assert sum(published.per_system.values()) in (0, published.spoof)


def la21(file: Path) -> Listing:
    return read_2021(file, "LA")


@pytest.mark.parametrize(
    ("reader", "text", "message"),
    [
        (read_2019_la, LA19.replace("- A01 spoof", "A01 spoof"), r"line 2: found 4 columns"),
        (read_2019_la, LA19.replace("A01 spoof", "A01 fakee"), r"line 2: found the label 'fakee'"),
        (read_2019_la, LA19 + LA19, r"'LA_T_1138215' twice, as trial 1 and as trial 4"),
        (read_2019_la, "", r"found no line; expected a list of asvspoof2019la"),
        (read_2019_la, "hello", r"line 1: found 1 columns"),
        (la21, LA21.replace("notrim eval", "notrim evil", 1), r"line 1: found the phase 'evil'"),
        (la21, LA21.replace(" progress", ""), r"line 3: found 7 columns"),
        (read_5, ASV5.replace("AC1 ", ""), r"line 1: found 9 columns"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, reader: Callable[[Path], Listing], text: str, message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        reader(write(tmp_path, "list.txt", text))


def test_a_missing_list_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no such file \(there is no folder"):
        read_5(tmp_path / "none" / "list.tsv")


def test_a_phase_that_is_not_there_says_which_are(tmp_path: Path) -> None:
    file = write(tmp_path, "m.txt", LA21.splitlines()[0])
    with pytest.raises(TrainingError, match=r"no trial has phase = hidden; phase there: eval"):
        read_2021(file, "LA", "hidden")
