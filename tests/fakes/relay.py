"""A wire between client and daemon that a test can cut, and lead to another daemon."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import warnings
from pathlib import Path
from typing import Self


class Relay:
    """Listens on a unix socket and passes bytes on to `target`, which may change."""

    def __init__(self, folder: Path, target: str | None = None) -> None:
        self.path = str(folder / "relay.sock")
        self.target = target
        """Socket of the daemon; None closes new connections at once."""
        self.passed = 0
        """Connections since the start."""
        self.poison: bytes | None = None
        """Every connection that these bytes are to pass by breaks before they do."""
        self.left: dict[str, int] = {}
        """Bytes that may still pass "up" or "down" before every connection breaks, once."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay")

    @property
    def address(self) -> str:
        return f"unix:{self.path}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._ask(asyncio.start_unix_server(self._accept, self.path))
        return self

    def __exit__(self, *_error: object) -> None:
        self._ask(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        # A transport that was made while the relay ended may be left. It is this fake's, and must
        # not be found in another test.
        self._writers.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    def cut(self) -> None:
        """Every connection breaks now."""
        self._ask(self._cut())

    def _ask(self, question):
        return asyncio.run_coroutine_threadsafe(question, self._loop).result(10)

    async def _cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _end(self) -> None:
        self._server.close()
        await _rounds()  # a task that is cancelled before it has begun closes no socket
        await self._cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._cut()  # what was accepted meanwhile
        await _rounds()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.target is None:
            writer.transport.abort()
            return
        try:
            ahead, out = await asyncio.open_unix_connection(self.target)
        except OSError:
            writer.transport.abort()
            return
        self.passed += 1
        self._writers |= {writer, out}
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(self._pump(reader, out, "up"), self._pump(ahead, writer, "down"))

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str
    ) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(65536):
                if self.poison is not None and self.poison in data:
                    break
                data, over = self._allowed(data, way)
                writer.write(data)
                await writer.drain()
                if over:
                    await asyncio.sleep(0)  # what was written leaves before the wire is cut
                    await self._cut()
        writer.transport.abort()

    def _allowed(self, data: bytes, way: str) -> tuple[bytes, bool]:
        left = self.left.get(way)
        if left is None:
            return data, False
        if len(data) < left:
            self.left[way] = left - len(data)
            return data, False
        del self.left[way]
        return data[:left], True


async def _rounds() -> None:
    """So many rounds of the loop as it takes to open or close a transport, however busy it is."""
    for _ in range(20):
        await asyncio.sleep(0)
