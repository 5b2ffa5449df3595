# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bars in an SVG, readable on light and dark paper; nothing but the standard library."""

from xml.sax.saxutils import escape

COLOURS = ('#3584e4', '#9a9996', '#e66100', '#2ec27e')
ROW, GAP, LEFT, WIDTH = 16, 14, 110, 760


def draw(path, title, series):
    """series: {name: [(label, value)…]}, the same labels in each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(series)
    labels = [label for label, _ in series[names[0]]]
    most = max(value for points in series.values() for _, value in points)
    height = 70 + len(labels) * (ROW * len(names) + GAP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12" fill="#777">',
           f'<text x="8" y="20" font-size="14">{escape(title)}</text>']
    for number, name in enumerate(names):
        out.append(f'<rect x="{LEFT + number * 140}" y="32" width="12" height="12" fill="{COLOURS[number]}"/>'
                   f'<text x="{LEFT + number * 140 + 18}" y="42">{escape(name)}</text>')
    y = 62
    for row, label in enumerate(labels):
        out.append(f'<text x="{LEFT - 8}" y="{y + ROW * len(names) / 2 + 4:.0f}" text-anchor="end">{escape(label)}</text>')
        for number, name in enumerate(names):
            value = series[name][row][1]
            length = value / most * (WIDTH - LEFT - 100)
            out.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{ROW - 3}" fill="{COLOURS[number]}"/>'
                       f'<text x="{LEFT + length + 6:.1f}" y="{y + 11}">{value:,.0f}</text>')
            y += ROW
        y += GAP
    path.write_text('\n'.join([*out, '</svg>', '']))
