"""The reference: the least that an aiohttp gateway can be. Parses the JSON, forwards on a pooled ClientSession, counts usage.

No authentication, no routing, no cache, no telemetry. `python -m bench.bare_proxy PORT UPSTREAM_PORT`.
"""

import asyncio
import sys

import orjson
import uvloop
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from yarl import URL


class Proxy:
    """One handler and its session."""

    def __init__(self, session: ClientSession, target: URL) -> None:
        self._session = session
        self._target = target
        self.tokens = 0

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Forward one call."""
        body = orjson.loads(await request.read())
        body["model"] = "bench-model"
        headers = {"content-type": "application/json", "authorization": "Bearer upstream"}
        async with self._session.post(self._target, data=orjson.dumps(body), headers=headers) as answer:
            if not body.get("stream"):
                data = await answer.read()
                self.tokens += orjson.loads(data)["usage"]["total_tokens"]
                return web.Response(body=data, status=answer.status, content_type="application/json")
            out = web.StreamResponse(status=answer.status, headers={"content-type": "text/event-stream"})
            await out.prepare(request)
            async for chunk in answer.content.iter_any():
                await out.write(chunk)
            await out.write_eof()
            return out


async def main(port: int, upstream: int) -> None:
    """Serve on loopback until killed."""
    session = ClientSession(
        connector=TCPConnector(limit=0, keepalive_timeout=60),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        timeout=ClientTimeout(total=None, sock_connect=5),
    )
    proxy = Proxy(session, URL(f"http://127.0.0.1:{upstream}/v1/chat/completions"))
    app = web.Application(client_max_size=16 << 20)
    app.router.add_post("/v1/chat/completions", proxy.chat)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
