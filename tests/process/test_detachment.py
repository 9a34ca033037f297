"""What a daemon takes over from the client that starts it: nothing but its home."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import psutil
import pytest

from modeld.discovery import Home
from modeld.launch import ensure, stop
from tests.fakes.launching import ASK, CLIENT, answers, client, only_for_a_while

CANARY = "sk-canary-9b1e6c"


@pytest.fixture
def home(modeld_home) -> Iterator[Home]:
    with only_for_a_while(Home(str(modeld_home))) as home:
        yield home


def test_a_daemon_is_nobodys_child_and_stands_on_its_own(home, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("GITHUB_TOKEN", CANARY)
    monkeypatch.setenv("HTTPS_PROXY", f"http://{CANARY}@proxy")
    monkeypatch.setenv("GRPC_ENABLE_FORK_SUPPORT", "1")
    monkeypatch.setenv("TMPDIR", "/nowhere")
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    mine = psutil.Process()
    before = mine.num_fds()
    record = ensure(home)
    os.close(writing)
    assert mine.num_fds() == before - 1
    assert mine.children() == []
    assert os.read(reading, 1) == b""  # nobody else has the writing end
    os.close(reading)
    daemon = psutil.Process(record.pid)
    assert daemon.ppid() != os.getpid()
    assert os.getsid(record.pid) != os.getsid(0)
    assert daemon.cwd() == "/"
    environ = daemon.environ()
    assert CANARY not in str(environ)
    assert environ["MODELD_HOME"] == home.path
    assert not {"TMPDIR", "GRPC_ENABLE_FORK_SUPPORT", "PYTEST_CURRENT_TEST"} & set(environ)


def test_a_daemon_may_open_many_files_and_dumps_no_core(home):
    record = ensure(home)
    if not hasattr(psutil.Process, "rlimit"):
        pytest.skip("the system does not tell")
    daemon = psutil.Process(record.pid)
    soft, hard = daemon.rlimit(psutil.RLIMIT_NOFILE)
    assert soft == min(hard, 1 << 20)
    assert daemon.rlimit(psutil.RLIMIT_CORE)[0] == 0


ODD_CLIENTS = {
    "ignored SIGCHLD": "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); ",
    "blocked signals": (
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT]); "
    ),
    "ignored SIGTERM": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); ",
    "closed streams": "import os; out = os.dup(1); os.closerange(0, 3); ",
    "other folder": "import os; os.chdir('/usr'); ",
    "strict warnings": "import warnings; warnings.simplefilter('error'); ",
}


@pytest.mark.parametrize("kind", ODD_CLIENTS)
def test_an_odd_client_gets_an_ordinary_daemon(home, kind):
    ask = ASK + "pid = ensure(locate()).pid; "
    say = "os.write(out, f'{pid}'.encode())" if kind == "closed streams" else "print(pid)"
    (pid,) = answers([client(home, ODD_CLIENTS[kind] + ask + say)])
    assert psutil.Process(pid).is_running()
    stopped = stop(home, timeout=5)
    assert [record.pid for record in stopped.ended] == [pid]


@pytest.mark.skipif(sys.platform != "linux", reason="fork support of grpc is Linux only")
def test_a_client_with_grpc_loaded_and_threads_running_can_start_one(home):
    program = (
        "import os; os.environ['GRPC_ENABLE_FORK_SUPPORT'] = '1'\n"
        "import grpc, threading\n"
        "channel = grpc.insecure_channel('unix:/nowhere')\n"
        "future = grpc.channel_ready_future(channel)\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        f"{CLIENT}\nfuture.cancel(); channel.close()\n"
    )
    assert len(answers([client(home, program)])) == 1
