"""Corrects XMP for the restored picture.

The restored picture is upright. Its file has no thumbnails and none of the further content of the original
file. All other bytes of the packet stay. The structure follows ISO 16684-1.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections import defaultdict
from collections.abc import Callable

_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[0-9]")
_THUMBNAILS = b"xmp:Thumbnails"
_WIDTH = re.compile(rb"((?:tiff:ImageWidth|exif:PixelXDimension)(?:=[\"']|>))[0-9]+")
_HEIGHT = re.compile(rb"((?:tiff:ImageLength|exif:PixelYDimension)(?:=[\"']|>))[0-9]+")
_RESOLUTION = re.compile(rb"((?:tiff:|exif:FocalPlane))([XY])(Resolution\b)")
_DECLARATION = rb"xmlns:([\w.-]+)\s*=\s*[\"']%s[\"']"
_NAME = rb"(?P<name>(?P<prefix>[\w.-]+):(?P<local>[\w.-]+))"
_ATTRIBUTE = re.compile(rb"\s" + _NAME + rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_START_TAG = re.compile(rb"<" + _NAME + rb"(?P<rest>(?:[\s/][^<>]*)?)>")
_END_TAG = re.compile(rb"</" + _NAME + rb"\s*>")

_CLAIMS_OF_CONTENT = {
    b"http://ns.google.com/photos/1.0/camera/": rb"(?:MotionPhoto|MicroVideo)\w*",
    b"http://ns.google.com/photos/1.0/container/": rb"Directory",
    b"http://ns.google.com/photos/1.0/image/": rb"(?:Mime|Data)",
    b"http://ns.google.com/photos/1.0/audio/": rb"(?:Mime|Data)",
    b"http://ns.google.com/photos/1.0/depthmap/": rb"(?:Mime|Data)",
    b"http://ns.adobe.com/hdr-gain-map/1.0/": rb"\w+",
    b"http://ns.apple.com/HDRGainMap/1.0/": rb"\w+",
}
"""Properties by namespace that refer to data outside the packet, such as a video, a gain map or a sound."""
_CLAIMS_OF_XMP = {b"http://ns.adobe.com/xmp/note/": rb"HasExtendedXMP"}
"""Properties by namespace that refer to further XMP in the file."""


def upright(xmp: bytes, size: tuple[int, int], *, turned: bool) -> bytes:
    """Sets the orientation to 1, corrects the size and removes thumbnails.

    Args:
        xmp: The packet.
        size: Width and height of the upright picture in pixels.
        turned: Whether turning it upright swaps width and height. Resolutions are swapped with them.

    Returns:
        The corrected packet.
    """
    xmp = _without_elements(_ORIENTATION.sub(rb"\g<1>1", xmp), lambda tag: tag["name"] == _THUMBNAILS)
    for pattern, length in zip((_WIDTH, _HEIGHT), size, strict=True):
        xmp = pattern.sub(rb"\g<1>%d" % length, xmp)
    if turned:
        xmp = _RESOLUTION.sub(lambda found: found[1] + {b"X": b"Y", b"Y": b"X"}[found[2]] + found[3], xmp)
    return xmp


def claims_more(xmp: bytes | None) -> bool:
    """Returns whether a packet refers to content elsewhere in the file, such as a video or a gain map.

    Args:
        xmp: The packet as stored, or None.

    Returns:
        True if it does. More XMP does not count.
    """
    return xmp is not None and _without_properties(xmp, _CLAIMS_OF_CONTENT) != xmp


def without_claims(xmp: bytes) -> bytes:
    """Removes properties that refer to a video, a gain map or more XMP elsewhere in the file.

    Args:
        xmp: The packet.

    Returns:
        The packet without them.
    """
    return _without_properties(xmp, _CLAIMS_OF_CONTENT | _CLAIMS_OF_XMP)


def _without_properties(xmp: bytes, properties: dict[bytes, bytes]) -> bytes:
    """Removes properties, given by namespace and a pattern of their names, as attributes and as elements."""
    claimed: dict[bytes, set[bytes]] = defaultdict(set)
    for namespace, names in properties.items():
        for prefix in re.findall(_DECLARATION % re.escape(namespace), xmp):
            claimed[prefix].add(names)

    def is_claimed(found: re.Match[bytes]) -> bool:
        return any(re.fullmatch(names, found["local"]) for names in claimed.get(found["prefix"], ()))

    if not claimed:
        return xmp
    attributes_removed = _ATTRIBUTE.sub(lambda found: b"" if is_claimed(found) else found[0], xmp)
    return _without_elements(attributes_removed, is_claimed)


def _without_elements(xmp: bytes, is_unwanted: Callable[[re.Match[bytes]], bool]) -> bytes:
    """Removes elements with their content. Elements without an end stay.

    The ends are found in one pass, because a hostile packet may begin thousands of elements.
    """
    ends: dict[bytes, list[int]] = defaultdict(list)
    for tag in filter(is_unwanted, _END_TAG.finditer(xmp)):
        ends[tag["name"]].append(tag.end())
    kept, place = [], 0
    for tag in filter(is_unwanted, _START_TAG.finditer(xmp)):
        end = tag.end()
        if not tag["rest"].endswith(b"/"):
            candidates = ends[tag["name"]]
            following = bisect(candidates, end)
            end = candidates[following] if following < len(candidates) else 0
        if tag.start() >= place and end:
            kept.append(xmp[place : tag.start()])
            place = end
    return b"".join((*kept, xmp[place:]))
