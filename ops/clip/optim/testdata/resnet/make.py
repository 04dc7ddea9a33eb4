"""The outputs, gradients and training steps of a tiny CLIP with a modified ResNet, by PyTorch, for resnet_test.go.

    python3 make.py    (PyTorch 1.13 made the files beside it)

The model is written after CLIP's paper and state dict: BatchNorm in inference mode, AdamW of REACT's recipe, plain InfoNCE of both directions added.
Every number that goes in, weights and pixels, is drawn from its name and place, here and in the test alike, so only what comes out is kept.
"""
import json
import math
import re

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

STAGES, WIDTH, HEAD_WIDTH, SIDE, EMBED = [2, 1, 1, 1], 4, 32, 64, 8
CONTEXT, VOCAB, TEXT_WIDTH, TEXT_HEADS, TEXT_LAYERS = 6, 20, 8, 2, 2
BATCH, STEPS, LR, DECAY = 4, 4, 1e-3, 0.1


def draw(name, n):
    """n numbers in [-1, 1) from splitmix64 at the FNV-1a hash of the name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).astype(np.float32)


def tensor(name, *shape):
    return torch.from_numpy(draw(name, math.prod(shape)).reshape(shape))


def norm2d(n):
    return nn.BatchNorm2d(n)


class Bottleneck(nn.Module):
    def __init__(self, n_in, planes, stride):
        super().__init__()
        out = 4 * planes
        self.stride = stride
        self.conv1, self.bn1 = nn.Conv2d(n_in, planes, 1, bias=False), norm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False), norm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, out, 1, bias=False), norm2d(out)
        self.downsample = None
        if stride > 1 or n_in != out:
            self.downsample = nn.Sequential(nn.Conv2d(n_in, out, 1, bias=False), norm2d(out))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        if self.stride > 1:
            y, x = F.avg_pool2d(y, self.stride), F.avg_pool2d(x, self.stride)
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class AttentionPool(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.empty((SIDE // 32) ** 2 + 1, width))
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.c_proj = nn.Linear(width, EMBED)

    def forward(self, x):
        x = x.flatten(2).permute(2, 0, 1)  # positions, batch, channels
        x = torch.cat([x.mean(0, keepdim=True), x]) + self.positional_embedding[:, None]
        y, _ = F.multi_head_attention_forward(
            query=x[:1], key=x, value=x, embed_dim_to_check=x.shape[-1], num_heads=x.shape[-1] // HEAD_WIDTH,
            q_proj_weight=self.q_proj.weight, k_proj_weight=self.k_proj.weight, v_proj_weight=self.v_proj.weight, in_proj_weight=None,
            in_proj_bias=torch.cat([self.q_proj.bias, self.k_proj.bias, self.v_proj.bias]), bias_k=None, bias_v=None, add_zero_attn=False,
            dropout_p=0, out_proj_weight=self.c_proj.weight, out_proj_bias=self.c_proj.bias, use_separate_proj_weight=True, need_weights=False)
        return y[0]


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        half = WIDTH // 2
        self.conv1, self.bn1 = nn.Conv2d(3, half, 3, stride=2, padding=1, bias=False), norm2d(half)
        self.conv2, self.bn2 = nn.Conv2d(half, half, 3, padding=1, bias=False), norm2d(half)
        self.conv3, self.bn3 = nn.Conv2d(half, WIDTH, 3, padding=1, bias=False), norm2d(WIDTH)
        n_in = WIDTH
        for i, n in enumerate(STAGES):
            blocks = []
            for j in range(n):
                blocks.append(Bottleneck(n_in, WIDTH << i, 2 if i > 0 and j == 0 else 1))
                n_in = 4 * (WIDTH << i)
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
        self.attnpool = AttentionPool(n_in)

    def maps(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.relu(self.bn3(self.conv3(x)))
        yield (x := F.avg_pool2d(x, 2))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            yield (x := layer(x))

    def forward(self, x):
        return self.attnpool(list(self.maps(x))[-1])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(TEXT_WIDTH), nn.LayerNorm(TEXT_WIDTH)
        self.attn = nn.MultiheadAttention(TEXT_WIDTH, TEXT_HEADS, batch_first=True)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(TEXT_WIDTH, 4 * TEXT_WIDTH), "c_proj": nn.Linear(4 * TEXT_WIDTH, TEXT_WIDTH)})

    def forward(self, x, mask):
        h = self.ln_1(x)
        x = x + self.attn(h, h, h, need_weights=False, attn_mask=mask)[0]
        h = self.mlp["c_fc"](self.ln_2(x))
        return x + self.mlp["c_proj"](h * torch.sigmoid(1.702 * h))


class CLIP(nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = ResNet()
        self.transformer = nn.ModuleDict({"resblocks": nn.ModuleList(Block() for _ in range(TEXT_LAYERS))})
        self.token_embedding = nn.Embedding(VOCAB, TEXT_WIDTH)
        self.positional_embedding = nn.Parameter(torch.empty(CONTEXT, TEXT_WIDTH))
        self.ln_final = nn.LayerNorm(TEXT_WIDTH)
        self.text_projection = nn.Parameter(torch.empty(TEXT_WIDTH, EMBED))
        self.logit_scale = nn.Parameter(torch.empty(()))

    def text(self, ids):
        x = self.token_embedding(ids) + self.positional_embedding
        mask = torch.full((CONTEXT, CONTEXT), -math.inf).triu(1)
        for block in self.transformer["resblocks"]:
            x = block(x, mask)
        x = self.ln_final(x)
        return x[torch.arange(len(ids)), ids.argmax(-1)] @ self.text_projection

    def loss(self, pixels, ids):
        u, v = F.normalize(self.visual(pixels), dim=-1), F.normalize(self.text(ids), dim=-1)
        logits = self.logit_scale.exp() * u @ v.T
        pairs = torch.arange(len(ids))
        return F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)


def value(name, shape):
    """The start of a parameter or statistic: off the values that hide mistakes, and of a size that keeps activations near 1."""
    u = tensor(name, *shape)
    if name == "logit_scale":
        return torch.full((), 2.0)
    if name.endswith("running_var"):
        return 1 + 0.5 * u
    if name.endswith("running_mean"):
        return 0.3 * u
    if name.endswith("bias"):
        return 0.2 * u
    if re.search(r"(\.bn\d|downsample\.1|ln_\d|ln_final)\.weight$", name):
        return 1 + 0.3 * u
    return u * (3 / math.prod(shape[1:])) ** 0.5


def model():
    m = CLIP()
    state = {name: value(name, t.shape) for name, t in m.state_dict().items() if not name.endswith("num_batches_tracked")}
    m.load_state_dict(state, strict=False)
    return m.eval()  # BatchNorm by its running statistics, which stay


def batch(step):
    ids = (draw(f"tokens{step}", BATCH * CONTEXT) * 9 + 9).astype(np.int64).reshape(BATCH, CONTEXT)
    ids[:, -1] = VOCAB - 1
    return 2 * tensor(f"pixels{step}", BATCH, 3, SIDE, SIDE), torch.from_numpy(ids)


def train(mode):
    m = model()
    kept = {"full": lambda visual: True, "locked-text": lambda visual: visual, "locked-image": lambda visual: not visual}[mode]
    params = {n: p for n, p in m.named_parameters() if n == "logit_scale" or kept(n.startswith("visual."))}
    for name, p in m.named_parameters():
        p.requires_grad = name in params
    groups = [{"params": [p for p in params.values() if p.ndim >= 2], "weight_decay": DECAY},
              {"params": [p for p in params.values() if p.ndim < 2], "weight_decay": 0}]
    optimizer = torch.optim.AdamW(groups, lr=LR, betas=(0.9, 0.98), eps=1e-6)
    out = {"losses": [], "grad_norms": []}
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = m.loss(*batch(step))
        loss.backward()
        if step == 0:
            # Of each gradient its length and its product with numbers drawn for it.
            out["grads"] = {n: [p.grad.norm().item(), (p.grad * tensor("grad " + n, *p.shape)).sum().item()] for n, p in params.items()}
        out["losses"].append(loss.item())
        out["grad_norms"].append(math.sqrt(sum(p.grad.square().sum().item() for p in params.values())))
        optimizer.step()
        with torch.no_grad():
            m.logit_scale.clamp_(0, math.log(100))
    with torch.no_grad():
        out["final_image"] = F.normalize(m.visual(batch(0)[0]), dim=-1).flatten().tolist()
    return out


if __name__ == "__main__":
    torch.manual_seed(0)
    with torch.no_grad():
        m = model()
        pixels, ids = batch(0)
        for i, x in enumerate(m.visual.maps(pixels)):
            if i in (1, 3, 4):
                x = x if i > 1 else x[:1]
                np.save(f"map{i}.npy", x.flatten(2).transpose(1, 2).contiguous().numpy())  # [n, positions, channels]
        np.save("image_features.npy", F.normalize(m.visual(pixels), dim=-1).numpy())
        np.save("text_features.npy", F.normalize(m.text(ids), dim=-1).numpy())
    with open("steps.json", "w") as f:
        json.dump({mode: train(mode) for mode in ("full", "locked-text", "locked-image")}, f, indent=1)
        f.write("\n")
