"""The running app as programs meet it: the API and the MCP server, and what both refuse."""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import soundfile
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tests.browser.conftest import app
from tests.core.made import UNTRAINED, buzz, save_untrained

pytestmark = pytest.mark.slow
ANYWAY = {"score_anyway": True, "hop_seconds": 2.0}  # the made sound is no speech


@dataclass(frozen=True)
class Place:
    """A running app, a clip that is on nobody's server yet, and a server that must not be asked."""

    address: str
    clip: Path
    trap: str
    sprung: list[str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    pytest.importorskip("mcp", reason="the MCP server needs the package mcp")
    folder = tmp_path_factory.mktemp("programs")
    save_untrained(folder / "checkpoints")
    clip = folder / "my clip.wav"
    soundfile.write(clip, buzz(6.0), 16_000)
    sprung: list[str] = []

    class Trap(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sprung.append(self.path)
            self.send_error(404)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Trap) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        trap = f"http://127.0.0.1:{server.server_port}"
        places = {"GRADIO_TEMP_DIR": str(folder / "uploads"), "SPOOFSCOPE_MCP": "1"}
        with app(folder / "checkpoints", folder / "app.log", **places) as address:
            yield Place(address.rstrip("/"), clip, trap, sprung)
        server.shutdown()


def upload(place: Place) -> str:
    """The clip on the app's side, by the path that the app calls it."""
    with place.clip.open("rb") as file:
        answer = httpx.post(f"{place.address}/gradio_api/upload", files={"files": file})
    return str(answer.raise_for_status().json()[0])


@asynccontextmanager
async def session(place: Place) -> AsyncIterator[Any]:
    """A client of the app's MCP server."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async with (
        streamable_http_client(f"{place.address}/gradio_api/mcp/") as (read, write, _),
        ClientSession(read, write) as client,
    ):
        await client.initialize()
        yield client


def in_a_loop_of_its_own(make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """The result of a coroutine; the browser tests leave a loop running in the main thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(make())).result()


def tools(place: Place) -> list[Any]:
    async def ask() -> list[Any]:
        async with session(place) as mcp:
            return list((await mcp.list_tools()).tools)

    found: list[Any] = in_a_loop_of_its_own(ask)
    return found


def call(place: Place, clip: Any, settings: Any = None) -> tuple[bool, str]:
    """Whether the tool refused, and what it said."""

    async def ask() -> tuple[bool, str]:
        async with session(place) as mcp:
            found = await mcp.call_tool("analyze", {"clip": clip, "settings": settings})
            return found.isError, " ".join(part.text for part in found.content)

    refused, said = in_a_loop_of_its_own(ask)
    return refused, said


def test_the_one_tool_says_what_it_takes(place: Place) -> None:
    (tool,) = tools(place)
    assert tool.name == "analyze"
    assert "never a path" in tool.description
    assert tool.inputSchema["required"] == ["clip"]
    assert set(tool.inputSchema["properties"]) == {"clip", "settings"}


def test_a_file_sent_along_and_an_upload_are_scored_as_asked(place: Place) -> None:
    sent = "data:audio/wav;base64," + base64.b64encode(place.clip.read_bytes()).decode()
    kept = f"{place.address}/gradio_api/file={quote(upload(place))}"
    for clip in (sent, kept):
        refused, said = call(place, clip, ANYWAY)
        assert not refused, said
        assert f"'checkpoint': '{UNTRAINED}'" in said
        assert "'hop_seconds': 2.0" in said


def test_the_tool_opens_nothing_else(place: Place) -> None:
    path = upload(place)
    served = f"{place.address}/gradio_api/file="
    for clip in (
        "/etc/passwd",
        "file:///etc/passwd",
        path,
        f"{served}/etc/passwd",
        f"{served}{quote(path)}/../../../../../../../../etc/passwd",
        f"{served}{place.clip}",
        f"{served}{place.trap}/a.wav",
        f"{place.trap}/a.wav",
        f"{place.address}/config",
        "http://169.254.169.254/latest/meta-data",
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        "",
    ):
        refused, said = call(place, clip)
        assert refused, clip
        assert any(
            words in said
            for words in ("Only uploads are read", "Invalid file data", "not of type 'string'")
        ), said
    assert place.sprung == []  # nobody was asked


def test_the_tool_says_what_is_wrong_with_a_setting(place: Place) -> None:
    clip = f"{place.address}/gradio_api/file={quote(upload(place))}"
    assert call(place, clip, {"hop": 1}) == (
        True,
        "There is no setting “hop”; there are hop_seconds, channels, band, precision, threads, "
        "score_anyway, skip_silence, deterministic, checkpoints.",
    )
    refused, said = call(place, clip, {"checkpoints": ["/etc"]})
    assert refused
    assert f"give a list of {UNTRAINED}" in said


def test_the_api_does_the_same(place: Place) -> None:
    client = Client(place.address, verbose=False)
    found = client.predict(handle_file(place.clip), ANYWAY, api_name="/analyze")
    assert found["source"]["name"] == "my clip.wav"
    assert found["settings"]["hop_seconds"] == 2.0
    assert [one["checkpoint"] for one in found["detections"]] == [UNTRAINED]
    lures = (
        {"path": "/etc/passwd"},
        {"path": f"{place.trap}/a.wav", "meta": {"_type": "gradio.FileData"}},
        {"path": f"{place.trap}/a.wav"},
        {"url": f"{place.trap}/a.wav"},
        "/etc/passwd",
    )
    for lure in lures:
        with pytest.raises(AppError, match="Only uploads are read"):
            client.predict(lure, api_name="/analyze")
    assert place.sprung == []
