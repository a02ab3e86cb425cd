"""Formulas as one line of plain text, for terminals."""

from __future__ import annotations

import re
import unicodedata
from xml.etree import ElementTree

__all__ = ["plain_text"]

RAISED = dict(zip("0123456789+-−()ntkij⊤", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ⁿᵗᵏⁱʲᵀ", strict=True))
LOWERED = dict(zip("0123456789+-−()ntkijux", "₀₁₂₃₄₅₆₇₈₉₊₋₋₍₎ₙₜₖᵢⱼᵤₓ", strict=True))
ACCENTS = {"^": "\u0302", "‾": "\u0305", "¯": "\u0305", "―": "\u0305"}  # combining
SPACED = set("=+−⊙·⋅≤≥<>≠*")


def plain_text(mathml: str) -> str:
    """Return MathML as text: fractions with a slash, powers and indices raised and lowered where Unicode has them."""
    text = " ".join(_text(ElementTree.fromstring(mathml)).split())
    text = re.sub(r"(^|[(\[=,·/] ?)− ", r"\1−", text)  # a sign, not a difference
    return text.replace("( ", "(").replace(" )", ")").replace(" ,", ",").replace("[ ", "[").replace(" ]", "]")


def _text(element: ElementTree.Element) -> str:
    tag = element.tag.rpartition("}")[2]
    if tag == "mspace":
        return " "
    parts = [_text(child) for child in element]
    if tag == "mfrac":
        return "/".join(_grouped(part) for part in parts) + " "
    if tag in ("msup", "mover") and len(parts) == 2:
        accent = ACCENTS.get(parts[1].strip()) if tag == "mover" else None
        return f"{parts[0]}{accent}" if accent else _grouped(parts[0]) + _shifted(parts[1], RAISED, "^")
    if tag in ("msub", "munder"):
        return parts[0].rstrip() + _shifted(parts[1], LOWERED, "_")
    if tag in ("msubsup", "munderover"):
        return parts[0].rstrip() + _shifted(parts[1], LOWERED, "_") + _shifted(parts[2], RAISED, "^")
    if tag == "msqrt":
        return f"√({''.join(parts).strip()})"
    if tag == "mtr":
        return " if ".join(part.strip() for part in parts)
    if tag == "mtable":
        return "; ".join(parts) + "}"
    if tag == "mtext":
        return element.text or ""
    own = "".join(unicodedata.normalize("NFKC", c) if c > "\U0001d3ff" else c for c in element.text or "").strip()
    if tag == "mo" and own in SPACED:
        return f" {own} "
    if tag == "mo" and own == ",":
        return ", "
    if tag in ("mi", "mo") and len(own) > 1:  # a function
        return f" {own}"
    return own + _joined(parts)


def _joined(parts: list[str]) -> str:
    """Return factors side by side, with a space where two symbols would run together."""
    line = ""
    for part in parts:
        before, after = line[-1:], part[:1]
        symbol = after.isalpha() or after == "∇"
        apart = (before.isalnum() or before == "⁾") and (symbol or (before.isalpha() and after.isdigit()))
        line += (" " if apart else "") + part
    return line


def _grouped(text: str) -> str:
    """Return the part of a fraction or the base of a power, in parentheses where it has parts of its own."""
    text = text.strip()
    return text if _enclosed(text) or not any(sign in text for sign in " +−/") else f"({text})"


def _shifted(text: str, signs: dict[str, str], mark: str) -> str:
    text = text.replace(" ", "")
    if text == "′":
        return text
    if all(sign in signs for sign in text):
        return "".join(signs[sign] for sign in text)
    return f"{mark}({text})" if len(text) > 1 and not _enclosed(text) else f"{mark}{text}"


def _enclosed(text: str) -> bool:
    """Return whether one pair of parentheses, or of the bars of a norm, holds all of a text."""
    return (text.startswith("(") and text.find(")") == len(text) - 1) or bool(re.fullmatch("‖[^‖]*‖²?", text))
