"""The import direction of the design: app -> ui -> core -> checkpoints, training -> core."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"app", "ui", "core", "checkpoints", "training"}
MAY_IMPORT = {
    "app": {"ui", "core"},
    "ui": {"core"},
    "core": {"checkpoints"},
    "checkpoints": set(),
    "training": {"core", "checkpoints"},
}
BANNED_IN_UI = {"torch", "numpy", "plotly", "librosa", "captum", "torchaudio", "transformers"}
WITHOUT_TORCH = {"core/types.py", "core/figures.py", "core/probe_figures.py", "core/report.py"}
MAX_LINES = 450


def imported(source: str) -> set[str]:
    """Top-level names of every module that `source` imports, wherever the import stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    found = [ROOT / "app.py"] if (ROOT / "app.py").exists() else []
    for package in sorted(PACKAGES - {"app"}):
        found += sorted((ROOT / package).rglob("*.py"))
    return found


def violations(relative: str, package: str, source: str) -> list[str]:
    found = imported(source)
    wrong = (found & PACKAGES) - MAY_IMPORT[package] - {package}
    problems = [f"{relative} imports {name}" for name in sorted(wrong)]
    if package == "ui":
        problems += [f"{relative} imports {name}" for name in sorted(found & BANNED_IN_UI)]
    if "gradio" in found and package not in {"ui", "app"}:
        problems.append(f"{relative} imports gradio")
    if relative in WITHOUT_TORCH and "torch" in found:
        problems.append(f"{relative} imports torch")
    return problems


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    assert violations(relative, package_of(path), path.read_text()) == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_holds_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_the_rule_catches_a_lazy_import() -> None:
    source = "def draw():\n    import numpy as np\n    from training.loop import x\n"
    assert violations("ui/panel.py", "ui", source) == [
        "ui/panel.py imports training",
        "ui/panel.py imports numpy",
    ]


def test_only_backbones_import_transformers() -> None:
    users = {
        p.relative_to(ROOT).as_posix()
        for p in modules()
        if "transformers" in imported(p.read_text())
    }
    # and the attack zoo, whose vocoders and codecs are its models; the app never loads them
    assert users <= {"core/backbones.py", "training/zoo/generators.py"}
