"""Inputs that nobody ought to send: requests to the real schema, made by chance from a seed."""

import json
import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
    is_leaf_type,
)

DEEPEST = 4
# What has broken parsers, databases and clocks before.
TEXTS = (
    *("", " ", "0", "-0", "1E400", "NaN", "Infinity", "1" * 400, "\x00", "\ud800", "é" * 300),
    *("2024-02-30", "0000-01-01", "9999-12-31T23:59:59.999999-14:00", "2024-01-01T00:00:00Z"),
    *("' OR 1=1 --", "${jndi:ldap://x}", "../../etc/passwd", "LC-00041", "WEB", "%00", "🂡" * 50),
    *("TG95YWx0eUNhcmQ6", "bm9kZTox", "====", "e30=", "a" * 5000),
)
NUMBERS = (0, -1, 1, 2**31, -(2**31) - 1, 2**53 + 1, 10**17, 10**400, 0.1, -1e308, 1e-400)
OTHERS: tuple[Any, ...] = (None, True, [], {}, [[]], {"a": {}}, [None] * 200)


@dataclass(frozen=True)
class Request:
    """`headers` in place of those that a sound request has; `where` None: a body is sent."""

    headers: dict[str, str]
    body: bytes = b""
    query_string: str | None = None


@dataclass
class Fuzz:
    """`credentials` are sound ones; `documents` are sound requests to begin from."""

    schema: GraphQLSchema
    credentials: Sequence[str]
    documents: Sequence[str]
    seed: int
    dice: random.Random = field(init=False)
    kinds: tuple[Callable[[], Request], ...] = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 (nothing secret)
        self.kinds = (
            self.sound_document,
            self.sound_document,
            self.broken_document,
            self.broken_body,
            self.broken_credential,
            self.broken_headers,
            self.broken_query_string,
        )

    def request(self) -> Request:
        return self.dice.choice(self.kinds)()

    # -- kinds

    def sound_document(self) -> Request:
        """It follows the schema; only values may be wrong."""
        root = self.dice.choice([self.schema.query_type, self.schema.mutation_type])
        kind = "query" if root is self.schema.query_type else "mutation"
        return self._posted({"query": f"{kind} {self._selection(root, 0)}"})

    def broken_document(self) -> Request:
        words = self.dice.choice(self.documents).split(" ")
        for _ in range(self.dice.randint(1, 4)):
            place = self.dice.randrange(len(words))
            match self.dice.randrange(4):
                case 0:
                    del words[place:]
                case 1:
                    words.insert(place, self.dice.choice(words or ["{"]))
                case 2:
                    words[place:place] = [self.dice.choice('{}()[]!$@:="#…\\&|'), "..."]
                case _:
                    words[place] = self.dice.choice([*TEXTS, "on", "fragment", "F", "@skip(if: 1)"])
            words = words or [""]
        return self._posted({"query": " ".join(words), "variables": self.value()})

    def broken_body(self) -> Request:
        sound = {
            "query": self.dice.choice(self.documents),
            "variables": self.value(),
            "operationName": self.value(),
            "extensions": self.value(),
        }
        raw = bytearray(json.dumps(sound).encode())
        for _ in range(self.dice.randint(1, 6)):
            place = self.dice.randrange(len(raw) + 1)
            match self.dice.randrange(3):
                case 0:
                    raw[place : place + self.dice.randint(1, 9)] = b""
                case 1:
                    raw[place:place] = self.dice.randbytes(self.dice.randint(1, 4))
                case _:
                    raw[place:place] = self.dice.choice(
                        [b"[" * 3000, b"9" * 5000, b'"\\ud800"', b"\\u0000", b"\xff\xfe", b"{}"]
                    )
        return Request(self._headers(), bytes(raw))

    def broken_credential(self) -> Request:
        sound = self.dice.choice(self.credentials)
        place = self.dice.randrange(len(sound) + 1)
        broken = self.dice.choice(
            [
                sound[:place],
                sound[:place] + self.dice.choice(string.printable[:94]) + sound[place + 1 :],
                sound + ".",
                sound.replace(".", ""),
                f"{sound} {sound}",
                ".".join(sound.split(".")[:2]) + ".",
                "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
                self._text(300),
            ]
        )
        scheme = self.dice.choice(["Bearer", "bearer", "Basic", "", "Bearer Bearer"])
        return self._posted(
            {"query": self.dice.choice(self.documents)}, {"Authorization": f"{scheme} {broken}"}
        )

    def broken_headers(self) -> Request:
        named = self.dice.choice(
            ["Accept", "Content-Type", "X-Request-Id", "Accept-Encoding", "Origin", "If-Match"]
        )
        sound = ["application/json", "*/*", "application/graphql-response+json;q=0.1", ";", ","]
        text = "".join(self.dice.choice([*sound, "q=", self._text(8)]) for _ in range(4))
        return self._posted({"query": self.dice.choice(self.documents)}, {named: text})

    def broken_query_string(self) -> Request:
        names = ["query", "variables", "operationName", "extensions", "documentId", "x"]
        parts = [
            f"{self.dice.choice(names)}={self.dice.choice([*self.documents, self._text(40)])}"
            for _ in range(self.dice.randint(0, 4))
        ]
        raw = "&".join(parts).encode("utf-8", "replace")
        told = "".join(f"%{byte:02X}" if byte < 33 or byte > 126 else chr(byte) for byte in raw)
        return Request(self._headers(), query_string=told.replace("#", "%23"))

    def frames(self) -> list[str | bytes]:
        """What one socket is sent, in this order."""
        credential = {"Authorization": f"Bearer {self.dice.choice(self.credentials)}"}
        sound = json.dumps({"type": "connection_init", "payload": credential})
        first = [sound] if self.dice.random() < 0.8 else []
        return [*first, *(self._frame() for _ in range(self.dice.randint(1, 6)))]

    def _frame(self) -> str | bytes:
        kinds = ["subscribe", "subscribe", "complete", "ping", "pong", "connection_init", "next"]
        message = {
            "id": self.dice.choice(["1", "2", "3", self.value()]),
            "type": self.dice.choice([*kinds, self.value()]),
            "payload": self.dice.choice([self._operation(), self._operation(), self.value()]),
        }
        for name in [*message]:
            if self.dice.random() < 0.05:
                del message[name]
        text = json.dumps(message)
        match self.dice.randrange(8):
            case 0:
                return self.dice.randbytes(self.dice.randint(0, 40))
            case 1:
                return text[: self.dice.randrange(len(text))]
            case 2:
                return json.dumps(self.value())
        return text

    def _operation(self) -> dict[str, Any]:
        words = 'subscription { loyaltyCardChanged(number: "LC-00041") { number } }'
        document = self.dice.choice([words, words, *self.documents])
        return {"query": document, "variables": self.dice.choice([{}, self.value()])}

    # -- parts

    def value(self, depth: int = 0) -> Any:
        match self.dice.randrange(6 if depth < DEEPEST else 4):
            case 0 | 1:
                return self.dice.choice(TEXTS)
            case 2:
                return self.dice.choice(NUMBERS)
            case 3:
                return self.dice.choice(OTHERS)
            case 4:
                return [self.value(depth + 1) for _ in range(self.dice.randint(0, 3))]
            case _:
                return {self._text(6): self.value(depth + 1) for _ in range(2)}

    def _posted(self, sent: dict[str, Any], headers: dict[str, str] | None = None) -> Request:
        return Request({**self._headers(), **(headers or {})}, json.dumps(sent).encode())

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.dice.choice(self.credentials)}",
            "Content-Type": "application/json",
        }

    def _text(self, most: int) -> str:
        letters = string.printable[:94] + " "
        return "".join(self.dice.choice(letters) for _ in range(self.dice.randint(0, most)))

    def _selection(self, kind: Any, depth: int) -> str:
        fields = getattr(kind, "fields", None)
        if fields is None:
            return "{ __typename }"
        leaves = [name for name, one in fields.items() if is_leaf_type(get_named_type(one.type))]
        names = [name for name in fields if name in leaves or depth < DEEPEST]
        if not names:
            return "{ __typename }"
        chosen = {self.dice.choice(names) for _ in range(1 if depth == 0 else 3)}
        return "{ " + " ".join(self._field(name, fields[name], depth) for name in chosen) + " }"

    def _field(self, name: str, found: Any, depth: int) -> str:
        given = [
            f"{key}: {self._literal(one.type, 0)}"
            for key, one in found.args.items()
            if isinstance(one.type, GraphQLNonNull) or self.dice.random() < 0.4
        ]
        called = f"{name}({', '.join(given)})" if given else name
        named = get_named_type(found.type)
        return (
            f"{called} {self._selection(named, depth + 1)}" if is_composite_type(named) else called
        )

    def _literal(self, kind: Any, depth: int) -> str:
        if isinstance(kind, GraphQLNonNull):
            return self._literal(kind.of_type, depth)
        if self.dice.random() < 0.05:
            return json.dumps(self.dice.choice(TEXTS))
        if isinstance(kind, GraphQLList):
            count = self.dice.choice([0, 1, 1, 2, 30])
            return f"[{', '.join(self._literal(kind.of_type, depth) for _ in range(count))}]"
        if isinstance(kind, GraphQLEnumType):
            return self.dice.choice(list(kind.values))
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind, depth)
        return self._scalar(kind.name)

    def _object(self, kind: GraphQLInputObjectType, depth: int) -> str:
        given = [
            f"{name}: {self._literal(one.type, depth + 1)}"
            for name, one in kind.fields.items()
            if isinstance(one.type, GraphQLNonNull)
            or (depth < DEEPEST and self.dice.random() < 0.3)
        ]
        return "{" + ", ".join(given) + "}"

    def _scalar(self, name: str) -> str:
        match name:
            case "Int" | "Float":
                return self.dice.choice(["0", "1", "5", "-1", "101", "2147483648", "1.5"])
            case "Boolean":
                return self.dice.choice(["true", "false"])
            case "Decimal" | "Points":
                return json.dumps(self.dice.choice(["1", "12.34", "-3", "0", *TEXTS]))
        return json.dumps(
            self.dice.choice(["WEB", "LC-00041", "C-1", "PTS", "CLUB", "USD", *TEXTS])
        )
