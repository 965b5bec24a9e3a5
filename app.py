"""SpoofScope in the browser: `python app.py`, then http://127.0.0.1:7860."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

from core.allocator import keep_freed_memory
from core.workbench import Workbench
from ui.page import build, launch_options, warm

bench = Workbench()
demo = build(bench=bench)

if __name__ == "__main__":
    keep_freed_memory()
    warm(bench)
    demo.launch(**launch_options())
