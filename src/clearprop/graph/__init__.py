"""Graphs of boxes: a node can only refer to nodes that exist already, so the order of creation is topological."""

from clearprop.graph.finished import Graph, GraphNode
from clearprop.graph.nodes import Input, Node

__all__ = ["Input", "Node", "Graph", "GraphNode"]
