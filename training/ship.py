"""From trained networks to the checkpoints that ship: dev scores, calibration, fusion, cards."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from checkpoints import store
from core.calibration import Calibration, cllr, fit
from core.detectors.aasist import Aasist
from core.detectors.base import Detector
from core.detectors.hiercon import HierCon
from core.detectors.mambo import Mambo
from core.detectors.over_backbone import OverBackbone
from core.detectors.qaf import QafStatic
from core.detectors.sls import Sls
from core.fusion import fit_fusion, fit_rule, votes
from core.loading import golden_logit
from core.types import DetectorError
from training.bootstrap import bootstrap_eer, interval
from training.curve import eer_official, scores
from training.disentanglement import analyse
from training.textures import Textures

ALL, SHAPES = "texture-cepstra-phase-compact", "cepstra-phase-compact"
TEXTURE = "texture-compact"
BACKBONES = {"hiercon": ALL, "sls": SHAPES, "mambo": ALL, "qaf": TEXTURE}
IDS = {
    "hiercon": "hiercon-compact",
    "sls": "sls-compact",
    "mambo": "mambo-compact",
    "qaf": "qaf-compact",
    "aasist": "aasist-topk-compact",
}
HEARD = {name: BACKBONES.get(name, "waveform") for name in IDS}
DEV, GOLDEN_TOLERANCE, FOLDS = "corpus dev", 5e-3, 5
HANDLED = "corpus dev, two clips in three handled (codecs, noise, rooms, bands, pieces)"
# `python -m training trust checkpoints/trust_known.csv checkpoints/trust_new.csv`: on 410 clips of
# pages of 2021 and later, which a Sparse AASIST and kernel machines on the statistics of each
# backbone had never met.
TRUST = 0.72
COMMAND = "python -m training compact --data DIR --out checkpoints"
COPIES = "copies of its human clips by seven vocoders and codecs trained on them (training/zoo)"
LICENCE = "for research and evaluation"


class Scores(NamedTuple):
    """One detector's spoof_logit of every dev clip, unchanged and as calibrations hear it."""

    plain: Sequence[float]
    handled: Sequence[float]
    labels: Sequence[str]


class Five(NamedTuple):
    """The detectors that ship; HierCon and MamBo share a backbone."""

    hiercon: HierCon
    sls: Sls
    mambo: Mambo
    qaf: QafStatic
    aasist: Aasist


def all_scores(five: Five, waves: NDArray[np.int16]) -> dict[str, list[float]]:
    """spoof_logit of stored pieces by each detector; a backbone runs once, float32."""
    found: dict[str, list[float]] = {name: [] for name in IDS}
    with torch.inference_mode():
        for start in range(0, len(waves), 8):
            wave = torch.from_numpy(waves[start : start + 8].astype(np.float32) / 32_768)
            heard = five.hiercon.features(wave)
            for one in five:
                given = heard if one.name in ("hiercon", "mambo") else one.features(wave)
                found[one.name] += one.decide(given).spoof_logit.tolist()
    return found


def save_backbone(root: Path, detector: OverBackbone, notes: Sequence[str], licences: str) -> None:
    """The frozen backbone that a detector stands on, as a checkpoint of its own."""
    name = BACKBONES[detector.name]
    card = _card(name, "backbone", "compact", notes, licences)
    card["config"] = detector.config_dict()["backbone"]
    store.save(root / name, detector.backbone.state_dict(), card)


def save_detector(
    root: Path,
    detector: Detector,
    scores: Scores,
    notes: Sequence[str],
    licences: str,
    more: Mapping[str, Any],
) -> Calibration | None:
    """One detector with its dev figures; None where its scores cannot be calibrated."""
    name = detector.name
    card = _card(IDS[name], name, "compact", notes, licences)
    card |= {
        "config": json.loads(json.dumps(detector.config_dict())),
        "golden": {"spoof_logit": golden_logit(detector), "tolerance": GOLDEN_TOLERANCE},
        "backbone": BACKBONES.get(name),
        "default": True,
        **more,
    }
    try:
        calibration: Calibration | None = fit(scores.handled, scores.labels, HANDLED, TRUST)
    except DetectorError as error:
        calibration = None
        card["notes"].append(f"Not calibrated: {error}")
    card["calibration"] = None if calibration is None else calibration.to_card()
    card["measured"] = [dev_eer(scores.plain, scores.labels)]
    own = {k: v for k, v in detector.state_dict().items() if not k.startswith("backbone.")}
    store.save(root / IDS[name], own, card)
    return calibration


def save_fusion(
    root: Path,
    logits: tuple[Mapping[str, Sequence[float]], Mapping[str, Sequence[float]]],
    calibrations: Mapping[str, Calibration],
    labels: Sequence[str],
    sources: Sequence[str],
) -> dict[str, float]:
    """fusion.json over the calibrated detectors, fitted on handled clips.

    `logits` are those of the unchanged clips and of the handled ones. Returns the fused figures on
    both; those of handled clips cross-validated by source as well.
    """
    plain, handled = (
        {name: np.array([one.llr(x) for x in own[name]]) for name, one in calibrations.items()}
        for own in logits
    )
    ids = {name: IDS[name] for name in calibrations}
    fusion = fit_fusion(handled, labels, ids, HANDLED, HEARD, TRUST)
    (root / "fusion.json").write_text(fusion.to_json())
    spoofed = np.array([label == "spoof" for label in labels])
    held = np.zeros(len(labels))
    fold = np.unique(np.array(sources), return_inverse=True)[1] % FOLDS
    for number in range(FOLDS):
        rest = fold != number
        known = {name: values[rest] for name, values in handled.items()}
        rule = fit_rule(known, spoofed[rest], votes(tuple(known), HEARD), TRUST)
        for index in np.flatnonzero(~rest):
            held[index] = rule.llr({name: float(v[index]) for name, v in handled.items()})
    found: dict[str, float] = {}
    for what, llrs in (("plain", plain), ("handled", handled)):
        fused = np.array(
            [
                fusion.llr({name: float(v[i]) for name, v in llrs.items()})
                for i in range(len(labels))
            ],
            dtype=float,
        )
        found[f"cllr_{what}"] = cllr(fused, labels)
        found[f"eer_{what}"] = dev_eer(fused.tolist(), labels)["value"]
    found["cllr_cross_validated"] = cllr(held, labels)
    found["eer_cross_validated"] = dev_eer(held.tolist(), labels)["value"]
    return found


def dev_eer(logits: Sequence[float], labels: Sequence[str]) -> dict[str, Any]:
    """EER on dev as a card's entry, with an interval over clips."""
    bona = [-s for s, label in zip(logits, labels, strict=True) if label == "bonafide"]
    spoof = [-s for s, label in zip(logits, labels, strict=True) if label == "spoof"]
    ordered = scores(bona, spoof)
    spread = interval(bootstrap_eer(ordered))
    return {
        "set": DEV,
        "metric": "eer",
        "value": float(eer_official(ordered).value),
        "low": spread.low,
        "high": spread.high,
        "n": len(labels),
        "command": COMMAND,
    }


def dimension_table(aasist: Aasist, train: Textures, each: int = 12) -> list[dict[str, Any]]:
    """What each live dimension of TopK answers to: families of machine-made speech in train."""
    rng, rows = np.random.default_rng(0), list[int]()
    families = sorted({item.family for item in train.items if item.label == "spoof"})
    for family in families:
        own = [i for i, item in enumerate(train.items) if item.family == family]
        rows += rng.choice(own, min(each, len(own)), replace=False).tolist()
    values = []
    with torch.inference_mode():
        for row in rows:
            wave = torch.from_numpy(train.waves[0][row].astype(np.float32) / 32_768)
            values.append(aasist(wave[None]).trace["embedding"][0].numpy())
    attack = [train.items[row].family for row in rows]
    table = analyse(np.stack(values), attack).table()
    return [{key: entry[key] for key in ("dim", "attack", "nmi")} for entry in table]


def _card(
    name: str, detector: str, size: str, notes: Sequence[str], licences: str
) -> dict[str, Any]:
    backbone = BACKBONES.get(detector)
    return {
        "id": name,
        "detector": detector,
        "size": size,
        "config": {},
        "licence": LICENCE,
        "provenance": {
            "source": "trained by this project",
            "url": None,
            "commit": None,
            "made_by": "python -m training compact",
        },
        "trained_on": [
            "corpus train (3,333 clips, 237 systems and human sources)",
            *([COPIES] if detector == "aasist" or TEXTURE in (name, backbone) else []),
            licences,
        ],
        "recipe": "training: zoo, joint.py, quantised.py, pieces.py and graphs.py",
        "command": COMMAND,
        "measured": [],
        "calibration": None,
        "golden": None,
        "backbone": None,
        "default": False,
        "notes": list(notes),
    }
