"""Writes subsampling/: JPEGs whose chroma (or luma) is subsampled in ways that
have no name in TurboJPEG, and in expected.txt the sha256 of the pixels that Pillow
makes of them. Run it here with a Python that has Pillow and numpy, and cjpeg of
libjpeg-turbo in PATH; the committed files are from Pillow 13.0 and cjpeg 2.1.5.
"""
import hashlib
import os
import subprocess
import numpy as np
from PIL import Image

W, H = 43, 37
y, x = np.mgrid[0:H, 0:W]
rgb = np.stack([x * 5, y * 6, (x * y * 7) % 256], -1).astype(np.uint8)
os.makedirs("subsampling", exist_ok=True)
Image.fromarray(rgb).save("/tmp/subsampling.bmp")
with open("subsampling/expected.txt", "w") as out:
    for name, factors in {"1x3": "1x3,1x1,1x1", "1x4": "1x4,1x1,1x1", "3x1": "3x1,1x1,1x1", "3x2": "3x2,1x1,1x1", "4x1": "4x1,1x1,1x1",
                          "4x2": "4x2,1x1,1x1", "2x4": "2x4,1x1,1x1", "luma": "1x1,2x2,2x2", "mixed": "2x2,2x1,1x2", "red": "2x1,2x2,1x1",
                          "blue": "3x2,1x1,1x2"}.items():
        path = f"subsampling/{name}.jpg"
        jpeg = subprocess.run(["cjpeg", "-quality", "85", "-sample", factors, "/tmp/subsampling.bmp"], check=True, capture_output=True).stdout
        open(path, "wb").write(jpeg)
        img = Image.open(path).convert("RGB")
        print(name, *img.size, hashlib.sha256(img.tobytes()).hexdigest(), file=out)
