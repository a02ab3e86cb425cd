"""Checks that scikit-learn wrote: its estimator checks, and its own test file with our classes bound in."""

import inspect
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from unittest import SkipTest

import pytest
import sklearn.neural_network.tests.test_mlp as sklearn_tests
from sklearn.utils.estimator_checks import estimator_checks_generator

import clearprop as cp
from clearprop.estimators.tables import Recipe
from clearprop.estimators.tables.estimator import TableEstimator

SMALL = Recipe(hidden=(16,), epochs=40, batch_size=32, periodic=False, dropout=0.0)
ESTIMATORS = (
    cp.MLPClassifier(max_iter=100), cp.MLPRegressor(max_iter=100),
    cp.Classifier(SMALL, random_state=0), cp.Regressor(SMALL, random_state=0),
)  # fmt: skip
NOT_APPLICABLE = {
    "check_classifiers_multilabel_output_format_decision_function": "probabilities serve; MLPs have none either",
}
# A row that counts twice is validated on as a whole, two equal rows may be parted: scikit-learn itself expects this
# failure of all its estimators that draw rows at random.
DRAWN_AT_RANDOM = {"check_sample_weight_equivalence_on_dense_data"}
# these read private names of scikit-learn's implementation
PRIVATE = {
    "test_fit",
    "test_gradient",
    "test_learning_rate_warmstart",
    "test_adaptive_learning_rate",
    "test_n_iter_no_change",
    "test_n_iter_no_change_inf",
}


def checks():
    for model in ESTIMATORS:
        for estimator, check in estimator_checks_generator(model):
            name = check.func.__name__
            arguments = "-".join(str(value) for value in check.keywords.values())
            yield pytest.param(estimator, check, id=f"{type(model).__name__}-{name}-{arguments}")


CHECKS = list(checks())


def name_of(param):
    return param.values[1].func.__name__


def applies(param):
    estimator, name = param.values[0], name_of(param)
    return name not in NOT_APPLICABLE and not (isinstance(estimator, TableEstimator) and name in DRAWN_AT_RANDOM)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), [param for param in CHECKS if applies(param)])
def test_estimator_check(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore")
def test_checks_that_do_not_apply_say_so():
    left_out = [param for param in CHECKS if name_of(param) in NOT_APPLICABLE]
    assert {name_of(param) for param in left_out} == set(NOT_APPLICABLE)
    for param in left_out:
        estimator, check = param.values
        with pytest.raises(SkipTest):
            check(estimator)


def test_the_number_of_checks_has_not_shrunk():
    counts = [sum(type(param.values[0]) is type(model) for param in CHECKS) for model in ESTIMATORS]
    for count, least in zip(counts, (67, 60, 64, 56), strict=True):
        assert count >= least


def test_sklearns_own_tests_pass_with_our_classes(tmp_path):
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "rebind_sklearn", "-p", "no:cacheprovider"]
    command += ["-c", os.devnull, "--rootdir", str(tmp_path), f"--junitxml={report}"]
    command += ["--pyargs", "sklearn.neural_network.tests.test_mlp"]
    command += ["-k", " and ".join(f"not {name}" for name in sorted(PRIVATE))]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "SCIPY_ARRAY_API": "1"}
    run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    cases = ElementTree.parse(report).getroot().iter("testcase")
    passed = {case.attrib["name"].partition("[")[0] for case in cases if not list(case)}
    known = {name for name, _ in inspect.getmembers(sklearn_tests, inspect.isfunction) if name.startswith("test_")}
    assert passed | PRIVATE == known
    assert len(passed - PRIVATE) >= 37
