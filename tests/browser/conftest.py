"""The app in a process of its own, and a real Chromium that may not leave this machine."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "artefacts"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-device-for-media-stream "
    "--use-fake-ui-for-media-stream --autoplay-policy=no-user-gesture-required"
)
SENTENCE = (
    "The quick brown fox jumps over the lazy dog. She had your dark suit in greasy wash water "
    "all year. This sentence was never spoken by anyone at all."
)
BOOT = """
import os, runpy
from pathlib import Path
from checkpoints import store
store.search_path = lambda: (Path(os.environ["SPOOFSCOPE_CHECKPOINTS"]),)
runpy.run_path("app.py", run_name="__main__")
"""  # only these checkpoints, not those that ship
NORMAL = ("Method not implemented", "svelte-i18n")  # console noise of gradio itself
BROKEN_OFF = ("AbortError", "Connection errored out")  # its noise where a page is left meanwhile


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    return found


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some nine seconds of machine speech, as WAV."""
    program = shutil.which("espeak-ng")
    if program is None:
        pytest.skip("espeak-ng is not installed (Debian: apt install espeak-ng)")
    path = tmp_path_factory.mktemp("clips") / "fox.wav"
    subprocess.run([program, "-v", "en-gb", "-w", str(path), SENTENCE], check=True)
    return path


@pytest.fixture(scope="session")
def m4a(speech: Path) -> Path:
    """The same as AAC in MP4."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("ffmpeg is not installed (Debian: apt install ffmpeg)")
    path = speech.with_name("fox.m4a")
    command = [program, "-v", "error", "-y", "-i", str(speech), "-b:a", "64k", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture(scope="session")
def scoring_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one checkpoint: the published AASIST where it lies beside the checkout.

    Elsewhere a network with random weights that says so in its name; what these tests look at is
    the page, not the scores.
    """
    folder = tmp_path_factory.mktemp("checkpoints")
    golden = ROOT.parent / "shared" / "golden" / "AASIST.pth"
    if golden.is_file():
        convert = [sys.executable, "-m", "core", "convert", "--detector", "aasist"]
        command = [*convert, str(golden), str(folder / "aasist")]
        subprocess.run(command, check=True, cwd=ROOT)
    else:
        untrained(folder / "untrained")
    return folder


def untrained(folder: Path) -> None:
    """Random weights as a checkpoint that is named for what it is."""
    import torch

    from checkpoints import store
    from core.loading import golden_logit
    from core.registry import DETECTORS

    torch.manual_seed(1)
    detector = DETECTORS["sls"].build(size="compact").eval()
    card = {
        "id": "untrained-random-weights",
        "detector": "sls",
        "size": "compact",
        "config": detector.config_dict(),
        "sha256": "0" * 64,
        "licence": "none",
        "provenance": {"source": "a test", "url": None, "commit": None, "made_by": None},
        "trained_on": [],
        "recipe": None,
        "command": None,
        "measured": [],
        "calibration": None,
        "golden": {"spoof_logit": golden_logit(detector), "tolerance": 1e-3},
        "backbone": None,
        "default": True,
        "notes": ["Random weights, made by a test of the page. Its scores mean nothing."],
    }
    store.save(folder, detector.state_dict(), card)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def app(checkpoints: Path, log: Path, **environment: str) -> Iterator[str]:
    """`python app.py` with these checkpoints only, until the block ends; gives its address."""
    port = free_port()
    changed = {
        "GRADIO_SERVER_PORT": str(port),
        "SPOOFSCOPE_CHECKPOINTS": str(checkpoints),
        "PYTHONUNBUFFERED": "1",
        "GRADIO_TEMP_DIR": str(log.parent / "uploads"),
        **environment,
    }
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", BOOT],
            cwd=ROOT,
            env={**os.environ, **changed},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        address = f"http://127.0.0.1:{port}/"
        try:
            wait_for(address, process, log)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"the app ended at once:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - our own server
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the app did not answer:\n{log.read_text()}")


class Watch:
    """Everything that a page must not do."""

    def __init__(self, page: Any, address: str) -> None:
        self.faults: list[str] = []
        self.expected: tuple[str, ...] = NORMAL
        self._broken_off: list[str] = []
        self._loads = 0
        page.on("request", lambda request: self._left(request.url, address))
        page.on("response", lambda response: self._failed(response.url, response.status))
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        page.on("domcontentloaded", lambda _: self._loaded())

    def _loaded(self) -> None:
        self._loads += 1

    def all_faults(self) -> list[str]:
        """What went wrong. A page that was left breaks off the stream it had open: no fault."""
        return self.faults + (self._broken_off if self._loads < 2 else [])

    def _left(self, url: str, address: str) -> None:
        if not url.startswith((address, "data:", "blob:")):
            self.faults.append(f"request to {url}")

    def _failed(self, url: str, status: int) -> None:
        if status >= 400:
            self.faults.append(f"{status} from {url}")

    def _said(self, kind: str, text: str) -> None:
        if kind == "error" and not any(known in text for known in self.expected):
            broken_off = any(known in text for known in BROKEN_OFF)
            kept = self._broken_off if broken_off else self.faults
            kept.append(f"console: {text}")


@pytest.fixture(scope="session")
def browser(chromium: str, speech: Path) -> Iterator[Any]:
    """One Chromium for all tests; its microphone hears the machine speech."""
    from playwright.sync_api import sync_playwright

    flags = [*FLAGS.split(), f"--use-file-for-fake-audio-capture={speech}"]
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=chromium, headless=True, args=flags)
        yield found
        found.close()


@pytest.fixture(scope="session")
def address(scoring_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One app for all tests that score."""
    with app(scoring_checkpoints, tmp_path_factory.mktemp("app") / "app.log") as found:
        yield found


@contextmanager
def visit(browser: Any, address: str, **context: Any) -> Iterator[Any]:
    """A page with a memory of its own; the test fails on anything in its `Watch`."""
    options: dict[str, Any] = {"viewport": {"width": 1400, "height": 1000}, **context}
    own = browser.new_context(permissions=["microphone"], accept_downloads=True, **options)
    try:
        tab = own.new_page()
        watch = Watch(tab, address.partition("?")[0])
        tab.goto(address)
        tab.wait_for_selector("#drop input[type=file]", state="attached")
        try:
            yield tab
        except Exception:
            picture(tab, "failure")
            print(f"faults of the page: {watch.all_faults()}")  # noqa: T201 - shown with the failure
            raise
        assert watch.all_faults() == []
    finally:
        own.close()


def drop(page: Any, path: Path) -> None:
    """Hand a file to the Inspect tab."""
    page.set_input_files("#drop input[type=file]", str(path))


def scored(page: Any) -> str:
    """Wait until the clip in hand has its evidence; the words of the strip."""
    page.wait_for_selector("#evidence-1 .js-plotly-plot .main-svg", timeout=120_000)
    return str(page.inner_text("#strip"))


def picture(page: Any, name: str) -> None:
    """Keep a screenshot for people to look at."""
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=str(ARTEFACTS / f"{name}.png"), full_page=True)


def themes(page: Any, name: str) -> None:
    """Screenshots of the page as it is, in both themes."""
    picture(page, f"{name}_light")
    page.evaluate("document.body.classList.add('dark')")
    page.wait_for_timeout(300)
    picture(page, f"{name}_dark")
    page.evaluate("document.body.classList.remove('dark')")
