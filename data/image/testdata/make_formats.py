"""Writes formats/: small images of many kinds, and in expected.npy what Pillow
makes of them, [image, (convert("RGB"), on white), 13, 17, 3] uint8, in the order
of the names. Run it here with any Python that has Pillow and numpy; the
committed files are from Pillow 13.0.
"""
import io
import os
import numpy as np
from PIL import Image

W, H = 17, 13
y, x = np.mgrid[0:H, 0:W]
rgb = np.stack([x * 15, y * 19, (x * y * 7) % 256], -1).astype(np.uint8)
noise = np.random.default_rng(1).integers(0, 256, (H, W, 3)).astype(np.uint8)
soft = Image.fromarray(rgb)
alpha = ((x * 37 + y * 11) % 256).astype(np.uint8)
rgba = Image.fromarray(np.dstack([rgb, alpha]))
grey = Image.fromarray(rgb[..., 2])

files = {}


def save(name, img, **kw):
    out = io.BytesIO()
    img.save(out, **kw)
    files[name] = out.getvalue()


save("grey.jpg", grey, format="JPEG", quality=80)
save("420.jpg", soft, format="JPEG", quality=70, subsampling=2)
save("422.jpg", Image.fromarray(noise), format="JPEG", quality=85, subsampling=1)
save("444.jpg", soft, format="JPEG", quality=95, subsampling=0)
save("progressive.jpg", Image.fromarray(noise), format="JPEG", quality=75, progressive=True)
save("cmyk.jpg", soft.convert("CMYK"), format="JPEG", quality=90)
save("grey.png", grey, format="PNG")
save("grey_alpha.png", rgba.convert("LA"), format="PNG")
save("rgba.png", rgba, format="PNG")
save("palette.png", soft.quantize(16), format="PNG")
save("palette_alpha.png", rgba.quantize(16, method=Image.Quantize.FASTOCTREE), format="PNG")
save("bit.png", grey.convert("1"), format="PNG")
save("interlaced.gif", soft.quantize(32), format="GIF", interlace=True)
save("transparent.gif", soft.quantize(32), format="GIF", transparency=3)
save("lossy.webp", soft, format="WEBP", quality=80)
save("lossy_noise.webp", Image.fromarray(noise), format="WEBP", quality=60)
save("lossy_alpha.webp", rgba, format="WEBP", quality=80)
save("lossless.webp", rgba, format="WEBP", lossless=True, exact=True)
save("rgb.bmp", soft, format="BMP")
save("lzw.tiff", soft, format="TIFF", compression="tiff_lzw")

# A JPEG with a damaged scan, which libjpeg warns of and Pillow accepts.
bad = bytearray(files["444.jpg"])
bad[-80] ^= 0x55
bad[-60] ^= 0x33
files["damaged.jpg"] = bytes(bad)

expected = []
for name in sorted(files):
    with open(os.path.join("formats", name), "wb") as f:
        f.write(files[name])
    img = Image.open(io.BytesIO(files[name]))
    white = Image.new("RGB", img.size, (255, 255, 255))
    full = img.convert("RGBA")
    white.paste(full.convert("RGB"), mask=full.getchannel("A"))
    expected.append([np.asarray(img.convert("RGB")), np.asarray(white)])
np.save(os.path.join("formats", "expected.npy"), np.array(expected, np.uint8))
print(len(files), "files")
