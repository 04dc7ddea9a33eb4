"""Position embeddings resized by PyTorch as open_clip's resize_pos_embed and resize_text_pos_embed do, for resize_test.go.

    python3 make.py    (PyTorch 1.13 made the files beside it)
"""
import json

import torch
import torch.nn.functional as F

WIDTH = 3


def drawn(n):
    """n rows off any smooth surface, the same in the test: (i * 37 % 101 - 50) / 50."""
    return torch.tensor([(i * 37 % 101 - 50) / 50 for i in range(n * WIDTH)], dtype=torch.float32).reshape(n, WIDTH)


out = []
for old, new in [(4, 7), (7, 4), (2, 5), (5, 2), (16, 24), (1, 3), (3, 1), (7, 8)]:
    x = drawn(old * old + 1)
    grid = x[1:].reshape(1, old, old, WIDTH).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(new, new), mode="bicubic", antialias=True, align_corners=False)
    y = torch.cat([x[:1], grid.permute(0, 2, 3, 1).reshape(new * new, WIDTH)])
    out.append({"kind": "image", "old": old, "new": new, "values": y.flatten().tolist()})
for old, new in [(6, 9), (9, 6), (77, 64), (5, 20), (4, 1), (1, 4)]:
    x = drawn(old).reshape(1, old, WIDTH).permute(0, 2, 1)
    y = F.interpolate(x, size=new, mode="linear", antialias=False, align_corners=False)
    out.append({"kind": "text", "old": old, "new": new, "values": y.permute(0, 2, 1).flatten().tolist()})
with open("golden.json", "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(case) for case in out) + "\n]\n")
