"""Every node test of ONNX 1.22.0 for an operation that we have: ours against the reference's stored outputs."""

from __future__ import annotations

import numpy
import pytest
from onnx_cases import EXCLUDED, NODES, OPERATIONS, node_tests, onnx, operation_of, read, reason, tell

from cases import assert_close

RUN = [name for name in node_tests() if reason(name) is None]
N_RUN, N_EXCLUDED, N_EXPANDED = 236, 69, 150  # in onnx 1.22.0


@pytest.mark.parametrize("name", RUN)
def test_node(name):
    test = read(name)
    got = tell(test)
    assert len(got) >= len(test.outputs) > 0
    for ours, expected in zip(got, test.outputs, strict=False):  # an output that ONNX was not asked for is not checked
        if expected.dtype == bool:
            assert (ours == expected).all()
            continue
        assert ours.dtype == expected.dtype == numpy.float32
        # both sides round in float32 in their own order: exp, log and sums over at most 60 entries; 3 was measured
        assert_close(ours, expected, k=8)


def test_tests_run_and_tests_left_out_are_all_tests():
    assert onnx.__version__ == "1.22.0"
    names = node_tests()
    expanded = [name for name in names if "_expanded" in name]
    assert sorted([*RUN, *EXCLUDED, *expanded]) == sorted(names)  # so no name of the table is stale either
    assert (len(RUN), len(EXCLUDED), len(expanded)) == (N_RUN, N_EXCLUDED, N_EXPANDED)
    assert all(reason(name) for name in names if name not in RUN)


def test_every_operation_runs_at_least_one_test():
    assert {operation_of(name)[0] for name in RUN} == set(OPERATIONS)


def test_a_written_out_function_has_the_data_of_its_original():
    """What the exclusion of the `_expanded` tests rests on."""
    for name in node_tests():
        original, suffix, _ = name.partition("_expanded")
        if suffix:
            files = [sorted((NODES / n / "test_data_set_0").glob("*.pb")) for n in (original, name)]
            assert [f.name for f in files[0]] == [f.name for f in files[1]]
            assert [f.read_bytes() for f in files[0]] == [f.read_bytes() for f in files[1]], name
