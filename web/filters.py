"""How pages write sizes, moments and spans of time."""

from datetime import datetime, timedelta

from flask import Flask

STEP = 1024
MINUTE, HOUR = 60, 3600


def register_filters(app: Flask) -> None:
    """Make them known to the templates."""
    app.add_template_filter(size_text, "size")
    app.add_template_filter(moment_text, "moment")
    app.add_template_filter(span_text, "span")


def size_text(size: int) -> str:
    """A number of bytes as people read it: `153,600` -> `150 KiB`."""
    if size < STEP:
        return f"{size} byte{'' if size == 1 else 's'}"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        value /= STEP
        if value < STEP or unit == "GiB":
            return f"{value:.1f}".removesuffix(".0") + f" {unit}"
    raise AssertionError


def moment_text(moment: datetime) -> str:
    """A moment to the second: `2026-01-01 12:00:00 UTC`."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def span_text(span: timedelta) -> str:
    """A span of time, in its two largest units: `9 min 5 s`."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        minutes, rest = divmod(seconds, MINUTE)
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    hours, rest = divmod(seconds, HOUR)
    minutes = rest // MINUTE
    return f"{hours} h" + (f" {minutes} min" if minutes else "")
