"""Training: the loop and what stands around it."""

from clearprop.state import TrainState
from clearprop.training.callbacks import Callback
from clearprop.training.loop import train
from clearprop.training.pretraining import pretrain
from clearprop.training.report import EpochReport
from clearprop.training.stopping import EarlyStopping

__all__ = ["Callback", "EarlyStopping", "EpochReport", "TrainState", "pretrain", "train"]
