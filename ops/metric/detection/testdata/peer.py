# Answers "coco" and "lvis" with the seconds that pycocotools and lvis take to judge what the folder's files hold, already read, and with the AP;
# "nms" with those of torchvision for NMS by class, and the number of kept boxes.
import contextlib
import json
import os
import sys
import time
import types

import numpy

folder = sys.argv[1]
numpy.float = float  # lvis 0.5.3 is older than NumPy 1.24
sys.modules["lvis.vis"] = types.ModuleType("lvis.vis")  # drawing, which needs OpenCV
sys.modules["lvis.vis"].LVISVis = None


def coco():
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    truth = COCO(folder + "/coco.json")
    found = truth.loadRes(folder + "/coco-found.json")

    def run():
        e = COCOeval(truth, found, "bbox")
        e.evaluate()
        e.accumulate()
        e.summarize()
        return float(e.stats[0])
    return run


def lvis():
    from lvis import LVIS, LVISEval, LVISResults
    truth = LVIS(folder + "/lvis.json")
    found = LVISResults(truth, json.load(open(folder + "/lvis-found.json")))

    def run():
        e = LVISEval(truth, found, "bbox")
        e.run()
        return float(e.results["AP"])
    return run


def nms():
    import torch
    from torchvision.ops import batched_nms
    boxes, scores, classes = (torch.from_numpy(numpy.load(f"{folder}/{name}.npy")) for name in ("boxes", "scores", "classes"))
    classes = classes.long()
    return lambda: len(batched_nms(boxes, scores, classes, 0.5))


works = {}
for line in sys.stdin:
    kind = line.strip()
    with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet):
        if kind not in works:
            works[kind] = globals()[kind]()
        start = time.perf_counter()
        answer = works[kind]()
        seconds = time.perf_counter() - start
    print(seconds, answer, flush=True)
