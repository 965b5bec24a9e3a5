"""The endpoint for programs, called in this process: what it takes, refuses and records."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from core.limits import OWN, SPACE, Limits
from core.preferences import Preferences
from core.workbench import Workbench
from tests.ui.known import Known, wave
from ui import api, gpu, page

ROOT = Path(__file__).resolve().parents[2]
Analyze = Callable[..., dict[str, Any]]


class Asked(Known):
    """Remembers what it was asked for instead of scoring."""

    asked: tuple[Any, ...] = ()

    def analyse(
        self, path: Path, name: str, asked: Preferences, device: str = "cpu"
    ) -> dict[str, Any]:
        self.asked = (path, name, asked, device)
        return {}


@pytest.fixture(autouse=True)
def _uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    monkeypatch.setattr("core.fusing.search_path", lambda: (tmp_path,))
    (tmp_path / "uploads").mkdir()


def endpoint(bench: Known, limits: Limits = OWN) -> Analyze:
    bench.limits = limits
    with gr.Blocks() as demo:
        api.wire(bench)
    (found,) = demo.fns.values()
    analyze: Analyze = found.fn
    return analyze


def clip(tmp_path: Path) -> dict[str, str]:
    path = wave(tmp_path / "uploads" / "ab12.wav", 0.01, 0.05)
    return {"path": str(path), "orig_name": "call <1>.wav"}


def test_an_upload_is_scored_as_asked_and_the_record_says_so(tmp_path: Path) -> None:
    analyze = endpoint(Known("loud", "other"))
    asked = {"hop_seconds": 2.0, "threads": 1, "score_anyway": True, "checkpoints": ["other"]}
    found = json.loads(json.dumps(analyze(clip(tmp_path), asked)))
    assert found["source"]["name"] == "call <1>.wav"
    assert {one["checkpoint"] for one in found["detections"]} == {"other"}
    assert [w["start"] for w in found["detections"][0]["windows"]][:2] == [0.0, 2.0]
    used = found["settings"]
    assert (used["hop_seconds"], used["threads"], used["threads_used"]) == (2.0, 1, 1)
    assert (used["deterministic"], used["channels"], used["device"]) == (False, "mix", "cpu")


@pytest.mark.parametrize("given", [None, {}, "x", 7, [], {"path": None}, {"path": "/etc/passwd"}])
def test_what_is_no_upload_is_refused_in_words(given: Any) -> None:
    with pytest.raises(gr.Error, match="Only uploads are read"):
        endpoint(Known("loud"))(given)


def test_the_address_of_an_upload_will_do_and_no_other(tmp_path: Path) -> None:
    path = wave(tmp_path / "uploads" / "my clip.wav", 0.01)
    bench = Asked("loud")
    analyze = endpoint(bench)
    quoted = str(path).replace(" ", "%20")
    analyze({"path": f"http://127.0.0.1:7860/gradio_api/file={quoted}"})
    assert bench.asked[0] == path
    for other in (
        "http://example.org/a.wav",
        "http://127.0.0.1:7860/gradio_api/file=/etc/passwd",
        f"http://127.0.0.1:7860/gradio_api/file={quoted}/../../../etc/passwd",
        f"file://{path}",
    ):
        with pytest.raises(gr.Error, match="Only uploads are read"):
            analyze({"path": other})


def test_a_folder_of_this_machine_is_no_checkpoint(tmp_path: Path) -> None:
    analyze = endpoint(Known("loud"))
    with pytest.raises(gr.Error, match="give a list of loud"):
        analyze(clip(tmp_path), {"checkpoints": [str(tmp_path)]})


@pytest.mark.parametrize("asked", [{"threads": 2}, {"deterministic": True}, {"hop_seconds": 0.1}])
def test_on_a_space_nobody_chooses_for_everybody(tmp_path: Path, asked: dict[str, Any]) -> None:
    bench = Asked("loud")
    analyze = endpoint(bench, SPACE)
    with pytest.raises(gr.Error, match="This server is shared"):
        analyze(clip(tmp_path), asked)
    analyze(clip(tmp_path), {"hop_seconds": 1.0})
    assert bench.asked[2].settings.hop_seconds == 1.0


def test_where_zerogpu_lends_one_the_gpu_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [gpu.lends({"SPACES_ZERO_GPU": said}) for said in ("true", "1", "0", "")] == [
        True, True, False, False,
    ]  # fmt: skip
    monkeypatch.setattr(api, "lends", lambda: True)
    bench = Asked("loud")
    endpoint(bench, SPACE)(clip(tmp_path))
    assert bench.asked[3] == "cuda"
    assert bench.asked[2].settings.threads == 1


STAND_IN = '''
"""Runs a function as ZeroGPU does: in a forked process, with plain values in and out."""
import multiprocessing, pickle
import gradio as gr

DURATIONS = []

def GPU(duration):
    DURATIONS.append(duration)
    return lambda function: lambda *given: elsewhere(function, given)

def elsewhere(function, given):
    fork = multiprocessing.get_context("fork")
    asks, answers = fork.SimpleQueue(), fork.SimpleQueue()
    def work():
        try:
            answers.put(function(*asks.get()))
        except gr.Error as error:
            answers.put(error.message)
    process = fork.Process(target=work)
    process.start()
    asks.put(given)
    found = answers.get()
    process.join()
    if isinstance(found, str):
        raise gr.Error(found)
    return found
'''
CALL = """
import json, sys
from pathlib import Path
import gradio as gr, spaces
from tests.ui.known import Known, wave
from ui import api
folder = Path(sys.argv[1])
with gr.Blocks() as demo:
    api.wire(Known("loud"))
analyze = next(iter(demo.fns.values())).fn
good, bad = wave(folder / "a.wav", 0.01, 0.05), folder / "b.wav"
bad.write_text("no sound")
found = analyze({"path": str(good)}, {"score_anyway": True})
try:
    analyze({"path": str(bad)})
except gr.Error as error:
    said = error.message
print(json.dumps([spaces.DURATIONS, found["detections"][0]["checkpoint"], said]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="ZeroGPU forks")
def test_with_the_package_spaces_calls_run_behind_its_decorator(tmp_path: Path) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "spaces.py").write_text(STAND_IN)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "path"), str(ROOT)]),
        "GRADIO_TEMP_DIR": str(tmp_path / "uploads"),
        "SPACES_ZERO_GPU": "",
    }
    command = [sys.executable, "-W", "ignore", "-c", CALL, str(tmp_path / "uploads")]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    durations, checkpoint, said = json.loads(done.stdout.splitlines()[-1])
    assert durations == [gpu.SECONDS]
    assert checkpoint == "loud"
    assert "could not read sound from “b.wav”" in said


def test_without_the_package_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "find_spec", lambda _: None)

    def function() -> None: ...

    assert gpu.on_gpu(function) is function


def test_the_endpoint_is_documented() -> None:
    demo = page.build(OWN, Workbench(OWN))
    (found,) = [one for one in demo.fns.values() if one.api_name == "analyze"]
    assert "never a path" in str(found.api_description)
    for name in Preferences().as_record():
        assert name in str(found.api_description)
