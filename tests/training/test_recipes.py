import ast
import json
from dataclasses import fields
from pathlib import Path

import pytest

import training.recipes
from core.registry import DETECTORS
from training import recipe as recipes
from training.augment import chain
from training.commands import train
from training.errors import TrainingError
from training.recipe import Recipe, Selection

FILES = sorted(
    path for path in Path(training.recipes.__path__[0]).glob("*.py") if path.name[0] != "_"
)


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_names_what_exists(name: str) -> None:
    recipe = recipes.load(name)
    assert isinstance(recipe, Recipe)
    kind = DETECTORS[recipe.detector]
    assert recipe.size in kind.sizes
    chain.check((*recipe.augmentation.before_crop, *recipe.augmentation.after_crop))
    assert json.loads(json.dumps(recipe.to_json())) == recipe.to_json()
    if ":" not in name and (recipe.size == "compact" or recipe.detector == "aasist"):
        detector = kind.build(recipe.config, recipe.size)
        assert detector.spec.samples == recipe.crop.samples
        for prefix in recipe.freeze:
            assert any(p.startswith(prefix) for p, _ in detector.named_parameters())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recipe_says_what_to_expect_and_how_to_run_it(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert f"python -m training train {path.stem}" in text
    assert "ublished" in text or "Expected result" in text


def test_the_published_settings() -> None:
    hiercon = recipes.load("hiercon_paper")
    assert (hiercon.optimiser.lr, hiercon.batch, hiercon.crop.train) == (1e-6, 16, "head")
    assert (hiercon.loss.contrast_weight, hiercon.loss.margin) == (0.1, 0.5)
    assert hiercon.loss.clamp == (0.0, 10.0)
    assert hiercon.selection == Selection("train_loss", 5)  # the original's trap, by name
    mambo = recipes.load("mambo_paper")
    assert (mambo.epochs, mambo.batch, mambo.seed) == (20, 32, 114_514)
    assert (mambo.loss.kind, mambo.loss.normalisation) == ("focal", "entries")
    assert mambo.augmentation.dev
    assert recipes.load("sls_v1_paper").selection == Selection("train_loss", 1)
    assert recipes.load("sls_v2_paper").selection == Selection("dev_loss", 10)
    assert recipes.load("aasist_paper").averaging.kind == "swa"
    qaf = recipes.load("qaf_paper:codecF")
    assert (qaf.config["mode"], qaf.averaging.keep, qaf.freeze) == (
        "codecF",
        5,
        ("backbone", "codec"),
    )


def test_the_grids_are_whole() -> None:
    names = recipes.names()
    assert sum(name.startswith("mambo_paper:") and "-n" in name for name in names) == 48
    assert sum(name.startswith("aasist_topk_paper:d") for name in names) == 8
    group = recipes.load("hiercon_paper:group-6")
    assert group.config == {"group_size": 6}
    assert recipes.load("hiercon_paper:attention").loss.contrast == "none"


def test_an_unknown_recipe_is_answered_with_the_nearest() -> None:
    with pytest.raises(TrainingError, match="Nearest: hiercon_paper"):
        recipes.load("hiercon_papr")


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    from training.__main__ import main

    assert main(["train", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == recipes.names()
    assert main(["train"]) == 1
    assert main(["train", "hiercon_papr"]) == 1
    assert "Nearest" in capsys.readouterr().err


def test_what_the_command_line_changes() -> None:
    from training.__main__ import parser

    args = parser().parse_args(
        [
            "train",
            "recipes/sls_compact.py",
            "--epochs",
            "2",
            "--clips",
            "64",
            "--freeze",
            "backbone",
        ]
    )
    assert train._name(args.recipe) == "sls_compact"
    changed = train.adjusted(recipes.load("sls_compact"), args)
    assert (changed.epochs, changed.sampling.clips, changed.freeze) == (2, 64, ("backbone",))
    assert train._command(args) == (
        "python -m training train sls_compact --epochs 2 --clips 64 --freeze backbone"
    )
    same = {f.name for f in fields(Recipe)} - {"epochs", "sampling", "freeze"}
    plain = recipes.load("sls_compact")
    assert all(getattr(changed, name) == getattr(plain, name) for name in same)
