"""What a model is opened with."""

from __future__ import annotations

import json

from modeld.spec import ModelSpec


def test_arguments_keep_the_order_of_what_is_in_them():
    one = ModelSpec("m", args={"b": [{"zeta": 1, "alpha": 2}], "a": 1})
    other = ModelSpec("m", args={"a": 1, "b": [{"zeta": 1, "alpha": 2}]})
    assert one.args_json() == other.args_json()
    assert list(json.loads(one.args_json())["b"][0]) == ["zeta", "alpha"]
