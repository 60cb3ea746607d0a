"""A small TCP proxy that can be told to cut, refuse, fall silent or be slow: the network on a bad day."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


class Proxy:
    """Listens on a free loopback port (`port`) and forwards to `target`, as long as nothing else is wanted.

    Every method may be called from any thread and returns when it has been done.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.delay = 0.0
        self.port = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self.forward()

    def forward(self) -> None:
        """Be a good network again: what was held back in silence goes on its way."""
        self._do(self._forward())

    def cut(self) -> None:
        """Break every connection that there is."""
        self._do(self._cut())

    def refuse(self) -> None:
        """Break every connection and take no new one until `forward`."""
        self._do(self._refuse())

    def silence(self) -> None:
        """Take connections and bytes, and let nothing through until `forward`."""
        self._do(self._silence())

    def slow(self, seconds: float) -> None:
        """Hold everything that passes back for so long, until `forward`."""
        self.delay = seconds

    def close(self) -> None:
        """Refuse for ever."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _forward(self) -> None:
        self.delay = 0.0
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()
        for pump in list(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _refuse(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            for listening in server.sockets:
                self._loop.remove_reader(listening.fileno())
            for _ in range(2):  # a server that is closed leaks those whom it has just taken
                await asyncio.sleep(0)
            server.close()
        await self._cut()

    async def _silence(self) -> None:
        self._flowing.clear()

    async def _end(self) -> None:
        await self._refuse()
        if late := asyncio.all_tasks() - {asyncio.current_task()}:  # somebody came at the last moment
            await asyncio.wait(late, timeout=1)
        await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._server is None:
            writer.transport.abort()
            return
        self._pumps.add(task)
        ends = [writer]
        try:
            with suppress(OSError, asyncio.CancelledError):
                self._open.add(writer)
                await self._flowing.wait()
                there, back = await asyncio.open_connection("127.0.0.1", self.target)
                ends.append(back)
                self._open.add(back)
                ways = [asyncio.ensure_future(self._pump(*way)) for way in ((reader, back), (there, writer))]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)
        finally:
            for end in ends:
                end.transport.abort()
                self._open.discard(end)
            self._pumps.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        await asyncio.sleep(0)
