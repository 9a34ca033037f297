"""Numbers in the text of an answer."""

from __future__ import annotations

import math
import re
import string
import unicodedata

# Brackets and the punctuation of sentences. Not ~ < > =: "<42" is a bound and not the number.
_AROUND = "!?:;()[]{}'\"`"
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def plain_number_text(text: str) -> str:
    """The text without currency signs, thousands separators and marks of formatting."""
    text = re.sub(r"\\([$,£€*_])", r"\1", text)
    text = re.sub(r"[$,£€*_]", "", text)
    return re.sub(r"\.(?=\s|$|\D)", "", text)


def read_number(text: str, trim: bool = True) -> float | None:
    """The finite number that the text is: with sign, decimals, exponent, 2², ½, 1¾, Ⅻ."""
    text = text.strip(_AROUND) if trim else text
    for read in (float, _typographic):
        try:
            number = read(text)
        except (ValueError, OverflowError):
            continue
        if math.isfinite(number):
            return number
    return None


def normal_number(text: str, trim: bool = True) -> str:
    """The number in one spelling, with five digits that count; other text as it is."""
    number = read_number(text, trim)
    return text if number is None else format(number, ".5g")


def _typographic(text: str) -> float:
    if len(text) == 1:
        return unicodedata.numeric(text)
    found = re.fullmatch(
        r"([+\u2212-]?)(\d*(?:\.\d+)?)([\u00bc-\u00be\u2150-\u215e]?)([⁰¹²³⁴⁵⁶⁷⁸⁹]*)", text
    )
    if not found or not (found[2] or found[3]):
        raise ValueError(text)
    number = float(found[2] or 0)
    if found[3]:
        number += unicodedata.numeric(found[3])
    number = -number if found[1] in ("-", "\u2212") else number
    return number ** int(found[4].translate(_SUPERSCRIPTS)) if found[4] else number


def strip_punctuation(text: str) -> str:
    """The text without space and punctuation around it."""
    return text.strip(string.whitespace + string.punctuation)
