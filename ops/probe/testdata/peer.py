# Answers "go" with the seconds that scikit-learn's logistic regression takes on x.npy and y.npy of the folder given, and its iterations.
import sys
import time
import warnings

import numpy
from sklearn.linear_model import LogisticRegression

folder, c, steps = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
x, y = numpy.load(folder + "/x.npy").astype(numpy.float64), numpy.load(folder + "/y.npy").astype(int)
warnings.simplefilter("ignore")  # the steps are counted, not its own end
for _ in sys.stdin:
    start = time.perf_counter()
    model = LogisticRegression(C=c, max_iter=steps, tol=1e-12).fit(x, y)
    print(time.perf_counter() - start, int(model.n_iter_[0]), model.score(x, y), flush=True)
