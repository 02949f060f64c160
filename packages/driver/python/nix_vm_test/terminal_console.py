"""The console that a person works in: IPython where it is installed, else Python's own with completion and history."""

from __future__ import annotations

import code
import importlib.util
import os
import rlcompleter
import sys
import threading
from collections import deque
from typing import Any, Deque, Dict, Optional, Protocol

from .tracebacks import lines_of

try:
    import readline
except ImportError:  # an interpreter that was built without
    readline = None  # type: ignore[assignment]

#: What guests say while somebody types is kept until the line is entered, and no more of it than this many lines.
HELD_LINES = 500


class Console(Protocol):
    def show(self, text: str) -> None:
        """Shows whole lines that the driver has to tell, from any thread and without spoiling what is being typed."""

    def interact(self, symbols: Dict[str, Any], banner: str) -> None:
        """Reads and runs what a person types, until Ctrl-D."""


def make_console(folder: Optional[str]) -> Console:
    """A console whose history is in a folder."""
    history = None if folder is None else os.path.join(folder, "python-history")
    return PlainConsole(history) if importlib.util.find_spec("IPython") is None else IPythonConsole(history)


def _what_happened(error: BaseException) -> str:
    """The traceback without the console's own frame, which is the outermost."""
    trace = error.__traceback__
    shown = error.with_traceback(None if trace is None else trace.tb_next)
    return "".join(f"{line}\n" for line in lines_of(shown))


class PlainConsole(code.InteractiveConsole):
    """Python's own console. Its line editor draws nothing anew, so that lines wait while one is typed."""

    def __init__(self, history: Optional[str]) -> None:
        super().__init__()
        self._history = history
        self._turn = threading.Lock()
        self._typing = False
        self._held: Deque[str] = deque(maxlen=HELD_LINES)

    def show(self, text: str) -> None:
        with self._turn:
            if self._typing:
                self._held.extend(text.splitlines(keepends=True))
            else:
                self.write(text)

    def write(self, data: str) -> None:
        sys.stdout.write(data)
        sys.stdout.flush()

    def raw_input(self, prompt: str = "") -> str:
        with self._turn:
            self._typing = True
        try:
            return input(prompt)
        finally:
            with self._turn:
                self._typing = False
                self.write("".join(self._held))
                self._held.clear()

    def showtraceback(self) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            self.write(_what_happened(error))

    def interact(self, symbols: Dict[str, Any], banner: str) -> None:  # type: ignore[override]
        self.locals = symbols
        self._open_history(symbols)
        try:
            super().interact(banner=banner, exitmsg="")
        except SystemExit:  # exit() ends the session as Ctrl-D does
            pass
        finally:
            self._keep_history()

    def _open_history(self, symbols: Dict[str, Any]) -> None:
        if readline is None:
            return
        readline.set_completer(rlcompleter.Completer(symbols).complete)
        uses_libedit = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if uses_libedit else "tab: complete")
        if self._history is not None and os.path.exists(self._history):
            readline.read_history_file(self._history)

    def _keep_history(self) -> None:
        if readline is None or self._history is None:
            return
        os.makedirs(os.path.dirname(self._history), exist_ok=True)
        readline.set_history_length(10_000)
        readline.write_history_file(self._history)


class IPythonConsole:
    """IPython, whose prompt stays below what is printed meanwhile."""

    def __init__(self, history: Optional[str]) -> None:
        self._history = history

    def show(self, text: str) -> None:
        # While there is a prompt, IPython's stdout writes above it.
        sys.stdout.write(text)
        sys.stdout.flush()

    def interact(self, symbols: Dict[str, Any], banner: str) -> None:
        from IPython.terminal.ipapp import TerminalIPythonApp
        from traitlets.config import Config

        config = Config()
        config.TerminalInteractiveShell.banner1 = f"{banner}\n"
        config.TerminalInteractiveShell.banner2 = ""
        config.TerminalInteractiveShell.confirm_exit = False
        config.TerminalInteractiveShell.term_title = False
        if self._history is not None:
            os.makedirs(os.path.dirname(self._history), exist_ok=True)
            config.HistoryManager.hist_file = f"{self._history}.sqlite"
        application = TerminalIPythonApp.instance(user_ns=symbols, config=config)
        application.initialize(argv=[])
        shell = application.shell
        shell.set_custom_exc((Exception, KeyboardInterrupt), _show_error)
        try:
            application.start()
        finally:
            # The interpreter ends without Python's own end, which would have written the history.
            shell.atexit_operations()


def _show_error(shell: Any, kind: type, error: BaseException, trace: Any, tb_offset: Optional[int] = None) -> None:
    sys.stdout.write(_what_happened(error))
