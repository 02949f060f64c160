"""Regular expressions that the driver waits by: Python's own, so it asks back where they match."""

from __future__ import annotations

import re
from typing import Any, List, Optional, Pattern, Tuple, Union

from .bridge import Reply

Regex = Union[str, Pattern[str]]


def shown_of(regex: Regex) -> str:
    """A regular expression as logs show it."""
    return regex if isinstance(regex, str) else regex.pattern


def _utf16_length(text: str) -> int:
    """The driver counts text in UTF-16's units."""
    return len(text) + sum(character > "\uffff" for character in text)


def finder(regex: Regex) -> Reply:
    """Tells where a text matches; raises at once when the regular expression is none."""
    pattern = re.compile(regex)

    def find(_: Any, parts: List[bytes]) -> Optional[Tuple[int, int]]:
        text = parts[0].decode("utf-8")
        match = pattern.search(text)
        if match is None:
            return None
        start = _utf16_length(text[: match.start()])
        return start, start + _utf16_length(match.group())

    return find
