"""Forks, threads and event loops of one program all share what they can, and nothing hangs."""

from __future__ import annotations

import time

import pytest

from tests.fakes.programs import DEFAULT, Program, daemons

HEAD = """
import asyncio, multiprocessing, os, sys, threading, time
from modeld import get_model

model = get_model("mockllm/model", delay=0.2)
quick = get_model("mockllm/model")

def ask(_=None):
    return quick.generate_sync("hi").completion

def child(write):
    ok = ask() == "Default output from mockllm/model"
    os.write(write, b"1" if ok else b"0")
"""
FORKS = """
async def main():
    before = [asyncio.create_task(model.generate("hi")) for _ in range(20)]
    await asyncio.sleep(0.05)
    read, write = os.pipe()
    pids = []
    for number in range(50):
        pid = os.fork()
        if pid == 0:
            try:
                child(write)
            finally:
                os._exit(0)
        pids.append(pid)
        if number % 10 == 0:
            before.append(asyncio.create_task(model.generate("hi")))
            await asyncio.sleep(0)
    outputs = await asyncio.gather(*before)
    await asyncio.to_thread(lambda: [os.waitpid(pid, 0) for pid in pids])
    print(len(outputs), os.read(read, 100).count(b"1"), ask())

asyncio.run(main())
"""


@pytest.mark.timeout(90)
def test_fifty_forks_with_calls_in_flight_in_the_parent(modeld_home):
    with Program(HEAD + FORKS) as program:
        assert program.end(80) == [f"25 50 {DEFAULT}"]
    assert len(daemons(modeld_home)) == 1


@pytest.mark.parametrize("context", ["fork", "spawn", "forkserver"])
@pytest.mark.timeout(60)
def test_every_way_of_multiprocessing(modeld_home, tmp_path, context):
    script = tmp_path / "pool_of_askers.py"
    script.write_text(
        "import multiprocessing, sys\n"
        "from modeld import get_model\n"
        "def ask(n):\n"
        "    return get_model('mockllm/model').generate_sync(str(n)).completion\n"
        "if __name__ == '__main__':\n"
        "    assert ask(0)\n"
        "    with multiprocessing.get_context(sys.argv[1]).Pool(4) as pool:\n"
        "        print(len([a for a in pool.map(ask, range(40)) if a]))\n"
    )
    text = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    if context == "fork":
        with Program(text, str(script), context) as program:
            assert program.end(50) == ["40"]
    else:  # these import the main module by its path
        with Program(
            "import subprocess, sys; sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))",
            str(script),
            context,
        ) as program:
            assert program.end(50) == ["40"]


NESTED = """
read, write = os.pipe()
assert ask()
if os.fork() == 0:
    if os.fork() == 0:
        child(write)
        os._exit(0)
    child(write)
    os.wait()
    os._exit(0)
os.wait()
print(os.read(read, 10).count(b"1"), ask())
"""
PARENT_STAYS = """
waiting = threading.Thread(target=lambda: print(model.generate_sync("hi").completion))
waiting.start()
time.sleep(0.05)
for leave in (lambda: os._exit(0), lambda: sys.exit(0)):
    pid = os.fork()
    if pid == 0:
        leave()
    os.waitpid(pid, 0)
waiting.join()
print(ask())
"""
BEFORE_USE = """
pid = os.fork()
if pid == 0:
    os._exit(0 if ask() else 1)
print(os.waitpid(pid, 0)[1], ask())
"""
FROM_THREADS = """
from concurrent.futures import ThreadPoolExecutor

def busy():
    while working:
        ask()

def fork(_):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if ask() else 1)
    return os.waitpid(pid, 0)[1]

ask()
working = True
callers = [threading.Thread(target=busy) for _ in range(3)]
for caller in callers:
    caller.start()
with ThreadPoolExecutor(4) as forkers:
    statuses = list(forkers.map(fork, range(40)))
working = False
for caller in callers:
    caller.join()
print(statuses.count(0), ask())
"""
BESIDE_GRPC = """
import signal
from concurrent.futures import ThreadPoolExecutor

assert ask()

import grpc, grpc.aio

class Own(grpc.GenericRpcHandler):
    def service(self, _details):
        return grpc.unary_unary_rpc_method_handler(lambda request, _context: request)

server = grpc.server(ThreadPoolExecutor(2), (Own(),))
address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
server.start()

async def main():
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_unary("/own/call")
        assert await call(b"own") == b"own"
        statuses = []
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                signal.alarm(10)
                os._exit(0 if ask() else 1)
            statuses.append((await asyncio.to_thread(os.waitpid, pid, 0))[1])
            assert await call(b"own") == b"own"
        return statuses

print(asyncio.run(main()), ask())
server.stop(0)
"""
LOOPS = """
import trio

async def main():
    outputs = await asyncio.gather(*(quick.generate("hi") for _ in range(20)))
    events = [event.type async for event in quick.stream("hi")]
    return len(outputs), events[-1]

async def in_trio():
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(quick.generate, "hi")
    return [event.type async for event in quick.stream("hi")][-1]

print(asyncio.run(main()), asyncio.run(main()), trio.run(in_trio), ask())
"""


@pytest.mark.parametrize(
    "text, printed",
    [
        (NESTED, [f"2 {DEFAULT}"]),
        (PARENT_STAYS, [DEFAULT, DEFAULT]),
        (BEFORE_USE, [f"0 {DEFAULT}"]),
        (FROM_THREADS, [f"40 {DEFAULT}"]),
        (BESIDE_GRPC, [f"[0, 0, 0] {DEFAULT}"]),
        (LOOPS, [f"(20, 'finished') (20, 'finished') finished {DEFAULT}"]),
    ],
    ids=[
        "nested",
        "a child that leaves",
        "before first use",
        "from threads",
        "beside grpc",
        "asyncio twice and trio",
    ],
)
@pytest.mark.timeout(40)
def test_programs(modeld_home, text, printed):
    with Program(HEAD + text) as program:
        assert program.end() == printed


LEAVING = {
    "after a call": "ask()",
    "with an open stream": "stream = model.stream_sync('hi'); next(stream)",
    "with a thread in a call": (
        "threading.Thread(target=model.generate_sync, args=('hi',), daemon=True).start(); "
        "time.sleep(0.05)"
    ),
    "with a dead daemon": (
        "import signal, modeld.daemon; os.kill(modeld.daemon.status().pid, signal.SIGKILL)"
    ),
}


@pytest.mark.parametrize("how", LEAVING)
def test_the_interpreter_leaves_at_once_and_silently(modeld_home, how):
    with Program(HEAD + LEAVING[how] + "\nprint('leaving', flush=True)") as program:
        assert program.hear() == "leaving"
        began = time.monotonic()
        assert program.end() == []
        assert time.monotonic() - began < 1
