"""Many processes and many calls at once: one daemon, and an answer for everybody."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.fakes.programs import DEFAULT, Program, daemon_pid, daemons, ended, kill_daemon, until

ASK = """
from modeld import get_model
print(get_model("mockllm/model").generate_sync("hi").completion)
"""
BURST = """
import asyncio, sys
from modeld import get_model

async def main(calls):
    model = get_model("mockllm/model")
    outputs = await asyncio.gather(*(model.generate(f"hi {n}") for n in range(calls)))
    assert len({output.metadata["modeld"]["call_id"] for output in outputs}) == calls
    print(sum(output.completion == "Default output from mockllm/model" for output in outputs))

asyncio.run(main(int(sys.argv[1])))
"""


@contextlib.contextmanager
def crowd(size: int, **variables):
    """So many processes that all ask at once; `{n}` in a variable is the process's number."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                Program(ASK, **{k: v and v.format(n=n) for k, v in variables.items()})
            )
            for n in range(size)
        ]


def one_daemon_answered(home: Path, programs: list[Program]) -> int:
    answers = ended(programs)
    assert answers == [[DEFAULT]] * len(programs)
    (daemon,) = daemons(home)
    assert daemon.pid == daemon_pid(home)
    return daemon.pid


def rounds(full: bool) -> int:
    return 10 if full else 2


@pytest.mark.soak(timeout=300, short=60)
def test_fifty_processes_with_no_daemon_end_with_one_and_fifty_answers(modeld_home, full_numbers):
    for _ in range(rounds(full_numbers)):
        with crowd(50) as programs:
            one_daemon_answered(modeld_home, programs)
        os.kill(daemon_pid(modeld_home), signal.SIGTERM)
        until(lambda: not daemons(modeld_home))


@pytest.mark.soak(timeout=300, short=60)
def test_the_same_after_kill_9_with_all_that_the_dead_left(modeld_home, full_numbers):
    with crowd(1) as programs:
        pid = one_daemon_answered(modeld_home, programs)
    for _ in range(rounds(full_numbers)):
        kill_daemon(modeld_home)
        assert (modeld_home / "daemon.json").exists()
        assert (modeld_home / "modeld.sock").is_symlink()
        with crowd(50) as programs:
            assert one_daemon_answered(modeld_home, programs) != pid
        pid = daemon_pid(modeld_home)
        assert len(os.listdir(modeld_home / "run")) == 2  # nothing of the dead is left


@pytest.mark.soak(timeout=600, short=60)
def test_the_same_while_starting_daemons_are_killed(modeld_home, full_numbers):
    for number in range(rounds(full_numbers)):
        struck: list[int] = []
        done = threading.Event()

        def strike(number=number, struck=struck, done=done):
            """Kills two daemons, each at another moment of its start."""
            while len(struck) < 2 and not done.wait(0.001):
                for process in daemons(modeld_home):
                    if process.pid not in struck:
                        time.sleep(0.09 * ((number + len(struck)) % 7))
                        with contextlib.suppress(psutil.Error):
                            process.kill()
                            struck.append(process.pid)
                        break

        striker = threading.Thread(target=strike)
        striker.start()
        with crowd(50) as programs:
            answers = ended(programs)
        done.set()
        striker.join()
        assert answers == [[DEFAULT]] * 50
        assert len(struck) == 2
        assert [process.pid for process in daemons(modeld_home)] == [daemon_pid(modeld_home)]
        kill_daemon(modeld_home)


@pytest.mark.timeout(60)
def test_a_stale_record_and_a_stale_socket_hold_nobody_up(modeld_home):
    with crowd(1) as programs:
        one_daemon_answered(modeld_home, programs)
    record = (modeld_home / "daemon.json").read_bytes()
    kill_daemon(modeld_home)
    (modeld_home / "run" / "stale.json").write_bytes(record)
    with socket.socket(socket.AF_UNIX) as dead:  # bound, listened to by nobody
        dead.bind(str(modeld_home / "run" / "stale.sock"))
    for name in ("daemon.json.1-ab.new", "token.1-ab.new", "modeld.sock.x.new"):
        (modeld_home / name).write_text("")
    with crowd(20) as programs:
        one_daemon_answered(modeld_home, programs)
    assert len(os.listdir(modeld_home / "run")) == 2


@pytest.mark.parametrize("value", [None, "", "/nowhere/{n}", "relative{n}"])
@pytest.mark.timeout(60)
def test_the_daemon_is_one_whatever_the_temporary_folders_are(modeld_home, value):
    with crowd(12, XDG_RUNTIME_DIR=value, TMPDIR=value, TMP=value) as programs:
        one_daemon_answered(modeld_home, programs)


@pytest.mark.timeout(60)
def test_the_daemon_is_one_in_the_default_folder_too(modeld_home):
    user = {"MODELD_HOME": None, "XDG_STATE_HOME": None, "HOME": str(modeld_home)}
    home = modeld_home / ".local" / "state" / "modeld"
    try:
        with crowd(12, **user, XDG_RUNTIME_DIR="/run/user/{n}", TMPDIR="/tmp/{n}") as programs:
            one_daemon_answered(home, programs)
    finally:
        for process in daemons(home):
            process.kill()


@pytest.mark.soak(timeout=120, short=60)
def test_five_thousand_calls_of_one_process_at_once(modeld_home, full_numbers):
    with Program(BURST, "5000") as one:
        assert one.end(60) == ["5000"]
    with Program(BURST, "20000" if full_numbers else "1") as one:
        one.end(100)


@pytest.mark.timeout(60)
def test_five_processes_with_a_thousand_calls_each_at_once(modeld_home):
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(Program(BURST, "1000")) for _ in range(5)]
        assert ended(programs) == [["1000"]] * 5
    assert len(daemons(modeld_home)) == 1


@pytest.mark.timeout(60)
def test_a_thousand_threads_of_one_process_at_once(modeld_home):
    text = """
    import threading
    from modeld import get_model

    answers = []
    ready = threading.Barrier(1000)

    def ask():
        ready.wait()
        answers.append(get_model("mockllm/model").generate_sync("hi").completion)

    threads = [threading.Thread(target=ask) for _ in range(1000)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(len(answers))
    """
    with Program(text) as one:
        assert one.end(50) == ["1000"]
