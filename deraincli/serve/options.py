"""The options of one request. They have the names, values and defaults of `derain image`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deraincli.restoration.control import MAX_STRENGTH


class RequestOptions(BaseModel):
    """How one picture is restored and written."""

    model_config = ConfigDict(extra="forbid")

    task: Literal["auto", "streak", "drop"] | None = Field(
        None, description="Rain to remove: streaks, drops on the lens, or what the picture seems to need."
    )
    model: str | None = Field(None, description="A name from `/api/models`. Default: the server's model.")
    strength: float = Field(
        1.0, ge=0, le=MAX_STRENGTH, description="Share of the change that is applied. 0 changes nothing."
    )
    format: Literal["jpeg", "jpg", "png", "webp", "tiff", "tif", "bmp", "avif", "jxl"] | None = Field(
        None, description="Format of the result. Default: the format of the picture."
    )
    quality: int | None = Field(
        None,
        ge=1,
        le=100,
        description="Quality of JPEG (default 95), WebP (95; lossless stays lossless), AVIF (90) and "
        "JPEG XL (95).",
    )
    metadata: Literal["keep", "strip"] = Field(
        "keep", description="Whether EXIF and XMP are kept. Colour profiles always stay."
    )
    maps: bool = Field(
        False,
        description="Whether to answer with JSON: result, record, and the attention maps RAM and CAM.",
    )


def sentence(errors: Sequence[Mapping[str, Any]]) -> str:
    """Returns one sentence on the first option that is wrong.

    Args:
        errors: The list of a ValidationError of `RequestOptions`.
    """
    first = errors[0]
    name = first["loc"][-1]
    if first["type"] == "extra_forbidden":
        return f"There is no option {name!r}: choose from {', '.join(RequestOptions.model_fields)}."
    rule = first["msg"].removeprefix("Input ").partition(", unable to")[0]
    return f"The option {name!r} {rule}, not {first['input']!r}."
