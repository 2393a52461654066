"""Personal data in a text that others will read: e-mail and network addresses, telephone, card and account numbers, links, secrets, full names of those who
wrote it, each replaced by a word in brackets.

Belongs here: rules over one text. Does not: other names of people and of their accounts, which no rule tells from other words; whose text it is.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address

_TLD = r"[A-Za-z]{2,24}"
_COMMON_TLD = "com|org|net|edu|info|io|co|me|app|dev|de|fr|es|it|nl|pl|pt|br|mx|ar|in|jp|cn|kr|ru|uk|us|ca|au|ch|at|se|no|dk|fi|eu"
_HIDDEN = "\u200b-\u200f\u2060\ufeff"
_DASHES = "\u2010-\u2015\u2212\uff0d"
_HOSTS = (
    "bit.ly|t.co|t.me|wa.me|goo.gl|tinyurl.com|youtu.be|discord.gg|instagram.com|facebook.com|twitter.com|x.com|linkedin.com|tiktok.com"
)
_LEADS_TO = r"(?:pass ?(?:word|code|phrase)|passwort|pwd|contraseña|senha|mot de passe)"
_KEY = rf"(?:{_LEADS_TO}|[\w-]{{0,40}}token|secret|api[ _-]?key)"


def _account(found: re.Match[str]) -> str:
    """An IBAN in capitals, or one whose check digits are right."""
    plain = found[0].replace(" ", "").upper()
    turned = "".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])
    return "[account]" if found[0].isupper() or int(turned) % 97 == 1 else found[0]


def _address(found: re.Match[str]) -> str:
    try:
        IPv6Address(found[0])
    except ValueError:
        return found[0]
    return "[address]"


# Each rule begins where a word cannot have begun earlier: a text of 10,000 signs that nearly matches everywhere still takes milliseconds.
_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(rf"(?:mailto:)?(?:\"[^\"\n]{{1,64}}\"|(?<![\w.+%'-])[\w.+%'-]+)[\s{_HIDDEN}]?[@\uff20\ufe6b][\s{_HIDDEN}]?(?:[\w-]+\.)+{_TLD}\b"), "[e-mail]"),
    (re.compile(r"(?<![\w.+-])[\w.+-]+\s?[\[({<]\s?at\s?[\])}>]\s?[\w-]+(?:\s?(?:\.|[\[({<]\s?dot\s?[\])}>]|\bdot\b)\s?[\w-]+)+", re.IGNORECASE), "[e-mail]"),
    (re.compile(rf"(?<![\w.+-])[\w.+-]+ at [\w-]+ dot (?:{_COMMON_TLD})\b", re.IGNORECASE), "[e-mail]"),
    (re.compile(r"(?:[a-z][a-z0-9+.-]{1,9}://|\bwww\.)[^\s<>\"]+", re.IGNORECASE), "[link]"),
    (re.compile(rf"(?<![\w.])(?:{_HOSTS.replace('.', chr(92) + '.')})/[^\s<>\"]+", re.IGNORECASE), "[link]"),
    (re.compile(rf"(?<![a-z0-9-])(?<![a-z0-9-]\.)(?:[a-z0-9-]+\.)+{_TLD}(?:/[^\s<>\"]*[?=&#%]|#[^\s<>\"]*=)[^\s<>\"]*", re.IGNORECASE), "[link]"),
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]+){1,2}"), "[secret]"),
    (re.compile(r"\b(?:sk|pk|rk|ghp|gho|xox[abp]|AKIA)[_-]?[A-Za-z0-9_-]{12,}\b"), "[secret]"),
    (re.compile(r"(?<![\w-])(?=[A-Za-z0-9_-]*\d)(?=[A-Za-z0-9_-]*[A-Za-z])[A-Za-z0-9_-]{24,}\b"), "[secret]"),
    (re.compile(rf"\b({_LEADS_TO}\s?:\s?)(?!\[)\S{{4,}}", re.IGNORECASE), r"\1[secret]"),
    (re.compile(rf"\b({_KEY}(?:\s?[:=]\s?|\s(?:is|ist|es|est)\s))(?!\[)(?=\S*\d)\S{{4,}}", re.IGNORECASE), r"\1[secret]"),
    (re.compile(r"\b(Bearer\s)(?=\S*[.\d])\S{8,}"), r"\1[secret]"),
    (re.compile(r"(?<![\w:.])[0-9a-f:]{6,39}(?![\w:])", re.IGNORECASE), _address),
    (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b", re.IGNORECASE), _account),
)  # fmt: skip
_A_DATE = r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4})"
_DATES = re.compile(rf"{_A_DATE}(?:[\s/{_DASHES}-]+{_A_DATE})*(?:\s\d{{1,2}})?")
_YEARS = re.compile(rf"(?:(?:19|20)\d\d[\s/{_DASHES}-]*)+")
_FRACTION = re.compile(r"(?:0|[1-9]\d?)\.\d+")
_NUMBER = re.compile(rf"(?<![\w.,])(?:[+\uff0b]|\()?\d[\d\s().\u00a0/{_DASHES}{_HIDDEN}-]{{5,22}}\d(?![\w%])")
_FEWEST_DIGITS, _CARD_DIGITS = 8, 13


def masked(text: str, names: Iterable[str] = ()) -> str:
    """The text with personal data replaced; a text without any is returned as it is. Masking a masked text changes nothing.

    Of `names`, those of who wrote it, the full ones are replaced: a single one ("Will", "Mark") is too often another word.
    """
    for pattern, word in _RULES:
        text = pattern.sub(word, text)
    text = _NUMBER.sub(_mask_number, text)
    for name in sorted(names, key=lambda name: (-len(name), name)):
        words = name.split()
        if len(words) > 1:
            spelled = r"[\W_]{1,3}".join(map(re.escape, words))
            text = re.sub(rf"(?<!\w){spelled}(?!\w)", "[name]", text, flags=re.IGNORECASE)
    return text


def _mask_number(found: re.Match[str]) -> str:
    """Telephone and card numbers; dates, years, fractions, amounts, book numbers and times stay."""
    number, groups = found[0], re.findall(r"\d+", found[0])
    digits, is_called = "".join(groups), number[0] in "+\uff0b"
    if len(digits) < _FEWEST_DIGITS - (is_called or number[0] == "("):
        return number
    if any(kind.fullmatch(number) for kind in (_DATES, _YEARS, _FRACTION)) or (not is_called and (_is_listed(groups) or _is_book(digits))):
        return number
    if "." in number and len(groups) == 4 and re.fullmatch(r"[\d.]+", number) and all(int(group) < 256 for group in groups):
        return "[address]"
    return "[card]" if not is_called and len(digits) >= _CARD_DIGITS and _is_card(digits) else "[phone]"


def _is_listed(groups: list[str]) -> bool:
    """A count, a round number, digits one by one, or round numbers."""
    if len(groups) == 1:
        return (len(groups[0]) < 10 and not groups[0].startswith("0")) or groups[0].endswith("00000")
    return all(len(group) == 1 for group in groups) or (len(groups) > 2 and all(group[-1] == "0" and group[0] != "0" for group in groups))


def _is_book(digits: str) -> bool:
    """Whether it is an ISBN of 13 digits, the last of which checks the others."""
    return (
        len(digits) == 13
        and digits[:3] in ("978", "979")
        and sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10 == 0
    )


def _is_card(digits: str) -> bool:
    """Whether the last digit checks the others, as on payment cards (Luhn)."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 * (number > 9) for number in doubled) % 10 == 0
