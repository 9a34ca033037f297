"""The dialect's side towards the registry: OpenAI's, at an address that is given or made."""

from __future__ import annotations

from dataclasses import replace

from modeld.errors import InvalidRequest

from ...core.ports import Connection, Row
from ..openai.choice import check as check_openai
from ..premises import Premises
from .programs import ADDRESS_ARGS, split_args
from .servers import Servers, program_of

__all__ = ["check", "of_client", "open_servers"]


def open_servers(premises: Premises) -> Servers:
    """What all connections share."""
    return Servers(premises.starting)


def check(row: Row, model: str, connection: Connection, shared: Servers) -> None:
    """Raises at once what would make every call fail."""
    if connection.base_url is None:
        shared.check(row, model, connection)
        _, rest = split_args(program_of(row), connection.args)
        connection = replace(connection, args=rest)
    check_openai(row, model, of_client(row, connection))


def of_client(row: Row, connection: Connection) -> Connection:
    """The connection without the args of the address. `InvalidRequest` where others are for the start
    of a server that somebody else has started.
    """
    program = program_of(row)
    for name in connection.args:
        if name in program.args or name == "device":
            raise InvalidRequest(
                f"Model arg {name!r} is for a server that modeld starts; the one at "
                f"{connection.base_url} was started by somebody else.",
                provider=row.name,
            )
    rest = {name: value for name, value in connection.args.items() if name not in ADDRESS_ARGS}
    return replace(connection, args=rest)
