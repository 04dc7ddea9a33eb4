"""Writes operations/: an image, and what Pillow makes of it by each operation of
timm's RandAugment at several arguments, as timm calls Pillow (bicubic, fill
colour of CLIP's mean). cases.json lists [name, argument]; input.npy is
[13, 17, 3], expected.npy [case, 13, 17, 3]. Run it here with any Python that has
Pillow and numpy; the committed files are from Pillow 13.0.
"""
import json
import os
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

H, W = 13, 17
FILL = (123, 117, 104)
rng = np.random.default_rng(7)
y, x = np.mgrid[0:H, 0:W]
smooth = np.stack([20 + x * 12, 40 + y * 15, (x * y * 5) % 256], -1)
noise = rng.integers(0, 256, (H, W, 3))
pixels = np.where((x < 9)[..., None], smooth, noise).clip(0, 255).astype(np.uint8)
img = Image.fromarray(pixels)


def affine(m):
    return img.transform(img.size, Image.Transform.AFFINE, m, resample=Image.Resampling.BICUBIC, fillcolor=FILL)


def solarize_add(add):
    return img.point([min(255, i + add) if i < 128 else i for i in range(256)] * 3)


OPS = {
    "AutoContrast": lambda a: ImageOps.autocontrast(img),
    "Equalize": lambda a: ImageOps.equalize(img),
    "Invert": lambda a: ImageOps.invert(img),
    "Rotate": lambda a: img.rotate(a, resample=Image.Resampling.BICUBIC, fillcolor=FILL),
    "Posterize": lambda a: ImageOps.posterize(img, int(a)),
    "Solarize": lambda a: ImageOps.solarize(img, int(a)),
    "SolarizeAdd": lambda a: solarize_add(int(a)),
    "Color": lambda a: ImageEnhance.Color(img).enhance(a),
    "Contrast": lambda a: ImageEnhance.Contrast(img).enhance(a),
    "Brightness": lambda a: ImageEnhance.Brightness(img).enhance(a),
    "Sharpness": lambda a: ImageEnhance.Sharpness(img).enhance(a),
    "ShearX": lambda a: affine((1, a, 0, 0, 1, 0)),
    "ShearY": lambda a: affine((1, 0, 0, a, 1, 0)),
    "TranslateX": lambda a: affine((1, 0, a * W, 0, 1, 0)),
    "TranslateY": lambda a: affine((1, 0, 0, 0, 1, a * H)),
}
FACTORS = [0.1, 0.19, 0.37, 1.0, 1.234567, 1.81, 1.9]
ARGS = {
    "Rotate": [0.0, 1.5, 27.0, 30.0, -13.37, -27.0, -30.0],
    "Posterize": [1, 2, 3, 4],
    "Solarize": [0, 26, 128, 256],
    "SolarizeAdd": [0, 55, 99, 110],
    "Color": FACTORS, "Contrast": FACTORS, "Brightness": FACTORS, "Sharpness": FACTORS,
    "ShearX": [-0.3, -0.2701, 0.123, 0.3], "ShearY": [-0.3, -0.2701, 0.123, 0.3],
    "TranslateX": [-0.45, -0.2, 0.0617, 0.405], "TranslateY": [-0.45, -0.2, 0.0617, 0.405],
}

os.makedirs("operations", exist_ok=True)
cases, expected = [], []
for name, op in OPS.items():
    for arg in ARGS.get(name, [0]):
        cases.append([name, arg])
        expected.append(np.asarray(op(arg)))
np.save("operations/input.npy", pixels)
np.save("operations/expected.npy", np.array(expected, np.uint8))
with open("operations/cases.json", "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
print(len(cases), "cases")
