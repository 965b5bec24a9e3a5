"""The command line: outputs, sentences, exit statuses. One process, because starting one costs."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.__main__ import main
from core.cli.progress import Progress
from core.detect import Step
from tests.core.made import UNTRAINED, buzz, save_untrained, write
from tests.core.test_report import CONTRACT

PROJECT = Path(__file__).resolve().parents[2]
CHOSEN = ("--checkpoint", UNTRAINED, "--score-anyway")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    save_untrained(folder)
    return folder


@pytest.fixture(autouse=True)
def own_checkpoints(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOOFSCOPE_CHECKPOINTS", str(root))
    monkeypatch.setattr("checkpoints.store.search_path", lambda: (root,))  # not what is shipped


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clips") / "buzz.wav", buzz(6.0))


def test_a_clip_goes_in_and_every_output_comes_out(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import jsonschema

    outs = {name: tmp_path / f"out.{name}" for name in ("json", "csv", "html", "pdf")}
    options = [part for name, path in outs.items() for part in (f"--{name}", str(path))]
    status = main(["analyze", str(clip), *CHOSEN, *options, "--bundle", str(tmp_path / "b.zip")])
    said = capsys.readouterr()
    assert status == 0
    record = json.loads(outs["json"].read_text())
    jsonschema.validate(record, CONTRACT)
    (detection,) = record["detections"]
    assert detection["checkpoint"] == UNTRAINED
    assert [w["start"] for w in detection["windows"]] == [0.0, 1.98]
    assert detection["windows"][-1]["stop"] == 6.0
    assert record["fused"]["llr"] == detection["llr"] is not None
    assert outs["csv"].read_text().count("\n") == 3
    assert "buzz.wav" in outs["html"].read_text()
    assert outs["pdf"].read_bytes().startswith(b"%PDF")
    assert zipfile.is_zipfile(tmp_path / "b.zip")
    assert "buzz.wav" in said.out
    assert UNTRAINED in said.out
    assert record["verdict"]["text"] in said.out
    assert "SHA-256 of its manifest" in said.err


def test_a_bundle_is_verified_and_a_forgery_is_named(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "b.zip"
    assert main(["analyze", str(clip), *CHOSEN, "--bundle", str(bundle)]) == 0
    capsys.readouterr()
    assert main(["verify", str(bundle), str(clip)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "IDENTICAL"
    assert main(["verify", str(bundle)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "IDENTICAL (record only)"
    with zipfile.ZipFile(bundle, "a") as archive:
        archive.writestr("more.txt", "x")
    assert main(["verify", str(bundle), str(clip)]) == 1
    assert capsys.readouterr().out.splitlines()[0] == "CHANGED"


def test_a_bad_clip_is_an_entry_and_the_run_goes_on(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    out = tmp_path / "out.json"
    status = main(["analyze", str(empty), str(clip), *CHOSEN, "--json", str(out)])
    first, second = json.loads(out.read_text())
    assert status == 1
    assert first["error"] == "“empty.wav” is empty (0 bytes)."
    assert first["source"]["name"] == "empty.wav"
    assert second["detections"]
    assert "“empty.wav” is empty (0 bytes)." in capsys.readouterr().out


def test_not_scored_is_read(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(clip), "--checkpoint", UNTRAINED]) == 0
    assert "Little or no speech found" in capsys.readouterr().out


def test_without_detectors_the_facts_are_given(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("checkpoints.store.search_path", lambda: (tmp_path,))
    assert main(["analyze", str(clip)]) == 0
    said = capsys.readouterr().out
    assert "No detector is installed. Nothing was scored." in said
    assert "16000 Hz" in said
    assert main(["detectors"]) == 0
    assert "No detector is installed" in capsys.readouterr().out


def test_a_broken_checkpoint_is_left_out_in_words_unless_it_was_named(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("checkpoints.store.search_path", lambda: (tmp_path,))
    saved = save_untrained(tmp_path)
    data = bytearray(saved.weights.read_bytes())
    data[-1] ^= 0xFF
    saved.weights.write_bytes(data)
    assert main(["analyze", str(clip)]) == 0
    said = capsys.readouterr()
    assert "Left out" in said.err
    assert "SHA-256" in said.err
    assert "raw score" not in said.out
    assert main(["analyze", str(clip), "--checkpoint", UNTRAINED]) == 2


def test_detectors_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detectors"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["id", "detector", "size", "sha256", "licence", "measured", "EER"]
    assert line.startswith(UNTRAINED)
    assert line.endswith("not measured")
    assert main(["detectors", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["id"] == UNTRAINED


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--detector", "nope"], "There is no detector 'nope'"),
        (["--checkpoint", "nope"], "No checkpoint 'nope'"),
        (["--hop", "0"], "A hop of 0.0 s"),
        (["--json", "nowhere/out.json"], "there is no folder nowhere"),
    ],
)
def test_wrong_usage_is_status_two(
    clip: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", str(clip), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_clip_is_never_overwritten(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = clip.read_bytes()
    assert main(["analyze", str(clip), "--json", str(clip)]) == 2
    assert clip.read_bytes() == before
    assert "is one of the clips" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["analyze"], ["analyze", "a.wav", "--channels", "up"]])
def test_what_argparse_refuses_is_status_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_control_c_keeps_what_was_done(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(self: Progress, step: Step) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Progress, "step", interrupted)
    out = tmp_path / "out.json"
    before = signal.getsignal(signal.SIGINT)
    assert main(["analyze", str(clip), str(clip), *CHOSEN, "--json", str(out)]) == 130
    (entry,) = json.loads(out.read_text())
    assert len(entry["detections"][0]["windows"]) == 1
    assert any("Stopped. 1 of 2 windows" in warning for warning in entry["warnings"])
    assert "1 of 2 clips" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


def test_as_a_process_standard_output_is_json_alone(root: Path, clip: Path) -> None:
    environment = {**os.environ, "SPOOFSCOPE_CHECKPOINTS": str(root), "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-m", "core", "analyze", str(clip), *CHOSEN, "--json", "-"],
        cwd=PROJECT, env=environment, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["source"]["name"] == "buzz.wav"
    assert b"buzz.wav" in done.stderr
    assert b"Traceback" not in done.stderr
