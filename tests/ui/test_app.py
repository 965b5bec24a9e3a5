"""How the app starts, and what it allows."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from core.limits import SPACE, Limits
from core.workbench import Workbench
from ui import page, texts

ROOT = Path(__file__).resolve().parents[2]


def run(code: str, **environment: str) -> str:
    """What a fresh interpreter prints, with the app importable."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
    ).stdout.strip()


def shown(limits: Limits) -> str:
    """What the browser is sent of a page."""
    config = page.build(limits, Workbench()).get_config_file()
    return json.dumps(config, ensure_ascii=False, default=str)


def test_the_first_page_waits_for_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'librosa', 'torchaudio', 'captum', 'matplotlib', 'plotly'}"
    assert run(f"import sys, app; print({heavy} & set(sys.modules))") == "set()"


def test_the_first_page_names_the_detectors_that_score() -> None:
    assert sorted(Workbench().default_ids()) == sorted(one.id for one in Workbench.chosen())


def test_nothing_is_shared_recorded_or_watched() -> None:
    options = page.launch_options(Limits.here({}))
    assert options["max_file_size"] == 1_000_000_000
    off = ("share", "show_error", "ssr_mode", "run_history", "enable_monitoring", "mcp_server")
    assert [options[name] for name in off] == [False] * len(off)
    assert not {"allowed_paths", "server_name", "auth"} & set(options)


def test_a_space_allows_less_and_says_where_files_go() -> None:
    limits = Limits.here({"SPACE_ID": "somebody/something"})
    assert limits.space
    assert limits.max_bytes < Limits.here({}).max_bytes
    assert limits.keep_seconds == 3_600
    assert texts.PRIVACY_BANNER in shown(limits)
    assert "Public demo" not in shown(Limits.here({}))
    assert limits.for_intake().bytes == limits.max_bytes


def test_a_space_forgets_what_it_was_given() -> None:
    def lives(limits: Limits) -> list[float]:
        demo = page.build(limits, Workbench(limits))
        states = [one for one in demo.blocks.values() if isinstance(one, gr.State)]
        assert len(states) >= 3
        return [one.time_to_live for one in states]

    assert set(lives(SPACE)) == {SPACE.keep_seconds}
    assert min(lives(Limits.here({}))) > 10**9


def test_the_queue_is_short_and_models_take_turns() -> None:
    demo = page.build(Limits.here({}), Workbench())
    assert demo._queue.max_size == 16
    model = [one for one in demo.fns.values() if one.concurrency_id == "model"]
    assert len(model) >= 4
    assert {one.concurrency_limit for one in model} <= {1, "default"}


def in_a_loop_of_its_own(make: Callable[[], Coroutine[Any, Any, object]]) -> object:
    """The result of a coroutine; the browser tests leave a loop running in the main thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(make())).result()


def test_a_web_address_is_not_fetched() -> None:
    from gradio import processing_utils

    demo = page.build(Limits.here({}), Workbench())
    drop = next(one for one in demo.blocks.values() if getattr(one, "elem_id", "") == "drop")
    given = {"path": "http://example.org/a.wav", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(gr.Error, match="Only uploads are read"):
        in_a_loop_of_its_own(
            lambda: processing_utils.async_move_files_to_cache(
                given, drop, check_in_upload_folder=True
            )
        )


def test_only_the_documented_endpoint_is_public() -> None:
    demo = page.build(Limits.here({}), Workbench())
    public = [one.api_name for one in demo.fns.values() if one.api_visibility == "public"]
    assert public == ["analyze"]


@pytest.mark.parametrize("name", [n for n in vars(texts) if n.isupper()])
def test_texts_promise_no_probability(name: str) -> None:
    said = str(getattr(texts, name)).lower()
    assert "probability" not in said
    assert "deepfake detected" not in said
