"""Makes scipy.json, which golden_test.go compares with: python3 golden.py > scipy.json

Inputs are drawn from a fixed seed, some with ties, few values or hardly any variation. Needs NumPy and SciPy.
"""
import json

import numpy as np
from scipy import stats

rng = np.random.default_rng(20230107)


def interval(r):
    ci = r.confidence_interval(0.95)
    return {"t": r.statistic, "df": float(r.df), "p": r.pvalue, "low": ci.low, "high": ci.high}


def holm(p):
    order, out, floor = np.argsort(p, kind="stable"), np.empty(len(p)), 0.0
    for rank, i in enumerate(order):
        floor = max(floor, min(1.0, (len(p) - rank) * p[i]))
        out[i] = floor
    return out.tolist()


cases = []
for n, m, spread in [(2, 3, 1), (3, 3, 0.01), (5, 5, 0.02), (5, 4, 0.3), (10, 7, 0.001), (30, 25, 2), (3, 12, 1e-6)]:
    for shift in [0, 0.01, 1]:
        a = rng.normal(0.5, spread, n).round(9)
        b = rng.normal(0.5 + shift, spread * 1.5, m).round(9)
        pairs = min(n, m)
        mean = stats.t.interval(0.95, n - 1, loc=a.mean(), scale=stats.sem(a))
        cases.append({
            "a": a.tolist(), "b": b.tolist(), "mean": a.mean(), "std": a.std(ddof=1), "low": mean[0], "high": mean[1],
            "one": interval(stats.ttest_1samp(a - 0.47, 0)),  # the interval of the difference, not of the mean
            "paired": interval(stats.ttest_rel(a[:pairs], b[:pairs])),
            "welch": interval(stats.ttest_ind(a, b, equal_var=False)),
        })

mcnemar = []
for x, y in [(0, 1), (1, 5), (0, 5), (0, 6), (7, 7), (12, 30), (3, 250), (120, 151), (1000, 1100), (49, 50)]:
    mcnemar.append({"x": x, "y": y, "p": stats.binomtest(x, x + y, 0.5).pvalue})

families = []
for n in [1, 2, 9, 40]:
    p = rng.beta(0.4, 1.5, n).round(6)
    if n > 5:
        p[3] = p[5]  # a tie
    families.append({"p": p.tolist(), "holm": holm(p)})

bootstrap = []
for n in [8, 30, 100]:
    sizes = rng.integers(5, 30, n)
    sums = np.array([rng.integers(-s // 3, s // 2) for s in sizes]).astype(float)
    ci = stats.bootstrap((sums, sizes), lambda s, k, axis=-1: s.sum(axis) / k.sum(axis), paired=True, vectorized=True,
                         method="percentile", n_resamples=50_000, random_state=1).confidence_interval
    bootstrap.append({"sums": sums.tolist(), "sizes": sizes.tolist(), "estimate": sums.sum() / sizes.sum(), "low": ci.low, "high": ci.high})

print(json.dumps({"numpy": np.__version__, "scipy": __import__("scipy").__version__, "t": cases, "mcnemar": mcnemar, "holm": families, "bootstrap": bootstrap}, indent=1))
