"""In-the-Wild, Codecfake and CodecFake, DFADD, MLAAD and the plain manifest."""

from pathlib import Path

import pytest

from training.corpora.codecfake import read_codecfake_wu, read_codecfake_xie
from training.corpora.folders import read_dfadd, read_mlaad
from training.corpora.in_the_wild import read_in_the_wild
from training.corpora.manifest import read_manifest
from training.corpora.registry import READERS, guess, read
from training.errors import TrainingError


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")


def test_in_the_wild_writes_a_hyphen(tmp_path: Path) -> None:
    file = tmp_path / "meta.csv"
    file.write_text('file,speaker,label\n0.wav,Alec Guinness,spoof\n1.wav,"Smith, J.",bona-fide\n')
    listing = read_in_the_wild(file)
    assert [(t.utt_id, t.label, t.path) for t in listing.trials] == [
        ("0", "spoof", "0.wav"),
        ("1", "bonafide", "1.wav"),
    ]
    assert listing.trials[1].speaker == "Smith, J."
    assert "published are 31,779" in listing.warnings[0]
    file.write_text("0.wav,Alec Guinness,spoof\n")
    with pytest.raises(TrainingError, match=r"line 1: found 0.wav.*expected the header file,sp"):
        read_in_the_wild(file)
    file.write_text("file,speaker,label\n")
    with pytest.raises(TrainingError, match="a header and no clip"):
        read_in_the_wild(file)


def test_codecfake_of_xie(tmp_path: Path) -> None:
    file = tmp_path / "dev.txt"
    file.write_text("SSB13650058.wav real 0\nF01_SSB13650058.wav fake 1\n")
    bona, spoof = read_codecfake_xie(file).trials
    assert (bona.label, bona.system, bona.path) == ("bonafide", "-", "dev/SSB13650058.wav")
    assert (spoof.label, spoof.system, spoof.split) == ("spoof", "F01", "dev")
    file.write_text("SSB13650058.wav real 3\nF01_SSB13650058.wav fake 1\n")
    with pytest.raises(TrainingError, match="line 1: found the codec number '3' for a real clip"):
        read_codecfake_xie(file)


def test_codecfake_of_wu_is_all_fake(tmp_path: Path) -> None:
    touch(tmp_path / "processed/encodec_24khz+p272_103.wav", tmp_path / "processed/dac+p225_1.wav")
    first, second = read_codecfake_wu(tmp_path).trials
    assert (first.system, first.speaker, first.label) == ("dac", "p225", "spoof")
    assert second.path == "processed/encodec_24khz+p272_103.wav"
    touch(tmp_path / "processed/p272_103.wav")
    with pytest.raises(TrainingError, match="file name without codec"):
        read_codecfake_wu(tmp_path)
    with pytest.raises(TrainingError, match="no such folder"):
        read_codecfake_wu(tmp_path / "none")


def test_dfadd_counts_the_shared_bona_fide_once(tmp_path: Path) -> None:
    for system in ("GradTTS", "MatchaTTS"):
        folder = tmp_path / f"DATASET_{system}"
        folder.mkdir()
        (folder / "test.txt").write_text(
            "p345 p345_251 - - bonafide\np345 p345_300 - - spoof\np345 p345_251 - - spoof\n"
            if system == "MatchaTTS"
            else "p345 p345_251 - - bonafide\np345 p345_300 - - spoof\n"
        )
    touch(tmp_path / "DATASET_StyleTTS2/test/p360_001.flac")
    listing = read_dfadd(tmp_path, "test")
    assert [(t.utt_id, t.path) for t in listing.trials] == [
        ("VCTK/p345_251", "DATASET_VCTK_BONAFIDE/test/p345_251.wav"),
        ("GradTTS/p345_300", "DATASET_GradTTS/test/p345_300.flac"),
        ("MatchaTTS/p345_300", "DATASET_MatchaTTS/test/p345_300.flac"),
        ("MatchaTTS/p345_251", "DATASET_MatchaTTS/test/p345_251.flac"),
        ("StyleTTS2/p360_001", "DATASET_StyleTTS2/test/p360_001.flac"),
    ]
    assert listing.labels() == {"bonafide": 1, "spoof": 4}
    assert "no test.txt in DATASET_StyleTTS2" in listing.warnings[0]
    with pytest.raises(TrainingError, match="'dev' is none of them"):
        read_dfadd(tmp_path, "dev")
    with pytest.raises(TrainingError, match=r"no folder DATASET_\*"):
        read_dfadd(tmp_path / "none", "test")


def test_mlaad_reads_folders_and_meta(tmp_path: Path) -> None:
    vits, bark = tmp_path / "fake/de/vits", tmp_path / "fake/ga/bark"
    touch(vits / "a.wav", vits / "b.wav", bark / "a.wav")
    (vits / "meta.csv").write_text(
        "path|original_file|language|is_original_language|duration|training_data|model_name|"
        "architecture|transcript\n"
        './fake/de/vits/a.wav|o/a.wav|de|True|3.2|thorsten|tts/vits|VITS|Er sagte "ja\n'
        "./fake/de/vits/c.wav|o/c.wav|de|True|3.2|thorsten|tts/vits|VITS|Nein\n"
    )
    listing = read_mlaad(tmp_path)
    a, b, other = listing.trials
    assert (a.utt_id, a.system, a.family, a.source) == ("de/vits/a", "tts/vits", "VITS", "thorsten")
    assert (b.system, b.family) == ("vits", "-")
    assert (other.utt_id, other.extra["language"]) == ("ga/bark/a", "ga")
    assert {t.label for t in listing.trials} == {"spoof"}
    (warning,) = listing.warnings
    assert "1 clips of meta.csv are missing (such as c.wav)" in warning


MANIFEST = (
    "utt_id,label,system,speaker,system_family,source_repo,split,path,licence\n"
    "U1,bonafide,-,s1,-,repo/a,train,x/y.flac,CC0\n"
    "U2,spoof,VITS,s2,end-to-end TTS,repo/b,dev,x/z.flac,CC0\n"
)


def test_manifest(tmp_path: Path) -> None:
    file = tmp_path / "manifest.csv"
    file.write_text(MANIFEST)
    first, second = read_manifest(file).trials
    assert (first.utt_id, first.label, first.system, first.split) == (
        "U1",
        "bonafide",
        "-",
        "train",
    )
    assert (second.family, second.source) == ("end-to-end TTS", "repo/b")
    assert second.path is None  # where it came from is not where it lies
    assert second.column("source_repo") == "repo/b"
    assert second.column("path") == "-"
    assert second.column("licence") == "CC0"
    assert [t.utt_id for t in read_manifest(file, split="dev").trials] == ["U2"]
    file.write_text("utt_id,file\nU1,sub/a.wav\n")
    (only,) = read_manifest(file, ()).trials
    assert (only.label, only.path) == (None, "sub/a.wav")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MANIFEST.replace("label", "class"), r"line 1: found the columns utt_id,.*also label"),
        (MANIFEST.replace("U2,spoof", "U2,maybe"), r"line 3: found the label 'maybe'"),
        (MANIFEST.replace("U2", "U1"), r"'U1' twice"),
        (MANIFEST.replace(",CC0\n", "\n", 1), r"line 2: found 8 cells; expected 9"),
        (MANIFEST.replace("U1,", ","), r"line 2: found an empty utt_id"),
        (MANIFEST.replace("licence", "label"), r"the column 'label' twice"),
        ("utt_id,label\n", r"found no row"),
        ("", r"line 1: found the columns"),
    ],
)
def test_a_bad_manifest_says_where(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "manifest.csv"
    file.write_text(text)
    with pytest.raises(TrainingError, match=message.replace("utt_id,", "utt_id, ", 1)):
        read_manifest(file)


def test_readers_by_name(tmp_path: Path) -> None:
    file = tmp_path / "manifest.csv"
    file.write_text(MANIFEST)
    assert len(read("manifest", file).trials) == 2
    with pytest.raises(TrainingError, match="no reader 'asvspoof2023'"):
        read("asvspoof2023", file)
    assert guess(file) == "manifest"
    assert guess(Path("ASVspoof5.eval.track_1.tsv")) == "asvspoof5"
    assert guess(Path("ASVspoof2019.LA.cm.dev.trl.txt")) in READERS
    (tmp_path / "trial_metadata.txt").write_text("a b c d e f g h i j k l m\n")
    assert guess(tmp_path / "trial_metadata.txt") == "asvspoof2021df"
    with pytest.raises(TrainingError, match="cannot be told"):
        guess(Path("list.txt"))
