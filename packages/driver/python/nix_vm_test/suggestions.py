"""What somebody may have meant who wrote a name that is not there."""

from __future__ import annotations

import difflib
import re
from typing import Iterable


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest one that is known, if any is near."""
    near = difflib.get_close_matches(name, [each for each in known if not each.startswith("_")], n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def complete_name_error(error: NameError, known: Iterable[str]) -> None:
    """Adds to the message which name was meant, as interactive Pythons do."""
    found = re.match(r"name '(\w+)' is not defined$", str(error))
    if found is None:
        return
    error.args = (str(error) + suggestion(found.group(1), known),)
    if hasattr(error, "name"):
        # Newer Pythons would add theirs when the traceback is written.
        setattr(error, "name", None)
