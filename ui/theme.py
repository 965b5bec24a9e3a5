"""How the page looks: system fonts, so that nothing is fetched, and quiet colours."""

from pathlib import Path

import gradio as gr

FOLDER = Path(__file__).resolve().parent
STYLE = FOLDER / "style.css"
DESK_STYLE = FOLDER / "desk.css"
CONDUCTOR = FOLDER / "conductor.js"
SANS = ("system-ui", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif")
MONO = ("ui-monospace", "Consolas", "DejaVu Sans Mono", "monospace")


def theme() -> gr.themes.Base:
    """The page's theme, light and dark."""
    return gr.themes.Base(
        primary_hue="blue",
        neutral_hue="slate",
        font=[gr.themes.Font(name) for name in SANS],
        font_mono=[gr.themes.Font(name) for name in MONO],
        spacing_size="sm",
        radius_size="sm",
    ).set(
        # gradio's own greys for labels and hints stay below a contrast of 4.5 : 1
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
    )
