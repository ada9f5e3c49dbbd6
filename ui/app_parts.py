"""Small Gradio parts that several tabs use."""

from __future__ import annotations

from typing import Any

import gradio as gr


def html(value: str = "", **options: Any) -> gr.HTML:
    """Our own HTML, shown as it is: without Gradio's styles for prose."""
    return gr.HTML(value, apply_default_css=False, **options)
