"""Writes what pyarrow makes of columns of many types: types.parquet, and twice.parquet with a name that is there twice.

pip install pyarrow numpy; python make.py
"""
import datetime
import decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

text = ["a", None, "é"]
columns = {
    "string": pa.array(text),
    "large": pa.array(text, pa.large_string()),
    "view": pa.array(text, pa.string_view()),
    "dictionary": pa.array(text).dictionary_encode(),
    "binary": pa.array([None if t is None else t.encode() for t in text], pa.binary()),
    "null": pa.nulls(3),
    "emptyFloat": pa.array([None, None, None], pa.float64()),
    "emptyText": pa.array([None, None, None], pa.string()),
    "flag": pa.array([True, None, False]),
    "int": pa.array([7, None, -1], pa.int32()),
    "uint32": pa.array([4_000_000_000, None, 1], pa.uint32()),
    "uint64": pa.array([2**64 - 1, None, 1], pa.uint64()),
    "half": pa.array([np.float16(0.5), None, np.float16(-2)], pa.float16()),
    "decimal": pa.array([decimal.Decimal("0.31"), None, decimal.Decimal("1.00")], pa.decimal128(5, 2)),
    "date": pa.array([datetime.date(2020, 1, 1), None, datetime.date(2021, 1, 1)]),
    "time": pa.array([datetime.datetime(2020, 1, 1), None, datetime.datetime(2021, 1, 1)]),
    "list": pa.array([["a"], None, []]),
    "group": pa.array([{"a": "b"}, None, {"a": "c"}]),
    "Mixed": pa.array(text),
    "one": pa.array(text),
    "ONE": pa.array(text),
}
pq.write_table(pa.table(columns), "types.parquet", store_decimal_as_integer=True)
pq.write_table(pa.Table.from_arrays([pa.array(text), pa.array(text)], ["text", "text"]), "twice.parquet")
