"""Where webhooks may be sent: never to private, loop-back or link-local addresses.

A host is resolved when it is saved and again at every delivery, and the connection goes to the
very address that was checked, so that a name that changes its mind leads nowhere. Source: api
promise 13.
"""

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from resolvers.context import Outward

MAXIMUM_URL = 2048
_URL = re.compile(r"https?://[!-~]+", re.ASCII)
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.ASCII)
_PORTS = {"http": 80, "https": 443}
RESOLVE_SECONDS = 5.0
# IPv4 addresses in their last four bytes: by NAT64, and as nobody writes them any more.
_BEARING_IPV4 = (
    ipaddress.ip_network("64:ff9b::/96"),
    ipaddress.ip_network("64:ff9b:1::/48"),
    ipaddress.ip_network("::/96"),
)


class AddressRefused(Exception):  # noqa: N818 - named for what is wrong
    """The URL is none, or leads where nothing is sent; the message is for its owner."""


@dataclass(frozen=True, slots=True)
class Target:
    """`path` is what the request line asks for."""

    is_secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def scheme(self) -> str:
        return "https" if self.is_secure else "http"


def target_of(url: str, outward: Outward) -> Target:
    """The parts of a URL. Raises AddressRefused."""
    form = "The URL must be like https://host/path, without user and fragment."
    if len(url) > MAXIMUM_URL or _URL.fullmatch(url) is None:
        raise AddressRefused(form)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise AddressRefused(form) from None
    if _HOST.fullmatch(host) is None or "@" in parts.netloc or parts.fragment:
        raise AddressRefused(form)
    if parts.scheme == "http" and not outward.allows_loopback:
        raise AddressRefused("The URL must begin with https:// in production.")
    path = parts.path or "/"
    return Target(
        parts.scheme == "https", host, port, f"{path}?{parts.query}" if parts.query else path
    )


async def checked_address(target: Target, outward: Outward) -> str:
    """The address to connect to. Raises AddressRefused unless all of the host's are public."""
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            addresses = await outward.resolve(target.host, target.port)
    except (OSError, UnicodeError):
        addresses = []
    if not addresses:
        raise AddressRefused("The host of the URL has no address.")
    if not all(_is_open(address, outward) for address in addresses):
        raise AddressRefused("The host of the URL is not on the public internet.")
    return addresses[0]


def _is_open(text: str, outward: Outward) -> bool:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if address.is_loopback:
        return outward.allows_loopback
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or _last_four(address)
        if inner is not None:
            return _is_open(str(inner), outward)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


def _last_four(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if any(address in network for network in _BEARING_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


async def resolve_host(host: str, port: int) -> list[str]:
    """Every address of the host, as the system finds them."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))
