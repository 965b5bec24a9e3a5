"""Files of regions: checked against their formats by hand, and read back by other means."""

import csv
import io
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.region_files import Marked, audacity, export, rttm, table, textgrid, wav
from core.types import RATE, AudioError, Region
from tests.core.sounds import clip_of, noise

NASTY = 'She said "yes"\tthen\nleft; é, 語'
MARKED = (
    Marked(Region(0.5, 1.25), "plain"),
    Marked(Region(1.25, 2.0), NASTY),
    Marked(Region(1.0, 1.5)),  # overlaps both, and has no note
)


def read_textgrid(text: str) -> list[list[tuple[float, float, str]]]:
    """Praat's rule: numbers and quoted strings count, all else is decoration."""
    tokens = re.findall(r'"(?:[^"]|"")*"|(?<=\s)-?\d+(?:\.\d+)?(?=\s|$)|<\w+>', text)
    assert tokens[:2] == ['"ooTextFile"', '"TextGrid"']
    (low, high, flag, size), rest = tokens[2:6], tokens[6:]
    assert flag == "<exists>"
    tiers = []
    for _ in range(int(size)):
        assert rest[0] == '"IntervalTier"'
        assert (float(rest[2]), float(rest[3])) == (float(low), float(high))
        count, rest = int(rest[4]), rest[5:]
        tier = []
        for _ in range(count):
            label = rest[2][1:-1].replace('""', '"')
            tier.append((float(rest[0]), float(rest[1]), label))
            rest = rest[3:]
        tiers.append(tier)
    assert not rest
    return tiers


def test_textgrid_to_the_letter() -> None:
    assert textgrid([Marked(Region(0.5, 1.0), 'a "b"')], 1.0) == (
        'File type = "ooTextFile"\n'
        'Object class = "TextGrid"\n'
        "\n"
        "xmin = 0\n"
        "xmax = 1.000000\n"
        "tiers? <exists>\n"
        "size = 1\n"
        "item []:\n"
        "    item [1]:\n"
        '        class = "IntervalTier"\n'
        '        name = "regions"\n'
        "        xmin = 0\n"
        "        xmax = 1.000000\n"
        "        intervals: size = 2\n"
        "        intervals [1]:\n"
        "            xmin = 0.000000\n"
        "            xmax = 0.500000\n"
        '            text = ""\n'
        "        intervals [2]:\n"
        "            xmin = 0.500000\n"
        "            xmax = 1.000000\n"
        '            text = "a ""b"""\n'
    )


def test_textgrid_comes_back_with_overlaps_on_a_tier_of_their_own() -> None:
    tiers = read_textgrid(textgrid(MARKED, 3.0))
    assert [[cell for cell in tier if cell[2]] for tier in tiers] == [
        [(0.5, 1.25, "plain"), (1.25, 2.0, 'She said "yes" then left; é, 語')],
        [(1.0, 1.5, "region 3")],
    ]
    for tier in tiers:  # every tier covers the clip without gap or overlap
        assert tier[0][0] == 0.0
        assert tier[-1][1] == 3.0
        assert all(a[1] == b[0] for a, b in itertools.pairwise(tier))


def test_textgrid_without_regions_and_beyond_the_clip() -> None:
    assert textgrid([], 1.0).endswith("tiers? <absent>\n")
    with pytest.raises(AudioError, match=r"2\.00–5\.00 s is not within the clip's 3\.00 s"):
        textgrid([Marked(Region(2.0, 5.0))], 3.0)


def test_audacity_labels() -> None:
    assert audacity(MARKED) == (
        "0.500000\t1.250000\tplain\n"
        '1.250000\t2.000000\tShe said "yes" then left; é, 語\n'
        "1.000000\t1.500000\tregion 3\n"
    )


def test_rttm_has_ten_fields_whatever_the_note_says() -> None:
    text = rttm(MARKED, "an interview")
    assert text.splitlines()[0] == "SPEAKER an_interview 1 0.500 0.750 <NA> <NA> plain <NA> <NA>"
    rows = [line.split() for line in text.splitlines()]
    assert {len(row) for row in rows} == {10}
    assert [(float(row[3]), float(row[4])) for row in rows] == [
        (0.5, 0.75),
        (1.25, 0.75),
        (1.0, 0.5),
    ]
    assert rows[1][7] == 'She_said_"yes"_then_left;_é,_語'


def test_csv_keeps_a_note_to_the_letter_but_runs_no_formula() -> None:
    marked = (*MARKED, Marked(Region(2.0, 2.5), '=HYPERLINK("x")'))
    rows = list(csv.DictReader(io.StringIO(table(marked), newline="")))
    assert [row["note"] for row in rows] == ["plain", NASTY, "", '\'=HYPERLINK("x")']
    assert [float(row["stop"]) - float(row["start"]) for row in rows] == [
        pytest.approx(float(row["seconds"])) for row in rows
    ]


def test_a_lone_surrogate_does_not_break_a_file() -> None:
    odd = [Marked(Region(0.0, 1.0), "a\udcffb")]
    for text in (audacity(odd), textgrid(odd, 1.0), rttm(odd, "x\udcff"), table(odd)):
        text.encode("utf-8")


def test_wav_holds_the_very_samples_of_all_channels() -> None:
    clip = clip_of(np.stack([noise(2.0), noise(2.0, seed=1)]))
    values, rate = soundfile.read(io.BytesIO(wav(clip, Region(0.5, 1.5))), dtype="float32")
    assert rate == RATE
    assert np.array_equal(values.T, clip.samples.read(8_000, 24_000))


def test_export_writes_every_format(tmp_path: Path) -> None:
    clip = clip_of(noise(3.0), "inter view.wav")
    paths = export(clip, MARKED, tmp_path, "inter view")
    assert [path.name for path in paths] == [
        "inter view regions.TextGrid",
        "inter view regions.txt",
        "inter view regions.rttm",
        "inter view regions.csv",
        "inter view region 1 0.50-1.25 s.wav",
        "inter view region 2 1.25-2.00 s.wav",
        "inter view region 3 1.00-1.50 s.wav",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(p.name for p in paths)
    assert (tmp_path / "inter view regions.txt").read_text("utf-8") == audacity(MARKED)
    assert "inter_view 1 0.500" in paths[2].read_text("utf-8")
