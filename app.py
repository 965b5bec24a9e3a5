"""SpoofScope in the browser: `python app.py`, then http://127.0.0.1:7860."""

import os
from pathlib import Path

from core import retention

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # both are read when gradio is imported
os.environ.setdefault("GRADIO_TEMP_DIR", str(retention.own_folder()))

from core.allocator import keep_freed_memory
from core.workbench import Workbench
from ui.page import build, launch_options
from ui.warming import warm

bench = Workbench()
demo = build(bench=bench)

if __name__ == "__main__":
    keep_freed_memory()
    warm(bench, demo)
    retention.keep_swept(Path(os.environ["GRADIO_TEMP_DIR"]), bench.limits.keep_seconds)
    demo.launch(**launch_options())
