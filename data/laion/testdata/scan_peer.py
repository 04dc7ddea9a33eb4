"""Peer of BenchmarkScan: python scan_peer.py pyarrow|duckdb FILE.

Each line on stdin asks for one scan of URL and TEXT, "filter" for those of the
rows that a filter lets through; the answer is a line "CPU-seconds peak-MiB rows
bytes".
"""
import resource
import sys


def cpu():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


def with_pyarrow(path):
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rows = size = 0
    for batch in pq.ParquetFile(path).iter_batches(65536, columns=["URL", "TEXT"]):
        rows += batch.num_rows
        for column in batch.columns:
            size += pc.sum(pc.binary_length(column)).as_py()
    return rows, size


def filtered_pyarrow(path):
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    keep = (ds.field("WIDTH") >= 256) & (ds.field("HEIGHT") >= 256) & (ds.field("similarity") >= 0.4) & (ds.field("NSFW") == "UNLIKELY")
    rows = size = 0
    for batch in ds.dataset(path).to_batches(columns=["URL", "TEXT"], filter=keep):
        rows += batch.num_rows
        for column in batch.columns:
            size += pc.sum(pc.binary_length(column)).as_py() or 0
    return rows, size


def filtered_duckdb(path):
    import duckdb

    query = "SELECT count(*), sum(strlen(URL)) + sum(strlen(TEXT)) FROM read_parquet(?) WHERE WIDTH >= 256 AND HEIGHT >= 256 AND similarity >= 0.4 AND NSFW = 'UNLIKELY'"
    return duckdb.execute(query, [path]).fetchall()[0]


def with_duckdb(path):
    import duckdb

    query = "SELECT count(*), sum(strlen(URL)) + sum(strlen(TEXT)) FROM read_parquet(?)"
    return duckdb.execute(query, [path]).fetchall()[0]


scans = {"pyarrow": (with_pyarrow, filtered_pyarrow), "duckdb": (with_duckdb, filtered_duckdb)}[sys.argv[1]]
for line in sys.stdin:
    start = cpu()
    rows, size = scans[line.strip() == "filter"](sys.argv[2])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{cpu() - start:.6f} {peak:.1f} {rows} {size}", flush=True)
