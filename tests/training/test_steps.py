"""What the loops that run for a given time share."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from training.data import Item
from training.errors import TrainingError
from training.steps import Descent, Draws, follow, rate, until


class Two(nn.Module):
    """Two parts that hold one layer, as detectors hold one backbone."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.norm = nn.Linear(2, 2), nn.BatchNorm1d(2)
        self.again = self.shared


def _tensor(value: torch.Tensor | None) -> torch.Tensor:
    assert value is not None
    return value


def test_a_shared_layer_follows_once() -> None:
    net = Two()
    mean = copy.deepcopy(net)
    with torch.no_grad():
        mean.shared.weight.zero_()
        net.shared.weight.fill_(1.0)
    follow(mean, net, step=1_000, decay=0.9)
    torch.testing.assert_close(mean.again.weight, torch.full((2, 2), 0.1))


def test_counts_are_copied_and_running_means_follow() -> None:
    net, mean = Two(), Two()
    _tensor(net.norm.running_mean).fill_(1.0)
    _tensor(net.norm.num_batches_tracked).fill_(7)
    follow(mean, net, step=1_000, decay=0.5)
    assert int(_tensor(mean.norm.num_batches_tracked)) == 7
    torch.testing.assert_close(_tensor(mean.norm.running_mean), torch.full((2,), 0.5))


def test_the_first_steps_are_forgotten() -> None:
    net, mean = nn.Linear(1, 1), nn.Linear(1, 1)
    follow(mean, net, step=0)
    torch.testing.assert_close(mean.weight, net.weight)


def test_rate_climbs_then_falls_to_nothing() -> None:
    assert rate(0.05) == pytest.approx(0.5)
    assert rate(0.1) == pytest.approx(1.0)
    assert rate(0.55) == pytest.approx(0.5)
    assert rate(1.0) == pytest.approx(0.0)


def test_as_many_human_as_machine_made_are_drawn_whatever_there_are() -> None:
    items = [Item(f"U{i}", "bonafide", Path("u"), source=f"s{i % 2}") for i in range(10)]
    items += [Item(f"V{i}", "spoof", Path("v"), family="few") for i in range(10)]
    items += [Item(f"W{i}", "spoof", Path("w"), family="many") for i in range(80)]
    share = Draws(items, np.random.default_rng(0)).share
    assert share[:10].sum() == pytest.approx(0.5)
    few, many = share[10:20].sum(), share[20:].sum()
    assert many / few == pytest.approx(8**0.5)  # tempered: not 8 to 1


def test_a_label_is_drawn_by_the_shares_of_its_own_clips() -> None:
    items = [Item(f"U{i}", "spoof" if i > 2 else "bonafide", Path("x")) for i in range(12)]
    draws = Draws(items, np.random.default_rng(0))
    assert set(draws.of("bonafide", 50).tolist()) == {0, 1, 2}
    assert set(draws.of("spoof", 200).tolist()) == set(range(3, 12))
    with pytest.raises(TrainingError, match="no spoof clip"):
        Draws(items[:3], np.random.default_rng(0)).of("spoof", 1)


def test_until_counts_shares_of_the_time_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([10.0, 10.0, 12.0, 14.0, 20.1, 0.0])
    monkeypatch.setattr("training.steps.time.monotonic", lambda: next(seconds))
    assert list(until(10.0)) == [0.0, pytest.approx(0.2), pytest.approx(0.4)]
    assert list(until(0.0)) == []


def test_descent_goes_down_and_its_mean_follows() -> None:
    torch.manual_seed(0)
    net = nn.Linear(3, 1)
    descent = Descent(net, 0.05, 0.0, 1.0, memory=0.9)
    x = torch.randn(64, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]])
    first = (net(x) - y).square().mean()
    for step in range(200):
        descent.move((net(x) - y).square().mean(), step / 200)
    assert (net(x) - y).square().mean() < 0.05 * first
    assert descent.steps == 200
    torch.testing.assert_close(descent.mean.weight, net.weight, atol=0.05, rtol=0.05)
    assert not any(p.requires_grad for p in descent.mean.parameters())
