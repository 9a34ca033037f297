"""What is measured: each section yields rows; a row is one thing that all peers do.

The peers of a row take turns, round by round, so that a busy moment of the machine hits all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .figures import Figures, medians
from .scene import BenchError, Scene
from .stored import measure, sizes_up_to

Step = Callable[[], Figures]


@dataclass
class Row:
    """One line of the report: figures by peer, or why a peer has none."""

    name: str
    figures: dict[str, Figures] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int
    seconds: float
    held: int
    shared: int
    entries: int


def take_turns(name: str, rounds: int, steps: dict[str, Step]) -> Row:
    """The medians of each peer over interleaved rounds."""
    row = Row(name)
    taken: dict[str, list[Figures]] = {peer: [] for peer in steps}
    for _ in range(rounds):
        for peer, step in steps.items():
            if peer in row.troubles:
                continue
            try:
                taken[peer].append(step())
            except BenchError as trouble:
                row.troubles[peer] = str(trouble)
    row.figures = {peer: medians(found) for peer, found in taken.items() if found}
    return row


def imports(scene: Scene, effort: Effort) -> Iterator[Row]:
    """What an import costs."""

    def importing(statement: str) -> Step:
        code = (
            "import time\nbegan = time.perf_counter()\n"
            f"{statement}\nline = time.perf_counter() - began"
        )

        def step() -> Figures:
            _, memory, line = scene.program(code)
            return {"import_ms": float(line) * 1000, "rss_mb": memory}

        return step

    steps = {
        "modeld": importing("from modeld import get_model, GenerateConfig"),
        "openai": importing("import openai"),
        "grpc": importing("import grpc"),
    }
    yield take_turns("import", effort.rounds * 3, steps)


def first(scene: Scene, effort: Effort) -> Iterator[Row]:
    """A fresh process to its first answer; the daemon is warm."""
    url = scene.upstream.base_url()
    programs = {
        "modeld": f"""
from modeld import get_model
model = get_model("openai/gpt-4o-mini", base_url={url!r}, api_key="bench")
line = model.generate_sync("Say hello").completion
""",
        "openai": f"""
from openai import OpenAI
client = OpenAI(base_url={url!r}, api_key="bench")
messages = [{{"role": "user", "content": "Say hello"}}]
answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
line = answer.choices[0].message.content
""",
        "grpc": "import grpc\nline = 'imported'",
        "python": "line = 'nothing'",
    }

    def running(peer: str) -> Step:
        def step() -> Figures:
            if peer == "modeld":
                scene.warm()
            took, memory, _ = scene.program(programs[peer])
            return {"first_ms": took * 1000, "rss_mb": memory}

        return step

    steps = {peer: running(peer) for peer in programs}
    yield take_turns("fresh process to first answer", effort.rounds * 2, steps)


def start(scene: Scene, effort: Effort) -> Iterator[Row]:
    """A daemon from nothing."""
    yield take_turns("daemon ready from nothing", effort.rounds, {"modeld": scene.start_daemon})

    def cold() -> Figures:
        scene.stop_daemon()
        took, _, _ = scene.program(
            "from modeld import get_model\n"
            "line = get_model('mockllm/model').generate_sync('Say hello').completion"
        )
        return {"first_ms": took * 1000}

    yield take_turns("first mock answer, no daemon", effort.rounds, {"modeld": cold})


def sequential(scene: Scene, effort: Effort) -> Iterator[Row]:
    """One call after the other."""
    for scenario, name in (("sequential", "async"), ("sequential_sync", "sync")):
        wish = {"warm": 50, "calls": int(200 * effort.seconds)}
        yield take_turns(
            f"one call after the other, {name}",
            effort.rounds,
            {peer: measuring(scene, peer, scenario, **wish) for peer in ("modeld", "openai")},
        )


def throughput(scene: Scene, effort: Effort) -> Iterator[Row]:
    """Calls per second and CPU per call."""
    for concurrent in (1, 64, 256):
        wish = {"concurrent": concurrent, "seconds": effort.seconds, "warm_seconds": 0.5}
        explicit = {**wish, "max_connections": concurrent}
        yield take_turns(
            f"{concurrent} at once",
            effort.rounds,
            {
                "modeld": measuring(scene, "modeld", "throughput", **explicit),
                "modeld default": measuring(scene, "modeld", "throughput", **wish),
                "openai": measuring(scene, "openai", "throughput", **wish),
            },
        )


def hold(scene: Scene, effort: Effort) -> Iterator[Row]:
    """Calls that the upstream holds for 2 s, all at once."""
    wish = {"knobs": ["hold=2"], "max_connections": effort.held, "calls": effort.held}
    fewer = {**wish, "calls": min(effort.held, 1000)}
    yield take_turns(
        f"{effort.held} calls held for 2 s (SDK: {fewer['calls']})",
        effort.rounds,
        {
            "modeld": measuring(scene, "modeld", "hold", **wish),
            "openai": measuring(scene, "openai", "hold", **fewer),
        },
    )


def streams(scene: Scene, effort: Effort) -> Iterator[Row]:
    """100 streams of 200 chunks."""
    for name, more in (("unpaced", []), ("paced at 10 ms", ["pace=10"])):
        wish = {
            "knobs": ["chunks=200", "stamp=1", *more],
            "concurrent": 100,
            "chunks": 200,
            "max_connections": 100,
        }
        yield take_turns(
            f"100 streams x 200 chunks, {name}",
            effort.rounds,
            {peer: measuring(scene, peer, "streams", **wish) for peer in ("modeld", "openai")},
        )


def limits(scene: Scene, effort: Effort) -> Iterator[Row]:
    """Eight processes on one account: 600 requests a minute (burst 10), 20 at once."""
    rate, burst, processes = 600, 10, 8
    calls = processes * effort.shared

    def sharing(peer: str, *more: str) -> Step:
        # A key of its own for each turn would be a fresh lane for modeld; a fresh daemon is too.
        knobs = [f"rate={rate}", f"burst={burst}", "at_once=20", "hold=0.1", *more]

        def step() -> Figures:
            scene.stop_daemon()
            if peer == "modeld":
                scene.warm()
            scene.upstream.reset()
            began = time.perf_counter()
            found = scene.measure_many(processes, peer, "batch", calls=effort.shared, knobs=knobs)
            wall = time.perf_counter() - began
            stats = scene.upstream.stats()
            return {
                "wall_s": wall,
                "failed": sum(one["failed"] for one in found),
                "answered_429": float(stats.rejected),
                "429_percent": stats.rejected / stats.requests * 100,
                "rate_used_percent": (stats.answered - burst) / (wall * rate / 60) * 100,
            }

        return step

    for name, more in (("told by headers", ["headers=1"]), ("not told", [])):
        peers = {"modeld": sharing("modeld", *more)}
        if more:
            peers |= {peer: sharing(peer, *more) for peer in ("openai", "openai patient")}
        yield take_turns(
            f"{processes} processes x {calls // processes} calls, limits {name}", 1, peers
        )


def measuring(scene: Scene, peer: str, scenario: str, **options: object) -> Step:
    """A turn of a peer in a fresh process."""
    return lambda: scene.measure(peer, scenario, **options)


def hits(scene: Scene, effort: Effort) -> Iterator[Row]:
    """One answer that is in the cache, again and again; inspect_ai where it is installed."""
    peers = {"modeld": "modeld cached", "inspect_ai": "inspect_ai cached"}
    wish = {"warm": 50, "calls": int(200 * effort.seconds)}
    yield take_turns(
        "cache hits, one after the other",
        effort.rounds,
        {name: measuring(scene, peer, "sequential", **wish) for name, peer in peers.items()},
    )
    wish = {"concurrent": 16, "seconds": effort.seconds, "warm_seconds": 0.5}
    yield take_turns(
        "cache hits, 16 at once",
        effort.rounds,
        {name: measuring(scene, peer, "throughput", **wish) for name, peer in peers.items()},
    )


def cache(scene: Scene, effort: Effort) -> Iterator[Row]:
    """The database of the generation cache, from ten thousand entries to the number asked for."""
    for name, figures in measure(sizes_up_to(effort.entries)):
        yield Row(name, {"modeld": figures})


SECTIONS: dict[str, Callable[[Scene, Effort], Iterator[Row]]] = {
    "import": imports,
    "first": first,
    "start": start,
    "sequential": sequential,
    "throughput": throughput,
    "hold": hold,
    "streams": streams,
    "limits": limits,
    "hits": hits,
    "cache": cache,
}
