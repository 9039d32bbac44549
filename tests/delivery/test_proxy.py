"""The proxy injects the requested network faults and nothing else."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest

from tests.delivery.proxy import Cable, Proxy

Ends = tuple[StreamReader, StreamWriter]
MessageFate = Callable[[Ends, Ends, Cable], Awaitable[None]]


@asynccontextmanager
async def through_a_proxy() -> AsyncIterator[tuple[Ends, Ends, Cable]]:
    """A client's ends, a server's ends, and the cable between them."""
    arrived: asyncio.Queue[Ends] = asyncio.Queue()

    async def accept(reader: StreamReader, writer: StreamWriter) -> None:
        await arrived.put((reader, writer))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy = Proxy(listener.sockets[0].getsockname()[1])
    await proxy.open()
    client = await asyncio.open_connection("127.0.0.1", proxy.port)
    server = await arrived.get()
    try:
        yield client, server, proxy.cables[0]
    finally:
        client[1].close()
        server[1].close()
        await proxy.close()
        listener.close()


def tell(story: MessageFate) -> None:
    async def whole() -> None:
        async with through_a_proxy() as (client, server, cable):
            await story(client, server, cable)

    asyncio.run(whole())


def test_bytes_pass_in_both_directions() -> None:
    async def story(client: Ends, server: Ends, cable: Cable) -> None:
        client[1].write(b"hello\n")
        assert await server[0].readline() == b"hello\n"
        server[1].write(b"welcome\n")
        assert await client[0].readline() == b"welcome\n"

    tell(story)


def test_eof_is_forwarded() -> None:
    async def story(client: Ends, server: Ends, cable: Cable) -> None:
        client[1].write(b"bye")
        client[1].close()
        assert await server[0].read() == b"bye"

    tell(story)


def test_cut_occurs_after_given_byte() -> None:
    async def story(client: Ends, server: Ends, cable: Cable) -> None:
        cable.up.cut_after = 3
        client[1].write(b"hello\n")
        assert await server[0].read() == b"hel"
        assert await client[0].read() == b""

    tell(story)


def test_cut_is_permanent() -> None:
    """The bytes after it are lost already, so later bytes would corrupt the line."""

    async def story(client: Ends, server: Ends, cable: Cable) -> None:
        cable.up.cut_after, cable.up.drips = 100, True
        client[1].write(b"x" * 150)
        await server[0].readexactly(1)
        cable.mend()
        client[1].write(b"y")
        with pytest.raises(asyncio.IncompleteReadError):
            await server[0].readexactly(100)

    tell(story)


def test_reset_is_not_eof() -> None:
    async def story(client: Ends, server: Ends, cable: Cable) -> None:
        cable.reset()
        with pytest.raises(ConnectionResetError):
            await client[0].read()

    tell(story)


def test_held_bytes_arrive_after_mend_and_after_sender_closed() -> None:
    async def story(client: Ends, server: Ends, cable: Cable) -> None:
        cable.up.hold()
        client[1].write(b"hello\n")
        server[1].write(b"are you there\n")
        assert await client[0].readline() == b"are you there\n"
        client[1].close()
        cable.mend()
        assert await server[0].read() == b"hello\n"

    tell(story)


def test_dripping_keeps_all_bytes() -> None:
    async def story(client: Ends, server: Ends, cable: Cable) -> None:
        cable.up.drips = True
        client[1].write(b"x" * 1000 + b"\n")
        assert await server[0].readline() == b"x" * 1000 + b"\n"

    tell(story)


def test_only_acknowledged_send_is_repeated_between_lines() -> None:
    first, second = _line("send", 1), _line("send", 2)

    async def story(client: Ends, server: Ends, cable: Cable) -> None:
        client[1].write(first + second)
        assert await server[0].readexactly(len(first + second)) == first + second
        cable.replay(Random(1))
        server[1].write(_line("sent", 2))
        await client[0].readline()
        cable.replay(Random(1))
        client[1].write(b'{"type":"pi')
        assert await server[0].readexactly(11) == b'{"type":"pi'
        client[1].write(b'ng"}\n')
        assert await server[0].readline() == b'ng"}\n'
        assert await server[0].readline() == second

    tell(story)


def _line(type: str, id: int) -> bytes:
    return json.dumps({"type": type, "id": id}, separators=(",", ":")).encode() + b"\n"
