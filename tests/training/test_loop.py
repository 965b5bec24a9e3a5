import dataclasses
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from checkpoints import store
from core.registry import DETECTORS
from tests.training.tiny import PLAIN, RECIPES, TINY, Tiny, make_corpus
from training import checkpointing, optim
from training.__main__ import main
from training.averaging import Keeper, estimate_normalisation, mean
from training.corpus import read_splits
from training.data import Audio
from training.errors import TrainingError
from training.loop import Options, Trainer
from training.recipe import Averaging, Recipe, Schedule, Selection

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(DETECTORS, "tiny", Tiny)
    AcceleratorState._reset_state(reset_partial_state=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    AcceleratorState._reset_state(reset_partial_state=True)


def trainer(recipe: Recipe, corpus: Path, folder: Path, **options: object) -> Trainer:
    checkpointing.seed_everything(recipe.seed)
    splits = read_splits(corpus)
    chosen = Options(folder, cpu=True, quiet=True, **options)  # type: ignore[arg-type]
    detector = Tiny.build(recipe.config)
    return Trainer(
        detector, recipe, Audio.of(splits.train, None), Audio.of(splits.dev, None), chosen
    )


def equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


def test_it_learns_and_writes_its_curve(corpus: Path, tmp_path: Path) -> None:
    made = trainer(dataclasses.replace(TINY, epochs=12), corpus, tmp_path)
    before = made.evaluate()["dev_loss"]
    made.fit()
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert len(rows) == 12
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    assert made.evaluate()["dev_loss"] < 0.8 * before
    assert min(row["dev_eer"] for row in rows) == 0.0
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_accumulation_changes_nothing_but_rounding(corpus: Path, tmp_path: Path) -> None:
    whole = trainer(PLAIN, corpus, tmp_path / "a").fit()
    parts = trainer(PLAIN, corpus, tmp_path / "b", micro=3).fit()
    for name, value in whole.items():
        assert torch.allclose(value, parts[name], atol=2e-5), name


def test_bf16_trains(corpus: Path, tmp_path: Path) -> None:
    made = trainer(dataclasses.replace(PLAIN, precision="bf16"), corpus, tmp_path)
    weights = made.fit()
    assert all(value.dtype == torch.float32 for value in weights.values())
    full = {name: value.clone() for name, value in weights.items()}
    AcceleratorState._reset_state(reset_partial_state=True)
    other = trainer(PLAIN, corpus, tmp_path / "full").fit()
    assert not equal(full, other)


def test_it_stops_early(corpus: Path, tmp_path: Path) -> None:
    stuck = dataclasses.replace(
        PLAIN,
        optimiser=dataclasses.replace(PLAIN.optimiser, lr=0.0),
        selection=Selection("dev_loss", patience=2),
        epochs=20,
    )
    made = trainer(stuck, corpus, tmp_path)
    made.fit()
    assert len(made.progress.history) == 3  # one best, two without improvement
    assert made.keeper.best_epoch == 0


def test_a_folder_in_use_and_another_recipe_are_refused(corpus: Path, tmp_path: Path) -> None:
    trainer(PLAIN, corpus, tmp_path).fit()
    with pytest.raises(TrainingError, match="--resume continues it"):
        trainer(PLAIN, corpus, tmp_path).fit()
    other = dataclasses.replace(PLAIN, batch=4)
    with pytest.raises(TrainingError, match="another recipe"):
        trainer(other, corpus, tmp_path, resume=True).fit()


def test_a_loss_that_is_no_number_stops_the_run(corpus: Path, tmp_path: Path) -> None:
    made = trainer(PLAIN, corpus, tmp_path)
    with torch.no_grad():
        made.detector.classifier.weight.fill_(math.nan)  # type: ignore[union-attr, operator]
    with pytest.raises(TrainingError, match="the loss is nan at step 0"):
        made.fit()


def test_a_full_disk_leaves_the_last_state(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trainer(dataclasses.replace(PLAIN, epochs=1), corpus, tmp_path)
    made.fit()
    before = (tmp_path / "state.pt").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingError, match="No space left on device"):
        made._save()
    assert (tmp_path / "state.pt").read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))


def test_frozen_parts_stay_and_keep_their_mode(corpus: Path, tmp_path: Path) -> None:
    frozen = dataclasses.replace(TINY, freeze=("backbone", "norm"), epochs=1)
    made = trainer(frozen, corpus, tmp_path)
    start = {k: v.clone() for k, v in made.detector.state_dict().items()}
    made._mode()
    assert not made.detector.norm.training  # type: ignore[union-attr]
    assert made.detector.dropout.training  # type: ignore[union-attr]
    made.fit()
    end = made.detector.state_dict()
    assert all(torch.equal(end[k], start[k]) for k in start if k.startswith(("backbone", "norm")))
    assert not torch.equal(end["classifier.weight"], start["classifier.weight"])
    with pytest.raises(TrainingError, match="nothing to freeze under 'encoder'"):
        trainer(dataclasses.replace(TINY, freeze=("encoder",)), corpus, tmp_path / "b")


# --- killed and resumed, and two processes ---------------------------------------------------


def start(*arguments: str, **extra: str) -> "subprocess.Popen[bytes]":
    """`python -m training train` with the tiny detector, in a process of its own."""
    command = [sys.executable, "-m", "tests.training.tiny", "train", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **extra}
    return subprocess.Popen([*command, "--cpu", "--quiet"], cwd=ROOT, env=environment)


def final(folder: Path) -> dict[str, torch.Tensor]:
    return store.tensors(store.read_folder(folder / "checkpoint" / "tiny"))


@pytest.mark.slow
def test_killed_and_resumed_it_comes_to_the_same_bits(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.recipe.load", RECIPES.__getitem__)
    common = ["tiny", "--data", str(corpus), "--save-every", "2", "--id", "tiny"]
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert main(["train", *common, "--out", str(straight), "--cpu", "--quiet"]) == 0
    process = start(*common, "--out", str(broken), SPOOFSCOPE_TEST_SLOW="0.3")
    killed_at = kill_after_a_save(process, broken / "state.pt")
    assert killed_at["progress"]["batch"] == 2  # in the middle of an epoch
    assert not (broken / "checkpoint").exists()
    assert start(*common, "--out", str(broken), "--resume").wait(timeout=120) == 0
    assert equal(final(straight), final(broken))
    assert (straight / "history.jsonl").read_text() == (broken / "history.jsonl").read_text()


def kill_after_a_save(process: "subprocess.Popen[bytes]", state: Path) -> dict[str, dict[str, int]]:
    """SIGKILL once a state from the middle of an epoch is on the disk."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit and process.poll() is None:
        if state.exists():
            saved = checkpointing.load_state(state.parent)
            if saved is not None and saved["progress"]["batch"] > 0:
                process.send_signal(signal.SIGKILL)
                process.wait()
                found = checkpointing.load_state(state.parent)
                assert found is not None
                return found
        time.sleep(0.02)
    process.kill()
    raise AssertionError("the run ended before it could be killed in the middle of an epoch")


@pytest.mark.slow
def test_two_processes_come_to_the_weights_of_one(corpus: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    arguments = ["plain", "--data", str(corpus), "--id", "tiny", "--out", str(tmp_path / "two")]
    pair = []
    for rank in range(2):
        extra = {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            "ACCELERATE_USE_CPU": "true",
        }
        pair.append(start(*arguments, **extra))
    assert [process.wait(timeout=120) for process in pair] == [0, 0]
    state = checkpointing.load_state(tmp_path / "two")
    assert state is not None
    assert state["identity"]["processes"] == "2"
    alone = trainer(PLAIN, corpus, tmp_path / "one").fit()
    for name, value in final(tmp_path / "two").items():
        assert torch.allclose(value, alone[name], atol=2e-5), name


# --- its parts -------------------------------------------------------------------------------


def test_schedules_by_hand() -> None:
    cosine = Schedule("cosine", floor=0.05)
    assert [optim.factor(cosine, s, 100, 10) for s in (0, 50, 100)] == pytest.approx(
        [1, 0.525, 0.05]
    )
    warm = Schedule("warmup_cosine", warmup=0.1, floor=0.1)
    got = [optim.factor(warm, s, 100, 10) for s in (0, 9, 10, 55, 100)]
    assert got == pytest.approx([0.1, 1.0, 1.0, 0.55, 0.1])
    decay = Schedule("warmup_decay", warmup=2, decay=0.8)
    got = [optim.factor(decay, s, 100, 10) for s in (0, 19, 20, 29, 30)]
    assert got == pytest.approx([0.05, 1.0, 0.8, 0.8, 0.64])


def test_the_keeper_averages_and_forgets(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, Averaging("best", keep=2), None)
    for epoch, value in enumerate([3.0, 1.0, 2.0, 4.0]):
        keeper.offer(value, epoch, lambda e=epoch: {"w": torch.full((2,), float(e))}, True)  # type: ignore[misc]
    keeper.tidy()
    assert [one[1] for one in keeper.kept] == [1, 2]
    assert keeper.since_best == 2
    assert keeper.final()["w"].tolist() == [1.5, 1.5]
    assert sorted(p.name[:10] for p in tmp_path.iterdir()) == ["epoch_0001", "epoch_0002"]
    swa = Keeper(tmp_path / "swa", Averaging("swa"), None)
    for epoch, value in enumerate([3.0, 1.0, 2.0, 0.5]):
        swa.offer(value, epoch, lambda e=epoch: {"w": torch.full((2,), float(e))}, True)  # type: ignore[misc]
    assert swa.final()["w"].tolist() == pytest.approx([4 / 3] * 2)  # the bests: epochs 0, 1, 3
    again = Keeper(tmp_path / "swa", Averaging("swa"), swa.state())
    assert torch.equal(again.final()["w"], swa.final()["w"])
    assert mean([{"n": torch.tensor(3)}, {"n": torch.tensor(5)}])["n"].item() == 3


def test_normalisation_is_estimated_again() -> None:
    detector = Tiny.build({"dropout": 0.0})
    waves = [torch.randn(4, 1600, generator=torch.manual_seed(i)) for i in range(3)]

    def training() -> None:
        detector.train()

    estimate_normalisation(detector, training, waves)
    frames = [detector.backbone(wave[:, None]) for wave in waves]
    want = torch.stack([f.mean((0, 2)) for f in frames]).mean(0)
    assert torch.allclose(detector.norm.running_mean, want, atol=1e-6)  # type: ignore[arg-type]
    assert detector.norm.momentum == 0.1
