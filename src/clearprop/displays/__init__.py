"""Pictures of networks, in the manner of scikit-learn's displays: they draw what is there and never fit."""

from clearprop.displays.backprop import BackpropDisplay
from clearprop.displays.curves import LossCurveDisplay
from clearprop.displays.decision import DecisionSliceDisplay
from clearprop.displays.diagram import NetworkDisplay
from clearprop.displays.layers import ActivationDisplay, GradientFlowDisplay, UnitHealthDisplay
from clearprop.displays.weights import WeightDisplay

__all__ = [
    "LossCurveDisplay",
    "GradientFlowDisplay",
    "ActivationDisplay",
    "UnitHealthDisplay",
    "WeightDisplay",
    "NetworkDisplay",
    "BackpropDisplay",
    "DecisionSliceDisplay",
]
