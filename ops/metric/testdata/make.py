"""Writes golden.json: figures of scikit-learn and vision-evaluation for scores made here.

pip install scikit-learn==1.9.1 vision-evaluation==0.2.14; python make.py > golden.json
"""
import json
import numpy as np
import sklearn
import sklearn.metrics as sm
from vision_evaluation import evaluators as ve
from vision_evaluation import retrieval_evaluators as vr


def report(evaluator, predictions, targets, **kwargs):
    evaluator.add_predictions(predictions, targets)
    return float(next(iter(evaluator.get_report(**kwargs).values())))


def case(seed, n, classes, decimals):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    labels[:classes] = np.arange(classes)
    logits = rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[labels]
    logits = np.round(logits, decimals)  # few decimals: many equal scores
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    many = (rng.random((n, classes)) < 0.2).astype(int)
    many[np.arange(n), labels] = 1
    many[:, classes - 1] = 0  # a class without images
    predicted = probabilities.argmax(1)
    present = [c for c in range(classes) if many[:, c].any()]
    out = {
        "classes": classes,
        "logits": logits.tolist(),
        "labels": labels.tolist(),
        "many": [np.flatnonzero(row).tolist() for row in many],
        "acc@1": report(ve.TopKAccuracyEvaluator(1), probabilities, labels),
        "mean-per-class": report(ve.BalancedAccuracyScoreEvaluator(), probabilities, labels),
        "sklearn/mean-per-class": float(sm.balanced_accuracy_score(labels, predicted)),
        "ece": report(ve.EceLossEvaluator(), probabilities, labels),
        "mAP/elevater": report(ve.MeanAveragePrecisionNPointsEvaluator(), logits, many),
        "mAP/area": float(np.mean([sm.average_precision_score(many[:, c], logits[:, c]) for c in present])),
        "auc": [float(sm.roc_auc_score(labels == c, logits[:, c])) for c in range(classes)],
    }
    if decimals > 2:  # the order of equal scores is the toolkit's own
        out["acc@3"] = report(ve.TopKAccuracyEvaluator(3), probabilities, labels)
        truth = rng.random((n, classes)) < 0.3
        truth[np.arange(n), labels] = True
        out["truth"] = [np.flatnonzero(row).tolist() for row in truth]
        out["set@3"] = report(vr.RecallAtKEvaluator(3), logits, truth.astype(int))
    return out


print(json.dumps({
    "made with": f"scikit-learn {sklearn.__version__}, vision-evaluation 0.2.14, numpy {np.__version__}",
    "cases": [case(0, 120, 7, 6), case(1, 60, 2, 6), case(2, 200, 12, 1), case(3, 90, 5, 0)],
}))
