"""Personal data in a text that others will read: e-mail addresses, telephone and card numbers, links, secrets, each replaced by a word in brackets.

Belongs here: rules over one text. Does not: names of people, which no rule tells from other words; whose text it is.
"""

import re

_TLD = r"[A-Za-z]{2,24}"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"(?:mailto:)?[\w.+%'-]+\s?@\s?(?:[\w-]+\.)+{_TLD}\b", re.UNICODE), "[e-mail]"),
    (re.compile(r"(?:[a-z][a-z0-9+.-]{1,9}://|\bwww\.)[^\s<>\"]+", re.IGNORECASE), "[link]"),
    (re.compile(rf"\b(?:[a-z0-9-]+\.)+{_TLD}/[^\s<>\"]*[?=&#%][^\s<>\"]*", re.IGNORECASE), "[link]"),
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]+){1,2}"), "[secret]"),
    (re.compile(r"\b(?:sk|pk|rk|ghp|gho|xox[abp]|AKIA)[_-]?[A-Za-z0-9_-]{12,}\b"), "[secret]"),
    (re.compile(r"\b(?=[A-Za-z0-9_-]*\d)(?=[A-Za-z0-9_-]*[A-Za-z])[A-Za-z0-9_-]{24,}\b"), "[secret]"),
    (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"), "[account]"),
)
_DATE = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4}")
_NUMBER = re.compile(r"(?<![\w.,])(?:\+|\()?\d[\d\s().\u00a0/-]{5,22}\d(?![\w%])")
_FEWEST_DIGITS, _CARD_DIGITS = 8, 13


def masked(text: str) -> str:
    """The text with personal data replaced; a text without any is returned as it is. Masking a masked text changes nothing."""
    for pattern, word in _RULES:
        text = pattern.sub(word, text)
    return _NUMBER.sub(_mask_number, text)


def _mask_number(found: re.Match[str]) -> str:
    """Telephone and card numbers; dates, years, amounts and times stay."""
    number = found[0]
    digits = sum(sign.isdigit() for sign in number)
    if _DATE.match(number) or digits < _FEWEST_DIGITS - (number[0] in "+("):
        return number
    grouped = re.findall(r"\d+", number)
    is_plain = len(grouped) == 1 and number[0] != "+" and digits < 10 and not number.startswith("0")
    if is_plain or (len(grouped) > 1 and all(len(part) == 1 for part in grouped)):
        return number  # a count, or a list of digits
    return "[card]" if number[0] != "+" and digits >= _CARD_DIGITS and _is_card("".join(grouped)) else "[phone]"


def _is_card(digits: str) -> bool:
    """Whether the last digit checks the others, as on payment cards (Luhn)."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 * (number > 9) for number in doubled) % 10 == 0
