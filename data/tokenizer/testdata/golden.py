"""Writes huggingface-cases.json: what Hugging Face's `tokenizers` makes of the tokenizer.json beside it.

With OpenAI's bpe_simple_vocab_16e6.txt.gz named, it writes the ids in openai-cases.json again instead, as
OpenAI's program with ftfy 6.3.1 gives them (peer.py).
"""
import json, pathlib, sys

if len(sys.argv) > 1:
    import ftfy
    from peer import OpenAI
    path = pathlib.Path(__file__).parent / "openai-cases.json"
    reference = OpenAI(sys.argv[1])
    cases = json.loads(path.read_text())
    for case in cases:
        case["ids"] = reference.encode(case["text"])
    path.write_text("[\n" + ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n]\n")
    sys.exit()

from tokenizers import Tokenizer

here = pathlib.Path(__file__).parent
tok = Tokenizer.from_file(str(here / "tokenizer.json"))
texts = [
    "a photo of a striped red triangle",
    "A Photo of the SEÑORITA'S café!",
    "",
    "   \t\n ",
    "aaaaaaaaaaa aaa aa a",
    "don't they'll we've I'm he'd you're x'y",
    "747-8 ½ №5 x²",
    "naïve cafe\u0301 ба́бочка İstanbul ΣΑΣ",
    "红色的苹果 😀 grinning",
    "#1!!...'ll --- <b>bold</b>",
    "one two three four five six seven eight nine ten eleven",
    "tab\tand\u00a0space\u3000wide\u2028line",
    "zero\u200bwidth \ufffd end",
    "striped" * 30,
    "grey-green stock vector triangles, isolated 1957",
]
cases = [{"text": t, "ids": tok.encode(t).ids} for t in texts]
lines = ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases)
(here / "huggingface-cases.json").write_text("[\n" + lines + "\n]\n")
