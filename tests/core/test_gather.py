"""Files, folders and zips as the items of a batch; hostile zips become sentences."""

import struct
import zipfile
from pathlib import Path

import pytest

from core.gather import Bounds, Item, fetch, gather
from core.types import AudioError

SMALL = Bounds(files=3, bytes=1_000, total=2_500)


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def one(path: Path, bounds: Bounds = SMALL) -> Item:
    (found,) = gather([(path, path.name)], bounds).items
    return found


def test_files_keep_their_order_and_the_names_they_were_given(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_bytes(name.encode())
    found = gather([(tmp_path / "b", "1 <x>.wav"), (tmp_path / "a", "0.wav")], SMALL)
    assert [(item.name, item.path, item.bytes) for item in found.items] == [
        ("1 <x>.wav", tmp_path / "b", 1),
        ("0.wav", tmp_path / "a", 1),
    ]
    assert found.notices == ()


def test_a_folder_is_walked_in_order_without_links_or_clutter(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    (folder / "sub").mkdir(parents=True)
    (folder / "z.wav").write_bytes(b"z")
    (folder / "sub" / "a.wav").write_bytes(b"a")
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "link.wav").symlink_to("/etc/hostname")
    (folder / "loop").symlink_to(folder)
    found = gather([(folder, "case")], Bounds())
    names = {item.name: item.problem for item in found.items}
    assert names["sub/a.wav"] is None
    assert names["z.wav"] is None
    assert "links are not followed" in str(names["link.wav"])
    assert len(found.items) == 3
    assert found.notices == ("1 hidden or system file was left out.",)


def test_more_than_the_limit_is_said(tmp_path: Path) -> None:
    path = zipped(tmp_path / "many.zip", {f"{n}.wav": b"x" for n in range(5)})
    found = gather([(path, path.name)], SMALL)
    assert [item.name for item in found.items] == ["0.wav", "1.wav", "2.wav"]
    assert found.notices[0].startswith("5 files were given; at most 3 are scored at once.")


def test_a_member_comes_out_whole_and_under_a_name_of_ours(tmp_path: Path) -> None:
    inside = tmp_path / "out"
    inside.mkdir()
    path = zipped(tmp_path / "a.zip", {"../../evil/../a.wav": b"sound", "/etc/b.wav": b"more"})
    first, second = gather([(path, path.name)], SMALL).items
    got = fetch(first, inside, SMALL)
    assert got.read_bytes() == b"sound"
    assert fetch(second, inside, SMALL).read_bytes() == b"more"
    assert {p.parent for p in tmp_path.rglob("*.part")} == {inside}


def test_a_bomb_is_refused_before_a_byte_is_unpacked(tmp_path: Path) -> None:
    path = zipped(tmp_path / "bomb.zip", {f"{n}.wav": bytes(900) for n in range(3)})
    found = one(path)
    assert "would unpack to" in str(found.problem)
    assert "Nothing of it was unpacked" in str(found.problem)


def test_a_member_longer_than_it_says_is_stopped(tmp_path: Path) -> None:
    path = zipped(tmp_path / "liar.zip", {"a.wav": bytes(5_000_000)})
    raw = bytearray(path.read_bytes())
    place = raw.rindex(b"PK\x01\x02")  # the central directory says 10 bytes
    raw[place + 24 : place + 28] = struct.pack("<I", 10)
    path.write_bytes(bytes(raw))
    item = one(path)
    assert item.bytes == 10
    with pytest.raises(AudioError, match="cannot be unpacked"):
        fetch(item, tmp_path, SMALL)
    assert not list(tmp_path.glob("*.part"))


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.gather.MAX_MEMBERS", 2)
    path = zipped(tmp_path / "a.zip", {f"{n}.wav": b"" for n in range(3)})
    assert "has 3 members; at most 2" in str(one(path).problem)


def test_a_large_member_a_nested_zip_and_a_link_are_rows_with_reasons(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("large.wav", bytes(1_001))
        archive.writestr("inner.zip", b"PK\x03\x04")
        link = zipfile.ZipInfo("link.wav")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    large, inner, pointer = gather([(path, path.name)], SMALL).items
    assert "the limit here is" in str(large.problem)
    assert "zip within a zip" in str(inner.problem)
    assert "is a link" in str(pointer.problem)
    for item in (large, inner, pointer):
        with pytest.raises(AudioError, match=r"limit|zip within|link"):
            fetch(item, tmp_path, SMALL)


def test_encrypted_members_are_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.wav": b"x"})
    raw = bytearray(path.read_bytes())
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(raw))
    assert "is encrypted" in str(one(path).problem)


def test_what_is_no_zip_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip at all")
    assert "cannot be opened as a zip file" in str(one(tmp_path / "a.zip").problem)
    assert "empty zip" in str(one(zipped(tmp_path / "b.zip", {})).problem)
    assert "is not there" in str(one(tmp_path / "gone.wav").problem)


def test_a_damaged_member_is_its_own_sentence(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.wav": b"abcdefgh" * 50}, zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    raw[60] ^= 0xFF
    path.write_bytes(bytes(raw))
    with pytest.raises(AudioError, match=r"“a.wav” cannot be unpacked"):
        fetch(one(path), tmp_path, SMALL)
