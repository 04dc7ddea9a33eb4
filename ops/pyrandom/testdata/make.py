"""Writes golden.json with Python's own random module: python3 make.py > golden.json"""
import json
import random
import sys


def case(seed):
    bits = random.Random(seed)
    order = list(range(1000))
    random.Random(seed).shuffle(order)
    return {
        "seed": seed,
        "bits": [bits.getrandbits(32) for _ in range(5)],
        "shuffle": order,
        "small": random.Random(seed).sample(range(30), 12),
        "large": random.Random(seed).sample(range(100000), 40),
        "below": [r.randrange(7) for r in [random.Random(seed)] for _ in range(20)],
    }


seeds = [0, 1, 2, 3, 4, 5, 42, 123456789, 2**40 + 17, -3]
print(json.dumps({"python": sys.version.split()[0], "cases": [case(s) for s in seeds]}))
