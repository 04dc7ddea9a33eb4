"""A work of runner bench in PyTorch, for run.sh: peer.py DEVICE ARCH BATCH ROUNDS PRECISION WORK HOW.

DEVICE is cuda or cpu, PRECISION bf16 or f32 (which a GPU computes as TF32, as ours), HOW compiled or eager. Prints a line as
runner bench does: images a second by the median round, milliseconds, memory in MiB at its peak. The towers are open_clip's ViT with a fused attention; a step is forward, contrastive loss with positives of similarity >= 0.9,
backward, clipping and AdamW on f32 weights under autocast. Where the text tower is locked, captions are encoded beforehand.
"""
import contextlib
import math
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

SHAPES = {  # image width, layers, heads, patch; text width, heads; embedding
    "ViT-B-32": (768, 12, 12, 32, 512, 8, 512),
    "ViT-B-16": (768, 12, 12, 16, 512, 8, 512),
    "ViT-L-14": (1024, 24, 16, 14, 768, 12, 768),
}
SIDE, CONTEXT, VOCAB, GATES = 224, 77, 49408, 2


class Block(nn.Module):
    def __init__(self, width, heads, causal, gated=False):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inp, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc, self.proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.alphas = nn.Parameter(torch.zeros(2)) if gated else None

    def forward(self, x):
        b, t, w = x.shape
        attn, dense = (1, 1) if self.alphas is None else self.alphas.tanh()
        q, k, v = self.inp(self.ln_1(x)).view(b, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        x = x + attn * self.out(F.scaled_dot_product_attention(q, k, v, is_causal=self.causal).transpose(1, 2).reshape(b, t, w))
        return x + dense * self.proj(F.gelu(self.fc(self.ln_2(x))))


class Image(nn.Module):
    def __init__(self, width, layers, heads, patch, dim, gates):
        super().__init__()
        tokens = (SIDE // patch) ** 2 + 1
        self.conv = nn.Conv2d(3, width, patch, patch, bias=False)
        self.cls, self.pos = nn.Parameter(torch.randn(width) * 0.02), nn.Parameter(torch.randn(tokens, width) * 0.02)
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(Block(width, heads, False) for _ in range(layers))
        self.gates = nn.ModuleList(Block(width, heads, False, True) for _ in range(gates))
        self.proj = nn.Linear(width, dim, bias=False)

    def forward(self, x):
        x = self.conv(x).flatten(2).transpose(1, 2)
        x = self.ln_pre(torch.cat([self.cls.expand(x.shape[0], 1, -1), x], 1) + self.pos)
        for i, block in enumerate(self.blocks):
            g = i - (len(self.blocks) - len(self.gates))
            x = block(self.gates[g](x) if g >= 0 else x)
        return F.normalize(self.proj(self.ln_post(x[:, 0])).float(), dim=-1)


class Text(nn.Module):
    def __init__(self, width, heads, dim):
        super().__init__()
        self.table, self.pos = nn.Embedding(VOCAB, width), nn.Parameter(torch.randn(CONTEXT, width) * 0.01)
        self.blocks, self.ln = nn.ModuleList(Block(width, heads, True) for _ in range(12)), nn.LayerNorm(width)
        self.proj = nn.Linear(width, dim, bias=False)

    def forward(self, ids):
        x = self.table(ids) + self.pos
        for block in self.blocks:
            x = block(x)
        x = self.ln(x)[torch.arange(ids.shape[0], device=ids.device), ids.argmax(-1)]
        return F.normalize(self.proj(x).float(), dim=-1)


def loss_of(u, v, scale):
    mask = ((v @ v.T >= 0.9) | torch.eye(len(v), dtype=torch.bool, device=v.device)).float().detach()
    logits = scale.exp() * u @ v.T
    rows = (logits.log_softmax(1) * mask).sum(1) / mask.sum(1)
    columns = (logits.log_softmax(0) * mask).sum(0) / mask.sum(0)
    return -rows.mean() - columns.mean()


class Work:
    def __init__(self, device, arch, batch, precision, name, how):
        width, layers, heads, patch, text_width, text_heads, dim = SHAPES[arch]
        self.name = name
        self.precision = torch.autocast(device, torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()
        self.image = Image(width, layers, heads, patch, dim, GATES if name == "gated-image" else 0).to(device)
        self.text = Text(text_width, text_heads, dim).to(device)
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07), device=device))
        self.cached = name in ("locked-text", "gated-image")
        self.text.requires_grad_(name in ("full", "locked-image"))
        self.image.requires_grad_(name in ("full", "locked-text"))
        self.image.gates.requires_grad_(name in ("full", "locked-text", "gated-image"))
        train = [p for p in [*self.image.parameters(), *self.text.parameters(), self.scale] if p.requires_grad]
        self.train = train
        self.optimizer = torch.optim.AdamW(train, lr=1e-5, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.1, fused=True)
        self.pixels = torch.randn(batch, 3, SIDE, SIDE, device=device)
        self.ids = torch.randint(1, VOCAB - 1, (batch, CONTEXT), device=device)
        self.ids[:, -1] = VOCAB - 1
        self.features = F.normalize(torch.randn(batch, dim, device=device), dim=-1)
        if how == "compiled":
            self.image, self.text = torch.compile(self.image), torch.compile(self.text)

    def round(self):
        if self.name == "embed":
            with torch.inference_mode(), self.precision:
                return self.image(self.pixels).cpu()
        with self.precision:
            u = self.image(self.pixels)
            v = self.features if self.cached else self.text(self.ids)
        loss = loss_of(u, v, self.scale)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.train, 1.0)
        self.optimizer.step()
        return loss.item()


def main():
    device, arch, batch, rounds, precision, name, how = sys.argv[1:]
    batch, on_gpu = int(batch), device == "cuda"
    torch.set_float32_matmul_precision("high")
    print("PyTorch", torch.__version__, how, precision, torch.cuda.get_device_name() if on_gpu else "CPU", arch, "batch", batch)
    work = Work(device, arch, batch, precision, name, how)
    took = []
    for i in range(int(rounds) + 3):
        start = time.perf_counter()
        work.round()  # ends with what it gives back on the host
        if on_gpu:
            torch.cuda.synchronize()
        if i >= 3:
            took.append(time.perf_counter() - start)
    median = statistics.median(took)
    memory = torch.cuda.max_memory_allocated() if on_gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    print(f"{name:>12}  {batch / median:9.1f} images/s  {median * 1e3:8.2f} ms  {memory >> 20} MiB")


main()
