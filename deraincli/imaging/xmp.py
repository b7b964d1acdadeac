"""Corrects XMP for the restored picture.

The restored picture is upright. Its file has no thumbnails and none of the further content of the original
file. All other bytes of the packet stay. The structure follows ISO 16684-1.
"""

from __future__ import annotations

import re

_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[0-9]")
_THUMBNAILS = re.compile(rb"<xmp:Thumbnails>.*?</xmp:Thumbnails>", re.DOTALL)
_WIDTH = re.compile(rb"((?:tiff:ImageWidth|exif:PixelXDimension)(?:=[\"']|>))[0-9]+")
_HEIGHT = re.compile(rb"((?:tiff:ImageLength|exif:PixelYDimension)(?:=[\"']|>))[0-9]+")
_RESOLUTION = re.compile(rb"((?:tiff:|exif:FocalPlane))([XY])(Resolution\b)")

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
    xmp = _THUMBNAILS.sub(b"", _ORIENTATION.sub(rb"\g<1>1", xmp))
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
    for namespace, names in properties.items():
        declared = rb"xmlns:([\w.-]+)\s*=\s*[\"']" + re.escape(namespace) + rb"[\"']"
        for prefix in set(re.findall(declared, xmp)):
            xmp = _without(xmp, re.escape(prefix) + b":" + names)
    return xmp


def _without(xmp: bytes, name: bytes) -> bytes:
    """Removes a property in its forms as an attribute and as an element."""
    xmp = re.sub(rb"\s" + name + rb"\s*=\s*(\"[^\"]*\"|'[^']*')", b"", xmp)
    element = rb"<(" + name + rb")(?:\s[^>]*)?(?:/>|(?<!/)>.*?</\1\s*>)"
    return re.sub(element, b"", xmp, flags=re.DOTALL)
