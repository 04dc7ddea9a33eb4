"""Writes classifier.json: OpenAI's zero-shot classifier (normalise each prompt's embedding, mean, normalise) of the reference's text features, and the
logits of its image features (100 times the cosine), for the models of ops/clip/testdata. Eight texts are taken as the prompts of three classes.

pip install numpy; python classifier.py > classifier.json
"""
import json
import numpy as np

CLASSES = [[0, 1, 2, 3], [4], [5, 6, 7]]


def case(style):
    texts, images = (np.load(f"../../clip/testdata/{style}/{side}_features.npy").astype(np.float64) for side in ("text", "image"))
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    weights = np.stack([texts[c].mean(0) for c in CLASSES])
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return {"style": style, "classes": CLASSES, "weights": weights.tolist(), "logits": (100 * images @ weights.T).tolist()}


print(json.dumps([case("openai_style"), case("openclip_style")]))
