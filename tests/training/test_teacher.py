"""The kernel machines that teach networks beside the labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.test_textures import WIDTH, plain_set
from training import teacher
from training.teacher import Machine, lesson, mixed, shares
from training.textures import Textures
from training.zoo.copies import FAMILY


def with_copies(made: Textures) -> Textures:
    """Every fourth clip, all of them spoof, is a copy."""
    items = tuple(
        replace(item, family=FAMILY) if i % 4 == 1 else item for i, item in enumerate(made.items)
    )
    return replace(made, items=items)


def means(made: Textures, variant: int = 0) -> torch.Tensor:
    return torch.from_numpy(made.blocks[variant].astype(np.float32).mean(1))


WIDTHS = (400, 1_000, WIDTH - 1_400)


def one_pair(known: Machine, first: torch.Tensor, second: torch.Tensor, own: float) -> float:
    """What a machine says of a mixture, its kernels at the mixture itself."""
    mixture = own * first + (1 - own) * second
    squared = (known.rows - mixture).double().square().sum(1)
    kernel = torch.exp(-squared * teacher.REACH / known.rows.shape[1])
    return float(kernel @ known.weights.double())


def test_it_learns_from_clips_and_tells_mixtures_of_them() -> None:
    train = plain_set()
    known = teacher.fit(train, WIDTHS, 1)
    assert [tuple(one.rows.shape) for one in known.machines] == [(96, width) for width in WIDTHS]
    spoof = np.array([item.label == "spoof" for item in train.items])
    clips = np.concatenate([np.flatnonzero(spoof), np.flatnonzero(~spoof)])
    opinion = known(clips, torch.full((48,), 0.9))
    assert float(opinion[:23].min()) > float(opinion[24:47].max())  # each with one of its kind
    assert 0 < float(opinion.min()) < 0.5 < float(opinion.max()) < 1


def test_its_opinion_is_the_mean_of_its_machines_regressions() -> None:
    known = teacher.fit(plain_set(), WIDTHS, 1)
    clips, own = np.array([7, 30, 11]), torch.tensor([0.3, 0.8, 1.0])
    said = [
        [one_pair(one, one.clips[a], one.clips[b], share) for one in known.machines]
        for a, b, share in ((7, 30, 0.3), (30, 11, 0.8), (11, 7, 1.0))
    ]
    wanted = torch.sigmoid(teacher.STEEP * torch.tensor(said).mean(1))
    torch.testing.assert_close(known(clips, own), wanted, atol=1e-3, rtol=1e-3)


def test_clips_are_limited_and_on_the_teachers_scale() -> None:
    train = plain_set()
    known = teacher.fit(train, WIDTHS, 1)
    scaled = (means(train) - known.centre) / known.scale
    parts = scaled.clamp(-teacher.LIMIT, teacher.LIMIT).split(WIDTHS, 1)
    for one, part in zip(known.machines, parts, strict=True):
        torch.testing.assert_close(one.clips, part)


def test_each_regression_is_the_weighted_one_by_hand() -> None:
    """At the solution a side misses ridge / weight of the row, times the kernel's weight."""
    train = with_copies(plain_set(variants=1))
    (known,) = teacher.fit(train, (WIDTH,), 1).machines
    distance = torch.cdist(known.rows, known.rows).double().square()
    kernel = torch.exp(-distance * teacher.REACH / known.rows.shape[1])
    copied = torch.tensor([item.family == FAMILY for item in train.items])
    spoof = torch.tensor([item.label == "spoof" for item in train.items])
    order = torch.cat([torch.nonzero(~copied)[:, 0], torch.nonzero(copied)[:, 0]])
    spoof, copied = spoof[order], copied[order]
    weight = torch.zeros(48, dtype=torch.float64)
    weight[~spoof] = 24.0 / 24
    weight[spoof & ~copied] = 24.0 * (1 - teacher.COPIES) / 12
    weight[copied] = 24.0 * teacher.COPIES / 12
    side = torch.where(spoof, 1.0, -1.0).double()
    missing = side - kernel @ known.weights.double()
    torch.testing.assert_close(
        missing, teacher.RIDGE / weight * known.weights.double(), atol=1e-3, rtol=1e-3
    )


def test_mixtures_by_hand() -> None:
    values = torch.tensor([[[1.0], [2.0]], [[10.0], [20.0]], [[100.0], [200.0]]])
    found = mixed(values, torch.tensor([1.0, 0.5, 0.25]))
    assert found.tolist() == [[[1.0], [2.0]], [[55.0], [110.0]], [[25.75], [51.5]]]
    means = mixed(values.mean(1), torch.tensor([1.0, 0.5, 0.25]))  # of means as of all blocks
    torch.testing.assert_close(means, found.mean(1))


def test_the_first_clips_keep_all_of_themselves() -> None:
    found = shares(2_000, 500, np.random.default_rng(0))
    assert (found[:500] == 1).all()
    assert float(found[500:].min()) < 0.01 < 0.99 < float(found[500:].max()) < 1
    assert float(found[500:].mean()) == pytest.approx(0.5, abs=0.03)


def test_a_lesson_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    spoof = np.log(1 + np.exp(-2.0))  # -log p(spoof) where spoof leads by 2
    wanted = (0.75 * spoof + 0.25 * (spoof + 2.0) + np.log(2)) / 2
    found = float(lesson(logits, torch.tensor([0.75, 0.1])))
    assert found == pytest.approx(wanted, rel=1e-5)
