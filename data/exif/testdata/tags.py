# Makes ../tags.tsv, the names that ExifRead 3.0.1 gives tags, and with what it
# reads an IFD, or a value, by. Run in this folder by a Python with img2dataset.
from exifread.tags import exif
from exifread.utils import make_string, make_string_uc

with open("../tags.tsv", "w") as f:
    for ifd, table in [("main", exif.EXIF_TAGS), ("GPS", exif.GPS_TAGS), ("Interoperability", exif.INTEROP_TAGS)]:
        for tag, entry in sorted(table.items()):
            how = ""
            if len(entry) > 1 and isinstance(entry[1], tuple):
                how = "ifd " + entry[1][0]
            elif len(entry) > 1 and entry[1] in (make_string, make_string_uc):
                how = "text"
            elif len(entry) > 1:
                how = "one of " + "|".join(f"{k}={v}" for k, v in entry[1].items())
            f.write(f"{ifd}\t{tag:04x}\t{entry[0]}\t{how}\n".rstrip("\t\n") + "\n" if not how else f"{ifd}\t{tag:04x}\t{entry[0]}\t{how}\n")
