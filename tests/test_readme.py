"""What the README promises to machines: the Space's front matter, and ten lines that run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from huggingface_hub import metadata_load
from packaging.requirements import Requirement

from tests.core.made import UNTRAINED, buzz, save_untrained

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_front_matter_is_what_a_space_needs() -> None:
    front = metadata_load(ROOT / "README.md")
    assert front is not None
    assert (front["sdk"], front["license"]) == ("gradio", "apache-2.0")
    assert (ROOT / front["app_file"]).is_file()
    assert isinstance(front["python_version"], str)  # 3.10 is the default, and too old
    assert tuple(map(int, front["python_version"].split("."))) >= (3, 11)
    assert len(front["short_description"]) <= 60
    assert front["disable_embedding"] is True
    assert {"title", "emoji", "colorFrom", "colorTo", "models", "suggested_hardware"} <= set(front)
    assert (ROOT / "packages.txt").read_text().split() == ["ffmpeg"]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    (gradio,) = [one for one in wanted if one.name == "gradio"]
    assert gradio.specifier.contains(front["sdk_version"])


@pytest.mark.slow
def test_the_ten_lines_run(tmp_path: Path) -> None:
    (code,) = re.findall(r"## As a library\n\n```python\n(.*?)```", README, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 10
    save_untrained(tmp_path / "checkpoints")
    soundfile.write(tmp_path / "clip.wav", buzz(6.0), 16_000)
    # random weights in place of those that ship, and made sound that would be refused as no speech
    code = code.replace("hop_seconds=2.0", "hop_seconds=2.0, score_anyway=True")
    code = code.replace("select()", f'select(checkpoints=["{UNTRAINED}"])')
    boot = (
        "from pathlib import Path\nfrom checkpoints import store\n"
        f"store.search_path = lambda: (Path({str(tmp_path / 'checkpoints')!r}),)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", boot + code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) >= 3  # the verdict, then a line for each window
    assert lines[1].startswith("aasist 0.0 ")
    assert float(lines[1].split()[2]) < 1e3
