"""An extension whose native code, so to speak, dies or hangs. It would take its process along."""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import signal
import sys
import time
from pathlib import Path

from modeld import get_model
from modeld_daemon.extension import RateLimit, RateLimits, Row, types

MEGABYTE = 1 << 20


def _output(text: object = "ok") -> types.ModelOutput:
    return types.ModelOutput.from_content("m", str(text))


class Deadly:
    """Does what the name of the model says."""

    def __init__(self, connection) -> None:
        self._connection = connection
        self._calls = 0

    async def generate(self, call, route):
        self._calls += 1
        return await getattr(self, f"_{route.model}")(call)

    async def stream(self, call, route, sink):
        while route.model == "flood":
            sink.text("on and on ")
        if route.model != "parts":
            return await self.generate(call, route)
        sink.reasoning("hm")
        sink.text("begun ")
        while not self._path("go").exists():
            await asyncio.sleep(0.01)
        for number in range(100):
            sink.text(f"{number} ")
        sink.tool_call("1", "f", "{}")
        return _output("all")

    async def aclose(self) -> None:
        if "closed" in self._connection.args:
            self._path("closed").write_text(f"closed after {self._calls}")

    def _path(self, name: str) -> Path:
        return Path(self._connection.args[name])

    async def _pid(self, call):
        return _output(os.getpid())

    async def _client(self, call):
        return _output((await get_model("deadly/pid").generate("hi")).completion)

    async def _calls_so_far(self, call):
        return _output(self._calls)

    async def _exit(self, call):
        os._exit(3)

    async def _abort(self, call):
        os.abort()

    async def _segfault(self, call):
        ctypes.string_at(0)

    async def _kill(self, call):
        os.kill(os.getpid(), signal.SIGKILL)

    async def _fork(self, call):
        if os.fork() == 0:
            time.sleep(15)  # it would hold the socket open
            os._exit(0)
        os._exit(5)

    async def _spin(self, call):
        while True:
            pass

    async def _lock(self, call):
        ctypes.PyDLL(None).sleep(600)  # it keeps the interpreter's lock meanwhile

    async def _memory(self, call):
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + 200 * MEGABYTE, hard))
        held = []
        while True:
            held.append(bytearray(10 * MEGABYTE))

    async def _wait(self, call):
        self._path("begun").write_text(str(os.getpid()))
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self._path("ended").write_text("cancelled")
            raise

    async def _say(self, call):
        print(f"printed {self._connection.api_key}")
        sys.stderr.write("half a line, ")
        os.write(2, f"and {self._connection.api_key} natively\n".encode())
        for number in range(5_000):
            print(f"line {number} of many")
        return _output()

    async def _surroundings(self, call):
        return _output(
            {
                "environment": dict(os.environ),
                "command": Path("/proc/self/cmdline").read_text(),
                "key": self._connection.api_key,
            }
        )

    async def _call(self, call):
        call.told(RateLimits({"requests": RateLimit(limit=100, remaining=99)}))
        output = _output()
        output.metadata = {
            "input": [message.to_dict() for message in call.messages],
            "tools": [tool.to_dict() for tool in call.tools],
            "choice": call.tool_choice,
            "config": call.config.to_dict(),
            "request_id": call.request_id,
            "priority": call.priority,
            "session": call.session,
            "left": call.deadline and call.deadline - asyncio.get_running_loop().time(),
        }
        return output


row = Row(
    name="row",
    dialect="openai_chat",
    description="A row",
    key_required=False,
    base_url="http://127.0.0.1:9/v1",
)
