"""Recordings in files: CSV, Parquet and answers of Prometheus and Flink, as what a replay takes."""

from ._answers import read_answers
from ._metrics import Metrics
from ._table import Table, read_csv, read_parquet, read_table
from ._trace import BadTrace, Series, Trace, clock

__all__ = ["BadTrace", "Metrics", "Series", "Table", "Trace", "clock", "read_answers", "read_csv", "read_parquet", "read_table"]
