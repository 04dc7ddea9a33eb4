"""Writes phash.txt: imagehash's perceptual hashes (4.3.2, Pillow 13) of the images in formats and preprocess that have no alpha.

    python3 -m pip install imagehash && python3 make_phash.py
"""
import pathlib
import imagehash
from PIL import Image

lines = []
for path in sorted(p for d in ("formats", "preprocess") for p in pathlib.Path(d).iterdir() if p.suffix in (".png", ".jpg", ".jpeg", ".bmp")):
    try:
        image = Image.open(path)
        if image.mode not in ("RGB", "L"):
            continue
        lines.append(f"{path} {imagehash.phash(image.convert('RGB'))}\n")
    except Exception:
        continue
pathlib.Path("phash.txt").write_text("".join(lines))
