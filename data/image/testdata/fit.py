# Makes fit/: one image, and what img2dataset 1.47's Resizer (OpenCV 4.14) makes
# of it in each mode, as PNG. Run in this folder by a Python with img2dataset.
import io, os
import cv2, numpy as np
from img2dataset.resizer import Resizer

os.makedirs("fit", exist_ok=True)
y, x = np.mgrid[0:61, 0:83]
img = np.stack([(x * 3) % 256, (y * 4 + x) % 256, 128 + 100 * np.sin(x * y / 90.0)], axis=-1).astype(np.uint8)
img[20:30, 30:50] = (255, 0, 40)
raw = cv2.imencode(".png", img)[1].tobytes()
open("fit/original.png", "wb").write(raw)
for mode in ["no", "border", "keep_ratio", "keep_ratio_largest", "center_crop"]:
    for size in [32, 47, 120]:
        for bigger in [False, True]:
            r = Resizer(size, mode, bigger, encode_format="png", encode_quality=9)
            out, w, h, ow, oh, err = r(io.BytesIO(raw))
            assert err is None, err
            open(f"fit/{mode}_{size}_{'bigger' if bigger else 'any'}.png", "wb").write(out)
