"""Bundles: made, verified, tampered with, verified again; and archives that mean harm."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import provenance
from core.analysis import analyse
from core.archive import MANIFEST, ArchiveError, Reader
from core.bundle import Exhibit, write_bundle
from core.detect import Settings
from core.loading import Loaded, load
from core.report import to_record, unread
from core.types import Report
from core.verification import verify
from tests.core.made import UNTRAINED, buzz, save_untrained, write

Files = dict[str, bytes]


class Scene:
    """A clip, its report and its bundle, each made once."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkpoints"
        self.loaded: Loaded = load(save_untrained(self.root))
        self.clip = write(folder / "clip.wav", buzz(6.0))
        settings = Settings(score_anyway=True)
        self.report: Report = analyse(self.clip, [self.loaded], settings, evidence=True)
        (folder / "apart").mkdir()
        self.bundle = folder / "apart" / "evidence.zip"
        self.digest = self.write(self.bundle)

    def write(self, path: Path, original: Path | None = None) -> str:
        cards = {UNTRAINED: self.loaded.checkpoint.card}
        exhibits = [
            Exhibit(to_record(self.report), self.report, original),
            Exhibit(unread("bad.wav", "“bad.wav” is empty (0 bytes).")),
        ]
        return write_bundle(path, exhibits, cards)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(autouse=True)
def own_checkpoints(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOOFSCOPE_CHECKPOINTS", str(scene.root))


def contents(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(scene: Scene, path: Path, change: Callable[[Files], None]) -> Path:
    """The bundle with its members changed, and its manifest left as it was."""
    files = contents(scene.bundle)
    change(files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def resealed(scene: Scene, path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The bundle with its report changed and the manifest made to fit: a careful forgery."""
    import hashlib

    def forge(files: Files) -> None:
        record = json.loads(files["report.json"])
        change(record[0])
        files["report.json"] = json.dumps(record).encode()
        manifest = json.loads(files[MANIFEST])
        digest = hashlib.sha256(files["report.json"]).hexdigest()
        manifest["members"]["report.json"] = {
            "sha256": digest,
            "bytes": len(files["report.json"]),
        }
        files[MANIFEST] = json.dumps(manifest).encode()

    return rewritten(scene, path, forge)


def test_a_bundle_holds_what_it_should(scene: Scene) -> None:
    files = contents(scene.bundle)
    assert {
        MANIFEST,
        "report.json",
        "report.html",
        "windows.csv",
        f"cards/{UNTRAINED}.json",
        "clips/0001/evidence.npz",
        "clips/0001/evidence.json",
    } == set(files)
    assert json.loads(files["report.json"])[0] == to_record(scene.report)
    manifest = json.loads(files[MANIFEST])
    assert manifest["clips"][0]["sha256"] == scene.report.source.sha256
    assert manifest["clips"][0]["pcm_sha256"] == scene.report.pcm_sha256
    assert manifest["checkpoints"] == {UNTRAINED: scene.loaded.checkpoint.sha256}
    assert "core/detect.py" in manifest["code"]


def test_the_maps_are_there_as_arrays(scene: Scene, tmp_path: Path) -> None:
    files = contents(scene.bundle)
    (tmp_path / "e.npz").write_bytes(files["clips/0001/evidence.npz"])
    with np.load(tmp_path / "e.npz", allow_pickle=False) as packed:
        arrays = list(packed.values())
    assert len(arrays) == len(scene.report.evidence) > 0
    for array, item in zip(arrays, scene.report.evidence, strict=True):
        np.testing.assert_array_equal(array, item.values)
    described = json.loads(files["clips/0001/evidence.json"])
    assert [d["key"] for d in described] == [item.key for item in scene.report.evidence]


def test_equal_content_is_an_equal_manifest(scene: Scene, tmp_path: Path) -> None:
    assert scene.write(tmp_path / "again.zip") == scene.digest


def test_scored_again_it_is_identical(scene: Scene) -> None:
    outcome = verify(scene.bundle, [scene.clip])
    assert (outcome.word, outcome.scored_again) == ("IDENTICAL", 1)
    assert outcome.verdict == "IDENTICAL"


def test_a_clip_beside_the_bundle_or_inside_it_is_found(scene: Scene, tmp_path: Path) -> None:
    shutil.copy(scene.bundle, tmp_path / "e.zip")
    shutil.copy(scene.clip, tmp_path / "clip.wav")
    assert verify(tmp_path / "e.zip").scored_again == 1
    (tmp_path / "inside").mkdir()
    scene.write(tmp_path / "inside" / "e.zip", original=scene.clip)
    assert verify(tmp_path / "inside" / "e.zip").scored_again == 1


def test_without_the_clip_it_owns_up(scene: Scene) -> None:
    outcome = verify(scene.bundle)
    assert outcome.verdict == "IDENTICAL (record only)"
    assert "was not scored again" in " ".join(outcome.reasons)


def test_another_file_of_the_same_name_is_not_taken(scene: Scene, tmp_path: Path) -> None:
    shutil.copy(scene.bundle, tmp_path / "e.zip")
    write(tmp_path / "clip.wav", buzz(6.0, 150.0))
    assert verify(tmp_path / "e.zip").scored_again == 0
    outcome = verify(scene.bundle, [tmp_path / "clip.wav"])
    assert outcome.word == "CHANGED"
    assert "not a recording of this bundle" in outcome.reasons[0]


def test_an_altered_member_is_named(scene: Scene, tmp_path: Path) -> None:
    def alter(files: Files) -> None:
        files["report.json"] = files["report.json"].replace(b"mixed", b"mixes")[:-1] + b" "

    outcome = verify(rewritten(scene, tmp_path / "e.zip", alter), [scene.clip])
    assert outcome.word == "CHANGED"
    assert "tampered" in outcome.reasons[0]
    assert any("report.json was altered" in reason for reason in outcome.reasons)


def test_added_and_missing_members_are_named(scene: Scene, tmp_path: Path) -> None:
    def swap(files: Files) -> None:
        del files["windows.csv"]
        files["notes.txt"] = b"trust me"

    reasons = verify(rewritten(scene, tmp_path / "e.zip", swap)).reasons
    assert "windows.csv is missing." in reasons
    assert any("notes.txt was added" in reason for reason in reasons)


def test_a_forged_number_is_found_by_scoring(scene: Scene, tmp_path: Path) -> None:
    def lower(entry: dict[str, Any]) -> None:
        entry["detections"][0]["windows"][0]["spoof_logit"] -= 1.0

    forged = resealed(scene, tmp_path / "e.zip", lower)
    assert verify(forged).word == "IDENTICAL"  # nothing inside can tell: hence "record only"
    outcome = verify(forged, [scene.clip])
    assert outcome.word == "CHANGED"
    assert "spoof_logit" in outcome.reasons[0]


def test_a_small_difference_is_within_tolerance(scene: Scene, tmp_path: Path) -> None:
    def nudge(entry: dict[str, Any]) -> None:
        entry["detections"][0]["windows"][0]["spoof_logit"] += 1e-4

    outcome = verify(resealed(scene, tmp_path / "e.zip", nudge), [scene.clip])
    assert outcome.word == "WITHIN TOLERANCE"
    assert "1.0e-04" in outcome.reasons[0]


def test_other_weights_are_named(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOOFSCOPE_CHECKPOINTS", str(tmp_path))
    outcome = verify(scene.bundle, [scene.clip])
    assert outcome.word == "CHANGED"
    assert f"{UNTRAINED} is not installed" in outcome.reasons[0]


def test_other_code_is_named_and_the_numbers_decide(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = dict(provenance.code_files())
    monkeypatch.setattr(provenance, "code_files", lambda: {**here, "core/x.py": "1"})
    assert verify(scene.bundle).word == "CHANGED"
    outcome = verify(scene.bundle, [scene.clip])
    assert outcome.word == "IDENTICAL"
    assert "core/x.py" in outcome.reasons[-1]


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "a\\evil", "C:evil", "a//b", "./a", "folder/"]
)
def test_names_that_lead_out_are_refused(scene: Scene, tmp_path: Path, name: str) -> None:
    def add(files: Files) -> None:
        files[name] = b"x"

    outcome = verify(rewritten(scene, tmp_path / "e.zip", add))
    assert outcome.word == "CHANGED"
    assert "name or kind" in outcome.reasons[0]
    assert [found.name for found in tmp_path.iterdir()] == ["e.zip"]


def test_a_bomb_is_not_unpacked(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    shutil.copy(scene.bundle, path)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x", "w") as member,
    ):
        for _ in range(300):
            member.write(bytes(1 << 20))
    outcome = verify(path)
    assert any("x was added" in reason for reason in outcome.reasons)


def test_a_member_that_is_there_twice_is_refused(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    shutil.copy(scene.bundle, path)
    with (
        zipfile.ZipFile(path, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr("report.json", b"{}")
    assert "there twice" in verify(path).reasons[0]


@pytest.mark.parametrize(
    "content", [b"", b"not a zip", b"PK\x03\x04 broken", b"PK\x05\x06" + bytes(18)]
)
def test_what_is_no_bundle_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "e.zip"
    path.write_bytes(content)
    with pytest.raises(ArchiveError):
        Reader(path)
    assert verify(path).word == "CHANGED"


def test_a_damaged_byte_is_found(scene: Scene, tmp_path: Path) -> None:
    data = bytearray(scene.bundle.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path = tmp_path / "e.zip"
    path.write_bytes(data)
    assert verify(path, [scene.clip]).word == "CHANGED"


def test_a_manifest_that_makes_no_sense_is_refused(scene: Scene, tmp_path: Path) -> None:
    def spoil(files: Files) -> None:
        manifest = json.loads(files[MANIFEST])
        manifest["clips"] = [{"sha256": 3}]
        files[MANIFEST] = json.dumps(manifest).encode()

    assert verify(rewritten(scene, tmp_path / "e.zip", spoil)).word == "CHANGED"
