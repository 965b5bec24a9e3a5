"""The Gradio app: one file a tab; numbers and pictures come from core."""
