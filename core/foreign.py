"""Other people's weights made into checkpoints of ours: convert a file, or fetch a published one.

A conversion maps the tensor names, builds the network whose sizes the tensors have, loads it
strictly, and writes a card with the spoof logit that these weights give on the test signal. What is
known of a file goes by its hash: a published file gets its true provenance, any other one says
"unknown".
"""

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from checkpoints import fetch as web
from checkpoints import store
from checkpoints.card import ID, MAX_ID
from checkpoints.convert import CONVERTERS, Converter
from checkpoints.pth import read_pth
from checkpoints.published import PUBLISHED, Published, by_hash
from checkpoints.store import Checkpoint, CheckpointError
from core.detectors.base import Detector
from core.loading import GOLDEN_TOLERANCE, golden_logit, load
from core.registry import DETECTORS
from core.types import DetectorError


def convert(detector: str, file: Path, out: Path) -> Checkpoint:
    """Make a checkpoint folder `out` of a `.pth` in the layout of the detector's authors.

    The id is that of the published file where it is one, else the name of `out`.

    Raises
    ------
    DetectorError
        where there is no such detector, or none of its layouts is known.
    CheckpointError
        where the file is not readable, not of this detector, or `out` holds a checkpoint already.
    """
    converter = _converter(detector)
    _free(out)
    foreign = read_pth(file)
    sha256 = store.sha256_of(file)
    published = by_hash(sha256)
    if published is not None and published.detector != detector:
        raise CheckpointError(f"{file} is the published {published.id}, of {published.detector}.")
    known = _published_card(published) if published else _unknown_card(file, sha256, out)
    return _write(detector, converter, foreign, known, file, out)


def fetch(id_: str, progress: web.Progress | None = None) -> Checkpoint:
    """Download a published checkpoint, check its hash, convert it, and load it once.

    It goes to the first folder of the search path, under its id.

    Raises
    ------
    CheckpointError
        for an id that is not published, and for everything that can fail on the way.
    """
    published = PUBLISHED.get(id_)
    if published is None:
        raise CheckpointError(
            f"'{id_}' is not a published checkpoint. There are: {', '.join(sorted(PUBLISHED))}."
        )
    out = store.search_path()[0] / id_
    _free(out)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "published.pth"
        sha256 = web.download(published, file, progress)
        known = _published_card(published)
        if published.sha256 is None:
            known["notes"] = [
                *known["notes"],
                f"No published hash to compare with; the file fetched had SHA-256 {sha256}.",
            ]
        foreign = read_pth(file)
        return _write(published.detector, _converter(published.detector), foreign, known, file, out)


def _write(
    name: str,
    converter: Converter,
    foreign: Mapping[str, Tensor],
    known: Mapping[str, Any],
    file: Path,
    out: Path,
) -> Checkpoint:
    ours = converter.rename(foreign)
    try:
        detector = DETECTORS[name].build(converter.config_of(foreign), "paper")
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{file} has sizes that {name} cannot have: {error}") from error
    store.load_strict(detector, ours, str(file))
    card = {
        "detector": name,
        "size": "paper",
        "config": detector.config_dict(),
        "recipe": None,
        "command": None,
        "calibration": None,
        "golden": {"spoof_logit": _checked(detector, file), "tolerance": GOLDEN_TOLERANCE},
        "backbone": None,
        "default": False,
        **known,
    }
    checkpoint = store.save(out, detector.state_dict(), card)
    load(checkpoint)  # the way it will be opened: hash, names, self-test
    return checkpoint


def _checked(detector: Detector, file: Path) -> float:
    logit = golden_logit(detector.eval())
    if not math.isfinite(logit):
        raise CheckpointError(f"{file} gives {logit} on the test signal; its weights are broken.")
    return logit


def _converter(detector: str) -> Converter:
    if detector not in DETECTORS:
        raise DetectorError(
            f"There is no detector '{detector}'. There are: {', '.join(DETECTORS)}."
        )
    if detector not in CONVERTERS:
        raise DetectorError(
            f"No foreign layout of {detector} is known; there are converters for "
            f"{', '.join(CONVERTERS)}."
        )
    return CONVERTERS[detector]


def _free(out: Path) -> None:
    if (out / store.CARD).exists():
        raise CheckpointError(
            f"{out} holds a checkpoint already; remove it or choose another name."
        )


def _published_card(published: Published) -> dict[str, Any]:
    return {
        "id": published.id,
        "licence": published.licence,
        "provenance": dict(published.provenance),
        "trained_on": list(published.trained_on),
        "measured": [dict(entry) for entry in published.measured],
        "notes": list(published.notes),
    }


def _unknown_card(file: Path, sha256: str, out: Path) -> dict[str, Any]:
    name = out.resolve().name
    if not ID.fullmatch(name) or len(name) > MAX_ID:
        raise CheckpointError(
            f"The folder's name becomes the checkpoint's id, and '{name}' cannot be one: use "
            "lower-case letters, digits, '.', '_' and '-'."
        )
    return {
        "id": name,
        "licence": "unknown",
        "provenance": {
            "source": f"unknown: converted from {file.name}, sha256 {sha256}",
            "url": None,
            "commit": None,
            "made_by": None,
        },
        "trained_on": [],
        "measured": [],
        "notes": ["Nothing is known of these weights but their bytes."],
    }
