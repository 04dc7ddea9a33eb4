"""Writes the files of this folder: python3 make.py (PyTorch 1.13, Debian's python3-torch).

Each .pt has the tensors of expected.json, which holds their types, shapes and
values as float32; the files bad_*.pt must be refused.
"""
import collections, json, os, torch

os.chdir(os.path.dirname(os.path.abspath(__file__)))
expected = {}


def note(file, state):
    expected[file] = [
        {"name": k, "dtype": str(v.dtype).removeprefix("torch."), "shape": list(v.shape), "values": v.float().flatten().tolist()}
        for k, v in state.items()
        if torch.is_tensor(v)
    ]


def types():
    base = torch.arange(6, dtype=torch.float32).reshape(2, 3) - 2.5
    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8]
    state = collections.OrderedDict((str(k).removeprefix("torch."), base.to(k)) for k in kinds)
    state["uint8"] = torch.tensor([0, 255], dtype=torch.uint8)
    state["bool"] = torch.tensor([True, False])
    state["scalar"] = torch.tensor(4.6052)
    state["empty"] = torch.zeros(0, 3)
    return state


def views():
    whole = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return collections.OrderedDict(
        whole=whole,
        transposed=whole.t(),
        column=whole[:, 2],
        inner=whole[1:3, 1:5:2],
        row=whole[3],
        permuted=torch.arange(24, dtype=torch.float16).reshape(2, 3, 4).permute(2, 0, 1),
        one=whole[2:3, 4:5].t(),
    )


def save(file, value, state, **options):
    torch.save(value, file, **options)
    note(file, state)


s = types()
save("types.pt", s, s)
save("types_legacy.pt", s, s, _use_new_zipfile_serialization=False)
save("types_protocol4.pt", s, s, pickle_protocol=4)
v = views()
save("views.pt", v, v)
save("views_legacy.pt", v, v, _use_new_zipfile_serialization=False)

# What training programs write: the state dict with the optimizer beside it, of
# a model wrapped for distributed training.
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
optimizer = torch.optim.AdamW(model.parameters())
model(torch.randn(4, 3)).sum().backward()
optimizer.step()
wrapped = collections.OrderedDict(("module." + k, p) for k, p in model.state_dict().items())
save("training.pt", {"epoch": 3, "name": "run", "state_dict": wrapped, "optimizer": optimizer.state_dict()}, wrapped)

parameters = collections.OrderedDict((k, p) for k, p in model.named_parameters())
marked = torch.nn.Parameter(torch.ones(2))
marked.note = "text"
parameters["marked"] = marked
save("parameters.pt", parameters, parameters)


class Part(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        self.scale = torch.nn.Parameter(torch.tensor(0.5))
        self.register_buffer("count", torch.tensor(7))

    def forward(self, x):
        return torch.nn.functional.gelu(self.linear(x)) * self.scale


class Whole(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = torch.nn.Sequential(Part(), Part())
        self.norm = torch.nn.LayerNorm(2)

    def forward(self, x):
        return self.norm(self.parts[0](x) + self.parts[1](x)) * torch.sigmoid(x[:, :2])


whole = Whole()
script = torch.jit.trace(whole, torch.randn(2, 3))
half = dict(script.named_parameters())["parts.1.linear.weight"]
half.data = half.data.half()
script.save("script.pt")
note("script.pt", script.state_dict())

# Refused: a whole module (it imports a class), an expanded tensor, a function of
# another module, a tensor alone.
torch.save(torch.nn.Linear(2, 2), "bad_module.pt")
torch.save({"a": torch.zeros(1).expand(1 << 20, 1 << 10)}, "bad_expanded.pt")
torch.save({"a": torch.zeros(2), "b": os.getcwd}, "bad_import.pt")
torch.save(torch.zeros(2), "bad_tensor.pt")
torch.save({"epoch": 1, "weights": {"a": torch.zeros(1)}}, "bad_keys.pt")


class Evil:
    def __reduce__(self):
        return (os.system, ("touch executed",))


torch.save({"a": torch.zeros(2), "b": Evil()}, "bad_evil.pt")
torch.save({"a": torch.zeros(2), "b": Evil()}, "bad_evil_legacy.pt", _use_new_zipfile_serialization=False)

with open("expected.json", "w") as f:
    json.dump(expected, f, indent=1)
    f.write("\n")
