"""Sessions with credentials of their own, whose calls come all at once: each is sent with its own.

Every row of the catalog is asked, by key and by the credentials of clouds. What the server answers
is an error, which is enough: the request was there.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from modeld.errors import ModeldError
from modeld.types import ChatMessageUser
from modeld_daemon.core.accounts import Accounts
from modeld_daemon.core.call import Call
from modeld_daemon.core.clients import Clients
from modeld_daemon.core.named import NamedSessions
from modeld_daemon.core.resolve import ModelSpec, Resolver
from modeld_daemon.core.sessions import Lease, Session, Sessions
from modeld_daemon.providers.registry import Registry
from modeld_daemon.stores.named import MemoryNamed
from tests.fakes.exact_server import Seen, serving
from tests.fakes.google_account import asks_for_token, service_account
from tests.fakes.serving import Unconfigured
from tests.fakes.unknown_models import UNKNOWN, Unknown

REGISTRY = Registry(Path("no-data"))
CALLS = 120
_WHO = re.compile(rb"call of (\w+)")
_SENT = re.compile(r"(?:credential-of-|AKIA)(\w+)")

Variables = Callable[[str, Path, str], dict[str, str]]
"""What a session of that name has: a folder for files, and the address of a server."""


def by_key(name: str) -> Variables:
    variable = REGISTRY.row(name).key_variables[0].replace("{SERVICE}", "ACME")
    return lambda who, _folder, _url: {variable: f"credential-of-{who}"}


def by_access_key(who: str, _folder: Path, _url: str) -> dict[str, str]:
    pytest.importorskip("botocore", reason="the extra bedrock is not installed")
    return {"AWS_ACCESS_KEY_ID": f"AKIA{who}", "AWS_SECRET_ACCESS_KEY": f"secret of {who}"}


def by_account(who: str, folder: Path, url: str) -> dict[str, str]:
    file = service_account(folder / f"{who}.json", f"{url}/token", email=who)
    return {"GOOGLE_APPLICATION_CREDENTIALS": str(file), "GOOGLE_CLOUD_LOCATION": "us-east5"}


def ways() -> dict[str, tuple[Unknown, Variables]]:
    found: dict[str, tuple[Unknown, Variables]] = {}
    for name, asked in UNKNOWN.items():
        row = {"openai (responses)": "openai", "google/vertex": "google"}.get(name, name)
        if asked.key:
            found[name] = asked, by_key(row)
    for name in ("bedrock", "anthropic/bedrock", "openai/bedrock"):
        found[f"{name}, signed"] = UNKNOWN[name], by_access_key
    for name in ("anthropic/vertex", "google/vertex"):
        found[f"{name}, by account"] = UNKNOWN[name], by_account
    return found


WAYS = ways()


def test_every_row_with_a_network_is_asked():
    asked = {UNKNOWN[name.partition(",")[0]].model for name in WAYS}
    assert asked == {one.model for one in UNKNOWN.values()}


@pytest.mark.parametrize("name", WAYS)
def test_each_call_is_sent_with_the_credentials_of_its_session(name, tmp_path):
    asked, variables = WAYS[name]
    sent: list[tuple[str, set[str]]] = []

    async def answer(seen: Seen) -> None:
        if seen.head.startswith(b"POST /token "):
            who = asks_for_token(seen.body)
            body = {"access_token": f"credential-of-{who}", "expires_in": 3600}
            seen.writer.write(_http(200, body))
            return
        found = _WHO.search(seen.body)
        if found is not None:  # else it asks for the models that there are
            sent.append((found[1].decode(), set(_SENT.findall(seen.head.decode()))))
        seen.writer.write(_http(asked.status, asked.body))

    async def scene() -> None:
        async with serving(answer) as server, anyio.create_task_group() as tasks:
            url = f"http://127.0.0.1:{server.port}"
            clients = Clients(REGISTRY, tasks)
            resolver = Resolver(REGISTRY, Accounts(b"0" * 32), Unconfigured())
            sessions = Sessions(resolver, clients, NamedSessions(MemoryNamed()))
            spec = ModelSpec(asked.model, url, args=dict(asked.args))

            def opened(who: str) -> tuple[Session, Lease]:
                session = sessions.open()
                values = {**asked.environment, **variables(who, tmp_path, url)}
                session.update_environment(values, ())
                return session, sessions.open_model(session, spec)

            async def ask(who: str, lease: Lease) -> None:
                resolution, client = lease.resolve()  # as the service does, when a call comes
                provider = await client.provider(clients.source)
                call = Call("1", [ChatMessageUser(f"call of {who}")])
                with suppress(ModeldError):
                    await provider.generate(call, resolution.route, None)

            (_, one), (_, two), (changing, third) = opened("one"), opened("two"), opened("third")
            for half, who in enumerate(("third", "changed")):
                if half:  # while nothing is done about the calls that are on their way
                    changing.update_environment(variables(who, tmp_path, url), ())
                async with asyncio.TaskGroup() as calls:
                    for _ in range(CALLS // 6):
                        for sender, lease in (("one", one), ("two", two), (who, third)):
                            calls.create_task(ask(sender, lease))
            await clients.aclose()
            tasks.cancel_scope.cancel()

    asyncio.run(scene())
    assert [(who, keys) for who, keys in sent if keys != {who}] == []
    share = CALLS // 3
    assert Counter(who for who, _ in sent) == {
        "one": share,
        "two": share,
        "third": share // 2,
        "changed": share // 2,
    }


def _http(status: int, body: object) -> bytes:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}"
    return f"{head}\r\n\r\n".encode() + data
