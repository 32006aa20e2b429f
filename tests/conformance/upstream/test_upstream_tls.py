"""TLS to an upstream: whom a client trusts, and whom not."""

import ssl

import pytest

from conformance.upstream.raw_server import CHUNKED, OK, Authority, Peer, RawServer, answering, chunk
from turnout_sidecar.ports.upstream import ConnectFailure, TlsSettings, Upstream, UpstreamClosed, UpstreamRequest


async def fetch(upstream: Upstream, server: RawServer, tls: TlsSettings, host: str = "127.0.0.1") -> bytes:
    request = UpstreamRequest(server.target(tls=tls, host=host), "/", (), b"{}")
    response = await upstream.send(request, connect_timeout=5, headers_timeout=5)
    try:
        return await response.read(1000, timeout=5)
    finally:
        await response.close()


async def test_a_certificate_of_the_named_authority_is_trusted_and_its_connection_kept(
    upstream: Upstream, authority: Authority
) -> None:
    async with RawServer(answering(OK), tls=authority.server_context("127.0.0.1")) as server:
        assert await fetch(upstream, server, TlsSettings(ca_pem=authority.pem)) == b"ok"
        assert await fetch(upstream, server, TlsSettings(ca_pem=authority.pem)) == b"ok"
        assert server.connections == 1


async def test_only_http_1_1_is_offered(upstream: Upstream, authority: Authority) -> None:
    chosen: list[str | None] = []

    async def talk(peer: Peer) -> None:
        tls = peer.writer.get_extra_info("ssl_object")
        assert isinstance(tls, ssl.SSLObject)
        chosen.append(tls.selected_alpn_protocol())
        await answering(OK)(peer)

    async with RawServer(talk, tls=authority.server_context("127.0.0.1")) as server:
        assert await fetch(upstream, server, TlsSettings(ca_pem=authority.pem)) == b"ok"
        assert chosen == ["http/1.1"]


async def test_a_certificate_of_another_authority_is_a_connect_failure(
    upstream: Upstream, authority: Authority
) -> None:
    stranger = Authority("A stranger")
    async with RawServer(answering(OK), tls=stranger.server_context("127.0.0.1")) as server:
        with pytest.raises(ConnectFailure, match="certificate not trusted"):
            await fetch(upstream, server, TlsSettings(ca_pem=authority.pem))
        assert server.requests == []


async def test_a_certificate_for_another_name_is_a_connect_failure(upstream: Upstream, authority: Authority) -> None:
    async with RawServer(answering(OK), tls=authority.server_context("other.example")) as server:
        with pytest.raises(ConnectFailure, match="certificate not trusted"):
            await fetch(upstream, server, TlsSettings(ca_pem=authority.pem))


async def test_the_name_to_verify_may_be_given(upstream: Upstream, authority: Authority) -> None:
    async with RawServer(answering(OK), tls=authority.server_context("other.example")) as server:
        tls = TlsSettings(ca_pem=authority.pem, server_name="other.example")
        assert await fetch(upstream, server, tls) == b"ok"


async def test_any_certificate_is_taken_where_verification_is_off(upstream: Upstream) -> None:
    stranger = Authority("A stranger")
    async with RawServer(answering(OK), tls=stranger.server_context("other.example")) as server:
        assert await fetch(upstream, server, TlsSettings(verify=False)) == b"ok"


async def test_authorities_that_are_not_pem_are_a_connect_failure_that_says_so(upstream: Upstream) -> None:
    async with RawServer(answering(OK)) as server:
        with pytest.raises(ConnectFailure, match="authorities"):
            await fetch(upstream, server, TlsSettings(ca_pem="not a certificate"))


async def test_a_peer_without_tls_is_a_connect_failure(upstream: Upstream, authority: Authority) -> None:
    async def talk(peer: Peer) -> None:
        await peer.reader.read(100)
        await peer.say(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async with RawServer(talk) as server:
        with pytest.raises(ConnectFailure, match="no TLS"):
            await fetch(upstream, server, TlsSettings(ca_pem=authority.pem))


async def test_connections_of_one_way_of_trusting_are_not_used_for_another(
    upstream: Upstream, authority: Authority
) -> None:
    async with RawServer(answering(OK), tls=authority.server_context("other.example")) as server:
        assert await fetch(upstream, server, TlsSettings(verify=False)) == b"ok"
        with pytest.raises(ConnectFailure, match="certificate not trusted"):
            await fetch(upstream, server, TlsSettings(ca_pem=authority.pem))


async def test_a_large_reply_comes_through_tls(upstream: Upstream, authority: Authority) -> None:
    big = b"x" * 3_000_000

    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + chunk(big))
        await peer.gone()

    async with RawServer(talk, tls=authority.server_context("127.0.0.1")) as server:
        request = UpstreamRequest(server.target(tls=TlsSettings(ca_pem=authority.pem)), "/", (), b"{}")
        response = await upstream.send(request, connect_timeout=5, headers_timeout=5)
        pieces = response.iter_any(first_timeout=5, idle_timeout=5)
        came = 0
        while came < len(big):
            came += len(await anext(pieces))
        await response.close()
        assert came == len(big)


async def test_a_reply_cut_under_tls_is_closed_in_the_middle(upstream: Upstream, authority: Authority) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + chunk(b"begun"))
        peer.cut()

    async with RawServer(talk, tls=authority.server_context("127.0.0.1")) as server:
        with pytest.raises(UpstreamClosed):
            await fetch(upstream, server, TlsSettings(ca_pem=authority.pem))
