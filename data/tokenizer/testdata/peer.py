"""The reference's tokenizer, timed on request: peer.py MERGES.txt.gz CAPTIONS KIND.

KIND is "openai": the algorithm of OpenAI's simple_tokenizer.py in Python, as that
file does it (cleaning with ftfy where it is installed, html unescaping twice, the
regex package's pattern, a merge loop over pairs, a cache of words); or
"huggingface": Hugging Face's tokenizers library, in Rust, loaded from the
tokenizer.json named instead of MERGES.txt.gz, one thread.

It prints the ids of the first caption, then for each line read the seconds of
processor time that all captions took, as rows of 77.
"""
import gzip
import html
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"


def byte_chars():
    keep = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = [b for b in range(256) if b not in keep]
    return {b: chr(b) for b in keep} | {b: chr(256 + i) for i, b in enumerate(rest)}, keep + rest


class OpenAI:
    def __init__(self, path):
        import regex
        try:
            import ftfy
            self.fix = ftfy.fix_text
        except ImportError:
            self.fix = lambda text: text
        self.chars, order = byte_chars()
        lines = gzip.open(path).read().decode("utf-8").split("\n")[1 : 49152 - 256 - 2 + 1]
        merges = [tuple(line.split()) for line in lines]
        vocab = [self.chars[b] for b in order]
        vocab += [v + "</w>" for v in vocab] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
        self.ids = {v: i for i, v in enumerate(vocab)}
        self.ranks = {m: i for i, m in enumerate(merges)}
        self.cache = {"<|startoftext|>": "<|startoftext|>", "<|endoftext|>": "<|endoftext|>"}
        self.pattern = regex.compile(
            r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE)
        self.space = regex.compile(r"\s+")

    def bpe(self, token):
        if token in self.cache:
            return self.cache[token]
        word = (*token[:-1], token[-1] + "</w>")
        while len(word) > 1:
            pairs = {p for p in zip(word, word[1:])}
            best = min(pairs, key=lambda p: self.ranks.get(p, float("inf")))
            if best not in self.ranks:
                break
            merged, i = [], 0
            while i < len(word):
                if i + 1 < len(word) and (word[i], word[i + 1]) == best:
                    merged.append(word[i] + word[i + 1])
                    i += 2
                else:
                    merged.append(word[i])
                    i += 1
            word = tuple(merged)
        self.cache[token] = " ".join(word)
        return self.cache[token]

    def encode(self, text):
        text = html.unescape(html.unescape(self.fix(text))).strip()
        text = self.space.sub(" ", text).strip().lower()
        ids = [49406]
        for token in self.pattern.findall(text):
            token = "".join(self.chars[b] for b in token.encode("utf-8"))
            ids.extend(self.ids[t] for t in self.bpe(token).split(" "))
        ids = ids[:76] + [49407]
        return ids + [0] * (77 - len(ids))

    def encode_all(self, texts):
        return [self.encode(t) for t in texts]


class HuggingFace:
    def __init__(self, path):
        from tokenizers import Tokenizer
        self.tok = Tokenizer.from_file(path)

    def encode(self, text):
        return self.tok.encode(text).ids

    def encode_all(self, texts):
        return [e.ids for e in self.tok.encode_batch(texts)]


if __name__ == "__main__":
    vocabulary, captions, kind = sys.argv[1:]
    tok = {"openai": OpenAI, "huggingface": HuggingFace}[kind](vocabulary)
    texts = open(captions, encoding="utf-8").read().split("\n")[:-1]
    print(*tok.encode(texts[0]), flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        tok.encode_all(texts)
        print(time.process_time() - start, flush=True)
