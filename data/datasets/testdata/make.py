"""Writes what other programs' files look like: parquet as the datasets library stores images (pyarrow), and the devkit's meta.mat (scipy).

pip install pyarrow pillow scipy; python make.py
"""
import io
import json
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io
from PIL import Image


def png(i):
    out = io.BytesIO()
    Image.new("RGB", (4, 4), (40 * i, 10, 200 - 20 * i)).save(out, "PNG")
    return out.getvalue()


labels = [2, 0, 1, 1, 0, 2, 2]
table = pa.table({
    "image": pa.array([{"bytes": png(i), "path": f"{i}.png"} for i in range(7)], pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    "label": pa.array(labels, pa.int64()),
})
names = ["red cat", "dog", "été"]
features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
pq.write_table(table[:4], "hub/data/test-00000-of-00002.parquet", row_group_size=3)
pq.write_table(table[4:], "hub/data/test-00001-of-00002.parquet", row_group_size=2, compression="zstd")

# The devkit counts classes in an order of its own, groups of classes after them.
wnids = open("../catalogue/imagenet-wnids.txt").read().split()
order = np.random.default_rng(0).permutation(1000)
rows = [(i + 1, wnids[order[i]], "words", "gloss", 0, np.zeros((1, 0)), 0, 1300) for i in range(1000)] + [(1001, "n00001740", "entity", "gloss", 2, np.array([[1, 2]]), 5, 0)]
dtype = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O"), ("children", "O"), ("wordnet_height", "O"), ("num_train_images", "O")]
synsets = np.zeros((len(rows), 1), dtype)
for i, row in enumerate(rows):
    synsets[i, 0] = tuple(np.array([[v]], float) if isinstance(v, int) else v for v in row)
scipy.io.savemat("meta.mat", {"synsets": synsets}, do_compression=True)
json.dump([int(x) for x in order[:20]], open("meta.json", "w"))
