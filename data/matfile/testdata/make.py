"""Writes arrays.mat, compressed.mat and big.mat with scipy: pip install scipy; python make.py"""
import numpy as np
import scipy.io

cell = np.empty((1, 2), object)
cell[0, 0] = "acura"
cell[0, 1] = np.arange(3, dtype=np.int16)
values = {
    "labels": np.arange(6, dtype=np.float64).reshape(2, 3) - 2,
    "half": np.array([[0.5, 1e300]]),
    "bytes": np.array([[1, 255]], np.uint8),
    "single": np.array([[1.5]], np.float32),
    "wide": np.array([[-(2**40)]], np.int64),
    "name": "été",
    "class_names": cell,
    "synsets": np.array([(1.0, "n01"), (2.0, "n02")], [("id", "O"), ("WNID", "O")]),
}
scipy.io.savemat("arrays.mat", values)
scipy.io.savemat("compressed.mat", values, do_compression=True)
scipy.io.savemat("complex.mat", {"z": np.array([[1j]])})
