"""Peer of BenchmarkScan: python scan_peer.py pyarrow|duckdb FILE.

Each line on stdin asks for one scan of URL and TEXT; the answer is a line
"CPU-seconds peak-MiB rows bytes".
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


def with_duckdb(path):
    import duckdb

    query = "SELECT count(*), sum(strlen(URL)) + sum(strlen(TEXT)) FROM read_parquet(?)"
    return duckdb.execute(query, [path]).fetchone()


scan = {"pyarrow": with_pyarrow, "duckdb": with_duckdb}[sys.argv[1]]
for _ in sys.stdin:
    start = cpu()
    rows, size = scan(sys.argv[2])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{cpu() - start:.6f} {peak:.1f} {rows} {size}", flush=True)
