"""The charts of the report: altair specifications, turned into SVG text without a browser.

canvas.py      one look for all: fonts, colours as CSS variables, two widths, SVG that may stand inside a page
labels.py      names beside points that do not cover each other
cost.py        score against cost per request, with the Pareto front
shots.py       the n-shot curve, and the spread over orders
break_even.py  total cost against the number of requests
"""

from rung.report.charts.break_even import break_even_chart
from rung.report.charts.canvas import Figure
from rung.report.charts.cost import cost_chart
from rung.report.charts.shots import order_chart, shots_chart

__all__ = ["Figure", "break_even_chart", "cost_chart", "order_chart", "shots_chart"]
