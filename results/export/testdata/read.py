"""Reads with other programs what TestInterop wrote, and prints what they see as JSON."""
import json, os, sys, warnings

warnings.filterwarnings("ignore")
import duckdb, pandas
from mlflow import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

root = sys.argv[1]
seen = {"tensorboard": {}, "mlflow": {}}
for name in sorted(os.listdir(root + "/tensorboard")):
    events = EventAccumulator(root + "/tensorboard/" + name)
    events.Reload()
    seen["tensorboard"][name] = {tag: [[e.step, round(e.wall_time, 3), str(e.value)] for e in events.Scalars(tag)] for tag in sorted(events.Tags()["scalars"])}
client = MlflowClient(tracking_uri="file://" + root + "/mlflow")
for experiment in client.search_experiments():
    runs = {}
    for run in client.search_runs([experiment.experiment_id]):
        runs[run.info.run_name] = {
            "status": run.info.status,
            "params": dict(sorted(run.data.params.items())),
            "metrics": {key: [[m.step, m.timestamp, m.value] for m in client.get_metric_history(run.info.run_id, key)] for key in sorted(run.data.metrics)},
        }
    seen["mlflow"][experiment.name] = runs
path = root + "/rows.parquet"
seen["duckdb"] = [[str(cell) for cell in row] for row in duckdb.sql(f"select trial, class, params->>'$.\"tune.mode\"', seed, value, n from '{path}' order by trial").fetchall()]
frame = pandas.read_parquet(path)
seen["pandas"] = [[str(row[c]) for c in ("trial", "metric", "value", "seed")] for _, row in frame.iterrows()]
print(json.dumps(seen, sort_keys=True, indent=1, ensure_ascii=False))
# On a busy machine a thread that a package left behind may abort the interpreter's end, after all is read.
sys.stdout.flush()
os._exit(0)
