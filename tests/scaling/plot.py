"""A picture of two days: jobs that wait and machines in service, as a plain SVG."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from tests.scaling.pool import Look

WIDTH, PANEL, LEFT, TOP, GAP = 900, 200, 60, 40, 50
BIN_SECONDS = 600
"""One point a ten minutes: the highest value in it, so that no burst is lost."""

COLOURS = ("#0b6e99", "#c4501b", "#6b7280")

Series = Mapping[str, Sequence[Look]]


def picture(series: Series, hours: int) -> str:
    """The SVG of these runs, by label."""
    height = TOP + 2 * PANEL + GAP + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<style>text { font: 12px sans-serif }</style>",
        "<title>Jobs that wait and machines in service over two days</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        *_legend(list(series)),
        *_panel(
            "jobs that wait",
            {label: _highest(looks, "waiting", hours) for label, looks in series.items()},
            TOP,
        ),
        *_panel(
            "machines in service",
            {label: _highest(looks, "in_service", hours) for label, looks in series.items()},
            TOP + PANEL + GAP,
        ),
        *_hours(hours, TOP + 2 * PANEL + GAP),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _highest(looks: Sequence[Look], what: str, hours: int) -> list[int]:
    points = [0] * (hours * 3600 // BIN_SECONDS)
    for look in looks:
        place = int(look.second // BIN_SECONDS)
        if place < len(points):
            points[place] = max(points[place], getattr(look, what))
    return points


def _panel(title: str, lines: Mapping[str, list[int]], top: int) -> Iterator[str]:
    highest = max(1, *(max(points) for points in lines.values()))
    yield f'<text x="{LEFT}" y="{top - 6}">{escape(title)}</text>'
    for share in (0, 0.5, 1):
        y = top + PANEL * (1 - share)
        yield f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{y:.0f}" y2="{y:.0f}" stroke="#d1d5db"/>'
        yield (
            f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{highest * share:.0f}</text>'
        )
    for colour, points in zip(COLOURS, lines.values(), strict=False):
        step = (WIDTH - 20 - LEFT) / max(1, len(points) - 1)
        path = " ".join(
            f"{LEFT + place * step:.1f},{top + PANEL * (1 - value / highest):.1f}"
            for place, value in enumerate(points)
        )
        yield f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{path}"/>'


def _legend(labels: Sequence[str]) -> Iterator[str]:
    for place, (colour, label) in enumerate(zip(COLOURS, labels, strict=False)):
        x = LEFT + 160 + place * 240
        yield f'<rect x="{x}" y="10" width="14" height="4" fill="{colour}"/>'
        yield f'<text x="{x + 20}" y="16">{escape(label)}</text>'


def _hours(hours: int, bottom: int) -> Iterator[str]:
    for hour in range(0, hours + 1, 6):
        x = LEFT + (WIDTH - 20 - LEFT) * hour / hours
        yield f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{hour} h</text>'
