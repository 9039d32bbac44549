"""The functions that the stages benchmark times exist."""

from functools import reduce
from importlib import import_module

import pytest

from bench.stages import STAGES


@pytest.mark.parametrize("path", STAGES)
def test_timed_function_exists(path: str) -> None:
    module, _, name = path.partition(":")
    assert callable(reduce(getattr, name.split("."), import_module(module)))
