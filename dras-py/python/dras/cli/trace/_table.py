"""Tables: CSV and Parquet, with a column for each series (wide) or a row for each sample (long)."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from importlib import import_module
from typing import Any

from ._metrics import Metrics, labels_of
from ._trace import BadTrace, Series, Trace, clock, milliseconds

_TIMES = {
    "time": "", "timestamp": "", "ts": "", "at": "", "date": "", "datetime": "", "epoch": "",
    "epoch_s": "s", "time_s": "s", "timestamp_s": "s", "epoch_ms": "ms", "time_ms": "ms", "timestamp_ms": "ms",
}  # fmt: skip
_LABELLED = re.compile(r"([A-Za-z_:][A-Za-z0-9_:.]*)\{(.*)\}", re.DOTALL)


@dataclass(frozen=True)
class Table:
    """Columns of cells: texts of a CSV, or what Parquet holds."""

    name: str
    header: list[str]
    columns: list[list[Any]]
    first: int
    """The line of the first row, for messages."""


def read_csv(name: str, text: str) -> Table:
    """A CSV with a header.

    Raises:
        BadTrace: it has no rows, or rows of another length than the header.
    """
    sample = text[: text.find("\n")] if "\n" in text else text
    delimiter = max(",;\t", key=sample.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    try:
        header = next(reader, None)
        for row in reader:
            if not row:
                continue
            if header is not None and len(row) != len(header):
                raise BadTrace(f"{name}, line {reader.line_num}: {len(row)} cells where the header has {len(header)}")
            rows.append(row)
    except csv.Error as error:
        raise BadTrace(f"{name}, line {reader.line_num}: {error}") from None
    if header is None:
        raise BadTrace(f"{name} is empty")
    if not rows:
        raise BadTrace(f"{name} has a header and no rows")
    return Table(name, [cell.strip() for cell in header], [list(column) for column in zip(*rows, strict=True)], 2)


def read_parquet(name: str, path: str) -> Table:
    """A Parquet file.

    Raises:
        BadTrace: it is none, or pyarrow is not there.
    """
    try:
        # It has no types of its own, and may be missing.
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise BadTrace(f"{name} is Parquet, and reading that needs the package `pyarrow`: run  pip install 'dras[parquet]'") from None
    try:
        table = parquet.ParquetFile(path).read()
        columns = []
        for column in table.columns:
            if arrow.types.is_timestamp(column.type):
                column = column.cast(arrow.timestamp("ms", tz=column.type.tz), safe=False)
            elif arrow.types.is_dictionary(column.type):
                column = column.cast(column.type.value_type)
            columns.append(column.to_pylist())
    except (arrow.ArrowException, ValueError, OSError) as error:
        raise BadTrace(f"{name} is no Parquet file that can be read: {str(error).splitlines()[0]}") from None
    if table.num_rows == 0:
        raise BadTrace(f"{name} has no rows")
    return Table(name, [str(column) for column in table.column_names], columns, 1)


def read_table(table: Table, metrics: Metrics, zone: tzinfo | None) -> Trace:
    """What a table holds.

    A table with columns ``metric`` and ``value`` has a row for each sample; any other has a column for each series, called like the metric, like
    ``metric|instance``, or like a series of Prometheus. Columns may also be attributes, and a column ``mark`` says ``restart`` or ``change``.

    Raises:
        BadTrace: there is no column of times, or a cell is not what it should be.
    """
    lower = [name.lower() for name in table.header]
    twice = next((name for index, name in enumerate(table.header) if name in table.header[:index]), None)
    if twice is not None:
        raise BadTrace(f"{table.name}: the column `{twice}` stands there twice")
    index = next((i for i, name in enumerate(lower) if name in _TIMES), None)
    if index is None:
        raise BadTrace(f"{table.name} has no column of times: call it one of {', '.join(_TIMES)}")
    unit = _TIMES[lower[index]]
    times = [_time(table, row, cell, zone, unit) for row, cell in enumerate(table.columns[index])]
    if "metric" in lower and "value" in lower:
        return _long(table, lower, times, metrics)
    trace = Trace()
    for at, name in enumerate(table.header):
        if at != index:
            _column(table, name, times, table.columns[at], metrics, trace)
    return trace


def _where(table: Table, row: int) -> str:
    return f"{table.name}, line {row + table.first}" if table.first == 2 else f"{table.name}, row {row + 1}"


def _time(table: Table, row: int, cell: Any, zone: tzinfo | None, unit: str) -> int:
    try:
        if isinstance(cell, datetime):
            if cell.tzinfo is None and zone is None:
                raise ValueError(f"the time `{cell}` has no time zone: say --timezone UTC, or whichever it is")
            return milliseconds(cell if cell.tzinfo is not None else cell.replace(tzinfo=zone))
        return clock("" if cell is None else str(cell), zone, unit)
    except ValueError as error:
        what = (
            str(error) if "`" in str(error) else f"`{cell}` is no time: write ISO 8601 with a time zone, or seconds or milliseconds since the epoch"
        )
        raise BadTrace(f"{_where(table, row)}: {what}") from None


def _empty(cell: Any) -> bool:
    return cell is None or cell == ""


def _number(table: Table, row: int, column: str, cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        raise BadTrace(f"{_where(table, row)}: `{cell}` in the column `{column}` is no number") from None


def _text(cell: Any) -> str:
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _column(table: Table, name: str, times: list[int], cells: Sequence[Any], metrics: Metrics, trace: Trace) -> None:
    """One column of a wide table."""
    if name.lower() == "mark":
        for row, cell in enumerate(cells):
            if not _empty(cell):
                if cell not in ("restart", "change"):
                    raise BadTrace(f"{_where(table, row)}: a mark is `restart` or `change`, not `{cell}`")
                trace.marks.append((cell, times[row]))
        return
    labelled = _LABELLED.fullmatch(name)
    labels = labels_of(labelled.group(2)) if labelled is not None else None
    series, _, instance = (labelled.group(1), "", "") if labelled is not None and labels is not None else name.partition("|")
    found = metrics.of(series, labels)
    for metric in found:
        who = metrics.instance(metric, labels) if labels is not None else instance
        known = [(row, cell) for row, cell in enumerate(cells) if not _empty(cell)]
        if metrics.metrics[metric].kind == "event":
            trace.events += [(metric, who, times[row], _text(cell)) for row, cell in known]
        else:
            trace.series.append(Series(metric, who, [times[row] for row, _ in known], [_number(table, row, name, cell) for row, cell in known]))
    if not found and name in metrics.attributes:
        before = None
        for row, cell in enumerate(cells):
            if not _empty(cell) and cell != before and not (isinstance(cell, float) and math.isnan(cell)):
                trace.attributes.append((times[row], name, _attribute(table, row, name, cell, metrics)))
                before = cell
    elif not found:
        series = series.strip() or name
        if series not in trace.unused:
            trace.unused.append(series)


def _attribute(table: Table, row: int, name: str, cell: Any, metrics: Metrics) -> float | bool | str:
    try:
        return metrics.attribute(name, _text(cell))
    except ValueError as error:
        raise BadTrace(f"{_where(table, row)}: {error}") from None


def _long(table: Table, lower: list[str], times: list[int], metrics: Metrics) -> Trace:
    names, values = table.columns[lower.index("metric")], table.columns[lower.index("value")]
    instances = table.columns[lower.index("instance")] if "instance" in lower else [""] * len(times)
    series: dict[tuple[str, str], Series] = {}
    trace = Trace()
    unused: dict[str, None] = {}
    for row, (at, given, instance, cell) in enumerate(zip(times, names, instances, values, strict=True)):
        if _empty(cell) or _empty(given):
            continue
        name, who = str(given), "" if _empty(instance) else str(instance)
        found = metrics.of(name, None)
        for metric in found:
            if metrics.metrics[metric].kind == "event":
                trace.events.append((metric, who, at, _text(cell)))
            else:
                one = series.setdefault((metric, who), Series(metric, who, [], []))
                one.times.append(at)
                one.values.append(_number(table, row, "value", cell))
        if not found and name in metrics.attributes:
            trace.attributes.append((at, name, _attribute(table, row, name, cell, metrics)))
        elif not found and name == "mark" and cell in ("restart", "change"):
            trace.marks.append((cell, at))
        elif not found:
            unused[name] = None
    trace.series += series.values()
    trace.unused += unused
    return trace
