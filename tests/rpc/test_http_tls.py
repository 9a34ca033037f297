"""TLS, proxies and IPv6 of the HTTP client."""

from __future__ import annotations

import asyncio

import pytest

from modeld.errors import ProviderUnavailable
from modeld_daemon.providers.http.endpoint import Endpoint
from tests.fakes.exact_server import (
    OK,
    Run,
    client_of,
    on_loop,
    saying,
    serving,
    to,
)
from tests.fakes.tls import make_certificate, server_tls

LOOPS = ["asyncio", "uvloop"]


@pytest.fixture(params=LOOPS)
def run(request) -> Run:
    """Runs a scene on each of the two loops."""
    return on_loop(request.param)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[str, str]:
    """A certificate of localhost and its key, made on the spot."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


def test_tls_is_verified(run, certificate):
    async def scene() -> None:
        url = "https://localhost:{}/v1"
        async with serving(saying(OK), ssl=server_tls(certificate)) as server:
            async with client_of(environment={"SSL_CERT_FILE": certificate[0]}) as client:
                for _ in range(2):
                    assert (await client.fetch(to(server, url=url), b"{}")).body == b"hi"
                assert server.connections == 1
            async with client_of() as client:
                with pytest.raises(ProviderUnavailable, match="not trusted") as caught:
                    await client.fetch(to(server, url=url), b"{}")
                assert caught.value.phase == "connect"

    run(scene())


def test_tls_with_a_server_that_has_none_fails_clearly(run):
    async def scene() -> None:
        async with serving(saying(OK)) as server, client_of(connect_timeout=0.3) as client:
            with pytest.raises(ProviderUnavailable, match=r"TLS|connection") as caught:
                await client.fetch(to(server, url="https://localhost:{}"), b"{}")
            assert caught.value.phase == "connect"

    run(scene())


def test_ipv6_works(run):
    async def scene() -> None:
        async with serving(saying(OK), host="::1") as server, client_of() as client:
            assert (await client.fetch(to(server, url="http://[::1]:{}/"), b"{}")).body == b"hi"

    try:
        run(scene())
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


def test_a_proxy_gets_the_whole_url_of_a_plain_request(run):
    async def scene() -> None:
        async with serving(saying(OK)) as proxy:
            variable = {"HTTP_PROXY": f"http://me:p%40ss@127.0.0.1:{proxy.port}"}
            async with client_of(environment=variable) as client:
                endpoint = Endpoint.make("POST", "http://api.example/v1/x", [("a", "b")])
                assert (await client.fetch(endpoint, b"{}")).body == b"hi"
            head = proxy.requests[0].head.decode()
            assert head.startswith("POST http://api.example:80/v1/x HTTP/1.1\r\n")
            assert "proxy-authorization: Basic bWU6cEBzcw==\r\n" in head
            assert "host: api.example\r\n" in head

    run(scene())


async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """A proxy that knows CONNECT only, and sends all tunnels to one port."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"CONNECT localhost:")
    writer.write(b"HTTP/1.1 200 Go ahead\r\n\r\n")
    there, back = await asyncio.open_connection("127.0.0.1", port)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
        target.close()

    await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)


def test_https_goes_through_the_tunnel_of_a_proxy(run, certificate):
    async def scene() -> None:
        async with serving(saying(OK), ssl=server_tls(certificate)) as server:
            listener = await asyncio.start_server(
                lambda r, w: tunnel(r, w, server.port), "127.0.0.1", 0
            )
            port = listener.sockets[0].getsockname()[1]
            variables = {"https_proxy": f"127.0.0.1:{port}", "SSL_CERT_FILE": certificate[0]}
            async with client_of(environment=variables) as client:
                endpoint = to(server, url="https://localhost:{}/v1")
                assert (await client.fetch(endpoint, b"{}")).body == b"hi"
            listener.close()
            await asyncio.sleep(0.05)

    run(scene())


def test_a_proxy_that_refuses_is_named(run):
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"

    async def scene() -> None:
        async with serving(saying(refusal)) as proxy:
            variables = {"ALL_PROXY": f"http://127.0.0.1:{proxy.port}"}
            async with client_of(environment=variables) as client:
                with pytest.raises(ProviderUnavailable, match="407"):
                    await client.fetch(Endpoint.make("POST", "https://api.example/", []), b"{}")

    run(scene())
