"""One measurement in a process of its own: `python -m tests.bench.child '{"peer": …}'`.

Both peers do the same thing through their public API; figures go to stdout as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar

import psutil

from .figures import Figures, latencies, percentile

PROMPT = "Say hello"
Asked = Callable[[], Awaitable[object]]


class Modeld:
    """modeld through the daemon of this home."""

    cache = False

    def __init__(self, base_url: str, max_connections: int | None) -> None:
        from modeld import GenerateConfig, get_model  # noqa: PLC0415  # only its peer pays

        config = GenerateConfig(max_connections=max_connections, cache=self.cache or None)
        self.model = get_model(
            "openai/gpt-4o-mini", config=config, base_url=base_url, api_key="bench"
        )

    async def ask(self) -> object:
        output = await self.model.generate(PROMPT)
        assert output.completion
        return output

    def ask_sync(self) -> object:
        return self.model.generate_sync(PROMPT)

    async def stream(self) -> AsyncIterator[str]:
        async for event in self.model.stream(PROMPT):
            if event.type == "text":
                yield event.text

    async def close(self) -> None:
        pass


class CachedModeld(Modeld):
    """modeld with its generation cache."""

    cache = True


class CachedInspect:
    """inspect_ai in this process, with its generation cache."""

    def __init__(self, base_url: str, max_connections: int | None) -> None:
        from inspect_ai.model import get_model  # noqa: PLC0415  # only its peer pays

        del max_connections  # hits ask no provider
        self.model = get_model(
            "openai/gpt-4o-mini", base_url=base_url, api_key="bench", responses_api=False
        )

    async def ask(self) -> object:
        output = await self.model.generate(PROMPT, cache=True)
        assert output.completion
        return output

    async def close(self) -> None:
        await self.model.__aexit__(None, None, None)


class OpenAI:
    """The openai SDK in this process."""

    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, base_url: str, max_connections: int | None) -> None:
        import openai  # noqa: PLC0415  # only its peer pays

        del max_connections  # the SDK's own pool is 1,000
        self.client = openai.AsyncOpenAI(base_url=base_url, api_key="bench", **self.options)
        self.plain = openai.OpenAI(base_url=base_url, api_key="bench")
        self.call: dict[str, Any] = {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": PROMPT}],
        }

    async def ask(self) -> object:
        answer = await self.client.chat.completions.create(**self.call)
        assert answer.choices[0].message.content
        return answer

    def ask_sync(self) -> object:
        return self.plain.chat.completions.create(**self.call)

    async def stream(self) -> AsyncIterator[str]:
        options = {"include_usage": True}
        chunks = await self.client.chat.completions.create(
            **self.call, stream=True, stream_options=options
        )
        async for chunk in chunks:
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    async def close(self) -> None:
        await self.client.close()
        self.plain.close()


class PatientOpenAI(OpenAI):
    """The SDK as somebody sets it who wants every call to succeed."""

    options: ClassVar[dict[str, Any]] = {"max_retries": 100_000}


class Meter:
    """CPU seconds and memory of this process and of the daemon."""

    def __init__(self, daemon_pid: int | None) -> None:
        self.daemon = psutil.Process(daemon_pid) if daemon_pid else None
        self.processes = [psutil.Process(), *([self.daemon] if self.daemon else [])]

    def cpu(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self.processes)

    def daemon_rss(self) -> int:
        return self.daemon.memory_info().rss if self.daemon else 0


async def sequential(peer: Modeld | OpenAI, meter: Meter, wish: dict[str, Any]) -> Figures:
    """One call after the other."""
    for _ in range(wish["warm"]):
        await peer.ask()
    took = []
    for _ in range(wish["calls"]):
        began = time.perf_counter()
        await peer.ask()
        took.append(time.perf_counter() - began)
    return latencies(took)


async def throughput(peer: Modeld | OpenAI, meter: Meter, wish: dict[str, Any]) -> Figures:
    """As many calls as possible from so many askers."""
    done = 0
    failed = 0
    until = 0.0

    async def asker() -> None:
        nonlocal done, failed
        while time.perf_counter() < until:
            try:
                await peer.ask()
                done += 1
            except Exception:
                failed += 1

    until = time.perf_counter() + wish["warm_seconds"]
    await asyncio.gather(*(asker() for _ in range(wish["concurrent"])))
    done = failed = 0
    cpu, began = meter.cpu(), time.perf_counter()
    until = began + wish["seconds"]
    await asyncio.gather(*(asker() for _ in range(wish["concurrent"])))
    wall = time.perf_counter() - began
    return {
        "calls_per_s": done / wall,
        "cpu_ms_per_call": (meter.cpu() - cpu) / max(done, 1) * 1000,
        "failed": float(failed),
    }


async def hold(peer: Modeld | OpenAI, meter: Meter, wish: dict[str, Any]) -> Figures:
    """So many calls at once, each held by the upstream for a while."""
    calls, peak, failed = wish["calls"], 0, 0
    before = meter.daemon_rss()

    async def ask() -> None:
        nonlocal failed
        try:
            await peer.ask()
        except Exception:
            failed += 1

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, meter.daemon_rss())
            await asyncio.sleep(0.1)

    watcher = asyncio.create_task(watch())
    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(calls)))
    wall = time.perf_counter() - began
    watcher.cancel()
    figures = {"wall_s": wall, "failed": float(failed), "calls": float(calls)}
    if meter.daemon:
        figures["daemon_kb_per_call"] = max(0, peak - before) / calls / 1000
    return figures


async def batch(peer: Modeld | OpenAI, meter: Meter, wish: dict[str, Any]) -> Figures:
    """So many calls at once, until all have ended."""
    ended = await asyncio.gather(
        *(peer.ask() for _ in range(wish["calls"])), return_exceptions=True
    )
    return {"failed": float(sum(isinstance(one, Exception) for one in ended))}


async def streams(peer: Modeld | OpenAI, meter: Meter, wish: dict[str, Any]) -> Figures:
    """So many streams at once; the text of a chunk is the time of its sending."""
    lags: list[float] = []
    firsts: list[float] = []
    failed = 0

    async def listen() -> None:
        nonlocal failed
        began, heard = time.perf_counter(), False
        try:
            async for text in peer.stream():
                now = time.monotonic()
                if not heard:
                    heard = True
                    firsts.append(time.perf_counter() - began)
                lags.extend(now - float(stamp) for stamp in text.split())
        except Exception:
            failed += 1

    await peer.ask()
    cpu, began = meter.cpu(), time.perf_counter()
    await asyncio.gather(*(listen() for _ in range(wish["concurrent"])))
    wall = time.perf_counter() - began
    missing = wish["concurrent"] * wish["chunks"] - len(lags)
    return {
        "chunks_per_s": len(lags) / wall,
        "first_p50_ms": percentile(firsts, 0.5) * 1000,
        "lag_p50_ms": percentile(lags, 0.5) * 1000,
        "lag_p99_ms": percentile(lags, 0.99) * 1000,
        "cpu_us_per_chunk": (meter.cpu() - cpu) / max(len(lags), 1) * 1e6,
        "failed": float(failed),
        "missing": float(missing),
    }


def sequential_sync(peer: Modeld | OpenAI, wish: dict[str, Any]) -> Figures:
    """One call after the other from plain code."""
    for _ in range(wish["warm"]):
        peer.ask_sync()
    took = []
    for _ in range(wish["calls"]):
        began = time.perf_counter()
        peer.ask_sync()
        took.append(time.perf_counter() - began)
    return latencies(took)


SCENARIOS = {
    "sequential": sequential,
    "throughput": throughput,
    "hold": hold,
    "batch": batch,
    "streams": streams,
}

PEERS: dict[str, Callable[[str, int | None], Any]] = {
    "modeld": Modeld,
    "modeld cached": CachedModeld,
    "openai": OpenAI,
    "openai patient": PatientOpenAI,
    "inspect_ai cached": CachedInspect,
}


def main() -> None:
    wish: dict[str, Any] = json.loads(sys.argv[1])
    knobs = wish.get("knobs", [])
    base_url = "/".join([f"http://127.0.0.1:{wish['port']}", *knobs, "v1"])
    peer = PEERS[wish["peer"]](base_url, wish.get("max_connections"))
    if wish["scenario"] == "sequential_sync":
        print(json.dumps(sequential_sync(peer, wish)))
        return

    async def run() -> Figures:
        try:
            meter = Meter(wish["daemon_pid"])
            return await SCENARIOS[wish["scenario"]](peer, meter, wish)
        finally:
            await peer.close()

    print(json.dumps(asyncio.run(run())))


if __name__ == "__main__":
    main()
