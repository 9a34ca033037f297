"""Answers that the wire cannot hold fail their own call, and somebody hears of it."""

from __future__ import annotations

import pytest

from modeld import errors, get_model
from modeld.types import ModelOutput, ModelUsage
from tests.fakes.serving import House
from tests.fakes.watching import FakeSource


@pytest.mark.parametrize("tokens", [2**70, 1.5])
def test_a_number_that_the_wire_does_not_have_is_an_error(modeld_home, monkeypatch, tokens):
    async def odd(call, route, sink):
        output = ModelOutput.from_content(route.model, "hello")
        if call.messages[0].text == "odd":
            output.usage = ModelUsage(input_tokens=tokens)
        return output

    monkeypatch.setenv("MODELD_AUTOSTART", "0")
    with House(FakeSource(odd)):
        model = get_model("free/model", memoize=False)
        with pytest.raises(errors.InternalError, match="cannot be sent"):
            model.generate_sync("odd")
        assert model.generate_sync("even").completion == "hello"
