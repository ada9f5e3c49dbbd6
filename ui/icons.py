"""The few line drawings of the UI, as inline SVG; they take the colour of the text around them."""

from __future__ import annotations

_PATHS = {
    "up": "M7 11v9H4v-9zM7 11l4-7c1.5 0 2.5 1 2.5 2.5V10H19a1.6 1.6 0 0 1 1.6 1.9l-1.2 6.6A1.9 1.9 0 0 1 17.5 20H7",
    "down": "M7 13V4H4v9zM7 13l4 7c1.5 0 2.5-1 2.5-2.5V14H19a1.6 1.6 0 0 0 1.6-1.9l-1.2-6.6A1.9 1.9 0 0 0 17.5 4H7",
    "copy": "M9 9h11v11H9zM5 15H4V4h11v1",
    "retry": "M4 12a8 8 0 1 0 2.6-5.9M4 4v4.5h4.5",
    "edit": "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
    "sources": "M5 4h11l3 3v13H5zM8.5 11h7M8.5 15h7",
    "check": "M5 12.5 10 17.5 19.5 7",
    "close": "M6 6l12 12M18 6 6 18",
}


def icon(name: str) -> str:
    """The drawing with this name; hidden from screen readers, which read the label beside it."""
    return (
        '<svg class="kb-icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        f'<path d="{_PATHS[name]}"/></svg>'
    )
