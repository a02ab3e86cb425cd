"""Recurrent networks and attention: functions that take nodes, join boxes and return a node.

A recurrence is unrolled in time: the boxes of a step are made once and called on every step of a sequence, so that
they share their parameters, and backpropagation through the graph is backpropagation through time. Nodes are numbered
by step: ``rnn_h`` is the state after the first step, ``rnn_h_2`` after the second. The state before the first is zero.
"""

from clearprop.blocks.attention import attention
from clearprop.blocks.recurrent import gru, lstm, rnn

__all__ = ["rnn", "lstm", "gru", "attention"]
