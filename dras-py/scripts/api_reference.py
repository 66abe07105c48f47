"""The API reference of the installed package, as HTML; warnings are errors.

    python scripts/api_reference.py target/doc/dras-py

pdoc looks for the types of native classes in a stub of the module that shows them. Here that is `dras`, and the stub is `dras/_dras.pyi`.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from pathlib import Path
from types import ModuleType
from unittest import mock

import dras
import dras._data
import dras.errors
import pdoc
from pdoc import doc, doc_pyi, docstrings, render

STUB = Path(dras.__file__).with_name("_dras.pyi")


def types_of_native_classes(module: doc.Module) -> None:
    if module.modulename != "dras":
        return
    stub = ModuleType("dras._dras")
    stub.__file__, stub.__package__ = str(STUB), "dras"
    # A stub names classes before they are there.
    exec(compile(STUB.read_text(encoding="utf-8"), STUB, "exec", flags=annotations.compiler_flag), stub.__dict__)
    doc_pyi._prepare_module(module)
    # While annotations are looked up in it, the stub stands for the native module.
    with mock.patch.dict("sys.modules", {"dras._dras": stub}):
        of_stub = doc.Module(stub)
        for member in module.members.values():
            doc_pyi._patch_doc(member, of_stub)
    definitions = {node.name: node for node in ast.parse(STUB.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    in_reading_order(module, list(definitions))
    for name, node in definitions.items():
        member = module.members[name]
        if isinstance(member, doc.Class) and isinstance(node, ast.ClassDef):
            as_in_stub(member, [inner for inner in node.body if isinstance(inner, ast.FunctionDef)])


def as_in_stub(shown: doc.Class, functions: list[ast.FunctionDef]) -> None:
    """Members in the order of the stub, and how the class is called."""
    order = [function.name for function in functions]
    members = dict(sorted(shown.members.items(), key=lambda member: order.index(member[0]) if member[0] in order else -1))
    shown.members.clear()
    shown.members.update(members)
    for function in functions:
        if function.name == "__new__":
            arguments = function.args
            for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
                argument.annotation = None
            call = ast.unparse(arguments).removeprefix("cls").removeprefix(", ")
            shown.docstring = f"``dras.{shown.name}({call})``\n\n{shown.docstring}"


def in_reading_order(module: doc.Module, native: list[str]) -> None:
    """First what things are done with, in the order of the stub; then exceptions, then plain data in the order of its file."""
    data = list(vars(dras._data))

    def place(name: str) -> tuple[int, int]:
        if name in native:
            return 0 if isinstance(getattr(dras, name), type) else 1, native.index(name)
        if name in dras.errors.__all__:
            return 3, dras.errors.__all__.index(name)
        return (4, data.index(name)) if name in data else (2, 0)

    members = dict(sorted(module.members.items(), key=lambda member: place(member[0])))
    module.members.clear()
    module.members.update(members)


def without_roles(text: str, docformat: str, source_file: Path | None, convert=docstrings.convert) -> str:
    """``:class:`Name` `` is what editors understand; pdoc makes links of names in backticks."""
    return convert(re.sub(r":(?:class|func|meth|mod):`([^`]+)`", r"`\1`", text), docformat, source_file)


def undocumented(modules: dict[str, doc.Module]) -> list[str]:
    """What has no docstring, but for fields of plain data, whose names say it."""
    found = []
    for module in modules.values():
        for member in module.flattened_own_members:
            if not member.docstring and not member.name.startswith("_") and member.kind != "variable":
                found.append(member.fullname)
    return found


def main(folder: Path) -> None:
    warnings.simplefilter("error")
    render.configure(docformat="google", footer_text=f"dras {dras.__version__}", show_source=False, search=True)
    with (
        mock.patch.object(doc_pyi, "include_typeinfo_from_stub_files", types_of_native_classes),
        mock.patch.object(docstrings, "convert", without_roles),
    ):
        names = ["dras", *sys.argv[2:]]
        modules = {name: doc.Module.from_name(name) for name in names}
        if missing := undocumented(modules):
            raise SystemExit("no docstring: " + ", ".join(missing))
        pdoc.pdoc(*names, output_directory=folder)
    pages = sorted(folder.rglob("*.html"))
    shown = (folder / "dras.html").read_text(encoding="utf-8")
    without = [name for name in dras.__all__ if not name.startswith("_") and f'id="{name}"' not in shown]
    if without:
        raise SystemExit("not in the reference: " + ", ".join(without))
    print(f"{folder / 'index.html'}: {len(pages)} pages")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
