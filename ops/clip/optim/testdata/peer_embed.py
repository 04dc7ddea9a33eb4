"""A CLIP image tower in PyTorch on the weights of a safetensors file, for TestEmbeddingAgainstPeers.

peer_embed.py HOW WEIGHTS PIXELS OUT THREADS HEADS PATCH LAYERS: embeds the float32 pixels [n, 3, S, S] of a file, writes the
embeddings to OUT, says what it is, and then answers each line on standard input with the milliseconds of one more pass by the
clock and of processor time. HOW is eager or compiled (torch.compile).
"""
import json
import math
import os
import sys
import time

import numpy
import torch
import torch.nn.functional as F


def load(path):
    with open(path, "rb") as f:
        head = int.from_bytes(f.read(8), "little")
        entries = json.loads(f.read(head))
        data = numpy.frombuffer(f.read(), numpy.uint8)
    entries.pop("__metadata__", None)
    return {name: torch.from_numpy(data[slice(*e["data_offsets"])].copy().view(numpy.float32).reshape(e["shape"]))
            for name, e in entries.items() if name.startswith("visual.")}


def attention(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v)
    return (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1) @ v


class Tower(torch.nn.Module):
    def __init__(self, weights, heads, patch, layers):
        super().__init__()
        self.names = {name: name.replace(".", "_") for name in weights}
        for name, w in weights.items():
            self.register_buffer(self.names[name], w)
        self.heads, self.patch, self.layers = heads, patch, layers

    def at(self, name):
        return getattr(self, self.names["visual." + name])

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.at(name + ".weight"), self.at(name + ".bias"))

    def block(self, x, name):
        b, t, w = x.shape
        h = F.linear(self.norm(x, name + ".ln_1"), self.at(name + ".attn.in_proj_weight"), self.at(name + ".attn.in_proj_bias"))
        q, k, v = h.view(b, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        h = attention(q, k, v).transpose(1, 2).reshape(b, t, w)
        x = x + F.linear(h, self.at(name + ".attn.out_proj.weight"), self.at(name + ".attn.out_proj.bias"))
        h = F.linear(self.norm(x, name + ".ln_2"), self.at(name + ".mlp.c_fc.weight"), self.at(name + ".mlp.c_fc.bias"))
        return x + F.linear(F.gelu(h), self.at(name + ".mlp.c_proj.weight"), self.at(name + ".mlp.c_proj.bias"))

    def forward(self, x):
        x = F.conv2d(x, self.at("conv1.weight"), stride=self.patch).flatten(2).transpose(1, 2)
        x = torch.cat([self.at("class_embedding").expand(x.shape[0], 1, -1), x], 1) + self.at("positional_embedding")
        x = self.norm(x, "ln_pre")
        for i in range(self.layers):
            x = self.block(x, f"transformer.resblocks.{i}")
        return F.normalize(self.norm(x[:, 0], "ln_post") @ self.at("proj"), dim=-1)


def main():
    how, weights, pixels, out, threads, heads, patch, layers = sys.argv[1:]
    torch.set_num_threads(int(threads))
    tower = Tower(load(weights), int(heads), int(patch), int(layers)).eval()
    if how == "compiled":
        tower = torch.compile(tower)
    flat = torch.from_numpy(numpy.fromfile(pixels, numpy.float32))
    side = 224
    x = flat.reshape(-1, 3, side, side)
    context = getattr(torch, "inference_mode", torch.no_grad)
    with context():
        tower(x).numpy().tofile(out)
        core = os.environ.get("OPENBLAS_CORETYPE", "")
        print("PyTorch", torch.__version__.split("+")[0] + ("" if how == "eager" else " compiled") + (" OPENBLAS_CORETYPE=" + core if core else ""), flush=True)
        for _ in sys.stdin:
            start, cpu = time.perf_counter(), time.process_time()
            tower(x)
            print((time.perf_counter() - start) * 1e3, (time.process_time() - cpu) * 1e3, flush=True)


main()
