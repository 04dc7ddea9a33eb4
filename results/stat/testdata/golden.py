"""Makes scipy.json, which golden_test.go compares with: python3 golden.py > scipy.json

Inputs are drawn from a fixed seed, some with ties, few values or hardly any variation. Needs NumPy and SciPy.
"""
import json

import numpy as np
from scipy import stats

rng = np.random.default_rng(20230107)


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
        rng.normal(0.5 + shift, spread * 1.5, m)  # keeps the draws of the others as they were
        mean = stats.t.interval(0.95, n - 1, loc=a.mean(), scale=stats.sem(a))
        cases.append({
            "a": a.tolist(), "mean": a.mean(), "std": a.std(ddof=1), "low": mean[0], "high": mean[1],
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

print(json.dumps({"numpy": np.__version__, "scipy": __import__("scipy").__version__, "t": cases, "mcnemar": mcnemar, "holm": families}, indent=1))
