"""Peer of TestFetchAgainstImg2dataset: each line on stdin, "LIST FOLDER", is
fetched by img2dataset with one process of 32 threads; the answer is a line
"CPU-seconds peak-MiB images", of its processes too.
"""
import contextlib, glob, io, json, os, resource, sys

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
from img2dataset import download


def used():
    return sum(u.ru_utime + u.ru_stime for u in (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


if __name__ == "__main__":
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what img2dataset prints is no answer
    sys.stderr = open(os.devnull, "w")
    os.dup2(sys.stderr.fileno(), 2)
    for line in sys.stdin:
        urls, folder = line.split()
        start = used()
        with contextlib.redirect_stdout(io.StringIO()):
            download(url_list=urls, input_format="parquet", url_col="url", caption_col="caption", output_format="webdataset", output_folder=folder, processes_count=1,
                     thread_count=32, image_size=256, resize_mode="border", enable_wandb=False)
        images = sum(json.load(open(f))["successes"] for f in glob.glob(f"{folder}/*_stats.json"))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"{used() - start:.6f} {peak:.1f} {images}", file=out, flush=True)
