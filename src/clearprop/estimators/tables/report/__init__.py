"""What a fitted table model is worth on given rows, as one HTML page."""

from clearprop.estimators.tables.report.page import Report, make_report

__all__ = ["Report", "make_report"]
