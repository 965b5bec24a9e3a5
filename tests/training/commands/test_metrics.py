"""`training metrics` from files to JSON, as scripts use it."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.commands import metrics
from training.curve import eer_official, scores
from training.errors import TrainingError


def run(*args: str | Path) -> int:
    parser = argparse.ArgumentParser()
    metrics.add(parser.add_subparsers())
    parsed = parser.parse_args(["metrics", *map(str, args)])
    status: int = parsed.run(parsed)
    return status


HEADER = "utt_id,detector,checkpoint,spoof_logit,llr,label,system,error\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two detectors, one calibrated, one clip that could not be read."""
    rng = np.random.default_rng(0)
    rows = []
    for detector, gain in (("sls", 1.0), ("aasist", 0.5)):
        for i in range(60):
            spoof = i % 2
            logit = rng.normal(gain * (2 * spoof - 1), 1)
            llr = f"{2 * logit!r}" if detector == "sls" else ""
            label, system = ("spoof", f"A0{1 + i % 4}") if spoof else ("bonafide", "-")
            rows.append(f"u{i},{detector},c,{logit!r},{llr},{label},{system},\n")
    rows.append("broken,sls,c,,,spoof,A01,no audio stream\n")
    path = tmp_path / "scores.csv"
    path.write_text(HEADER + "".join(rows))
    return path


def test_json_has_the_promised_keys(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = file.with_suffix(".json")
    assert run(file, "--json", out, "--by", "system", "--asv-rates", "asvspoof5") == 0
    found: dict[str, Any] = json.loads(out.read_text())
    assert list(found) == ["sls", "aasist"]
    sls = found["sls"]
    assert {"n_bonafide", "n_spoof", "eer", "min_dcf", "act_dcf", "cllr", "min_tdcf"} <= set(sls)
    assert (sls["n_bonafide"], sls["n_spoof"]) == (30, 30)
    assert sls["errors"] == {"broken": "no audio stream"}
    assert (sls["llr_from"], found["aasist"]["llr_from"]) == ("llr", "spoof_logit")
    assert set(sls["by_system"]) == {"A02", "A04"}
    assert sls["by_system"]["A02"]["n_spoof"] == 15
    shown = capsys.readouterr().out
    assert "1 clips have no score" in shown
    assert "broken: no audio stream" in shown
    logits = [line.split(",") for line in file.read_text().splitlines() if ",sls,c," in line][:60]
    by_label = {
        label: [-float(row[3]) for row in logits if row[5] == label]
        for label in ("bonafide", "spoof")
    }
    expected = eer_official(scores(by_label["bonafide"], by_label["spoof"])).value
    assert sls["eer"] == expected
    llrs = [float(row[4]) for row in logits]
    assert (sls["llr_low"], sls["llr_high"]) == (min(llrs), max(llrs))
    assert 0 < sls["min_cllr"] < sls["cllr"]  # an llr of twice the logit is not the best one
    assert "min_cllr" not in found["aasist"]  # without calibration there is no llr to speak of
    assert f"min Cllr         {sls['min_cllr']:.4f}" in shown


def test_labels_and_columns_come_from_the_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, manifest, out = (tmp_path / n for n in ("scores.csv", "manifest.csv", "out.json"))
    file.write_text(
        "utt_id,detector,checkpoint,spoof_logit,llr\na,sls,c,-1,\nb,sls,c,2,\nx,sls,c,9,\nc,sls,c,1,\n"
    )
    manifest.write_text(
        "utt_id,label,system,source_repo,speaker\na,bonafide,-,r1,s1\nb,spoof,VITS,r1,s2\n"
        "c,bonafide,-,r2,s3\nd,spoof,VITS,r2,s4\n"
    )
    with pytest.raises(TrainingError, match="no column `label`; give --manifest"):
        run(file)
    assert run(file, "--manifest", manifest, "--by", "system", "--by", "source_repo",
               "--bootstrap", "20", "--cluster", "source_repo", "--json", out) == 0  # fmt: skip
    told = capsys.readouterr().err
    assert "sls: 1 scored clips are not in the list: x" in told
    assert "sls: 1 have no score: d" in told
    found = json.loads(out.read_text())["sls"]
    assert found["by_system"]["VITS"]["eer"] == 0
    assert found["by_source_repo"]["r1"]["eer"] == 0
    assert found["bootstrap"] == {"rounds": 20, "cluster": "source_repo", "clusters": 2}
    assert found["intervals"]["eer"] == [0, 0]
    with pytest.raises(TrainingError, match=r"no column 'codek'; there are .*codec"):
        run(file, "--manifest", manifest, "--by", "codek")


def test_asvspoof_score_file_and_key(tmp_path: Path) -> None:
    file, key, out = (tmp_path / n for n in ("team.tsv", "key.tsv", "out.json"))
    file.write_text("filename\tcm-score\nE_1\t3\nE_2\t-1\nE_3\t0\n")
    key.write_text("filename\tcm-label\nE_1\tbonafide\nE_2\tspoof\nE_3\tspoof\n")
    run(file, "--key", key, "--json", out)
    found = json.loads(out.read_text())["team"]
    assert (found["eer"], found["n_spoof"]) == (0, 2)  # higher is bona fide in such a file
    protocol = tmp_path / "ASVspoof5.eval.track_1.tsv"
    protocol.write_text(
        "E_s E_1 F - - - - bonafide bonafide -\nE_s E_2 F - - - AC1 A17 spoof -\n"
        "E_s E_3 F - - - AC1 A18 spoof -\n"
    )
    run(file, "--key", protocol, "--by", "system", "--json", out)
    assert set(json.loads(out.read_text())["team"]["by_system"]) == {"A17", "A18"}


def test_a_detector_with_llr_only_is_ranked_by_it(tmp_path: Path) -> None:
    file, out = tmp_path / "scores.csv", tmp_path / "out.json"
    file.write_text(HEADER + "a,fused,,,-2,bonafide,-,\nb,fused,,,3,spoof,A01,\n")
    run(file, "--json", out)
    found = json.loads(out.read_text())["fused"]
    assert (found["eer"], found["llr_from"]) == (0, "llr")


def test_tdcf_with_a_2021_asv_file(file: Path, tmp_path: Path) -> None:
    asv, key, out = (tmp_path / n for n in ("asv.txt", "asv_key.txt", "out.json"))
    asv.write_text("s u 1\ns u 3\ns u 0\ns u -2\ns u 2\n")
    kinds = ("target", "target", "nontarget", "nontarget", "spoof")
    key.write_text("".join(f"s u c t a {kind} notrim eval\n" for kind in kinds))
    rates = tmp_path / "rates.json"
    rates.write_text('{"Pfa_non": 0.5, "Pmiss": 0, "Pfa_spoof": 1}')
    run(file, "--asv-rates", asv, "--asv-key", key, "--json", out)
    from_files = json.loads(out.read_text())["sls"]["min_tdcf"]
    run(file, "--asv-rates", rates, "--json", out)
    assert from_files == json.loads(out.read_text())["sls"]["min_tdcf"]
    with pytest.raises(TrainingError, match="--asv-key needs the ASV score file"):
        run(file, "--asv-key", key)
    asv.write_text("s u 1\ns u 3\ns u nan\ns u -2\ns u 2\n")
    with pytest.raises(TrainingError, match=r"asv.txt, line 3: found 'nan'; expected a finite"):
        run(file, "--asv-rates", asv, "--asv-key", key)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,sls,c,1,,genuine,-,\n", r"clip a: found the label 'genuine'"),
        (
            "a,sls,c,1,,spoof,-,\nb,sls,c,,,bonafide,-,gone\n",
            r"sls \(1 clips without score\): There",
        ),
        ("a,sls,c,1,2,spoof,-,\nb,sls,c,1,,bonafide,-,\n", r"1 of 2 clips have no llr \(such as b"),
    ],
)
def test_what_cannot_be_measured_says_why(tmp_path: Path, rows: str, message: str) -> None:
    file = tmp_path / "scores.csv"
    file.write_text(HEADER + rows)
    with pytest.raises(TrainingError, match=message):
        run(file)


def test_two_checkpoints_of_one_detector_stay_apart(tmp_path: Path) -> None:
    file, out = tmp_path / "scores.csv", tmp_path / "out.json"
    file.write_text(
        HEADER
        + "".join(
            f"{u},aasist,{c},{s},,{label},-,\n"
            for c, sign in (("dense", 1), ("topk", -1))
            for u, s, label in (("a", -sign, "bonafide"), ("b", sign, "spoof"))
        )
    )
    run(file, "--json", out)
    found = json.loads(out.read_text())
    assert {name: row["eer"] for name, row in found.items()} == {
        "aasist@dense": 0,
        "aasist@topk": 1,
    }


def test_an_exported_file_reads_back_to_the_same_rates(file: Path, tmp_path: Path) -> None:
    key, out, again = (tmp_path / n for n in ("key.tsv", "out.json", "again.json"))
    key.write_text(
        "filename\tcm-label\n"
        + "".join(f"u{i}\t{'spoof' if i % 2 else 'bonafide'}\n" for i in range(60))
    )
    run(file, "--export", tmp_path / "export", "--json", out)
    run(tmp_path / "export" / "aasist.tsv", "--key", key, "--json", again)
    first, second = json.loads(out.read_text()), json.loads(again.read_text())
    assert list(second) == ["aasist"]
    assert second["aasist"]["cllr"] == first["aasist"]["cllr"]
    assert second["aasist"]["eer"] == first["aasist"]["eer"]


def test_detectors_are_compared_in_pairs(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(file, "--bootstrap", "30")
    assert "EER(sls) - EER(aasist): 95 % from" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("suffix", "head"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_plots_are_written(file: Path, suffix: str, head: bytes) -> None:
    det, tippett = file.with_name(f"det.{suffix}"), file.with_name(f"tippett.{suffix}")
    run(file, "--det", det, "--tippett", tippett)
    assert det.read_bytes().startswith(head)
    assert tippett.read_bytes().startswith(head)


def test_an_unknown_picture_format_is_refused(file: Path) -> None:
    with pytest.raises(TrainingError, match=r"written as one of \.pdf, \.png, \.svg"):
        run(file, "--det", file.with_name("det.bmp"))
