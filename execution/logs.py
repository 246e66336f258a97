"""Log records as text or JSON lines, with everything masked that opens a door or names a person.

The finished text is masked, tracebacks and all, so that no library's message slips through.
"""

import json
import logging
import re
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

_WORD = "A-Za-z0-9"
# Where a number may begin: behind no letter or digit, but for those of an escape, as URLs and the
# texts of exceptions have them.
_BEGINS = rf"(?:(?<![{_WORD}])|(?<=%[0-9A-Fa-f]{{2}})|(?<=\\[nrt]))"
_RUN = re.compile(r"#+|[*@]|[^#*@]+")
# Runs that may begin anywhere are bounded: whoever opens a socket may fill a log line with eight
# thousand characters.
_MASKS = (
    # An API key's prefix names it and opens nothing.
    (re.compile(r"\b(lk_[0-9a-f]{12})_[\w.~+/=-]+"), r"\1_[secret]"),
    (re.compile(r"\blk_(?![0-9a-f]{12}_\[)[\w.~+/=-]+"), "lk_[secret]"),
    (re.compile(r"\bwhsec_[\w+/=-]+"), "whsec_[secret]"),
    (re.compile(r"\b(bearer(?:[ \t+]|%20)+)(?!lk_)[^\s'\",;]+", re.IGNORECASE), r"\1[token]"),
    (re.compile(r"\beyJ[\w-]{1,4096}+\.[\w-]+\.[\w-]*"), "[token]"),
    (re.compile(r"(://[^:/?#\s@]*:)[^/\s@]+@"), r"\1[password]@"),
    (re.compile(r"[\w.+'-]{1,256}(?:@|%40)[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    # Numbers as printed under a bar code.
    (re.compile(rf"(?<!-){_BEGINS}[0-9]{{12,19}}(?![{_WORD}-])"), "[card]"),
)


class Mask:
    """`card_formats` are those of number sequences: `#` counts, `*` and `@` are single digits."""

    def __init__(self, card_formats: Iterable[str]) -> None:
        self._cards = [re.compile(_pattern(form)) for form in card_formats]

    def __call__(self, text: str) -> str:
        for pattern, shown in _MASKS:
            text = pattern.sub(shown, text)
        for card in self._cards:
            text = card.sub("[card]", text)
        return text


def _pattern(card_format: str) -> str:
    runs: Sequence[str] = _RUN.findall(card_format)
    return _BEGINS + "".join(map(_run, runs)) + f"(?![{_WORD}])"


def _run(run: str) -> str:
    if run.startswith("#"):
        return f"[0-9]{{{len(run)},}}"
    return "[0-9]" if run in {"*", "@"} else re.escape(run)


class TextLines(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def __init__(self, mask: Mask) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        return self._mask(super().format(record))


class JsonLines(logging.Formatter):
    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._mask(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = self._mask(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configure_logs(form: str, level: str, card_formats: Iterable[str]) -> None:
    """Send records from `level` on, and warnings, to standard error; `form`: `text` or `json`."""
    mask = Mask(card_formats)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(mask) if form == "json" else TextLines(mask))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
