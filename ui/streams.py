"""Results that come in while something runs: each message whole, none a change of the one before.

gradio 6.31 sends the second and every later message of a generator as edits, which the page applies
to the values of the message before, in place. A page that is still drawing has not looked at those
yet: where the next message leaves a plot or a button as it is, the edits turn the waiting value
into "nothing new", and it is never shown. (Seen with the page slowed down eight times: the score
plot, the evidence and two of three downloads were missing in one run of two.)
"""

from typing import Any

import gradio as gr

Data = list[Any]


def send_whole(demo: gr.Blocks) -> None:
    """Have a page's generators send values instead of edits."""
    plain = demo.handle_streaming_diffs

    def handle(
        block_fn: Any,
        data: Data,
        session_hash: str | None,
        run: str | None,
        final: bool,
        simple_format: bool = False,
    ) -> Data:
        later = run is not None and run in demo.pending_diff_streams.get(session_hash, {})
        values: Data = plain(block_fn, data, session_hash, run, final, simple_format=True)
        if final or simple_format or not later:
            return values
        return [[["replace", [], value]] for value in values]

    vars(demo)["handle_streaming_diffs"] = handle
