"""Checks a script without running it: syntax, pyflakes and mypy where they are installed."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from typing import Any, Dict, List, Optional, Sequence

from .bridge import Bridge
from .driver import Driver
from .log import Log
from .script import load_script
from .symbols import symbols_of
from .typed_symbols import declarations_of

Finding = Dict[str, Any]

_PLACE = re.compile(r"^(?P<file>.+?):(?P<line>\d+)(?::(?P<column>\d+))?:? (?:error: )?(?P<message>.+)$")
_FUTURE = re.compile(r"^from __future__ import .*$", re.MULTILINE)
_PACKAGE_PARENT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

#: As the tests of NixOS are checked: names and arguments, in functions whose author has written types.
_MYPY_OPTIONS = (
    "--no-error-summary --no-color-output --hide-error-context --show-column-numbers --no-pretty "
    "--ignore-missing-imports --follow-imports=silent --no-implicit-optional"
).split()


def main() -> None:
    order = json.load(sys.stdin)
    json.dump(_check(**order), sys.stdout)


def _check(
    script: Dict[str, Any], machines: Sequence[str], vlans: Sequence[int], lint: bool, types: bool
) -> Dict[str, Any]:
    loaded = load_script(**script)
    if isinstance(loaded, dict):
        place = loaded["frames"][0] if loaded["frames"] else {"line": 1}
        return {"findings": [_finding("python", place["line"], 1, loaded["message"])], "missing": []}
    bridge = Bridge(socket.socketpair()[0])
    driver = Driver(bridge, Log(bridge, lambda _: False), machines, vlans, lambda: None)
    symbols = symbols_of(driver)
    findings: List[Finding] = []
    missing: List[str] = []
    text, folder = script["text"], script["directory"] or os.getcwd()
    if lint:
        pyflakes = _tool("pyflakes", ["pyflakes", "pyflakes3"])
        if pyflakes is None:
            missing.append("pyflakes")
        else:
            findings += _lint(pyflakes, text, list(symbols))
    if types:
        mypy = _tool("mypy", ["mypy"])
        if mypy is None:
            missing.append("mypy")
        else:
            findings += _check_types(mypy, text, folder, declarations_of(driver, symbols))
    return {"findings": findings, "missing": missing}


def _tool(module: str, programs: Sequence[str]) -> Optional[List[str]]:
    """How to start a checker: this interpreter's own, else one on PATH."""
    if importlib.util.find_spec(module) is not None:
        return [sys.executable, "-m", module]
    found = next(filter(None, map(shutil.which, programs)), None)
    return None if found is None else [found]


def _finding(tool: str, line: int, column: int, message: str) -> Finding:
    return {"tool": tool, "line": line, "column": column, "message": message}


def _findings(tool: str, output: str, lines_before: int = 0) -> List[Finding]:
    places = filter(None, map(_PLACE.match, output.splitlines()))
    return [
        _finding(tool, int(place["line"]) - lines_before, int(place["column"] or 1), place["message"])
        for place in places
        if int(place["line"]) > lines_before
    ]


def _lint(pyflakes: List[str], text: str, names: Sequence[str]) -> List[Finding]:
    environment = {**os.environ, "PYFLAKES_BUILTINS": ",".join(names)}
    done = subprocess.run(pyflakes, input=text, env=environment, capture_output=True, text=True, check=False)
    return _findings("pyflakes", done.stdout + done.stderr)


def _check_types(mypy: List[str], text: str, folder: str, declarations: Sequence[str]) -> List[Finding]:
    # Imports from the future have to be a module's first lines, which the declarations are now.
    source = "\n".join([*declarations, _FUTURE.sub("", text)])
    environment = {**os.environ, "MYPYPATH": os.pathsep.join([_PACKAGE_PARENT, folder])}
    with tempfile.TemporaryDirectory(prefix="nvt-check-") as scratch:
        file = os.path.join(scratch, "test_script.py")
        with open(file, "w", encoding="utf-8") as module:
            module.write(source)
        cache = ["--cache-dir", os.path.join(scratch, "cache")]
        done = subprocess.run(
            [*mypy, *_MYPY_OPTIONS, *cache, file], env=environment, capture_output=True, text=True, check=False
        )
    findings = _findings("mypy", done.stdout, lines_before=len(declarations))
    if done.returncode != 0 and not findings:
        findings.append(_finding("mypy", 1, 1, (done.stdout + done.stderr).strip() or "it failed and says nothing"))
    return findings
