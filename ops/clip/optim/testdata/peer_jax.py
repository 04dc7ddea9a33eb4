"""The peers' works in JAX, each one jit: the step of peer_step.py, and the image tower of peer_embed.py.

peer_jax.py step: reads lines "mode cached steps" and answers as peer_step.py does. Weights and batch are those of peer_step.py, and the
losses of three steps must be PyTorch's before anything is timed.
peer_jax.py embed WEIGHTS PIXELS OUT HEADS PATCH LAYERS: reads, writes and answers as peer_embed.py does.
"""
import functools
import math
import os
import sys
import time

import jax
import jax.numpy as jnp
import numpy


def norm(x, p, name):
    x = x - x.mean(-1, keepdims=True)
    return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5) * p[name + ".weight"] + p[name + ".bias"]


def linear(x, weight, bias):
    return x @ weight.T + bias


def attention(x, heads, inp, out, mask=None):
    b, t, w = x.shape
    q, k, v = jnp.moveaxis(linear(x, *inp).reshape(b, t, 3, heads, w // heads), 2, 0)
    s = jnp.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(w // heads)
    s = jax.nn.softmax(s if mask is None else s + mask, axis=-1)
    return linear(jnp.einsum("bhqk,bkhd->bqhd", s, v).reshape(b, t, w), *out)


def patches(pixels, kernel, patch):
    x = jax.lax.conv_general_dilated(pixels, kernel, (patch, patch), "VALID")
    return x.reshape(*x.shape[:2], -1).swapaxes(1, 2)


def unit(x):
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True)


def timed(run):
    """Milliseconds of a run by the clock, and of processor time."""
    start, cpu = time.perf_counter(), time.process_time()
    run()
    return (time.perf_counter() - start) * 1e3, (time.process_time() - cpu) * 1e3


class Step:
    """A work of peer_step.py, its names of weights kept."""

    def __init__(self, mode, cached):
        import torch
        import peer_step as peer
        self.peer, self.mode, self.cached = peer, mode, cached
        theirs = peer.Run(mode, cached)
        weights = {"visual." + n: w for n, w in theirs.visual.state_dict().items()}
        weights |= {"text." + n: w for n, w in theirs.text.state_dict().items()}
        trained = {"visual." + n for n, w in theirs.visual.named_parameters() if w.requires_grad}
        trained |= {"text." + n for n, w in theirs.text.named_parameters() if w.requires_grad}
        weights = {n: jnp.asarray(w.numpy()) for n, w in weights.items()} | {"scale": jnp.asarray(theirs.scale.detach().numpy())}
        self.train = {n: w for n, w in weights.items() if n in trained or n == "scale"}
        self.frozen = {n: w for n, w in weights.items() if n not in self.train}
        self.moments = [{n: jnp.zeros_like(w) for n, w in self.train.items()} for _ in range(2)]
        self.count = jnp.zeros((), jnp.int32)
        self.batch = tuple(jnp.asarray(x.numpy()) for x in (theirs.pixels, theirs.ids, theirs.features))
        if mode == "forward":
            return
        for _ in range(3):
            ours, torchs = self.step(), theirs.step()
            if abs(ours - torchs) > 1e-4:
                sys.exit(f"{mode}: the loss is {ours} in JAX and {torchs} in PyTorch")

    def block(self, p, name, x, mask=None):
        a, m = jnp.tanh(p[name + ".alphas"]) if name + ".alphas" in p else (1, 1)
        at = [(p[f"{name}.{part}.weight"], p[f"{name}.{part}.bias"]) for part in ("attn.inp", "attn.out", "fc", "proj")]
        x = x + a * attention(norm(x, p, name + ".ln_1"), self.peer.HEADS, at[0], at[1], mask)
        h = linear(norm(x, p, name + ".ln_2"), *at[2])
        return x + m * linear(h * jax.nn.sigmoid(1.702 * h), *at[3])

    def image(self, p, pixels):
        x = patches(pixels, p["visual.conv.weight"], self.peer.PATCH)
        x = jnp.concatenate([jnp.broadcast_to(p["visual.cls"], (x.shape[0], 1, x.shape[2])), x], 1) + p["visual.pos"]
        x = norm(x, p, "visual.ln_pre")
        gates = self.peer.GATES if self.mode == "gated-image" else 0
        for i in range(self.peer.LAYERS):
            if i >= self.peer.LAYERS - gates:
                x = self.block(p, f"visual.gates.{i - self.peer.LAYERS + gates}", x)
            x = self.block(p, f"visual.blocks.{i}", x)
        return unit(norm(x[:, 0], p, "visual.ln_post") @ p["visual.proj"])

    def caption(self, p, ids):
        x = p["text.table.weight"][ids] + p["text.pos"]
        for i in range(self.peer.LAYERS):
            x = self.block(p, f"text.blocks.{i}", x, p["text.mask"])
        x = norm(x, p, "text.ln")
        return unit(x[jnp.arange(ids.shape[0]), ids.argmax(-1)] @ p["text.proj"])

    def loss(self, train, frozen, batch):
        pixels, ids, features = batch
        p = frozen | train
        u = self.image(p, pixels)
        v = features if self.cached else self.caption(p, ids)
        mask = jax.lax.stop_gradient(((v @ v.T >= 0.9) | jnp.eye(len(v), dtype=bool)).astype(jnp.float32))
        logits = jnp.exp(p["scale"]) * u @ v.T
        rows = (jax.nn.log_softmax(logits, 1) * mask).sum(1) / mask.sum(1)
        columns = (jax.nn.log_softmax(logits, 0) * mask).sum(0) / mask.sum(0)
        return -rows.mean() - columns.mean()

    @functools.partial(jax.jit, static_argnums=0, donate_argnums=(1, 2, 3))
    def update(self, train, m, v, count, frozen, batch):
        """AdamW on gradients of norm 1 at most."""
        loss, g = jax.value_and_grad(self.loss)(train, frozen, batch)
        size = jnp.sqrt(sum((x * x).sum() for x in g.values()))
        g = {n: x * jnp.minimum(1, 1 / (size + 1e-6)) for n, x in g.items()}
        count = count + 1
        m = {n: 0.9 * m[n] + 0.1 * x for n, x in g.items()}
        v = {n: 0.98 * v[n] + 0.02 * x * x for n, x in g.items()}
        first, second = 1 - 0.9 ** count.astype(jnp.float32), 1 - 0.98 ** count.astype(jnp.float32)
        new = {}
        for n, w in train.items():
            decay = 0.1 if w.ndim > 1 else 0.0
            new[n] = w * (1 - 1e-4 * decay) - 1e-4 * (m[n] / first) / (jnp.sqrt(v[n] / second) + 1e-6)
        new["scale"] = jnp.clip(new["scale"], 0, math.log(100))
        return new, m, v, count, loss

    @functools.partial(jax.jit, static_argnums=0)
    def forward(self, p, pixels, ids):
        return self.image(p, pixels), self.caption(p, ids)

    def step(self):
        if self.mode == "forward":
            jax.block_until_ready(self.forward(self.frozen | self.train, *self.batch[:2]))
            return 0
        self.train, *self.moments, self.count, loss = self.update(self.train, *self.moments, self.count, self.frozen, self.batch)
        return float(loss)


def steps():
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    print("JAX", jax.__version__, "jit", flush=True)
    runs = {}
    for line in sys.stdin:
        mode, cached, count = line.split()
        key = mode, cached == "true"
        if key not in runs:
            runs[key] = Step(*key)
            runs[key].step()
        wall, cpu = timed(lambda: [runs[key].step() for _ in range(int(count))])
        print(wall / int(count), cpu / int(count), flush=True)


def embed(weights, pixels, out, heads, patch, layers):
    import json
    with open(weights, "rb") as f:
        head = int.from_bytes(f.read(8), "little")
        entries = json.loads(f.read(head))
        data = numpy.frombuffer(f.read(), numpy.uint8)
    p = {n.removeprefix("visual."): jnp.asarray(data[slice(*e["data_offsets"])].copy().view(numpy.float32).reshape(e["shape"]))
         for n, e in entries.items() if n.startswith("visual.")}

    def block(p, name, x):
        at = [(p[f"{name}.{part}weight"], p[f"{name}.{part}bias"]) for part in ("attn.in_proj_", "attn.out_proj.", "mlp.c_fc.", "mlp.c_proj.")]
        x = x + attention(norm(x, p, name + ".ln_1"), heads, at[0], at[1])
        h = linear(norm(x, p, name + ".ln_2"), *at[2])
        return x + linear(jax.nn.gelu(h, approximate=False), *at[3])

    @jax.jit
    def tower(p, x):
        x = patches(x, p["conv1.weight"], patch)
        x = jnp.concatenate([jnp.broadcast_to(p["class_embedding"], (x.shape[0], 1, x.shape[2])), x], 1) + p["positional_embedding"]
        x = norm(x, p, "ln_pre")
        for i in range(layers):
            x = block(p, f"transformer.resblocks.{i}", x)
        return unit(norm(x[:, 0], p, "ln_post") @ p["proj"])

    x = numpy.fromfile(pixels, numpy.float32).reshape(-1, 3, 224, 224)
    numpy.asarray(tower(p, x)).tofile(out)
    print("JAX", jax.__version__, "jit", flush=True)
    for _ in sys.stdin:
        print(*timed(lambda: jax.block_until_ready(tower(p, x))), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "step":
        steps()
    else:
        embed(*sys.argv[2:5], *map(int, sys.argv[5:]))
