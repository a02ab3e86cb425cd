"""ONNX Runtime's CPU provider."""

from __future__ import annotations

from typing import Any

import onnx
import onnxruntime
from nets import Task
from onnx import TensorProto, helper, numpy_helper


def model_of(task: Task) -> Any:
    """Return the scores of a task's network as an ONNX model for any number of rows."""
    nodes, initializers, last = [], [], len(task.parameters)
    name = "x"
    for number, (W, b) in enumerate(task.parameters, 1):
        initializers += [numpy_helper.from_array(W, f"W{number}"), numpy_helper.from_array(b, f"b{number}")]
        nodes.append(helper.make_node("Gemm", [name, f"W{number}", f"b{number}"], [f"a{number}"]))
        name = f"a{number}"
        if number < last:
            nodes.append(helper.make_node("Relu", [name], [f"h{number}"]))
            name = f"h{number}"
    x, scores = (
        helper.make_tensor_value_info(label, TensorProto.FLOAT, ["n", size])
        for label, size in (("x", task.net.sizes[0]), (name, task.net.sizes[-1]))
    )
    graph = helper.make_graph(nodes, task.net.name, [x], [scores], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    return model


class Predictor:
    """The scores from an inference session.

    Parameters
    ----------
    task : Task
        Parameters and rows.
    threads : int
        Threads within an operation.
    """

    detail = f"onnxruntime {onnxruntime.__version__}"

    def __init__(self, task: Task, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(
            model_of(task).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.X = task.X

    def outputs(self, rows: int) -> Any:
        """Return the scores of the first rows."""
        return self.session.run(None, {"x": self.X[:rows]})[0].tolist()

    def run(self, rows: int, calls: int) -> None:
        """Compute the scores of the first rows again and again."""
        feed, call = {"x": self.X[:rows]}, self.session.run
        for _ in range(calls):
            call(None, feed)
