"""Writes formats/: small images of many kinds, and in expected.npy what Pillow
makes of them, [image, (convert("RGB"), on white), 13, 17, 3] uint8, in the order
of the names. Run it here with any Python that has Pillow and numpy; the
committed files are from Pillow 13.0.
"""
import io
import os
import struct
import zlib
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

# As the reference treats it: EXIF orientation stays unapplied, 16-bit grey is clipped.
turned = Image.Exif()
turned[0x0112] = 6
save("exif_turned.jpg", soft, format="JPEG", quality=90, exif=turned)
save("exif_turned.png", soft, format="PNG", exif=turned)
save("grey16.png", Image.fromarray((x * 20 + y * 5).astype(np.uint16)), format="PNG")
save("grey16.tiff", Image.fromarray((x * 20 + y * 5).astype(np.uint16)), format="TIFF")
save("grey.bmp", grey, format="BMP")
save("bit.bmp", grey.convert("1"), format="BMP")
save("palette.bmp", soft.quantize(16), format="BMP")
save("rgba.bmp", rgba, format="BMP")
save("grey.tiff", grey, format="TIFF")
save("bit.tiff", grey.convert("1"), format="TIFF", compression="group4")
save("palette.tiff", soft.quantize(16), format="TIFF")
save("rgba.tiff", rgba, format="TIFF")
save("deflate.tiff", soft, format="TIFF", compression="tiff_adobe_deflate")
save("packbits.tiff", soft, format="TIFF", compression="packbits")
other = Image.fromarray(255 - rgb)
save("animated.gif", soft.quantize(32), format="GIF", save_all=True, append_images=[other.quantize(32)], duration=50)
save("animated.png", soft, format="PNG", save_all=True, append_images=[other], duration=50)
save("animated.webp", soft, format="WEBP", lossless=True, save_all=True, append_images=[other], duration=50)
save("animated_lossy.webp", rgba, format="WEBP", quality=80, save_all=True, append_images=[other.convert("RGBA")], duration=50)


def png16(name, pixels, kind):
    """A PNG of 16 bits a channel, which Pillow reads but does not write."""
    def chunk(tag, body):
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", W, H, 16, kind, 0, 0, 0)
    files[name] = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


wide = np.random.default_rng(2).integers(0, 65536, (H, W, 4))
png16("rgb16.png", wide[..., :3], 2)
png16("rgba16.png", wide, 6)
png16("grey_alpha16.png", wide[..., :2], 4)

def small_frame(name, **kw):
    """A GIF whose frame is 9x7 pixels at (4, 3) of the canvas."""
    save(name, soft.crop((0, 0, 9, 7)).quantize(8), format="GIF", **kw)
    raw = bytearray(files[name])
    raw[6:10] = struct.pack("<HH", W, H)
    at = raw.index(b"\x2c\0\0\0\0" + struct.pack("<HH", 9, 7))
    raw[at + 1 : at + 5] = struct.pack("<HH", 4, 3)
    files[name] = bytes(raw)


small_frame("frame.gif")
small_frame("frame_transparent.gif", transparency=2)

# YCCK: Adobe's marker of the CMYK file names another transform of the same samples.
at = files["cmyk.jpg"].index(b"Adobe") + 11
files["ycck.jpg"] = files["cmyk.jpg"][:at] + b"\2" + files["cmyk.jpg"][at + 1 :]

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
