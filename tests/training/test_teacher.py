"""The kernel machines that teach networks beside the labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.test_textures import WIDTH, plain_set
from training import teacher
from training.teacher import lesson, mixed
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


def test_mixtures_lie_between_a_clip_and_the_next() -> None:
    blocks = np.arange(6, dtype=np.float32).reshape(3, 2, 1)
    found = mixed(blocks, np.random.default_rng(0))
    assert found.dtype == np.float32
    before = np.roll(blocks, 1, axis=0)
    assert ((found >= np.minimum(blocks, before)) & (found <= np.maximum(blocks, before))).all()
    share = (found - before) / (blocks - before)
    np.testing.assert_allclose(share[:, 0], share[:, 1], rtol=1e-5)  # one share a clip
    assert len(np.unique(share.round(5))) == 3


def test_a_lesson_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    spoof = np.log(1 + np.exp(-2.0))  # -log p(spoof) where spoof leads by 2
    wanted = (0.75 * spoof + 0.25 * (spoof + 2.0) + np.log(2)) / 2
    found = float(lesson(logits, torch.tensor([0.75, 0.1])))
    assert found == pytest.approx(wanted, rel=1e-5)
