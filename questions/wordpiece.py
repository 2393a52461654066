"""Texts to the numbers that BERT models read: words, then the longest pieces of the vocabulary (WordPiece, uncased).

Belongs here: the same tokens as the model's own tokenizer gives. Does not: batches, vectors (models).
"""

import unicodedata
from functools import cache, lru_cache
from importlib.resources import files

_LONGEST_WORD = 100
_CJK = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FA1F))


@cache
def _vocabulary() -> dict[str, int]:
    pieces = files("questions").joinpath("data/wordpiece.txt").read_text("utf-8").split("\n")
    return {piece: number for number, piece in enumerate(pieces) if piece}


def tokens(text: str, most: int) -> list[int]:
    """Numbers of at most `most` pieces, [CLS] and [SEP] included."""
    vocabulary, found = _vocabulary(), list[int]()
    for word in _words(text):
        found.extend(_pieces(word))
        if len(found) >= most:
            break
    return [vocabulary["[CLS]"], *found[: most - 2], vocabulary["[SEP]"]]


def _words(text: str) -> list[str]:
    """Lower case, without accents and control characters; punctuation and Chinese characters are words of their own."""
    kept = []
    for sign in unicodedata.normalize("NFD", text.lower()):
        kind = unicodedata.category(sign)
        if kind == "Zs" or sign in "\t\n\r":
            kept.append(" ")
        elif kind == "Mn" or kind[0] == "C" or sign == "\ufffd":
            continue
        else:
            kept.append(f" {sign} " if _stands_alone(sign, kind) else sign)
    return "".join(kept).split()


def _stands_alone(sign: str, kind: str) -> bool:
    code = ord(sign)
    is_ascii_mark = 33 <= code <= 126 and not sign.isalnum()
    return is_ascii_mark or kind[0] == "P" or any(first <= code <= last for first, last in _CJK)


@lru_cache(100_000)
def _pieces(word: str) -> tuple[int, ...]:
    vocabulary = _vocabulary()
    unknown = (vocabulary["[UNK]"],)
    if len(word) > _LONGEST_WORD:
        return unknown
    found, begin = [], 0
    while begin < len(word):
        for end in range(len(word), begin, -1):
            piece = vocabulary.get(word[begin:end] if begin == 0 else "##" + word[begin:end])
            if piece is not None:
                found.append(piece)
                begin = end
                break
        else:
            return unknown
    return tuple(found)
