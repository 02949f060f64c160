"""A script's symbols as declarations that a type checker reads: made of the symbols themselves, so that there is one source of both."""

from __future__ import annotations

import types
from typing import Any, Dict, List, Set

from .driver import Driver


def declarations_of(driver: Driver, symbols: Dict[str, Any]) -> List[str]:
    """Lines to put before a script; each name gets its type."""
    modules: Set[str] = {Driver.__module__}
    lines = [f"driver: {_type_name(driver, modules)}"]
    lines += [_declaration(name, value, driver, modules) for name, value in symbols.items() if name != "driver"]
    return [f"import {module}" for module in sorted(modules)] + lines


def _type_name(value: Any, modules: Set[str]) -> str:
    modules.add(type(value).__module__)
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _declaration(name: str, value: Any, driver: Driver, modules: Set[str]) -> str:
    if isinstance(value, types.ModuleType):
        return f"import {value.__name__} as {name}"
    if isinstance(value, (type, types.FunctionType)):
        return f"from {value.__module__} import {value.__qualname__} as {name}"
    # Methods and lists of the driver's have their types there.
    if getattr(driver, name, None) == value:
        return f"{name} = driver.{name}"
    return f"{name}: {_type_name(value, modules)}"
