"""Writes huggingface-cases.json: what Hugging Face's `tokenizers` makes of the tokenizer.json beside it."""
import json, pathlib
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
