"""How much of calibrated log odds holds on sources that nothing was trained or calibrated on.

Detectors are calibrated and fused, with equal shares, on trials of known sources; the log odds of
trials of new sources are then multiplied by each factor in turn (`core.calibration`: trust).
"""

from typing import NamedTuple

import numpy as np

from core.calibration import cllr, fit
from core.fusion import fit_rule
from core.trials import Trials
from training.errors import TrainingError

FACTORS = np.arange(5, 101) / 100  # trust is a share: more than all of it cannot be kept


class Trust(NamedTuple):
    """The factor that costs least on new sources, and Cllr there in bits with it and without."""

    factor: float
    cllr: float
    whole: float


def measure(known: Trials, new: Trials) -> Trust:
    """Trials of the same detectors: their spoof_logit of each clip, higher = more likely spoofed.

    Raises
    ------
    TrainingError
        The two have not the same columns, or none.
    DetectorError
        Trials that cannot be calibrated.
    """
    if not known.columns or known.columns.keys() != new.columns.keys():
        raise TrainingError(
            f"the same detectors are needed in both: {', '.join(known.columns) or 'none'} and "
            f"{', '.join(new.columns) or 'none'}"
        )
    lines = {name: fit(scores, known.labels) for name, scores in known.columns.items()}
    llrs = [
        {name: one.slope * trials.columns[name] + one.intercept for name, one in lines.items()}
        for trials in (known, new)
    ]
    rule = fit_rule(llrs[0], known.spoofed, dict.fromkeys(lines, 1.0))
    fused = sum(weight * llrs[1][name] for name, weight in rule.weights.items()) + rule.intercept
    costs = [cllr(factor * fused, new.labels) for factor in FACTORS]
    least = int(np.argmin(costs))
    return Trust(float(FACTORS[least]), costs[least], costs[-1])
