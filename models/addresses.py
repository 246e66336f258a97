"""The address of a PostgreSQL database, in the form that SQLAlchemy and its driver share out."""

from typing import Any
from urllib.parse import urlencode

from sqlalchemy import URL, make_url

# What SQLAlchemy reads itself, or hands to the driver by that name.
_OF_SQLALCHEMY = frozenset({"host", "port", "ssl"})


def driver_address(url: str) -> tuple[URL, dict[str, Any]]:
    """Return the address, and with what else the driver connects: the parameters as libpq names
    them (`sslmode`, `sslrootcert`), of which SQLAlchemy knows none. One that the driver does not
    know is a setting of the session, which the server may refuse.
    """
    address = make_url(url).set(drivername="postgresql+asyncpg")
    rest = [(name, value) for name, value in address.query.items() if name not in _OF_SQLALCHEMY]
    if not rest:
        return address, {}
    parameters = urlencode(rest, doseq=True)
    return address.difference_update_query([name for name, _ in rest]), {
        "dsn": f"postgresql://?{parameters}"
    }
