"""Writes the files of this folder:

    git clone https://github.com/openai/CLIP && git -C CLIP checkout d05afc4
    pip install transformers==4.30.2 safetensors==0.8.0 pillow   # PyTorch 1.13 is Debian's python3-torch
    PYTHONPATH=CLIP python3 make.py

openai.pt   a TorchScript archive of OpenAI's own model code, in their mix of fp16 and fp32
hf/         a CLIPModel of transformers with GELU: config.json, pytorch_model.bin, preprocessor_config.json
hf.json, openai.json   pixels, ids and the embeddings that those models give, in float32
"""
import importlib.util, json, os, shutil, sys, torch

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.manual_seed(0)


def write(file, pixels, ids, image, text):
    norm = lambda x: (x / x.norm(dim=-1, keepdim=True)).flatten().tolist()
    with open(file, "w") as f:
        json.dump({"pixels": pixels.flatten().tolist(), "ids": ids.flatten().tolist(), "image": norm(image), "text": norm(text)}, f)
        f.write("\n")


def inputs(side, context, vocab):
    pixels = (torch.randn(2, 3, side, side) * 8).round() / 8
    ids = torch.randint(3, vocab - 1, (2, context))
    ids[0, 3], ids[1, -1] = vocab - 1, vocab - 1
    ids[0, 4:] = 0
    return pixels, ids


def openai():
    path = [p for p in sys.path if os.path.exists(os.path.join(p, "clip", "model.py"))][0]
    spec = importlib.util.spec_from_file_location("model", os.path.join(path, "clip", "model.py"))  # not clip/__init__.py, which needs torchvision
    m = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(m)
    model = m.CLIP(embed_dim=16, image_resolution=16, vision_layers=1, vision_width=64, vision_patch_size=8,
                   context_length=8, vocab_size=50, transformer_width=64, transformer_heads=1, transformer_layers=1).eval()
    for p in model.parameters():
        if p.dim() > 0:
            p.data += torch.randn_like(p) * 0.1
    m.convert_weights(model)
    half = {k for k, v in model.state_dict().items() if v.dtype == torch.float16}
    model.float()  # the traced code and the embeddings, on a CPU
    del model.context_length, model.vocab_size
    for name, value in (("input_resolution", 16), ("context_length", 8), ("vocab_size", 50)):
        model.register_buffer(name, torch.tensor(value))  # as in the files that OpenAI published
    pixels, ids = inputs(16, 8, 50)
    with torch.no_grad():
        write("openai.json", pixels, ids, model.encode_image(pixels), model.encode_text(ids))
    script = torch.jit.trace(model, (pixels, ids))
    for name, p in script.named_parameters():
        if name in half:
            p.data = p.data.half()
    script.save("openai.pt")


def huggingface():
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTextConfig, CLIPVisionConfig
    text = CLIPTextConfig(vocab_size=50, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                          max_position_embeddings=8, hidden_act="gelu", projection_dim=16)
    vision = CLIPVisionConfig(hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=3,
                              image_size=16, patch_size=8, hidden_act="gelu", projection_dim=16)
    model = CLIPModel(CLIPConfig.from_text_vision_configs(text, vision, projection_dim=16)).eval()
    for p in model.parameters():
        if p.dim() > 0:
            p.data += torch.randn_like(p) * 0.1
    shutil.rmtree("hf", ignore_errors=True)
    model.save_pretrained("hf", safe_serialization=False)
    CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}, image_mean=[0.5, 0.5, 0.5],
                       image_std=[0.25, 0.25, 0.25]).save_pretrained("hf")
    pixels, ids = inputs(16, 8, 50)
    with torch.no_grad():
        write("hf.json", pixels, ids, model.get_image_features(pixels), model.get_text_features(ids))


openai()
huggingface()
