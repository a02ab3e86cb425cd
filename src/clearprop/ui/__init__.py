"""The page that shows training: what is learned, every number of a pass, and how it went."""

from clearprop.ui.live_view import LiveView

__all__ = ["LiveView"]
