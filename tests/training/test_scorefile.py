"""Score files: written and read, and what is wrong with them named."""

from pathlib import Path

import numpy as np
import pytest

from training.errors import TrainingError
from training.scorefile import (
    read_asvspoof_key,
    read_asvspoof_scores,
    read_scores,
    write_asvspoof_scores,
)

HEADER = "utt_id,detector,checkpoint,spoof_logit,llr,label,error\n"


def test_a_score_file_by_detector(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text(
        "utt_id,detector,checkpoint,spoof_logit,llr,label,system,note,error\n"
        '"a,b",sls,c1,0.30000000000000004,,spoof,VITS,,\n'
        '"a,b",fused,fused,,-1.5,spoof,VITS,scored anyway,\n'
        "bad,sls,c1,,,spoof,VITS,,no audio stream\n"
    )
    sls, fused = read_scores(file)
    assert (sls.detector, sls.checkpoint, sls.utt_id) == ("sls", "c1", ("a,b",))
    assert sls.spoof_logit[0] == 0.1 + 0.2
    assert np.isnan(sls.llr[0])
    assert sls.columns == {"label": ("spoof",), "system": ("VITS",), "note": ("",)}
    assert sls.errors == (("bad", "no audio stream"),)
    assert fused.llr.tolist() == [-1.5]
    assert np.isnan(fused.spoof_logit[0])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,sls,c,nan,,spoof,\n", r"line 2: found 'nan' as spoof_logit; expected a finite number"),
        ("a,sls,c,1,inf,spoof,\n", r"line 2: found 'inf' as llr"),
        ("a,sls,c,high,,spoof,\n", r"line 2: found 'high' as spoof_logit; expected a number"),
        ("a,sls,c,1,,spoof,\na,sls,c,2,,spoof,\n", r"line 3: found the id 'a' again \(first in li"),
        ("a,sls,c,,,spoof,\n", r"line 2: found no score"),
        ("a,sls,c,1,,spoof,\nb,sls,c", r"line 3: found 3 cells; expected 7"),
        ("", r"found no row"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, rows: str, message: str) -> None:
    file = tmp_path / "scores.csv"
    file.write_text(HEADER + rows)
    with pytest.raises(TrainingError, match=message):
        read_scores(file)


def test_a_bad_header_is_named(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text("utt_id,score\na,1\n")
    with pytest.raises(TrainingError, match=r"line 1: found the columns utt_id,score"):
        read_scores(file)
    file.write_text("utt_id,spoof_logit,cm_score\na,1,1\n")
    with pytest.raises(TrainingError, match="their signs differ"):
        read_scores(file)
    with pytest.raises(TrainingError, match="no such file"):
        read_scores(tmp_path / "none.csv")


def test_a_detector_may_have_two_checkpoints(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text(HEADER + "a,aasist,dense,1,,spoof,\na,aasist,topk,2,,spoof,\n")
    assert [each.checkpoint for each in read_scores(file)] == ["dense", "topk"]


def test_asvspoof_scores_have_the_other_sign(tmp_path: Path) -> None:
    file = tmp_path / "sys.tsv"
    write_asvspoof_scores(file, ["E_1", "E_2"], [-1.5, 2.0])
    assert file.read_text() == "filename\tcm-score\nE_1\t1.5\nE_2\t-2.0\n"
    found = read_asvspoof_scores(file)
    assert (found.detector, found.utt_id) == ("sys", ("E_1", "E_2"))
    assert found.spoof_logit.tolist() == [-1.5, 2.0]
    file.write_text("DF_E_1 0.5\nDF_E_2 -1\n")  # 2021: no header
    assert read_asvspoof_scores(file).spoof_logit.tolist() == [-0.5, 1.0]
    for text, message in (
        ("filename\tscore\n", "line 1"),
        ("a 1\na 2\n", r"line 2: found the id 'a' again"),
        ("a 1\nb nan\n", r"line 2: found 'nan' as cm-score"),
        ("a 1 2\n", "an id and a score"),
        ("filename\tcm-score\n", "no score"),
    ):
        file.write_text(text)
        with pytest.raises(TrainingError, match=message):
            read_asvspoof_scores(file)


def test_cm_score_column_is_turned(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("utt_id,cm_score,label\na,2,bonafide\n")
    (found,) = read_scores(file)
    assert found.spoof_logit.tolist() == [-2.0]


def test_asvspoof_key(tmp_path: Path) -> None:
    file = tmp_path / "key.tsv"
    file.write_text("filename\tcm-label\nE_1\tbonafide\nE_2\tspoof\n")
    assert [(t.utt_id, t.label) for t in read_asvspoof_key(file).trials] == [
        ("E_1", "bonafide"),
        ("E_2", "spoof"),
    ]
    file.write_text("filename\tcm-label\nE_1\tgenuine\n")
    with pytest.raises(TrainingError, match=r"line 2: found 'E_1\\tgenuine'"):
        read_asvspoof_key(file)
