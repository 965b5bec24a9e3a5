"""The address names the tab: `?tab=batch` opens Batch, and opening a tab changes the address.

The second half is the conductor's.
"""

from typing import Any

import gradio as gr


def wire(demo: gr.Blocks, tabs: gr.Tabs) -> None:
    """Open the tab that the address names when the page loads; the first one where it names none.

    A name that no tab has is left alone: the page opens as without it.
    """
    names = [str(tab.id) for tab in tabs.children if isinstance(tab, gr.Tab)]

    def opened(request: gr.Request) -> Any:
        wanted = str(request.query_params.get("tab", "")).lower()
        return gr.Tabs(selected=wanted) if wanted in names else gr.skip()

    demo.load(opened, None, tabs, queue=False, show_progress="hidden", api_visibility="private")
