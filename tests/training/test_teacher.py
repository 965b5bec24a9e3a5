"""The kernel machines that teach networks beside the labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.test_textures import WIDTH, plain_set
from training import teacher
from training.teacher import lesson, mixed, shares
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


def test_it_learns_from_clips_and_tells_others() -> None:
    rng = np.random.default_rng(3)
    train = plain_set()
    known = teacher.fit(train, WIDTHS, 1)
    assert [tuple(one.rows.shape) for one in known.machines] == [(96, width) for width in WIDTHS]
    other = means(plain_set()) + 0.02 * torch.from_numpy(rng.normal(size=(48, 1))).float()
    opinion = known(other)
    spoof = torch.tensor([item.label == "spoof" for item in train.items])
    assert float(opinion[spoof].min()) > float(opinion[~spoof].max())
    assert 0 < float(opinion.min()) < 0.5 < float(opinion.max()) < 1
    far = known(torch.full((1, other.shape[1]), 400.0))  # limited, and like nothing it knows
    assert abs(float(far) - 0.5) < 0.05


def test_its_opinion_is_the_mean_of_its_machines_regressions() -> None:
    train = plain_set()
    known = teacher.fit(train, WIDTHS, 1)
    scaled = (means(train)[:5] - known.centre) / known.scale
    parts = scaled.clamp(-teacher.LIMIT, teacher.LIMIT).split(WIDTHS, 1)
    said = sum(one(part) for one, part in zip(known.machines, parts, strict=True))
    torch.testing.assert_close(known(means(train)[:5]), torch.sigmoid(torch.as_tensor(said)))


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


def test_it_keeps_the_means_of_the_unchanged_clips() -> None:
    train = with_copies(plain_set(variants=2))
    known = teacher.fit(train, WIDTHS, 1)
    torch.testing.assert_close(known.means, means(train))


def test_a_lesson_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    spoof = np.log(1 + np.exp(-2.0))  # -log p(spoof) where spoof leads by 2
    wanted = (0.75 * spoof + 0.25 * (spoof + 2.0) + np.log(2)) / 2
    found = float(lesson(logits, torch.tensor([0.75, 0.1])))
    assert found == pytest.approx(wanted, rel=1e-5)
