import math

import pytest
import torch

from training.losses import (
    Loss,
    focal,
    mean_margin_contrastive,
    objective,
    pairwise_contrastive,
    targets,
    weighted_cross_entropy,
)

LOG2 = math.log(2.0)


def test_labels_become_classes_in_the_published_order() -> None:
    assert targets(["spoof", "bonafide"]).tolist() == [0, 1]
    with pytest.raises(ValueError, match="not 'bona-fide'"):
        targets(["spoof", "bona-fide"])  # type: ignore[list-item]


def test_cross_entropy_by_hand() -> None:
    # log p = -ln 2 for the spoof, -ln(1 + e^-2) for the bona fide; weights 0.1 and 0.9
    logits = torch.tensor([[0.0, 0.0], [0.0, 2.0]])
    bona = math.log1p(math.exp(-2.0))
    want = (0.1 * LOG2 + 0.9 * bona) / 1.0
    got = weighted_cross_entropy(logits, torch.tensor([0, 1]))
    assert float(got) == pytest.approx(want, abs=1e-6)
    again = weighted_cross_entropy(logits.log_softmax(1), torch.tensor([0, 1]))
    assert float(again) == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize(("normalisation", "share"), [("clips", 1.0), ("entries", 0.5)])
def test_focal_by_hand(normalisation: str, share: float) -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, 2.0]])
    p = 1 / (1 + math.exp(-2.0))
    want = share * (0.1 * 0.25 * LOG2 + 0.9 * (1 - p) ** 2 * -math.log(p)) / 2
    got = focal(logits, torch.tensor([0, 1]), normalisation=normalisation)  # type: ignore[arg-type]
    assert float(got) == pytest.approx(want, rel=1e-5)


def test_focal_is_finite_where_the_logits_are_far_apart() -> None:
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    for target in (0, 1):
        value = focal(logits, torch.tensor([target]))
        (gradient,) = torch.autograd.grad(value, logits)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()


def test_pairwise_by_hand() -> None:
    # unit vectors at 0, 60 and 20 degrees: chords 1 (same class), 2 sin 10 and 2 sin 20 (other)
    angle = torch.deg2rad(torch.tensor([0.0, 60.0, 20.0]))
    z = 3.0 * torch.stack([angle.cos(), angle.sin()], dim=1)
    near, far = 2 * math.sin(math.radians(10)), 2 * math.sin(math.radians(20))
    negative = (max(0, 0.5 - near) ** 2 + max(0, 0.5 - far) ** 2) / 2
    target = torch.tensor([0, 0, 1])
    assert float(pairwise_contrastive(z, target)) == pytest.approx(1.0 + negative, abs=1e-5)
    # nearest of the other class: clip 0 -> near, clip 1 -> far, clip 2 -> near
    hardest = (2 * max(0, 0.5 - near) ** 2 + max(0, 0.5 - far) ** 2) / 3
    got = pairwise_contrastive(z, target, hardest_negative=True)
    assert float(got) == pytest.approx(1.0 + hardest, abs=1e-5)
    cosine = (1 - 0.5) ** 2 + (
        max(0, 0.5 - (1 - math.cos(math.radians(20)))) ** 2
        + max(0, 0.5 - (1 - math.cos(math.radians(40)))) ** 2
    ) / 2
    got = pairwise_contrastive(z, target, distance="cosine")
    assert float(got) == pytest.approx(cosine, abs=1e-5)


def test_pairwise_edge_cases_of_the_authors_code() -> None:
    z = torch.nn.functional.normalize(torch.randn(8, 128, generator=torch.manual_seed(0)), dim=1)
    assert float(pairwise_contrastive(z[:1], torch.tensor([1]))) == 0.0
    touching = torch.tensor([[1.0, 0.0], [0.99, 0.01]])  # a negative pair, no positive one
    assert float(pairwise_contrastive(touching, torch.tensor([0, 1]))) == 0.0
    one_class = float(pairwise_contrastive(z, torch.ones(8, dtype=torch.long)))
    chords = torch.cdist(z, z) ** 2
    assert one_class == pytest.approx(float(chords.sum()) / 56, rel=1e-4)
    assert 1.9 < one_class < 2.1  # random 8 x 128: about 2, and no negative part


def test_equal_clips_have_a_finite_gradient() -> None:
    z = torch.ones(4, 8, requires_grad=True)
    loss = pairwise_contrastive(z, torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.25, abs=1e-6)  # (0.5 - 0)^2 of the negatives
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()


def test_the_clamp_is_a_choice() -> None:
    opposite = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], requires_grad=True)
    same = torch.tensor([0, 0])
    assert float(pairwise_contrastive(opposite, same).detach()) == pytest.approx(4.0)
    limited = pairwise_contrastive(opposite, same, clamp=(0.0, 3.0))
    assert float(limited.detach()) == 3.0


def test_mean_margin_by_hand() -> None:
    angle = torch.deg2rad(torch.tensor([0.0, 60.0, 90.0]))
    z = torch.stack([angle.cos(), angle.sin()], dim=1)
    target = torch.tensor([1, 1, 0])
    unlike = (0.0 + math.cos(math.radians(30))) / 2
    want = 0.5 - (0.5 - unlike)
    assert float(mean_margin_contrastive(z, target)) == pytest.approx(want, abs=1e-6)
    assert float(mean_margin_contrastive(z, torch.tensor([1, 1, 1]))) == 0.0
    assert float(mean_margin_contrastive(z[1:], target[1:])) == 0.0
    hardest = (0.0 + 2 * math.cos(math.radians(30))) / 3
    got = mean_margin_contrastive(z, target, hardest_negative=True)
    assert float(got) == pytest.approx(0.5 - (0.5 - hardest), abs=1e-6)


def test_objective_adds_lambda_times_the_contrast() -> None:
    trace = {"logits": torch.zeros(2, 2), "projection": torch.tensor([[1.0, 0], [-1.0, 0]])}
    target = torch.tensor([0, 0])
    loss = Loss(contrast="pairwise", contrast_weight=0.1)
    total, parts = objective(loss, trace, target)
    assert float(total) == pytest.approx(LOG2 + 0.4, abs=1e-6)
    assert float(parts["contrast"]) == pytest.approx(4.0)
    assert set(objective(Loss(), trace, target)[1]) == {"ce"}
    with pytest.raises(ValueError, match="no projection head"):
        objective(loss, {"logits": trace["logits"]}, target)
