"""What the public face promises: a docstring for everything, in one form."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

import clearprop as cp

PUBLIC = {name: getattr(cp, name) for name in cp.__all__ if callable(getattr(cp, name))}


def members(cls):
    """Yield the public methods and properties that a class of ours defines itself."""
    for name, value in vars(cls).items():
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property | classmethod)):
            yield name, value


MEMBERS = {
    f"{owner}.{name}": member for owner, cls in PUBLIC.items() if inspect.isclass(cls) for name, member in members(cls)
}
MODULES = [module.name for module in pkgutil.walk_packages(cp.__path__, "clearprop.") if "cli" not in module.name]


@pytest.mark.parametrize("name", [*PUBLIC, *MEMBERS])
def test_every_public_name_says_what_it_does_in_a_sentence(name):
    text = inspect.getdoc(PUBLIC.get(name, MEMBERS.get(name)))
    assert text
    # the sentence may stand on two lines where it is an equation with its source
    sentence = text.split("\n\n")[0].strip()
    assert sentence.endswith((".", ":", "::")), sentence
    assert not sentence.startswith(f"{name}("), "the docstring of a dataclass is written by Python"


@pytest.mark.parametrize("name", [name for name, value in PUBLIC.items() if inspect.isfunction(value)])
def test_public_functions_document_their_arguments(name):
    text, arguments = inspect.getdoc(PUBLIC[name]), inspect.signature(PUBLIC[name]).parameters
    if len(arguments) > 2:
        documented = text.partition("Parameters\n----------\n")[2]
        assert [argument for argument in arguments if argument not in documented] == []


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_a_docstring_and_its_names_exist(name):
    module = importlib.import_module(name)
    assert module.__doc__
    missing = [public for public in getattr(module, "__all__", ()) if not hasattr(module, public)]
    assert not missing


def test_dir_lists_the_public_names():
    assert set(cp.__all__) <= set(dir(cp))
    assert dir(cp) == sorted(dir(cp))


def test_errors_can_be_caught_together_and_as_built_in_ones():
    errors = [value for value in PUBLIC.values() if inspect.isclass(value) and issubclass(value, Exception)]
    assert len(errors) >= 8
    for error in errors:
        if issubclass(error, Warning):
            assert issubclass(error, UserWarning)
            continue
        assert issubclass(error, cp.ClearpropError)
        if error is not cp.ClearpropError:
            assert issubclass(error, ValueError | AssertionError | ImportError | KeyError)
