"""Standard Webhooks: HMAC-SHA256 over id, timestamp and body, by every secret that is in force."""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from resolvers.identifiers import Randomness

MARK = "whsec_"
SECRET_BYTES = 32
# How long the secret before a rotation still signs.
OVERLAP = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Secret:
    """`until` None: the one that was made last."""

    text: str
    until: datetime | None


def new_secret(randomness: Randomness) -> Secret:
    return Secret(MARK + b64encode(randomness(SECRET_BYTES)).decode("ascii"), None)


def rotated(stored: str, new: Secret, now: datetime) -> str:
    """The new secret before the last one, which signs on for a day; older ones are forgotten."""
    last = read_secrets(stored)[0]
    return write_secrets([new, Secret(last.text, now + OVERLAP)])


def read_secrets(stored: str) -> list[Secret]:
    return [
        Secret(text, None if until is None else datetime.fromisoformat(until))
        for text, until in json.loads(stored)
    ]


def write_secrets(secrets: Sequence[Secret]) -> str:
    return json.dumps([[one.text, one.until and one.until.isoformat()] for one in secrets])


def signed_headers(
    stored: str, event_id: UUID, body: bytes, now: datetime, signed_at: datetime
) -> dict[str, str]:
    """`now` tells which secrets are in force; `signed_at` is held against the receiver's clock."""
    timestamp = str(int(signed_at.timestamp()))
    signed = f"{event_id}.{timestamp}.".encode() + body
    keys = [one for one in read_secrets(stored) if one.until is None or now < one.until]
    return {
        "webhook-id": str(event_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(one, signed) for one in keys),
    }


def _signature(secret: Secret, signed: bytes) -> str:
    key = b64decode(secret.text.removeprefix(MARK))
    return "v1," + b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii")
