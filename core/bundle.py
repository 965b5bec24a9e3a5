"""The evidence bundle: a zip that lets somebody else check a report, and score its clips again.

Members
    manifest.json           what follows with its hashes; versions, code, checkpoints, settings
    report.json             exactly what `analyze --json` writes
    report.html             the same for people
    windows.csv             one row a window and detector
    clips/0001/evidence.npz the maps of the most spoof-like window, one array each
    clips/0001/evidence.json their titles, axes, units and captions
    clips/0001/original     the file itself, where that was asked for
    cards/ID.json           the model card of each checkpoint
    fusion.json             the fusion that was used, where one was installed

The manifest vouches for all others; nothing inside vouches for the manifest. Its SHA-256 is given
when the bundle is made: who notes that elsewhere can tell a bundle that was made anew.
"""

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import provenance
from core.archive import Writer
from core.fusion import Fusion
from core.report import to_csv, to_json
from core.report_html import to_html
from core.report_words import Heading
from core.types import Axis, Evidence, Report

KIND = "spoofscope-evidence"
SCHEMA = 1
REPORT, PAGE, TABLE, FUSION = "report.json", "report.html", "windows.csv", "fusion.json"


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One clip of a bundle: its JSON entry; its report where it was read; its file where kept."""

    entry: Mapping[str, Any]
    report: Report | None = None
    original: Path | None = None


def write_bundle(
    path: Path,
    exhibits: Sequence[Exhibit],
    cards: Mapping[str, Mapping[str, Any]],
    heading: Heading | None = None,
    fusion: Fusion | None = None,
) -> str:
    """Write a bundle, whole or not at all; the SHA-256 of its manifest.

    Parameters
    ----------
    cards : card.json of each checkpoint that scored, by its id.
    """
    heading = heading or Heading()
    reports = [exhibit.report for exhibit in exhibits if exhibit.report is not None]
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            writer = Writer(file)
            writer.add(REPORT, to_json([exhibit.entry for exhibit in exhibits]).encode())
            writer.add(PAGE, to_html(reports, heading).encode("utf-8", "replace"))
            writer.add(TABLE, to_csv(reports).encode("utf-8", "replace"))
            for identity, card in sorted(cards.items()):
                writer.add(f"cards/{identity}.json", _json(card))
            if fusion is not None:
                writer.add(FUSION, fusion.to_json().encode())
            clips = [_add_clip(writer, number, e) for number, e in enumerate(exhibits, start=1)]
            digest = writer.finish(_manifest(clips, reports, heading))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return digest


def evidence_arrays(items: Sequence[Evidence]) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a clip by the names they have in evidence.npz."""
    return {f"{number:03}_{item.key}": item.values for number, item in enumerate(items)}


def _add_clip(writer: Writer, number: int, exhibit: Exhibit) -> dict[str, Any]:
    folder = f"clips/{number:04}"
    source = exhibit.entry["source"]
    clip = {
        "folder": folder,
        "name": source["name"],
        "sha256": source["sha256"],
        "pcm_sha256": exhibit.entry["pcm_sha256"],
        "original": None,
        "evidence": None,
    }
    if exhibit.report is not None and exhibit.report.evidence:
        items = exhibit.report.evidence
        packed = io.BytesIO()
        np.savez(packed, **evidence_arrays(items))  # type: ignore[arg-type]
        clip["evidence"] = f"{folder}/evidence.npz"
        writer.add(f"{folder}/evidence.npz", packed.getvalue())
        writer.add(f"{folder}/evidence.json", _json([_described(item) for item in items]))
    if exhibit.original is not None and source["sha256"] is not None:
        clip["original"] = f"{folder}/original"
        with exhibit.original.open("rb") as file:
            writer.copy(clip["original"], file)
    return clip


def _manifest(
    clips: Sequence[Mapping[str, Any]], reports: Sequence[Report], heading: Heading
) -> dict[str, Any]:
    detections = [detection for report in reports for detection in report.detections]
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "made": heading.made,
        "clips": list(clips),
        "checkpoints": {detection.checkpoint: detection.sha256 for detection in detections},
        "versions": provenance.versions(),
        "code": dict(provenance.code_files()),
    }


def _described(item: Evidence) -> dict[str, Any]:
    return {
        "key": item.key,
        "title": item.title,
        "unit": item.unit,
        "scope": item.scope,
        "signed": item.signed,
        "sums_to_one": list(item.sums_to_one),
        "caption": item.caption,
        "axes": [_axis(axis) for axis in item.axes],
    }


def _axis(axis: Axis) -> dict[str, Any]:
    return {"name": axis.name, "unit": axis.unit, "values": list(axis.values)}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()
