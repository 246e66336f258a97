"""One POST to an address that was checked: no proxy, no redirect, no body read, seconds long.

A client library would look the host up again after it was checked.
"""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache

from resolvers.webhook_addresses import Target

POST_SECONDS = 10.0
HEAD_BYTES = 32 * 1024
_INTERIM = range(100, 200)
_INTERIM_MAXIMUM = 5


class PostFailed(Exception):  # noqa: N818 - named for what is wrong
    """No answer was had; the message is for the log of deliveries."""


async def post(target: Target, address: str, headers: Mapping[str, str], body: bytes) -> int:
    """The status of the answer. Raises PostFailed."""
    try:
        async with asyncio.timeout(POST_SECONDS):
            return await _exchange(target, address, headers, body)
    except TimeoutError:
        raise PostFailed(f"No answer within {POST_SECONDS:g} seconds.") from None
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        raise PostFailed("The answer is not one of HTTP.") from None
    except ssl.SSLError:
        raise PostFailed("No secure connection could be made.") from None
    except OSError:
        raise PostFailed("No connection could be made, or it broke.") from None


async def _exchange(target: Target, address: str, headers: Mapping[str, str], body: bytes) -> int:
    reader, writer = await asyncio.open_connection(
        address,
        target.port,
        limit=HEAD_BYTES,
        ssl=_trusted() if target.is_secure else None,
        server_hostname=target.host if target.is_secure else None,
    )
    try:
        writer.write(_head(target, headers, len(body)) + body)
        await writer.drain()
        for _ in range(_INTERIM_MAXIMUM):
            status = _status(await reader.readuntil(b"\r\n\r\n"))
            if status not in _INTERIM:
                return status
        raise ValueError
    finally:
        # The answer's body is nobody's business: it is not read.
        writer.transport.abort()


def _head(target: Target, headers: Mapping[str, str], length: int) -> bytes:
    lines = {
        "Host": target.authority,
        "Content-Type": "application/json",
        "Content-Length": str(length),
        "User-Agent": "headless-loyalty-webhooks",
        "Connection": "close",
        **headers,
    }
    asked = f"POST {target.path} HTTP/1.1\r\n"
    return (asked + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n").encode("ascii")


def _status(head: bytes) -> int:
    """Raises ValueError where it is none."""
    protocol, status = head.split(None, 2)[:2]
    if not protocol.startswith(b"HTTP/1."):
        raise ValueError
    return int(status)


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()
