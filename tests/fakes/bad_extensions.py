"""Extensions that do what none should. Each is named in the settings of a test's daemon."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time

from modeld_daemon.extension import Row, errors, types


def _output(text: str = "ok") -> types.ModelOutput:
    return types.ModelOutput.from_content("m", text)


class Bad:
    """Does what the name of the model says."""

    def __init__(self, connection) -> None:
        self._connection = connection

    async def generate(self, call, route):
        return await getattr(self, f"_{route.model}")()

    async def stream(self, call, route, sink):
        if route.model == "delta":
            with contextlib.suppress(errors.InternalError):  # it does not care
                sink.text(5)
            return _output()
        sink.text("a")
        output = await self.generate(call, route)
        sink.text("b")
        return output

    async def count_tokens(self, call, route):
        return {"minus": -1, "word": "many", "raise": 1 // (route.model != "raise")}[route.model]

    async def _good(self):
        return _output()

    async def _raise(self):
        raise ValueError("no luck")

    async def _exit(self):
        sys.exit(3)

    async def _exit_later(self):
        asyncio.get_running_loop().create_task(self._exit())
        await asyncio.sleep(0.05)
        return _output("still here")

    async def _cancel(self):
        raise asyncio.CancelledError

    async def _none(self):
        return None

    async def _shape(self):
        output = _output()
        output.choices[0].message.content = 7
        return output

    async def _surrogate(self):
        return _output("\ud800")

    async def _usage(self):
        output = _output()
        output.usage = types.ModelUsage(input_tokens=2**70)
        return output

    async def _time(self):
        output = _output()
        output.time = float("nan")
        return output

    async def _empty(self):
        return types.ModelOutput()

    async def _hang(self):
        await asyncio.sleep(3600)

    async def _stubborn(self):
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    async def _block(self):
        time.sleep(8)
        return _output()

    async def _stop(self):
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0.05)
        return _output("still here")

    async def _limits(self):
        raise errors.InvalidRequest("so", retry_after="soon", status="bad", request_id=5)

    async def _gone(self):
        raise errors.DaemonUnavailable("I am not the daemon")


class Plain:
    """Plain functions, which may block."""

    def __init__(self, connection) -> None:
        self._connection = connection

    def generate(self, call, route):
        time.sleep(0.2)
        return _output("plain")


class Shared:
    def generate(self, call, route):
        return _output("shared")


class Unmakeable:
    def __init__(self, connection) -> None:
        raise RuntimeError("cannot be made")

    async def generate(self, call, route):
        return _output()


class Future:
    api_version = 2

    async def generate(self, call, route):
        return _output()


class Misnamed(Plain):
    row = Row(name="other", dialect="extension", description="")


class Nosy(Plain):
    row = Row(name="nosy", dialect="x", description="", key_variables=("MY_SECRET",))


class Nested(Plain):
    row = Row(name="nested", dialect="x", description="", packages=("os.path",))


number = 42
needy = Row(
    name="needy",
    dialect="openai_chat",
    description="",
    key_required=False,
    base_url="http://127.0.0.1:9/v1",
    packages=("no_such_package",),
    extra="all",
)
shared = Shared()
dialect = Row(name="dialect", dialect="telepathy", description="")
quirky = Row(
    name="quirky",
    dialect="openai_chat",
    description="",
    key_required=False,
    quirks=["no", "mapping"],
)
