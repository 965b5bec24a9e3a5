"""What training minimises: weighted cross-entropy, focal loss, margin contrastive losses.

Labels are the strings "bonafide" and "spoof" up to here; `targets` is the one place where they
become 0 and 1, in the order of the published weights: class 0 = spoof, class 1 = bona fide.

Sources: HierCon (models/Hiercon.py, arXiv 2602.01032) for the contrastive loss, XLSR-MamBo
(train.py) for the focal loss, AASIST (main.py) for the class weights [0.1, 0.9].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from core.types import Label

CLASSES: tuple[Label, Label] = ("spoof", "bonafide")  # by index, as in every published head

Contrast = Literal["none", "pairwise", "mean_margin"]
Distance = Literal["euclidean", "cosine"]


@dataclass(frozen=True, slots=True)
class Loss:
    """A training objective in the words of the papers.

    Attributes
    ----------
    kind : `"ce"` or `"focal"`.
    class_weights : of spoof and of bona fide.
    smoothing : label smoothing of the cross-entropy; 0 in every paper here.
    gamma : focal exponent.
    normalisation : of the focal loss, `"entries"` (XLSR-MamBo: the mean over batch x 2 one-hot
        entries, half of the usual) or `"clips"` (the mean over clips).
    contrast : `"none"`, `"pairwise"` (the authors' code) or `"mean_margin"` (the paper's text).
    contrast_weight : lambda.
    margin : m; 0.5 in HierCon's command line.
    distance : of the pairwise form.
    hardest_negative : take only each clip's nearest clip of the other class.
    clamp : HierCon's code limits its loss to [0, 10], so that it has no gradient above; None
        does not limit it.
    """

    kind: Literal["ce", "focal"] = "ce"
    class_weights: tuple[float, float] = (0.1, 0.9)
    smoothing: float = 0.0
    gamma: float = 2.0
    normalisation: Literal["entries", "clips"] = "clips"
    contrast: Contrast = "none"
    contrast_weight: float = 0.0
    margin: float = 0.5
    distance: Distance = "euclidean"
    hardest_negative: bool = False
    clamp: tuple[float, float] | None = (0.0, 10.0)


def targets(labels: Sequence[Label], device: torch.device | None = None) -> Tensor:
    """Class indices (batch,), 0 = spoof, 1 = bona fide."""
    unknown = sorted({str(label) for label in labels} - set(CLASSES))
    if unknown:
        raise ValueError(f"a label is 'bonafide' or 'spoof', not {', '.join(map(repr, unknown))}")
    return torch.tensor([CLASSES.index(label) for label in labels], device=device)


def weighted_cross_entropy(
    logits: Tensor,
    target: Tensor,
    class_weights: tuple[float, float] = (0.1, 0.9),
    smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy, each clip weighted by its class, divided by the weights' sum.

    `logits` (batch, 2). Log-softmax outputs may be given instead: log-softmax changes nothing
    when it is taken twice.
    """
    weight = logits.new_tensor(class_weights, dtype=torch.float32)
    return functional.cross_entropy(
        logits.float(), target, weight=weight, label_smoothing=smoothing
    )


def focal(
    logits: Tensor,
    target: Tensor,
    class_weights: tuple[float, float] = (0.1, 0.9),
    gamma: float = 2.0,
    normalisation: Literal["entries", "clips"] = "clips",
) -> Tensor:
    """Focal loss: the mean of alpha_y (1 - p_y)^gamma (-log p_y).

    XLSR-MamBo takes the mean over one-hot entries (`"entries"`), where the entry of the other
    class is zero: half of the mean over clips.
    """
    log_p = functional.log_softmax(logits.float(), dim=1)
    log_p = log_p.gather(1, target[:, None]).squeeze(1)  # (batch,)
    alpha = logits.new_tensor(class_weights, dtype=torch.float32)[target]
    per_clip = alpha * (1.0 - log_p.exp()).clamp(min=0.0) ** gamma * -log_p
    entries = logits.shape[1] if normalisation == "entries" else 1
    return per_clip.mean() / entries


def pairwise_contrastive(
    projection: Tensor,
    target: Tensor,
    margin: float = 0.5,
    distance: Distance = "euclidean",
    hardest_negative: bool = False,
    clamp: tuple[float, float] | None = (0.0, 10.0),
) -> Tensor:
    """Margin loss over ordered pairs of different clips, as in HierCon's code.

    mean over same-class pairs of d^2 + mean over other pairs of max(0, margin - d)^2, with d
    between L2-normalised projections (batch, width). A batch of one clip, and one without any
    pair of the same class, gives 0 even where pairs of different classes exist.

    With `hardest_negative` each clip's nearest clip of the other class stands for all of them.
    """
    same, other = _pairs(target)
    if not bool(same.any()):
        return projection.sum().float() * 0.0
    d = _distances(projection.float(), distance)
    positive = (d**2 * same).sum() / (same.sum() + 1e-8)
    shortfall = functional.relu(margin - d) ** 2
    if hardest_negative:
        worst = shortfall.masked_fill(~other, 0.0).amax(dim=1)  # nearest = largest shortfall
        has_other = other.any(dim=1)
        negative = worst.sum() / (has_other.sum() + 1e-8)
    else:
        negative = (shortfall * other).sum() / (other.sum() + 1e-8)
    loss = positive + negative
    return loss if clamp is None else loss.clamp(*clamp)


def mean_margin_contrastive(
    projection: Tensor, target: Tensor, margin: float = 0.5, hardest_negative: bool = False
) -> Tensor:
    """Margin between mean cosine similarities, as HierCon's paper words it (an assumption).

    max(0, margin - (mean over same-class pairs - mean over other pairs)); 0 where either set of
    pairs is empty. With `hardest_negative` the second mean is over each clip's most similar
    clip of the other class.
    """
    same, other = _pairs(target)
    if not bool(same.any()) or not bool(other.any()):
        return projection.sum().float() * 0.0
    z = functional.normalize(projection.float(), dim=1, eps=1e-8)
    cosine = z @ z.T
    if hardest_negative:
        nearest = cosine.masked_fill(~other, -torch.inf).amax(dim=1)
        unlike = nearest[other.any(dim=1)].mean()
    else:
        unlike = cosine[other].mean()
    return functional.relu(margin - (cosine[same].mean() - unlike))


def objective(
    loss: Loss, trace: Mapping[str, Tensor], target: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a batch from a detector's trace, and its parts by name (detached).

    Raises
    ------
    ValueError
        A contrastive recipe on a detector whose trace has no "projection".
    """
    logits = trace["logits"]
    if loss.kind == "ce":
        total = weighted_cross_entropy(logits, target, loss.class_weights, loss.smoothing)
    else:
        total = focal(logits, target, loss.class_weights, loss.gamma, loss.normalisation)
    parts: dict[str, Tensor] = {loss.kind: total.detach()}
    if loss.contrast == "none" or loss.contrast_weight == 0.0:
        return total, parts
    if "projection" not in trace:
        raise ValueError(
            "the recipe asks for a contrastive loss, and this detector has no projection head"
        )
    contrast = _contrast(loss, trace["projection"], target)
    parts["contrast"] = contrast.detach()
    return total + loss.contrast_weight * contrast, parts


def _contrast(loss: Loss, projection: Tensor, target: Tensor) -> Tensor:
    if loss.contrast == "mean_margin":
        return mean_margin_contrastive(projection, target, loss.margin, loss.hardest_negative)
    return pairwise_contrastive(
        projection, target, loss.margin, loss.distance, loss.hardest_negative, loss.clamp
    )


def _pairs(target: Tensor) -> tuple[Tensor, Tensor]:
    """Masks (batch, batch) of ordered pairs i != j: of one class, of two classes."""
    same = target[:, None] == target[None, :]
    different = ~same
    return same & ~torch.eye(len(target), dtype=torch.bool, device=target.device), different


def _distances(projection: Tensor, distance: Distance) -> Tensor:
    """Distances (batch, batch); the gradient is finite for equal clips, too."""
    z = functional.normalize(projection, dim=1, eps=1e-8)
    if distance == "cosine":
        return 1.0 - z @ z.T
    squared = ((z[:, None] - z[None, :]) ** 2).sum(dim=2)  # exact for near clips, z @ z.T is not
    apart = squared > 0.0  # the root has no derivative at 0
    return torch.where(apart, torch.where(apart, squared, 1.0).sqrt(), 0.0)
