"""A message of a generator does not depend on when the page looked at the one before."""

from typing import Any

import gradio as gr
import pytest

from ui.streams import send_whole


def applied(value: Any, edits: list[list[Any]]) -> Any:
    """What gradio's page does with edits of a whole value."""
    for action, path, new in edits:
        assert (action, path) == ("replace", [])
        value = new
    return value


@pytest.fixture
def demo() -> gr.Blocks:
    made = gr.Blocks()
    with made:
        plot, text = gr.Plot(), gr.HTML()
        gr.Button().click(lambda: (None, ""), None, [plot, text])
    send_whole(made)
    return made


def send(demo: gr.Blocks, data: list[Any], *, final: bool = False) -> list[Any]:
    (function,) = demo.fns.values()
    return demo.handle_streaming_diffs(function, list(data), "session", "run", final)


def test_later_messages_replace_and_never_edit(demo: gr.Blocks) -> None:
    skip = {"__type__": "update"}
    messages = [[skip, "a"], [{"plot": 1, "type": "x"}, "ab"], [skip, "ab"]]
    first = send(demo, messages[0])
    assert first == messages[0]
    waiting = [first]
    for message in messages[1:]:
        edits = send(demo, message)
        waiting.append([applied(v, e) for v, e in zip(waiting[-1], edits, strict=True)])
    assert waiting == messages  # also the plot, though "nothing new" came after it
    assert send(demo, [None, None], final=True) == messages[-1]


def test_a_run_that_ended_leaves_nothing(demo: gr.Blocks) -> None:
    send(demo, [1, "a"])
    send(demo, [2, "b"], final=True)
    assert "session" not in demo.pending_diff_streams or not demo.pending_diff_streams["session"]
    assert send(demo, [3, "c"]) == [3, "c"]


def test_gradio_still_edits_by_itself() -> None:
    """When this fails gradio has changed, and `ui.streams` may no longer be needed."""
    with gr.Blocks() as plain:
        out = gr.Plot()
        gr.Button().click(lambda: None, None, out)
    (function,) = plain.fns.values()
    for value in ({"plot": 1}, {"__type__": "update"}):
        sent = plain.handle_streaming_diffs(function, [value], "session", "run", final=False)
    assert sent != [[["replace", [], {"__type__": "update"}]]]
    assert all(edit[1] for edit in sent[0])  # edits inside the old value
