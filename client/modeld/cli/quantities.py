"""Numbers, sizes and times as people read them. Nothing to import: `modeld start` needs these."""

from __future__ import annotations


def count(amount: float) -> str:
    """A number for people: in full up to 10,000, then in thousands or millions."""
    if amount < 10_000:
        return f"{amount:.0f}"
    if amount < 999_500:
        return f"{amount / 1000:.0f}k"
    return f"{amount / 1_000_000:.1f}M"


def size(count: int | None) -> str:
    """Bytes for people."""
    if count is None:
        return ""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def duration(seconds: float) -> str:
    """A time for people: its two largest units."""
    whole = int(seconds)
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    parts = []
    for length, unit in units:
        count, whole = divmod(whole, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
