"""The parts that the result lines of several commands share, from the JSON object of a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def files_and_size(record: Mapping[str, Any]) -> str:
    """Returns what was made of what, for example `in.jpg → out.jpg  640×480`.

    Args:
        record: The JSON object of the result.
    """
    return "{source} → {output}  {width}×{height}".format_map(record)


def photo_restored(record: Mapping[str, Any], applied: str = "") -> str:
    """Returns what was made of a photo, how, and how much of it changed.

    Args:
        record: The JSON object of the result.
        applied: The share of the change that was applied, as for `how_restored`.
    """
    from deraincli.inference.change import percent

    line = f"{files_and_size(record)}, {record['seconds']:.2f} s, {how_restored(record, applied)}"
    return f"{line}; {percent(record['changed_share'])} of the pixels changed visibly"


def how_restored(record: Mapping[str, Any], applied: str = "") -> str:
    """Returns how a picture was restored, for example `balnet-lite on cpu in fp32, ensemble`.

    Args:
        record: The JSON object of the result. Only images have `working_sides`, which are named if there is
            more than the image's own, and not all commands have `ensemble`.
        applied: The share of the change that was applied, for example `strength 0.5`. Empty for all of it.
    """
    parts = ["{model} on {device} in {precision}".format_map(record)]
    own_side = min(record["width"], record["height"])
    if (sides := record.get("working_sides", [own_side])) != [own_side]:
        parts.append(f"at {' and '.join(map(str, sides))} pixels")
    if record.get("ensemble"):
        parts.append("ensemble")
    if applied:
        parts.append(applied)
    return ", ".join(parts)
