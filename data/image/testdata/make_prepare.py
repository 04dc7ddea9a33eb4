"""Writes prepare.txt: the first half of sha256 of the squares that Pillow and the arithmetic of
torchvision, open_clip and transformers give of noise. Each line is: width, height,
size, mode, filter, how the crop is rounded, version of Pillow, sha256. Run it with
Pillow 12 and again with Pillow 13; each adds the lines of its own version. The
pixel (x, y, c) of the noise is (x*x*7 + y*y*13 + x*y*5 + c*101) % 251, which any
language can make.
"""
import hashlib
import PIL
import numpy as np
from PIL import Image

version = int(PIL.__version__.split(".")[0])
filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def noise(w, h):
    y, x, c = np.mgrid[0:h, 0:w, 0:3]
    return Image.fromarray(((x * x * 7 + y * y * 13 + x * y * 5 + c * 101) % 251).astype(np.uint8))


def prepare(img, size, mode, how, rounding):
    w, h = img.size
    if mode == "squash":
        return img.resize((size, size), how)
    if mode == "longest":
        ratio = max(w / size, h / size)
        w, h = (round(n / ratio) for n in (w, h))
        out = Image.new("RGB", (size, size), (7, 7, 7))
        out.paste(img.resize((w, h), how), ((size - w) // 2, (size - h) // 2))
        return out
    w, h = (size, int(size * h / w)) if w <= h else (int(size * w / h), size)
    img = img.resize((w, h), how)
    x, y = ((n - size) // 2 if rounding == "floor" else int(round((n - size) / 2.0)) for n in (w, h))
    return img.crop((x, y, x + size, y + size))


with open("prepare.txt", "a") as out:
    for w, h in [(40, 30), (31, 57), (57, 31), (20, 90), (33, 200), (200, 33), (17, 17), (24, 25), (9, 70)]:
        for size in (16, 23, 24):
            for mode in ("shortest", "longest", "squash"):
                for name, how in filters.items():
                    for rounding in ("round", "floor") if mode == "shortest" else ("round",):
                        got = prepare(noise(w, h), size, mode, how, rounding)
                        print(w, h, size, mode, name, rounding, version, hashlib.sha256(got.tobytes()).hexdigest()[:16], file=out)
