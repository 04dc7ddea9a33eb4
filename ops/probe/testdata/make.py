"""Writes fewshot.json with vision-datasets' own sampler and logistic.json with scikit-learn.

pip install vision-datasets==0.2.17 scikit-learn==1.9.1; python make.py
"""
import json
import random

import numpy as np
from sklearn.linear_model import LogisticRegression
from vision_datasets.common.constants import DatasetTypes
from vision_datasets.common.data_manifest import DatasetManifest, ImageDataManifest


def subset(labels, classes, shots, seed, kind):
    images = [ImageDataManifest(i, str(i), 1, 1, l) for i, l in enumerate(labels)]
    manifest = DatasetManifest(images, [str(c) for c in range(classes)], kind)
    return [image.id for image in manifest.sample_few_shot_subset(shots, seed).images]


rng = random.Random(7)
one = [[rng.randrange(6)] for _ in range(400)]
many = [sorted(set(rng.randrange(8) for _ in range(rng.randrange(4)))) for _ in range(500)]
cases = []
for labels, classes, kind in ((one, 6, DatasetTypes.IC_MULTICLASS), (many, 8, DatasetTypes.IC_MULTILABEL)):
    for shots in (1, 5, 20):
        cases.append({"labels": labels, "classes": classes, "shots": shots,
                      "subsets": [subset(labels, classes, shots, seed, kind) for seed in range(10)]})
json.dump(cases, open("fewshot.json", "w"))

g = np.random.default_rng(3)
x = g.normal(size=(180, 10)).astype(np.float32)
w = g.normal(size=(10, 4))
y = (x @ w + g.normal(size=(180, 4))).argmax(1)
fits = []
for c in (0.01, 0.316, 10.0):
    m = LogisticRegression(C=c, tol=1e-10, max_iter=100000).fit(x.astype(np.float64), y)
    fits.append({"c": c, "w": m.coef_.tolist(), "bias": m.intercept_.tolist()})
json.dump({"x": x.tolist(), "y": y.tolist(), "fits": fits}, open("logistic.json", "w"))
