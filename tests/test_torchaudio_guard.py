"""torchaudio and transformers import together, CUDA-linked wheel or not."""

import subprocess
import sys


def test_transformers_and_torchaudio_import_in_a_fresh_process() -> None:
    code = (
        "import core.torchaudio_guard, torch\n"
        "from transformers import Wav2Vec2Model\n"
        "import torchaudio.functional as F\n"
        "print(Wav2Vec2Model.__name__, F.resample(torch.ones(1, 480), 48000, 16000).shape[-1])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["Wav2Vec2Model", "160"], done.stderr
