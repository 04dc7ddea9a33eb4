# Makes the images here, and beside each NAME.json: what img2dataset 1.47 stores as
# its EXIF data by the ExifRead that it pins, here with the bytes that a file has
# where that reads each single byte as 0. Run in this folder by a Python with
# img2dataset and Pillow.
import io, json, struct
import exifread
from exifread.classes import ExifHeader
from PIL import Image

def s2n(self, offset, length, signed=False, was=ExifHeader.s2n):
    if length != 1:
        return was(self, offset, length, signed)
    self.file_handle.seek(self.offset + offset)
    buf = self.file_handle.read(1)
    return struct.unpack("b" if signed else "B", buf)[0] if buf else 0

ExifHeader.s2n = s2n
SIZE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
FMT = {1: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d"}

def tiff(e, ifds):
    """ifds: lists of (tag, type, values); a value "@N" is the place of IFD N; the first two are chained."""
    places, at = [], 8
    for ifd in ifds:
        places.append(at)
        at += 2 + 12 * len(ifd) + 4 + sum(n + n % 2 for n in (len(data(e, t, v, [0] * 9)) for _, t, v in ifd) if n > 4)
    out = (b"II*\0" if e == "<" else b"MM\0*") + struct.pack(e + "I", 8)
    for i, ifd in enumerate(ifds):
        head, tail = struct.pack(e + "H", len(ifd)), b""
        for tag, t, v in ifd:
            raw = data(e, t, v, places)
            count = len(raw) // SIZE.get(t, 1)
            head += struct.pack(e + "HHI", tag, t, count)
            if len(raw) <= 4:
                head += raw.ljust(4, b"\0")
                continue
            head += struct.pack(e + "I", places[i] + 2 + 12 * len(ifd) + 4 + len(tail))
            tail += raw + b"\0" * (len(raw) % 2)
        out += head + struct.pack(e + "I", places[1] if i == 0 and len(ifds) > 1 else 0) + tail
    return out

def data(e, t, v, places):
    if isinstance(v, bytes):
        return v
    if isinstance(v, str):
        return struct.pack(e + "I", places[int(v[1:])])
    return b"".join(struct.pack(e + FMT[t], *(x if isinstance(x, tuple) else (x,))) for x in v)

image = [(0x010E, 2, "Grüße\0".encode()), (0x010F, 2, b"ACME \0"), (0x0110, 2, b"Model \xe9\0"), (0x0112, 3, [6]), (0x011A, 5, [(72, 1)]), (0x011B, 5, [(144, 4)]),
         (0x0128, 3, [2]), (0x0131, 2, b"a\"b\\c\0d"), (0x0132, 2, b"2021:01:02 03:04:05\0"), (0x02BC, 1, b"<xmp/>"), (0x9C9B, 1, "Tïtle\0".encode("utf-16-le")),
         (0x8769, 4, "@2"), (0x8825, 4, "@3"), (0xABCD, 3, [1, 2, 3])]
thumb = [(0x0103, 3, [6]), (0x0201, 4, [900]), (0x0202, 4, [0])]
exif = [(0x829A, 5, [(10, 600)]), (0x829D, 5, [(28, 10)]), (0x8822, 3, [99]), (0x8827, 3, [100, 200]), (0x9000, 7, b"0220"), (0x9003, 2, b"2021:01:02 03:04:05\0"),
        (0x9101, 7, bytes([1, 2, 3, 0])), (0x9204, 10, [(-1, 3)]), (0x9205, 5, [(3, 0)]), (0x9209, 3, [25]), (0x927C, 7, b"maker's own"), (0x9286, 7, b"ASCII\0\0\0hello"),
        (0x9291, 2, b"07\0"), (0xA000, 7, b"0100"), (0xA001, 3, [1]), (0xA005, 4, "@4"), (0xA300, 7, b"\3"), (0xA301, 7, b"\1"), (0xA420, 2, b""), (0xA432, 5, [(24, 1), (70, 1), (28, 10), (0, 0)]),
        (0xA500, 5, [(11, 5)]), (0xEA1C, 7, bytes(2000)), (0xC61A, 3, list(range(60))), (0xFDE8, 2, b"x"), (0x920D, 8, [-5, 5]), (0x9211, 99, b"abcd"), (0x9215, 11, [0.5, 1e20]), (0xA20B, 12, [3.0])]
gps = [(0, 1, [2, 3, 0, 0]), (1, 2, b"N\0"), (2, 5, [(39, 1), (30, 1), (1234, 100)]), (3, 2, b"W\0"), (5, 1, [1]), (6, 5, [(0, 7)]), (0x1D, 2, b"2021:01:02\0"), (0x1B, 7, b"ASCII\0\0\0GPS")]
inter = [(1, 2, b"R98\0"), (2, 7, b"0100")]
all_of_it = [image, thumb, exif, gps, inter]

def picture(format, side=4, **options):
    b = io.BytesIO()
    Image.new("RGB", (side, side), (200, 30, 60)).save(b, format, **options)
    return b.getvalue()

little, big = tiff("<", all_of_it), tiff(">", all_of_it)
jpeg = picture("JPEG", quality=30)
app1 = lambda t: b"\xff\xe1" + struct.pack(">H", 8 + len(t)) + b"Exif\0\0" + t
files = {
    "little.jpg": jpeg[:20] + app1(little) + jpeg[20:],  # behind JFIF
    "big.jpg": jpeg[:2] + app1(big) + jpeg[2:],
    "none.jpg": jpeg,
    "none.png": picture("PNG"),
    # ExifRead does not find what stands behind a chunk of odd length; we do.
    "still.webp": next(w for w in (picture("WEBP", side, lossless=True, exif=little) for side in range(2, 99)) if w[34] % 2 == 0),
    "scan.tif": picture("TIFF"),
    "loop.jpg": jpeg[:2] + app1(b"MM\0*" + struct.pack(">IHHHIII", 8, 1, 0x0100, 3, 1, 7 << 16, 8)) + jpeg[2:],
}
for name, raw in files.items():
    open(name, "wb").write(raw)
    tags = exifread.process_file(io.BytesIO(raw), details=False)
    open(name + ".json", "w").write(json.dumps({k: str(v).strip() for k, v in tags.items() if v is not None}))
