"""Reaching providers through an HTTP proxy, and which client an environment asks for."""

import asyncio

import pytest

from conformance.upstream.raw_server import OK, Authority, Peer, RawServer, answering
from turnout_sidecar.adapters.aiohttp_upstream import AiohttpUpstream
from turnout_sidecar.adapters.http_client import HttpUpstream
from turnout_sidecar.adapters.http_proxies import Proxies
from turnout_sidecar.adapters.upstream_choice import open_upstream
from turnout_sidecar.ports.upstream import ConnectFailure, Target, TlsSettings, Upstream, UpstreamRequest


@pytest.mark.parametrize(
    ("environ", "target", "proxy"),
    [
        ({}, Target("http", "a", 80), None),
        ({"HTTP_PROXY": "http://p:1"}, Target("http", "a", 80), "http://p:1"),
        ({"http_proxy": "p:1"}, Target("http", "a", 80), "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, Target("https", "a", 443), None),
        ({"ALL_PROXY": "http://p:1"}, Target("https", "a", 443), "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a"}, Target("https", "a", 443), None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x, .b.c"}, Target("https", "A.b.c", 443), None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "b.c"}, Target("https", "ab.c", 443), "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a:444"}, Target("https", "a", 443), "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, Target("https", "10.1.2.3", 443), None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, Target("https", "a", 443), None),
        ({"HTTPS_PROXY": " "}, Target("https", "a", 443), None),
    ],
)
def test_the_environment_says_which_target_goes_through_which_proxy(
    environ: dict[str, str], target: Target, proxy: str | None
) -> None:
    assert Proxies.of(environ).for_target(target) == proxy


async def test_only_an_environment_with_a_proxy_gets_the_costlier_client() -> None:
    without, with_one = open_upstream({"NO_PROXY": "*", "PATH": "/bin"}), open_upstream({"HTTPS_PROXY": "http://p:1"})
    assert isinstance(without, HttpUpstream)
    assert isinstance(with_one, AiohttpUpstream)
    await without.close()
    await with_one.close()


async def fetch(upstream: Upstream, target: Target) -> bytes:
    response = await upstream.send(UpstreamRequest(target, "/v1/x", (), b"{}"), connect_timeout=5, headers_timeout=5)
    return await response.read(1000)


async def test_a_plain_target_is_asked_for_by_its_whole_url() -> None:
    async with RawServer(answering(OK)) as proxy:
        upstream = open_upstream({"HTTP_PROXY": f"http://user:word@127.0.0.1:{proxy.port}"})
        assert await fetch(upstream, Target("http", "provider.example", 8000)) == b"ok"
        await upstream.close()
        assert proxy.requests[0].startswith(b"POST http://provider.example:8000/v1/x HTTP/1.1\r\n")
        assert b"proxy-authorization: basic " in proxy.requests[0].lower()


async def test_a_tls_target_is_tunnelled_to_and_verified_through_the_proxy() -> None:
    authority = Authority("The tests' authority")

    async def tunnel(peer: Peer) -> None:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"CONNECT provider.example:443 HTTP/1.1\r\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
        await peer.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pump(peer.reader, writer), _pump(reader, peer.writer))

    async with (
        RawServer(answering(OK), tls=authority.server_context("provider.example")) as provider,
        RawServer(tunnel) as proxy,
    ):
        upstream = open_upstream({"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"})
        target = Target("https", "provider.example", 443, TlsSettings(ca_pem=authority.pem))
        assert await fetch(upstream, target) == b"ok"
        await upstream.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def test_a_proxy_that_refuses_is_a_connect_failure() -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"
    async with RawServer(answering(refusal)) as proxy:
        upstream = open_upstream({"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"})
        with pytest.raises(ConnectFailure, match="407"):
            await fetch(upstream, Target("https", "provider.example", 443))
        await upstream.close()
