"""What the page shows, computed from a network at rest and the rows of its problem."""

from clearprop.ui.views.look import Look
from clearprop.ui.views.pictures import live
from clearprop.ui.views.rows import data
from clearprop.ui.views.tracing import check, explain, formulas, step, window
from clearprop.ui.views.units import layers

__all__ = ["Look", "check", "data", "explain", "formulas", "layers", "live", "step", "window"]
