"""Prints, as JSON, the public methods of the machine's class and of the driver's, each with its signature and the first line of its doc."""

import ast
import json
import pathlib
import sys

folder = pathlib.Path(__file__).parent.parent / "packages/driver/python/nix_vm_test"
classes = {
    node.name: node
    for file in sorted(folder.glob("*.py"))
    for node in ast.parse(file.read_text(encoding="utf-8")).body
    if isinstance(node, ast.ClassDef)
}


def arguments_of(function: ast.FunctionDef) -> str:
    arguments = function.args
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]:
        if argument is not None:
            argument.annotation = None
    arguments.args = [argument for argument in arguments.args if argument.arg != "self"]
    return ast.unparse(arguments).replace("DEFAULT_TIMEOUT", "15min")


def methods_of(name: str) -> list:
    """Those of a class and of the classes that it is made of, in the order of the source."""
    found = []
    for node in classes[name].body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        is_property = any(isinstance(mark, ast.Name) and mark.id == "property" for mark in node.decorator_list)
        signature = node.name if is_property else f"{node.name}({arguments_of(node)})"
        doc = (ast.get_docstring(node) or "").split("\n")[0]
        found.append({"name": node.name, "signature": signature, "doc": doc})
    for base in classes[name].bases:
        if isinstance(base, ast.Name) and base.id in classes:
            found += [method for method in methods_of(base.id) if method["name"] not in {other["name"] for other in found}]
    return found


json.dump({"machine": methods_of("Machine"), "driver": methods_of("Driver")}, sys.stdout)
