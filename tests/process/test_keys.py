"""Keys are those of the shell that calls, at the moment it calls; and they never come out."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.fakes.key_board import KeyBoard
from tests.fakes.programs import Program, daemon_pid
from tests.fakes.upstream import UpstreamThread, fingerprint

pytestmark = pytest.mark.beside

CANARY = "canary0KEY0of0no0known0shape0123456789"
ASKING = """
import os, sys
from modeld import get_model

model = get_model("openai/gpt-4o-mini")
for line in sys.stdin:
    name, _, value = line.strip().partition("=")
    if name:
        os.environ[name] = value
    print(model.generate_sync("hi").completion, flush=True)
"""

ROUNDS, AT_ONCE = 50, 10
ROUND = f"""
import asyncio, os, sys
from modeld import get_model

async def main():
    models = [get_model(name) for name in sys.argv[1:]]
    for line in sys.stdin:
        who, *changed = line.split()
        os.environ.update(pair.split("=") for pair in changed)
        calls = [model.generate(f"{{who}} calls") for model in models for _ in range({AT_ONCE})]
        await asyncio.gather(*calls)
        print("done", flush=True)

asyncio.run(main())
"""
"""Each line is a round of calls; it begins with who calls."""


@pytest.fixture
def upstream():
    with UpstreamThread() as server:
        yield server


def test_two_shells_with_two_keys_are_two_accounts(modeld_home, upstream):
    url = upstream.base_url()
    one = Program(ASKING, OPENAI_API_KEY="sk-of-one", OPENAI_BASE_URL=url)
    two = Program(ASKING, OPENAI_API_KEY="sk-of-two", OPENAI_BASE_URL=url)
    with one, two:
        for shell in (one, two, one):
            shell.tell()
            assert shell.hear() == "Hello!"
        assert upstream.stats().keys == {fingerprint("sk-of-one"): 2, fingerprint("sk-of-two"): 1}
        one.tell("OPENAI_API_KEY=sk-changed")
        one.hear()
        two.tell()
        two.hear()
        assert upstream.stats().keys == {
            fingerprint("sk-of-one"): 2,
            fingerprint("sk-of-two"): 2,
            fingerprint("sk-changed"): 1,
        }


@pytest.mark.timeout(90)
def test_of_thousand_calls_of_two_shells_each_is_sent_with_its_key(modeld_home):
    """500 calls of each at each of two providers; a third shell changes its keys half-way."""
    with KeyBoard() as board:
        models = ("openai/gpt-4o-mini", "anthropic/claude-haiku-4-5")
        urls = {"OPENAI_BASE_URL": f"{board.url}/v1", "ANTHROPIC_BASE_URL": board.url}
        shells = {
            who: Program(ROUND, *models, **urls, **keys_of(who)) for who in ("one", "two", "third")
        }
        with shells["one"], shells["two"], shells["third"]:
            for round in range(ROUNDS):
                late = round >= ROUNDS // 2
                for who, shell in shells.items():
                    changed = " ".join(f"{k}={v}" for k, v in keys_of("changed").items())
                    shell.tell(f"changed {changed}" if late and who == "third" else who)
                for shell in shells.values():
                    assert shell.hear(60) == "done"
    wrong = [seen for seen in board.seen if seen[2] != f"sk-{seen[0]}-of-{seen[1]}"]
    assert wrong == []
    total = ROUNDS * AT_ONCE
    shares = {"one": total, "two": total, "third": total // 2, "changed": total // 2}
    assert Counter((dialect, who) for dialect, who, _ in board.seen) == {
        (dialect, who): share
        for dialect in ("openai", "anthropic")
        for who, share in shares.items()
    }
    senders = [who for _, who, _ in board.seen]
    assert sum(a != b for a, b in pairwise(senders)) > ROUNDS  # interleaved


def keys_of(who: str) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": f"sk-openai-of-{who}",
        "ANTHROPIC_API_KEY": f"sk-anthropic-of-{who}",
    }


def test_a_variable_of_two_providers_is_told_for_both_whoever_saw_it_change(modeld_home):
    """It goes there and back: of the way back only the other provider has heard."""
    text = """
    import os, sys
    from modeld import get_model

    url = sys.argv[1]
    os.environ["AWS_BEARER_TOKEN_BEDROCK"] = "first"
    chat = get_model("openai/bedrock/m", base_url=f"{url}/v1", responses_api=False)
    chat.generate_sync("first")
    os.environ["AWS_BEARER_TOKEN_BEDROCK"] = "second"
    messages = get_model("anthropic/bedrock/m", base_url=url, aws_region="us-east-1", streaming=False)
    messages.generate_sync("second")
    os.environ["AWS_BEARER_TOKEN_BEDROCK"] = "first"
    chat.generate_sync("first")
    """
    with KeyBoard() as board, Program(text, board.url) as program:
        assert program.end() == []
    assert [(who, key) for _, who, key in board.seen] == [
        ("first", "first"),
        ("second", "second"),
        ("first", "first"),
    ]


def test_a_changed_dotenv_counts_from_the_next_call_on(modeld_home, upstream, tmp_path):
    dotenv = tmp_path / ".env"
    dotenv.write_text("OPENAI_API_KEY=sk-first\n")
    with Program(ASKING, cwd=tmp_path, OPENAI_BASE_URL=upstream.base_url()) as shell:
        shell.tell()
        shell.hear()
        dotenv.write_text("OPENAI_API_KEY=sk-second-and-longer\n")
        shell.tell()
        shell.hear()
    keys = upstream.stats().keys
    assert keys == {fingerprint("sk-first"): 1, fingerprint("sk-second-and-longer"): 1}


def test_the_key_of_whoever_started_the_daemon_is_nobody_elses(modeld_home, upstream):
    url = upstream.base_url()
    with Program(ASKING, OPENAI_API_KEY="sk-starter", OPENAI_BASE_URL=url) as starter:
        starter.tell()
        starter.hear()
    text = """
    from modeld import errors, get_model
    try:
        get_model("openai/gpt-4o-mini")
    except errors.PrerequisiteError as error:
        print("OPENAI_API_KEY" in str(error))
    """
    with Program(text, OPENAI_BASE_URL=url) as other:
        assert other.end() == ["True"]


def test_a_canary_key_is_found_nowhere(modeld_home, upstream):
    """Not in a file of the daemon, its environment or command line, a reply, an error or a repr.

    The upstream answers with the key in the body of its error, as some do.
    """
    echoing = upstream.base_url("status=401", "text=" + CANARY)
    text = f"""
    import json, traceback
    import modeld.daemon
    from modeld import errors, get_model

    model = get_model("openai/gpt-4o-mini")
    print(repr(model), model.generate_sync("hi").to_dict(), repr(vars(model)))
    bad = get_model("openai/gpt-4o-mini", base_url={echoing!r})
    try:
        bad.generate_sync("hi")
    except errors.ModeldError as error:
        print(repr(error), str(error), error.to_dict(), "".join(traceback.format_exception(error)))
    print(json.dumps(modeld.daemon.status().to_dict()))
    """
    with Program(text, OPENAI_API_KEY=CANARY, OPENAI_BASE_URL=upstream.base_url()) as shell:
        told = "\n".join(shell.end()).replace(echoing, "")  # an address is no secret
    assert fingerprint(CANARY) in upstream.stats().keys  # it was sent
    assert "AuthenticationError" in told
    assert CANARY not in told
    for command in (["status", "--json"], ["doctor", "--json"], ["logs", "-n", "1000"]):
        done = subprocess.run(
            [sys.executable, "-m", "modeld", *command], capture_output=True, check=False
        )
        assert CANARY not in (done.stdout + done.stderr).decode().replace(echoing, "")
    pid = daemon_pid(modeld_home)
    places = [path for path in modeld_home.rglob("*") if path.is_file()]
    places += [Path(f"/proc/{pid}/environ"), Path(f"/proc/{pid}/cmdline")]
    for place in places:
        assert CANARY.encode() not in place.read_bytes().replace(echoing.encode(), b""), place


def test_a_key_that_the_upstream_echoes_comes_out_of_nothing(modeld_home):
    with UpstreamThread(f"text={CANARY}") as upstream:
        asking = """
        import sys
        from modeld import get_model
        model = get_model("openai/gpt-4o-mini", base_url=sys.argv[1], api_key=sys.argv[2])
        output = model.generate_sync("hi")
        print(output.completion, output.to_dict(), repr(model))
        print("".join(e.text for e in model.stream_sync("hi") if e.type == "text"))
        """
        with Program(asking, upstream.base_url(), CANARY) as program:
            lines = "\n".join(program.end())
    assert CANARY not in lines
    assert CANARY not in (modeld_home / "modeld.log").read_text()
