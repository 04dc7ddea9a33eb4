"""A CLIP step in PyTorch, for TestStepAgainstPeers: the model, loss and optimizer of this package, written as one would in PyTorch.

peer_step.py HOW THREADS: reads lines "mode cached steps" on standard input and answers each with the milliseconds of one step and of its
CPU time (means of the steps). HOW is eager or compiled (torch.compile). mode is full, locked-text, gated-image, or forward (both towers).
Weights and batches are random; only the speed counts.
"""
import math
import os
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

B, E, W, LAYERS, HEADS, CTX, VOCAB, SIDE, PATCH, GATES = 128, 128, 128, 4, 4, 32, 1000, 32, 8, 2


def attend(q, k, v, mask):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    s = q @ k.transpose(-1, -2) / math.sqrt(W // HEADS)
    return (s if mask is None else s + mask).softmax(-1) @ v


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp, self.out = nn.Linear(W, 3 * W), nn.Linear(W, W)

    def forward(self, x, mask):
        b, t, _ = x.shape
        q, k, v = self.inp(x).reshape(b, t, 3, HEADS, W // HEADS).permute(2, 0, 3, 1, 4)
        return self.out(attend(q, k, v, mask).transpose(1, 2).reshape(b, t, W))


class Block(nn.Module):
    def __init__(self, gated=False):
        super().__init__()
        self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(W), Attention(), nn.LayerNorm(W)
        self.fc, self.proj = nn.Linear(W, 4 * W), nn.Linear(4 * W, W)
        self.alphas = nn.Parameter(torch.zeros(2)) if gated else None

    def forward(self, x, mask=None):
        a, m = (1, 1) if self.alphas is None else self.alphas.tanh()
        x = x + a * self.attn(self.ln_1(x), mask)
        h = self.fc(self.ln_2(x))
        return x + m * self.proj(h * torch.sigmoid(1.702 * h))


class Visual(nn.Module):
    def __init__(self, gates):
        super().__init__()
        n = (SIDE // PATCH) ** 2
        self.conv = nn.Conv2d(3, W, PATCH, PATCH, bias=False)
        self.cls, self.pos = nn.Parameter(torch.randn(W) * 0.1), nn.Parameter(torch.randn(n + 1, W) * 0.1)
        self.ln_pre, self.ln_post = nn.LayerNorm(W), nn.LayerNorm(W)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.gates = nn.ModuleList(Block(gated=True) for _ in range(gates))
        self.proj = nn.Parameter(torch.randn(W, E) * W ** -0.5)

    def forward(self, x):
        x = self.conv(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], 1, W), x], 1) + self.pos
        x = self.ln_pre(x)
        for i, block in enumerate(self.blocks):
            g = i - (LAYERS - len(self.gates))
            x = block(self.gates[g](x) if g >= 0 else x)
        return self.ln_post(x[:, 0]) @ self.proj


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.pos = nn.Embedding(VOCAB, W), nn.Parameter(torch.randn(CTX, W) * 0.01)
        self.blocks, self.ln = nn.ModuleList(Block() for _ in range(LAYERS)), nn.LayerNorm(W)
        self.proj = nn.Parameter(torch.randn(W, E) * W ** -0.5)
        self.register_buffer("mask", torch.full((CTX, CTX), -math.inf).triu(1))

    def forward(self, ids):
        x = self.table(ids) + self.pos
        for block in self.blocks:
            x = block(x, self.mask)
        x = self.ln(x)
        return x[torch.arange(ids.shape[0]), ids.argmax(-1)] @ self.proj


def loss_of(u, v, scale, gamma=0.9):
    with torch.no_grad():
        mask = ((v @ v.T >= gamma) | torch.eye(len(v), dtype=torch.bool)).float()
    logits = scale.exp() * u @ v.T
    rows = (logits.log_softmax(1) * mask).sum(1) / mask.sum(1)
    columns = (logits.log_softmax(0) * mask).sum(0) / mask.sum(0)
    return -rows.mean() - columns.mean()


class Run:
    def __init__(self, mode, cached, compile=lambda f: f):
        torch.manual_seed(0)
        self.mode, self.cached = mode, cached
        self.visual, self.text = Visual(GATES if mode == "gated-image" else 0), Text()
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        if mode in ("locked-text", "gated-image"):
            self.text.requires_grad_(False)
        if mode == "gated-image":
            self.visual.requires_grad_(False)
            self.visual.gates.requires_grad_(True)
        train = [p for p in [*self.visual.parameters(), *self.text.parameters(), self.scale] if p.requires_grad]
        self.train = train
        self.optimizer = torch.optim.AdamW(
            [{"params": [p for p in train if p.ndim > 1], "weight_decay": 0.1}, {"params": [p for p in train if p.ndim < 2], "weight_decay": 0.0}],
            lr=1e-4, betas=(0.9, 0.98), eps=1e-6)
        self.pixels = torch.randn(B, 3, SIDE, SIDE)
        self.ids = torch.randint(1, VOCAB - 1, (B, CTX))
        self.ids[:, -1] = VOCAB - 1
        self.features = F.normalize(torch.randn(B, E), dim=-1)
        self.embed, self.loss = compile(self.embed), compile(self.loss)

    def embed(self, pixels, ids):
        return F.normalize(self.visual(pixels), dim=-1), F.normalize(self.text(ids), dim=-1)

    def loss(self, pixels, ids, features):
        u = F.normalize(self.visual(pixels), dim=-1)
        return loss_of(u, features if self.cached else F.normalize(self.text(ids), dim=-1), self.scale)

    def step(self):
        if self.mode == "forward":
            with torch.no_grad():
                self.embed(self.pixels, self.ids)
            return 0
        loss = self.loss(self.pixels, self.ids, self.features)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.train, 1.0)
        self.optimizer.step()
        with torch.no_grad():
            self.scale.clamp_(0, math.log(100))
        return loss.item()


def main():
    how, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    core = os.environ.get("OPENBLAS_CORETYPE", "")
    print("PyTorch", torch.__version__.split("+")[0] + ("" if how == "eager" else " compiled") + (" OPENBLAS_CORETYPE=" + core if core else ""), flush=True)
    runs = {}
    for line in sys.stdin:
        mode, cached, steps = line.split()
        key = mode, cached == "true"
        if key not in runs:
            runs[key] = Run(*key, *([torch.compile] if how == "compiled" else []))
            runs[key].step()
        start, cpu = time.perf_counter(), time.process_time()
        for _ in range(int(steps)):
            runs[key].step()
        print((time.perf_counter() - start) * 1e3 / int(steps), (time.process_time() - cpu) * 1e3 / int(steps), flush=True)


if __name__ == "__main__":
    main()
