"""XMP made true for the picture that is written.

The restored picture is upright, and it comes without thumbnails and without what stood beside it in the
file. Every other byte of the packet stays. Structure: ISO 16684-1.
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
"""Properties, by namespace, that speak of data outside the packet: a video, a gain map, a sound."""
_CLAIMS_OF_XMP = {b"http://ns.adobe.com/xmp/note/": rb"HasExtendedXMP"}


def upright(xmp: bytes, size: tuple[int, int], *, turned: bool) -> bytes:
    """Set the orientation to 1 and the size to that of the picture, and take thumbnails out.

    Args:
        xmp: the packet.
        size: width and height of the upright picture.
        turned: width and height have changed places.
    """
    xmp = _THUMBNAILS.sub(b"", _ORIENTATION.sub(rb"\g<1>1", xmp))
    for pattern, length in zip((_WIDTH, _HEIGHT), size, strict=True):
        xmp = pattern.sub(rb"\g<1>%d" % length, xmp)
    if turned:
        xmp = _RESOLUTION.sub(lambda found: found[1] + {b"X": b"Y", b"Y": b"X"}[found[2]] + found[3], xmp)
    return xmp


def claims_more(xmp: bytes | None) -> bool:
    """Whether the packet promises a video, a gain map or the like elsewhere in the file."""
    return xmp is not None and _without_properties(xmp, _CLAIMS_OF_CONTENT) != xmp


def without_claims(xmp: bytes) -> bytes:
    """Take out the properties that promise a video, a gain map or more XMP elsewhere in the file."""
    return _without_properties(xmp, _CLAIMS_OF_CONTENT | _CLAIMS_OF_XMP)


def _without_properties(xmp: bytes, properties: dict[bytes, bytes]) -> bytes:
    for namespace, names in properties.items():
        declared = rb"xmlns:([\w.-]+)\s*=\s*[\"']" + re.escape(namespace) + rb"[\"']"
        for prefix in set(re.findall(declared, xmp)):
            xmp = _without(xmp, re.escape(prefix) + b":" + names)
    return xmp


def _without(xmp: bytes, name: bytes) -> bytes:
    """Take a property out, whether it is written as an attribute or as an element."""
    xmp = re.sub(rb"\s" + name + rb"\s*=\s*(\"[^\"]*\"|'[^']*')", b"", xmp)
    element = rb"<(" + name + rb")(?:\s[^>]*)?(?:/>|(?<!/)>.*?</\1\s*>)"
    return re.sub(element, b"", xmp, flags=re.DOTALL)
