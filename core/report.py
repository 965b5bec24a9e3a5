"""Report -> JSON and CSV, as scripts rely on them.

The JSON is that of design.md, section 8, schema 1: several clips give a list, one clip an object.
Keys beyond the contract: `pcm_sha256`, `notices` (the warnings with their stable codes),
`channel` and `padded` (seconds of repetition that filled the network's input). A clip that could
not be read has every key as well, its `error` sentence, and null for what is not known.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from core.types import Detection, Fused, Reading, Region, Report, Source

SCHEMA = 1
CSV_COLUMNS = (
    "clip",
    "sha256",
    "detector",
    "checkpoint",
    "channel",
    "start",
    "stop",
    "padded",
    "spoof_logit",
    "llr",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is run by spreadsheets


def to_record(report: Report) -> dict[str, Any]:
    """A report as JSON values."""
    return {
        "schema": SCHEMA,
        "source": asdict(report.source),
        "pcm_sha256": report.pcm_sha256,
        "changes": list(report.changes),
        "warnings": [notice.text for notice in report.notices],
        "notices": [asdict(notice) for notice in report.notices],
        "detections": [_detection(detection) for detection in report.detections],
        "fused": _fused(report.fused),
        "verdict": {
            "lean": report.verdict.lean,
            "text": report.verdict.text,
            "regions": [_region(region) for region in report.verdict.regions],
        },
        "versions": dict(report.versions),
        "settings": dict(report.settings),
    }


def unread(
    name: str,
    error: str,
    versions: Mapping[str, str] | None = None,
    settings: Mapping[str, str | float | int | bool] | None = None,
) -> dict[str, Any]:
    """The entry of a clip that could not be read, with the sentence that says why."""
    source: dict[str, Any] = {field.name: None for field in fields(Source)}
    return {
        "schema": SCHEMA,
        "source": {**source, "name": name},
        "pcm_sha256": None,
        "changes": [],
        "warnings": [],
        "notices": [],
        "detections": [],
        "fused": {"llr": None, "windows": []},
        "verdict": {"lean": "not scored", "text": error, "regions": []},
        "versions": dict(versions or {}),
        "settings": dict(settings or {}),
        "error": error,
    }


def to_json(entries: Sequence[Mapping[str, Any]], clips: int | None = None) -> str:
    """JSON text of entries: one object where one clip was asked for, else a list.

    `clips` is how many were asked for, where fewer have an entry (an interrupted run).
    """
    asked = len(entries) if clips is None else clips
    what: Any = entries[0] if asked == 1 and entries else list(entries)
    # File names may hold what is not UTF-8 (lone surrogates): ASCII escapes keep them.
    return json.dumps(what, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def to_csv(reports: Iterable[Report]) -> str:
    """One row a window and detector, of any number of clips."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for report in reports:
        for detection in report.detections:
            for reading in detection.readings:
                writer.writerow(_row(report.source, detection, reading))
    return text.getvalue()


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _detection(detection: Detection) -> dict[str, Any]:
    return {
        "detector": detection.detector,
        "checkpoint": detection.checkpoint,
        "sha256": detection.sha256,
        "channel": detection.channel,
        "spoof_logit": detection.score.spoof_logit,
        "llr": detection.score.llr,
        "windows": [
            {
                "start": reading.window.start,
                "stop": reading.window.stop,
                "padded": reading.padded,
                "spoof_logit": reading.score.spoof_logit,
                "llr": reading.score.llr,
            }
            for reading in detection.readings
        ],
    }


def _fused(fused: Fused) -> dict[str, Any]:
    windows = [{**_region(region), "llr": llr} for region, llr in fused.windows]
    return {"llr": fused.llr, "windows": windows}


def _region(region: Region) -> dict[str, float]:
    return {"start": region.start, "stop": region.stop}


def _row(source: Source, detection: Detection, reading: Reading) -> tuple[Any, ...]:
    llr = reading.score.llr
    return (
        as_cell(source.name),
        source.sha256,
        detection.detector,
        detection.checkpoint,
        detection.channel,
        f"{reading.window.start:.6f}",
        f"{reading.window.stop:.6f}",
        f"{reading.padded:.6f}",
        repr(reading.score.spoof_logit),
        "" if llr is None else repr(llr),
    )


def as_cell(text: str) -> str:
    """Text for a spreadsheet: what it would run as a formula is marked as text; UTF-8 safe."""
    clean = text.encode("utf-8", "replace").decode()
    return f"'{clean}" if clean.startswith(FORMULA) else clean
