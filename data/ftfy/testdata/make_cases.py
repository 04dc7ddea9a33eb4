"""Writes cases.txt: strings of many kinds, each with what ftfy's fix_text makes of
it and what html.unescape makes of that, quoted as Go reads it, with tabs between.
Run it here with a Python that has ftfy 6.3.1.
"""
import html
import random
import unicodedata
import ftfy
import ftfy.bad_codecs
from ftfy.badness import MOJIBAKE_CATEGORIES
from ftfy.chardata import UTF8_CLUES

random.seed(20261130)
words = """A photo of the café in Zürich naïve résumé El Niño São Paulo Straße ΟΔΟΣ İstanbul Привет мир Ёлка 東京タワー 서울 高清图片 عربي नमस्ते “quoted”
‘single’ it’s don’t l’été — – … ™ ® © ½ ² € £ ¥ • · ﬁne ﬂow Ǆ ĳs ŉ ＬＯＵＤ　ＮＯＩＳＥ ｶﾀｶﾅ １２３ e\u0301 🙂 👩\u200d👩\u200d👧 𝒜 &amp; &quot; &#39; &lt;b&gt; &nbsp; &eacute; &EACUTE;
&copy &#8217; &#x201c; &#1; &#150; &#x9f; &#xD800; &#59; &amp;amp; &notit; &semi; &nLt; <b>x</b> http://a.b/c?d=1&e=2&copy=3 AT&T Ã la à voilÃ\u00a0 Â£ \u0085 \u0092
\x1b[31mred\x1b[0m \ufeff \u200b \u2028 \u000b \u007f \ufffd \ufffc œuvre × √ 5° ÀÉ «ça» ¿qué?""".split()
encodings = ["latin-1", "cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1257", "iso-8859-2", "mac-roman", "cp437", "sloppy-windows-1252",
             "sloppy-windows-1251", "sloppy-windows-1250", "sloppy-windows-1253", "sloppy-windows-1254", "sloppy-windows-1257"]
clues = "".join(c for v in UTF8_CLUES.values() for c in v if c != "-")
bad = "".join(c for v in MOJIBAKE_CATEGORIES.values() for c in v)


def mojibake(text):
    for _ in range(random.choice([1, 1, 2])):
        raw = text.encode("utf-8")
        if random.random() < 0.1:
            raw = raw.replace(b"\xa0", b" ")
        text = raw.decode(random.choice(encodings), "replace")
    return text


def some():
    kind, n = random.random(), random.randint(1, 6)
    if kind < 0.25:
        return " ".join(random.choices(words, k=n))
    if kind < 0.55:
        return mojibake(" ".join(random.choices(words, k=n)))
    if kind < 0.8:
        return "".join(random.choice(random.choice([clues, bad, "abc XYZ.,'\""])) for _ in range(2 * n))
    if kind < 0.9:
        entity = random.choice(list(html.entities.html5))
        return f"{random.choice(['', 'x<y '])}&{random.choice([entity, entity.upper(), entity.rstrip(';')])}; &#{random.randint(0, 0x3000)};"
    return "".join(chr(random.choice([random.randint(0, 0x17f), random.randint(0x80, 0xff), random.randint(0x370, 0x52f)])) for _ in range(2 * n))


def quoted(text):
    return '"' + "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}" for c in text) + '"'


seen = set()
with open("cases.txt", "w") as out:
    while len(seen) < 4000:
        text = some()
        fixed = ftfy.fix_text(text)
        plain = html.unescape(fixed)
        if text in seen or any(unicodedata.category(c) == "Cn" for c in text + fixed + plain):
            continue
        seen.add(text)
        print(quoted(text), quoted(fixed), quoted(plain), sep="\t", file=out)
