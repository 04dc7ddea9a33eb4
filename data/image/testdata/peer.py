"""Pillow, timed on request: peer.py SIZE FILE... decodes each file and prepares it
as CLIP's preprocessing does: convert("RGB"), the shorter side resized to SIZE,
bicubic, centre crop, normalised to float32 [3, SIZE, SIZE] by numpy.

It says what it is. For each line read it prints the seconds of processor time that one pass over
the files took, without and with the normalisation.
"""
import io
import sys
import time
import numpy as np
import PIL
from PIL import Image

size = int(sys.argv[1])
files = [open(name, "rb").read() for name in sys.argv[2:]]
mean = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
std = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def prepare(raw):
    img = Image.open(io.BytesIO(raw)).convert("RGB")
    w, h = img.size
    new = (size, int(size * h / w)) if w <= h else (int(size * w / h), size)
    img = img.resize(new, Image.Resampling.BICUBIC)
    x, y = round((new[0] - size) / 2), round((new[1] - size) / 2)
    return img.crop((x, y, x + size, y + size))


def normalize(img):
    return ((np.asarray(img, np.float32) / 255 - mean) / std).transpose(2, 0, 1).copy()


print("Pillow", PIL.__version__, flush=True)
for _ in sys.stdin:
    start = time.process_time()
    for raw in files:
        prepare(raw).load()
    pixels = time.process_time()
    for raw in files:
        normalize(prepare(raw))
    print(pixels - start, time.process_time() - pixels, flush=True)
