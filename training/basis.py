"""What a calibration rests on, written beside it: its trials, and the conditions it holds for.

    write(loaded, clips, labels, spoof_logits) -> {checkpoint id: conditions}
    conditions_for(detector, measured) -> conditions        for a card that is being made
    measured(clips) -> [(Quality, Source)]

Without these files a checkpoint scores as well, but its likelihood-ratio card has no interval, no
Tippett plot, and "conditions unknown" (`core.trials`, `core.conditions`, `core.likelihood`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from checkpoints.store import write_card
from core import intake, quality, trials
from core.calibration import Calibration, cllr, fit
from core.conditions import conditions_of
from core.detectors.base import Detector
from core.fusing import FUSION_FILE
from core.fusion import Fusion, load_fusion
from core.loading import Loaded, golden_wave
from core.quality import Quality
from core.types import AudioError, Source
from training.errors import TrainingError

ENOUGH = 2_000  # clips to tell what a set is like
SAME = 1e-3  # of a calibration that is fitted again: clips scored elsewhere differ by 1e-5
GAINS = (-20.0, 20.0)  # dB
DEAF = 0.1  # logits; codes at the edge between two entries flip by rounding and move a score 0.05


def write(
    loaded: Sequence[Loaded],
    clips: Sequence[Path],
    labels: Sequence[str],
    spoof_logits: Mapping[str, Sequence[float]],
) -> dict[str, dict[str, Any]]:
    """Write, beside checkpoints that are calibrated already, what their calibrations rest on.

    Into each calibrated checkpoint's folder `calibration_scores.csv`, into its card
    `calibration.conditions`; beside `fusion.json`, where there is one, `fusion_scores.csv`.
    Checkpoints without a calibration are left as they are. Weights are not touched.

    Parameters
    ----------
    loaded : the checkpoints, all in folders of one parent folder, as `core.loading.select` gives
        them.
    clips : the files that the calibrations were fitted on.
    labels : "bonafide" or "spoof" of each.
    spoof_logits : by checkpoint id, the number of each clip that its calibration was fitted to.

    Returns
    -------
    The conditions of each checkpoint that has some, by id.

    Raises
    ------
    TrainingError
        where these are not the scores that a calibration, or the fusion, was fitted to; where a
        clip cannot be read. Nothing is written then.
    """
    calibrated = {one.checkpoint.id: one for one in loaded if one.calibration is not None}
    if missing := sorted(calibrated.keys() - spoof_logits.keys()):
        raise TrainingError(f"no spoof_logits were given for {', '.join(missing)}")
    llrs = {name: _own_llrs(one, spoof_logits[name], labels) for name, one in calibrated.items()}
    homes = {one.checkpoint.folder.parent for one in calibrated.values()}
    if len(homes) != 1:
        raise TrainingError(f"checkpoints of one folder are needed, these are in {len(homes)}")
    (home,) = homes
    columns = _columns(load_fusion(home / FUSION_FILE), llrs, labels)
    heard = measured(clips)
    written = {name: conditions_for(one.detector, heard) for name, one in calibrated.items()}
    for name, one in calibrated.items():
        folder = one.checkpoint.folder
        card = one.checkpoint.card
        calibration = {**card["calibration"], "conditions": dict(written[name])}
        write_card(folder, {**card, "calibration": calibration})
        trials.write(folder / trials.SCORES, labels, {"spoof_logit": spoof_logits[name]})
    if columns:
        trials.write(home / trials.FUSION_SCORES, labels, columns)
    return written


def conditions_for(
    detector: Detector, measured: Sequence[tuple[Quality, Source]]
) -> dict[str, list[Any]]:
    """The `calibration.conditions` of a detector's card, from what was measured of its clips.

    A condition that the detector cannot hear is none: level is left out where a change of 20 dB
    either way leaves its number as it is.
    """
    found = conditions_of(measured)
    if not hears_level(detector):
        found.pop("level_dbfs", None)
    return found


def hears_level(detector: Detector) -> bool:
    """Whether the golden signal's logit moves when the signal becomes louder or softer."""
    wave = torch.from_numpy(golden_wave(detector.spec.samples))
    with torch.inference_mode():
        found = [
            float(detector((wave * 10 ** (gain / 20))[None]).spoof_logit[0])
            for gain in (0.0, *GAINS)
        ]
    return max(found) - min(found) > DEAF


def measured(clips: Sequence[Path]) -> list[tuple[Quality, Source]]:
    """Clips decoded and measured as the app does it; about a tenth of a second each.

    Of more than `ENOUGH` clips, as many of them, evenly spread.
    """
    found = []
    for path in clips[:: -(-len(clips) // ENOUGH) or 1]:
        try:
            clip = intake.decode(path)
        except AudioError as error:
            raise TrainingError(f"{path} cannot be measured: {error}") from error
        found.append((quality.measure(clip), clip.source))
    return found


def _own_llrs(one: Loaded, spoof_logits: Sequence[float], labels: Sequence[str]) -> list[float]:
    """The llr of each trial by the checkpoint's calibration, once that is known to be theirs."""
    known = one.calibration
    if known is None or len(spoof_logits) != len(labels):
        raise TrainingError(
            f"{one.checkpoint.id}: {len(spoof_logits)} scores for {len(labels)} labels"
        )
    if not _same(fit(spoof_logits, labels, trust=known.trust), known):
        raise TrainingError(
            f"{one.checkpoint.id}: its calibration was not fitted to these scores (slope and "
            "intercept, or the number of trials, differ)"
        )
    return [known.llr(float(logit)) for logit in spoof_logits]


def _same(one: Calibration, other: Calibration) -> bool:
    first, second = (one.slope, one.intercept), (other.slope, other.intercept)
    return one.bounds == other.bounds and bool(np.allclose(first, second, rtol=SAME, atol=SAME))


def _columns(
    fusion: Fusion | None, llrs: Mapping[str, list[float]], labels: Sequence[str]
) -> dict[str, list[float]]:
    """The llrs by detector, once the rule over all of them is known to be theirs."""
    if fusion is None:
        return {}
    if missing := sorted(set(fusion.checkpoints.values()) - llrs.keys()):
        raise TrainingError(f"{FUSION_FILE} was fitted with {', '.join(missing)}, not given here")
    columns = {name: llrs[checkpoint] for name, checkpoint in fusion.checkpoints.items()}
    rule = fusion.rules[frozenset(columns)]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    found = cllr([rule.llr(row) for row in rows], labels)
    if abs(found - rule.cllr) > SAME:
        raise TrainingError(
            f"{FUSION_FILE} was not fitted to these scores: its Cllr is {rule.cllr:.6f}, theirs "
            f"would be {found:.6f}"
        )
    return columns
