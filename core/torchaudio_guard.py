"""Makes `import torchaudio` work beside a CPU-only torch; import this before transformers.

The torchaudio wheel on the Linux index is linked to CUDA, so beside a CPU torch its compiled
extension cannot be loaded and `import torchaudio` raises OSError. transformers imports torchaudio
whenever it is installed, and then fails too. Resampling, filters, features and model builders
need nothing of that extension, so a stand-in that says "no extension" mends both.
"""

import sys
from types import ModuleType


def _without_extension() -> ModuleType:
    stub = ModuleType("torchaudio._extension")
    vars(stub).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        fail_if_no_align=lambda function: function,
    )
    return stub


def import_torchaudio() -> ModuleType:
    """torchaudio, with its compiled extension where it loads and without it where it does not."""
    try:
        import torchaudio
    except OSError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules["torchaudio._extension"] = _without_extension()
        import torchaudio
    module: ModuleType = torchaudio
    return module


import_torchaudio()
