"""The downloader against a server on the loopback."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from checkpoints.card import CheckpointError
from checkpoints.fetch import OFFLINE, download
from checkpoints.published import PUBLISHED, Published, by_hash

BODY = b"weights" * 1000


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/absent" else 200)
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Iterator[Published]:
    monkeypatch.delenv(OFFLINE, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield replace(
        PUBLISHED["aasist"],
        url=f"http://127.0.0.1:{server.server_port}/x.pth",
        sha256=hashlib.sha256(BODY).hexdigest(),
        bytes=len(BODY),
    )
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_right_bytes_arrive(record: Published, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    found = download(record, tmp_path / "x.pth", lambda done, total: seen.append((done, total)))
    assert found == record.sha256
    assert (tmp_path / "x.pth").read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))


def test_an_unknown_hash_is_computed(record: Published, tmp_path: Path) -> None:
    unknown = replace(record, sha256=None, bytes=None)
    assert download(unknown, tmp_path / "x.pth") == record.sha256


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("sha256", "0" * 64, "thrown away"),
        ("bytes", 100, "more than the 100 bytes"),
        ("bytes", len(BODY) + 1, "instead of"),
        ("url", "/absent", "could not be fetched"),
        ("url", "ftp://example.org/x", "not a web address"),
        ("url", "http://127.0.0.1:1/x", "Is there a network"),
    ],
)
def test_the_wrong_bytes_leave_nothing_behind(
    record: Published, tmp_path: Path, field: str, value: str | int, words: str
) -> None:
    if value == "/absent":
        value = record.url.replace("/x.pth", "/absent")
    wrong = {"url": record.url, "sha256": record.sha256, "bytes": record.bytes} | {field: value}
    with pytest.raises(CheckpointError, match=words):
        download(replace(record, **wrong), tmp_path / "x.pth")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_offline_is_honoured(
    record: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OFFLINE, "1")
    with pytest.raises(CheckpointError, match=OFFLINE):
        download(record, tmp_path / "x.pth")


@pytest.mark.shared
def test_the_records_have_the_hashes_of_the_published_files(shared_dir: Path) -> None:
    for id_, name in (("aasist", "AASIST.pth"), ("aasist-l", "AASIST-L.pth")):
        data = (shared_dir / "golden" / name).read_bytes()
        assert PUBLISHED[id_].bytes == len(data)
        assert by_hash(hashlib.sha256(data).hexdigest()) is PUBLISHED[id_]
