"""Reads what we wrote, and writes what we read, with the packages of others.

  interop.py write DIR   an index of each kind by faiss, embeddings by numpy and
                         pyarrow, a tar by webdataset, a shard by img2dataset
  interop.py read DIR    what TestInterop wrote; a line "ok NAME" or "no NAME: why"
                         for each reader, "absent NAME" for a package that is not there
"""
import glob, hashlib, importlib.util, io, json, os, shutil, sys, types
import numpy as np

ROWS, DIM, K = 300, 16, 5


def vectors(seed):
    v = np.random.default_rng(seed).standard_normal((ROWS, DIM)).astype("f2").astype("f4")
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def write(folder):
    import faiss, pyarrow as pa, pyarrow.parquet as pq, webdataset as wds
    faiss.omp_set_num_threads(1)
    os.makedirs(folder, exist_ok=True)
    image, text, queries = vectors(1), vectors(2), vectors(3)[:20]
    np.save(f"{folder}/queries.npy", queries)
    for name, key, params in [
        ("flat", "Flat", {"kind": "flat"}),
        ("ivf-flat", "IVF8,Flat", {"kind": "ivf-flat", "lists": 8, "probes": 3, "trainSize": ROWS}),
        ("hnsw", "HNSW8", {"kind": "hnsw", "m": 8, "efConstruction": 40, "efSearch": 64}),
        ("ivf-pq", "IVF4,PQ4x4np", {"kind": "factory", "factory": "IVF4,PQ4x4np", "probes": 4}),
        ("opq", "OPQ4_16,IVF4,PQ4x4np", {"kind": "factory", "factory": "OPQ4_16,IVF4,PQ4x4np", "probes": 4}),
    ]:
        index = faiss.index_factory(DIM, key, faiss.METRIC_INNER_PRODUCT)
        index.train(image)
        index.add(image)
        path = f"{folder}/{name}.index"
        faiss.write_index(index, path)
        raw = open(path, "rb").read()
        # What autofaiss writes beside an index, and what we ask for besides.
        json.dump({"index_key": key, "index_param": "", "nb vectors": ROWS, "vectors dimension": DIM, "size in bytes": len(raw), "metric": "ip",
                   "trained on": 0 if key in ("Flat", "HNSW8") else ROWS, "sha256": hashlib.sha256(raw).hexdigest(), "params": params}, open(path + ".json", "w"))
        if "probes" in params:
            faiss.extract_index_ivf(index).nprobe = params["probes"]
        if "efSearch" in params:
            index.hnsw.efSearch = params["efSearch"]
        scores, rows = index.search(queries, K)
        np.save(f"{folder}/{name}.rows.npy", rows.astype("i8"))
        np.save(f"{folder}/{name}.scores.npy", scores)
    for side, v in [("img", image), ("text", text)]:
        os.makedirs(f"{folder}/{side}_emb", exist_ok=True)
        for part, at in enumerate([0, 200]):
            np.save(f"{folder}/{side}_emb/{side}_emb_{part}.npy", v[at : at + 200].astype("f2"))
    os.makedirs(f"{folder}/metadata", exist_ok=True)
    for part, at in enumerate([0, 200]):
        rows = range(at, min(at + 200, ROWS))
        pq.write_table(pa.table({"image_path": [f"{i:09d}" for i in rows], "caption": [f"caption {i} é" for i in rows], "url": [f"https://a.invalid/{i}.jpg" for i in rows],
                                 "similarity": [i / ROWS for i in rows], "NSFW": ["UNLIKELY"] * len(rows)}), f"{folder}/metadata/metadata_{part}.parquet")
    with wds.TarWriter(f"{folder}/webdataset.tar") as tar:
        for i in reversed(range(10)):
            tar.write({"__key__": f"{i:09d}", "png": png(i), "txt": f"caption {i} é", "json": {"url": f"https://a.invalid/{i}.png", "caption": "other", "key": f"{i:09d}"}})
    img2dataset_shard(folder)


def png(i):
    from PIL import Image
    out = io.BytesIO()
    Image.fromarray(np.full((9, 12, 3), 20 * i, "u1")).save(out, "png")
    return out.getvalue()


def img2dataset_shard(folder):
    """One shard by img2dataset itself, of files and of two that are not there."""
    import pyarrow as pa, pyarrow.parquet as pq, tempfile
    from img2dataset import download
    with tempfile.TemporaryDirectory() as tmp:
        os.makedirs(f"{tmp}/in")
        urls = []
        for i in range(8):
            open(f"{tmp}/in/{i}.png", "wb").write(png(i))
            urls.append(f"file://{tmp}/in/{i if i < 6 else 'gone'}.png?{i}")
            if i < 6:
                os.rename(f"{tmp}/in/{i}.png", f"{tmp}/in/{i}.png?{i}")
                urls[-1] = urls[-1].replace("?", "%3F")
        pq.write_table(pa.table({"url": urls, "caption": [f"caption {i} é" for i in range(8)]}), f"{tmp}/list.parquet")
        download(url_list=f"{tmp}/list.parquet", input_format="parquet", url_col="url", caption_col="caption", output_format="webdataset", output_folder=f"{tmp}/out",
                 processes_count=1, thread_count=2, image_size=8, resize_mode="keep_ratio", enable_wandb=False)
        os.makedirs(f"{folder}/img2dataset", exist_ok=True)
        for name in ["00000.tar", "00000.parquet", "00000_stats.json"]:
            shutil.move(f"{tmp}/out/{name}", f"{folder}/img2dataset/{name}")


def check(ok, why):
    if not ok:
        raise AssertionError(why)


def read_faiss(folder):
    import faiss
    queries = np.load(f"{folder}/queries.npy")
    for name in sorted(glob.glob(f"{folder}/*.index")):
        index = faiss.read_index(name)
        side = json.load(open(name + ".json"))
        check((index.ntotal, index.d, index.metric_type) == (side["nb vectors"], side["vectors dimension"], faiss.METRIC_INNER_PRODUCT), f"{name}: header")
        if side["index_param"]:
            faiss.ParameterSpace().set_index_parameters(index, side["index_param"])
        scores, rows = index.search(queries, K)
        want, wanted = np.load(name[: -len("index")] + "rows.npy"), np.load(name[: -len("index")] + "scores.npy")
        same = (rows == want.reshape(-1, K)).mean()
        check(same >= 0.98, f"{name}: {same:.3f} of the rows are ours")
        check(np.abs(np.sort(scores) - np.sort(wanted.reshape(-1, K))).max() < 1e-3, f"{name}: scores")


def read_numpy(folder):
    for side in ["img", "text"]:
        v = np.concatenate([np.load(f) for f in sorted(glob.glob(f"{folder}/{side}_emb/*.npy"))])
        check(v.dtype == np.float16 and v.shape == (ROWS, DIM), f"{side}: {v.dtype} {v.shape}")
        check(np.abs(np.linalg.norm(v.astype("f4"), axis=1) - 1).max() < 0.01, f"{side}: lengths")
        check(np.abs(v.astype("f4") - np.load(f"{folder}/{side}.npy")).max() < 1e-3, f"{side}: values")


def read_embedding_reader(folder):
    from embedding_reader import EmbeddingReader
    plain = EmbeddingReader(embeddings_folder=f"{folder}/img_emb", file_format="npy")
    check((plain.count, plain.dimension) == (ROWS, DIM), f"{plain.count} rows of {plain.dimension}")
    both = EmbeddingReader(embeddings_folder=f"{folder}/img_emb", metadata_folder=f"{folder}/metadata", meta_columns=["image_path", "caption"], file_format="parquet_npy")
    got = np.zeros((ROWS, DIM), "f4")
    for emb, meta in both(batch_size=77):
        for row, (_, m) in zip(emb, meta.iterrows()):
            i = int(m["image_path"])
            check(m["caption"] == f"caption {i} é", f"row {i}: {m['caption']}")
            got[i] = row
    check(np.abs(got - np.load(f"{folder}/img.npy")).max() < 1e-3, "values by key")


def read_pyarrow(folder):
    import pyarrow.parquet as pq
    for name in glob.glob(f"{folder}/metadata/*.parquet") + glob.glob(f"{folder}/fetched/*.parquet") + [f"{folder}/pool.parquet", f"{folder}/hits.parquet"]:
        t = pq.read_table(name)
        check(t.num_rows > 0 and pq.ParquetFile(name).num_row_groups == 1, f"{name}: {t.num_rows} rows in {pq.ParquetFile(name).num_row_groups} groups")
    t = pq.read_table(f"{folder}/pool.parquet").to_pydict()
    check(t["TEXT"][7] == "caption 7 é" and t["SAMPLE_ID"] == list(range(ROWS)) and t["NSFW"][0] == "UNLIKELY", "pool.parquet")


def read_duckdb(folder):
    import duckdb
    n, last, mean = duckdb.sql(f"select count(*), max(TEXT), avg(similarity) from '{folder}/pool.parquet' where WIDTH >= 100").fetchall()[0]
    check(n == ROWS and last == "caption 99 é" and abs(mean - 0.5 * (ROWS - 1) / ROWS) < 1e-9, f"pool: {n} {last} {mean}")
    n = duckdb.sql(f"select count(*) from '{folder}/fetched/*.parquet' where status = 'success' and length(sha256) = 64").fetchall()[0][0]
    check(n == 10, f"fetched: {n}")
    n = duckdb.sql(f"select count(distinct query) from '{folder}/hits.parquet'").fetchall()[0][0]
    check(n == 20, f"hits: {n}")


def read_webdataset(folder):
    import webdataset as wds
    for name in ["shards", "fetched"]:
        seen = []
        for s in wds.WebDataset(f"{folder}/{name}/00000.tar", shardshuffle=False).decode("rgb8"):
            image = s.get("jpg", s.get("png"))
            check(image.ndim == 3 and s["txt"].startswith("caption ") and s["json"]["key"] == s["__key__"], f"{name}: {s['__key__']}")
            seen.append(s["__key__"])
        check(len(seen) == 10 and seen == sorted(seen), f"{name}: {seen}")


def read_img2dataset(folder):
    """A folder that fetch wrote is one that img2dataset finds done, and whose
    counts its logger reads."""
    from img2dataset.logger import LoggerProcess  # the reader of *_stats.json
    stats = json.load(open(f"{folder}/fetched/00000_stats.json"))
    check(set(stats) == {"count", "successes", "failed_to_download", "failed_to_resize", "duration", "start_time", "end_time", "status_dict"}, f"{sorted(stats)}")
    done = [int(os.path.basename(f).split("_")[0]) for f in glob.glob(f"{folder}/fetched/*.json")]  # as main.py does
    check(done == [0], f"{done}")
    import pyarrow.parquet as pq
    table = pq.read_table(f"{folder}/fetched/00000.parquet")
    for name, kind in dict(url="string", caption="string", key="string", status="string", error_message="string", width="int32", height="int32", original_width="int32",
                           original_height="int32", exif="string", sha256="string").items():
        check(name in table.column_names and str(table.schema.field(name).type) == kind, f"column {name}: {table.schema}")
    for row in table.to_pylist():
        check((row["exif"] is None) == (row["status"] != "success") and json.loads(row["exif"] or "{}") == {}, f"exif of {row}")


def read_clip_retrieval(folder):
    # The package's __init__ imports its inference and with it torch, gigabytes;
    # the back end needs torch to encode, and not for a query that is an embedding.
    package = types.ModuleType("clip_retrieval")
    package.__path__ = importlib.util.find_spec("clip_retrieval").submodule_search_locations
    sys.modules["clip_retrieval"] = package
    sys.modules.setdefault("torch", types.ModuleType("torch"))
    from clip_retrieval.clip_back import ClipResource, KnnService, load_index, load_metadata_provider
    image, text = load_index(f"{folder}/image.index", True), load_index(f"{folder}/text.index", False)
    columns = ["url", "image_path", "caption"]
    for hdf5 in [False, True]:
        provider, _ = load_metadata_provider(folder, hdf5, False, image, columns, False)
        service = KnnService(clip_resources={"ours": ClipResource("cpu", None, None, None, None, None, None, provider, image, text, None, columns, False, None)})
        for modality, name in [("image", "img"), ("text", "text")]:
            v = np.load(f"{folder}/{name}.npy")
            for i in [0, 123, ROWS - 1]:
                got = service.query(embedding_input=v[i].tolist(), modality=modality, num_images=3, num_result_ids=3, deduplicate=False)
                check(got[0]["id"] == i and got[0]["caption"] == f"caption {i} é" and got[0]["image_path"] == f"{i:09d}" and abs(got[0]["similarity"] - 1) < 0.01, f"{modality} {i}: {got[0]}")


def read_autofaiss(folder):
    """autofaiss scores an index of ours against our embeddings, and what it writes
    beside an index is there under its names."""
    from autofaiss import score_index
    side = json.load(open(f"{folder}/hnsw.index.json"))
    for key in ["index_key", "index_param", "nb vectors", "vectors dimension", "size in bytes"]:
        check(key in side, key)
    score = score_index(f"{folder}/hnsw.index", f"{folder}/img_emb", save_on_disk=False, current_memory_available="2G")
    check(score["nb vectors"] == ROWS and score["1-recall@20"] > 0.95, f"{score}")


def read(folder):
    for name, package, fn in [("faiss", "faiss", read_faiss), ("numpy", "numpy", read_numpy), ("embedding-reader", "embedding_reader", read_embedding_reader),
                              ("pyarrow", "pyarrow", read_pyarrow), ("duckdb", "duckdb", read_duckdb), ("webdataset", "webdataset", read_webdataset),
                              ("img2dataset", "img2dataset", read_img2dataset), ("autofaiss", "autofaiss", read_autofaiss), ("clip-retrieval", "clip_retrieval", read_clip_retrieval)]:
        if importlib.util.find_spec(package) is None:
            print("absent", name)
            continue
        try:
            fn(folder)
            print("ok", name)
        except Exception as e:  # the next reader is asked all the same
            print(f"no {name}: {type(e).__name__}: {e}".replace("\n", " "))


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](sys.argv[2])
