"""The sources of this plugin, by the names that YAML knows them under.

Owns nothing of its own: each source stands in a module named after what it reads.
"""

from __future__ import annotations

from steadily_files.csv_files import CsvFiles
from steadily_files.jsonl_files import JsonLinesFiles
from steadily_files.parquet_files import ParquetFiles
from steadily_files.sql_rows import SqlRows

__all__ = ["CsvFiles", "JsonLinesFiles", "ParquetFiles", "SqlRows"]
