"""The JSON contract of design.md, section 8, and the CSV."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from core.report import as_cell, to_csv, to_json, to_record, unread, write_file
from core.types import (
    Detection,
    Fused,
    Notice,
    Reading,
    Region,
    Report,
    Score,
    Source,
    Verdict,
    Window,
)

NUMBER = {"type": "number"}
TEXT = {"type": "string"}
LLR = {"type": ["number", "null"]}


def record_of(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(fields), "properties": fields}


def list_of(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


REGION = record_of(start=NUMBER, stop=NUMBER)
CONTRACT = record_of(
    schema={"const": 1},
    source=record_of(
        name=TEXT,
        sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"},
        bytes={"type": "integer"},
        container=TEXT,
        codec=TEXT,
        sample_rate={"type": "integer"},
        channels={"type": "integer"},
        seconds=NUMBER,
        decoder=TEXT,
    ),
    changes=list_of(TEXT),
    warnings=list_of(TEXT),
    detections=list_of(
        record_of(
            detector=TEXT,
            checkpoint=TEXT,
            sha256=TEXT,
            spoof_logit=NUMBER,
            llr=LLR,
            windows=list_of(record_of(start=NUMBER, stop=NUMBER, spoof_logit=NUMBER, llr=LLR)),
        )
    ),
    fused=record_of(llr=LLR, windows=list_of(record_of(start=NUMBER, stop=NUMBER, llr=NUMBER))),
    verdict=record_of(
        lean={"enum": ["spoofed", "bona fide", "mixed", "inconclusive", "not scored"]},
        text=TEXT,
        regions=list_of(REGION),
    ),
    versions={"type": "object", "additionalProperties": TEXT},
    settings={"type": "object"},
)


def made(name: str = "clip.wav", llr: float | None = 2.5) -> Report:
    readings = (
        Reading(Window(0, 64_600), Score(1.25, llr)),
        Reading(Window(64_000, 100_000), Score(3.75, llr), padded=1.7875),
    )
    return Report(
        source=Source(name, "ab" * 32, 1234, "WAV", "PCM_16", 16_000, 1, 6.25, "libsndfile 1.2.2"),
        pcm_sha256="cd" * 32,
        changes=("resampled",),
        notices=(Notice("clipped", "2.1 % of samples are clipped."),),
        detections=(Detection("aasist", "aasist-1", "ef" * 32, "mix", Score(2.5, llr), readings),),
        fused=Fused(llr, () if llr is None else ((Region(0.0, 4.0375), llr),)),
        verdict=Verdict("mixed", "Mixed.", (Region(0.0, 4.0375),)),
        versions={"python": "3.11"},
        settings={"hop_seconds": 4.0},
    )


def test_the_contract_is_kept() -> None:
    jsonschema.validate(json.loads(to_json([to_record(made())])), CONTRACT)
    jsonschema.validate(to_record(made(llr=None)), CONTRACT)


def test_numbers_are_those_of_the_report() -> None:
    record = json.loads(to_json([to_record(made())]))
    assert record["detections"][0]["windows"][1] == {
        "start": 4.0,
        "stop": 6.25,
        "padded": 1.7875,
        "spoof_logit": 3.75,
        "llr": 2.5,
    }
    assert record["warnings"] == ["2.1 % of samples are clipped."]
    assert record["notices"] == [{"code": "clipped", "text": "2.1 % of samples are clipped."}]
    assert record["fused"] == {"llr": 2.5, "windows": [{"start": 0.0, "stop": 4.0375, "llr": 2.5}]}
    assert record["verdict"]["regions"] == [{"start": 0.0, "stop": 4.0375}]


def test_one_clip_is_an_object_and_several_are_a_list() -> None:
    one, two = to_record(made()), to_record(made("b.wav"))
    assert json.loads(to_json([one]))["source"]["name"] == "clip.wav"
    assert [e["source"]["name"] for e in json.loads(to_json([one, two]))] == ["clip.wav", "b.wav"]
    assert isinstance(json.loads(to_json([one], clips=2)), list)  # the second was not begun
    assert json.loads(to_json([], clips=1)) == []


def test_an_unread_clip_has_every_key_and_its_reason() -> None:
    entry = json.loads(to_json([unread("a.wav", "“a.wav” is empty (0 bytes).")]))
    assert set(entry) == {*to_record(made()), "error"}
    assert entry["source"]["name"] == "a.wav"
    assert entry["error"] == "“a.wav” is empty (0 bytes)."
    assert entry["verdict"]["lean"] == "not scored"


def test_what_is_not_a_number_never_reaches_a_file() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json([to_record(made(llr=float("nan")))])


def test_a_name_that_is_not_utf8_is_kept() -> None:
    name = "caf\udce9.wav"  # how Python names the bytes caf\xe9.wav
    text = to_json([to_record(made(name))])
    assert json.loads(text.encode("utf-8"))["source"]["name"] == name


def test_csv_has_a_row_a_window() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([made(), made("b.wav", None)]))))
    assert [row["clip"] for row in rows] == ["clip.wav", "clip.wav", "b.wav", "b.wav"]
    assert float(rows[1]["spoof_logit"]) == 3.75
    assert [row["llr"] for row in rows] == ["2.5", "2.5", "", ""]


@pytest.mark.parametrize("name", ["=1+1.wav", "+1.wav", "-1.wav", "@SUM(A1).wav"])
def test_a_name_is_no_formula(name: str) -> None:
    assert as_cell(name) == f"'{name}"
    assert as_cell("plain.wav") == "plain.wav"


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_file(path, "first")
    with pytest.raises(UnicodeEncodeError):
        write_file(path, "second \udce9")
    assert path.read_text() == "first"
    assert [found.name for found in tmp_path.iterdir()] == ["out.json"]


def test_numpy_numbers_are_not_smuggled_in() -> None:
    with pytest.raises(TypeError):
        to_json([{**to_record(made()), "extra": np.float32(1.0)}])
