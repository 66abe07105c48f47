"""The exceptions of dras, and what they tell about a document or an expression.

Every exception that dras raises on purpose is a :class:`DrasError`. It is also the built-in exception that fits, so that ``except ValueError`` and
``except TypeError`` work as everywhere. After an exception the object that raised it is as it was before the call.

``code`` is stable and meant for programs; the text of an exception is meant for people and may change.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

__all__ = [
    "CompileError",
    "Diagnostic",
    "Diagnostics",
    "DrasError",
    "ExpressionError",
    "InputError",
    "InputTypeError",
    "InternalError",
    "LoadError",
    "PolicyError",
    "ReadError",
    "SnapshotError",
    "StateError",
    "TaskError",
    "TranslationError",
]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing to tell the author of an expression or a rule document.

    ``str()`` of it is the full rendering, with source line, carets, label and help.
    """

    code: str
    """The stable code, e.g. ``E0201``; the page on errors explains each."""
    severity: str
    """``error``, ``warning``, or ``info`` for what may well be meant so."""
    message: str
    """What is wrong, in one line."""
    path: str
    """Where in the rule document, e.g. ``rules[2].when``; empty for an expression that stands alone."""
    source: str | None
    """The text that ``span`` points into. Of a text of more than 64 KiB only line and column are given."""
    span: tuple[int, int] | None
    """The offending part of ``source``, as indices of a Python string: ``source[span[0]:span[1]]``."""
    line: int | None
    """The line of the start of the span, from 1."""
    column: int | None
    """The column of the start of the span in characters, from 1."""
    label: str
    """What stands under the carets; may be empty."""
    help: str | None
    """What to do about it, where possible with the corrected text."""
    rendered: str
    """The whole story as text."""

    def __str__(self) -> str:
        return self.rendered


class Diagnostics(tuple[Diagnostic, ...]):
    """What was found in a text or document, in its order. ``str()`` of it renders all."""

    __slots__ = ()

    @property
    def errors(self) -> Diagnostics:
        """Those that refuse the text."""
        return Diagnostics(d for d in self if d.severity == "error")

    @property
    def warnings(self) -> Diagnostics:
        """Those that only warn."""
        return Diagnostics(d for d in self if d.severity == "warning")

    def __str__(self) -> str:
        return "\n\n".join(d.rendered for d in self)

    def _repr_html_(self) -> str:
        if not self:
            return '<div class="dras">nothing to report</div>'
        colours = {"error": "#c62828", "warning": "#b26a00", "info": "#1565c0"}
        parts = (
            f'<pre style="margin:0 0 .6em;padding:.4em .8em;border-left:4px solid {colours[d.severity]}">{escape(d.rendered)}</pre>' for d in self
        )
        return f'<div class="dras">{"".join(parts)}</div>'


class DrasError(Exception):
    """The base of all exceptions of dras."""

    code: str
    """What went wrong, for programs: a word such as ``unknown_attribute``, or for a text its first error's code, such as ``E0201``."""

    def __init__(self, message: str = "", code: str = "") -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.code)


class InputTypeError(DrasError, TypeError):
    """Something of a type that dras cannot take: a text for a number, an object in a document, a column of another element type."""


class InputError(DrasError, ValueError):
    """Something of the right type that cannot be: a time without a time zone, a number too large, a name that is not known."""


class CompileError(DrasError, ValueError):
    """A text that is refused, with everything that is wrong with it."""

    diagnostics: Diagnostics
    """Errors and warnings, in the order of the text."""

    def __init__(self, message: str = "", diagnostics: tuple[Diagnostic, ...] = ()) -> None:
        self.diagnostics = Diagnostics(diagnostics)
        errors = self.diagnostics.errors
        super().__init__(message or str(self.diagnostics), errors[0].code if errors else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), tuple(self.diagnostics))

    def _repr_html_(self) -> str:
        return self.diagnostics._repr_html_()


class PolicyError(CompileError):
    """A rule document that is refused."""


class ExpressionError(CompileError):
    """An expression that is refused."""


class TaskError(DrasError, ValueError):
    """Something that cannot be said of a task: an attribute it does not have, samples it cannot take, a report on an instruction that it was not
    given, a time before an earlier one."""


class ReadError(DrasError, ValueError):
    """The body of an answer that cannot be read: not that of this API, cut off, an error page, an error of Prometheus or Flink."""


class TranslationError(DrasError, ValueError):
    """An instruction that Flink, or the Flink Kubernetes Operator, would not carry out."""


class SnapshotError(DrasError, ValueError):
    """A snapshot that cannot be restored: cut short, damaged, or of another version."""


class StateError(DrasError, RuntimeError):
    """An object that cannot be used any more: it was in use in another thread while the process forked, or an earlier call failed inside of it."""


class InternalError(DrasError, RuntimeError):
    """A mistake in dras itself. Please report it; other objects are not affected."""


class LoadError(DrasError, ImportError):
    """The native part of the package cannot be loaded: in a subinterpreter, or because it is not there or is for another platform."""
