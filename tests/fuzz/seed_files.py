"""Small files of every other kind that is read: metadata, models, cards, configs, records, videos."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from functools import cache
from io import BytesIO
from pathlib import Path

import torch
from imaging.picture_files import LINEAR_GREY, LINEAR_RGB, XMP, exif, swapped_ink_profile
from PIL import ImageCms

from deraincli.files.manifest import Job, Manifest
from deraincli.inference.backends.export_metadata import Description
from deraincli.model_zoo.hub import HubAddress
from deraincli.model_zoo.model_card import write_card
from deraincli.model_zoo.model_facts import ModelFacts, ReportedScore
from deraincli.models.checkpoint import ModelInfo, model_bytes
from deraincli.models.convert_layouts import PUBLISHED_LAYOUTS
from deraincli.models.registry import NETWORKS

_EXAMPLES = Path(__file__).parents[2] / "examples"

SCORE = ReportedScore("Rain12", "prenet", 30.14, 0.8555)
FACTS = ModelFacts(
    *("a model", "file", "prenet", "streak", 168_963, "0" * 64, Path("model.safetensors"), "mit"),
    provenance="Trained on clean photos.",
    scores=(SCORE, ReportedScore("Rain100L", "prenet", 26.83, 0.8246)),
    datasets=("bsds500", "rain200l"),
)
ADDRESS = HubAddress("someone/a-model")


def exif_blocks() -> list[bytes]:
    """EXIF by hand and by Pillow, in both byte orders."""
    import PIL.Image
    from PIL.ExifTags import IFD, Base

    block = PIL.Image.Exif()
    for tag in (Base.Artist, Base.Copyright, Base.ImageDescription, Base.Software, Base.DateTime):
        block[tag] = "Jørgen's rain, 2024"
    block[Base.Orientation], block[Base.XResolution], block[Base.YResolution] = 8, 300.0, 72.0
    block[Base.ImageWidth], block[Base.ImageLength] = 640, 480
    block[Base.XPTitle] = "rain".encode("utf-16-le")
    block[IFD.Exif] = {Base.ExifImageWidth: 640, Base.ExifImageHeight: 480, Base.MakerNote: b"\1\2" * 40}
    block[IFD.GPSInfo] = {1: "N", 2: (52.0, 31.0, 12.5), 29: "2024:01:01"}
    return [exif(6), exif(1, ">"), exif(3, ">"), block.tobytes()[6:]]


def xmp_packets() -> list[bytes]:
    """XMP as elements and as attributes, with claims of a video and a gain map."""
    google = b"http://ns.google.com/photos/1.0"
    claims = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description xmlns:GCamera="%s/camera/" '
        b'GCamera:MotionPhoto="1" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="AB" '
        b'exif:PixelXDimension="640"><tiff:Orientation>6</tiff:Orientation><tiff:XResolution>300/1'
        b"</tiff:XResolution><xmp:Thumbnails><rdf:Alt/></xmp:Thumbnails>"
        b'<Container:Directory xmlns:Container="%s/container/"><rdf:Seq/></Container:Directory>'
        b"</rdf:Description></rdf:RDF></x:xmpmeta>" % (google, google)
    )
    return [XMP, claims]


def profiles() -> list[bytes]:
    """ICC profiles of every colour space."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return [LINEAR_RGB, LINEAR_GREY, swapped_ink_profile(), srgb]


def iptc_blocks() -> list[bytes]:
    """Photoshop resources with IPTC in them."""
    record = b"\x1c\x02\x78\0\x06titles\x1c\x02\x50\0\x05names"
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record + b"\0" * (len(record) % 2)
    return [b"Photoshop 3.0\0" + resource, b"Photoshop 3.0\x008BIM\x04\x0c\0\0\0\0\0\0" + resource]


@cache
def model_files() -> tuple[bytes, ...]:
    """Model files of two networks, made small by their configs."""
    files = []
    for name, changes in (("ddn", {"width": 2, "pairs": 1}), ("jorder", {"width": 2, "pairs": 1})):
        kind = NETWORKS[name]
        config = type(kind.config)(**changes)
        torch.manual_seed(0)
        for dtype in (torch.float16, torch.float32):
            files.append(model_bytes(kind.build(config), ModelInfo(name, config, "streak"), dtype=dtype))
    return tuple(files)


@cache
def checkpoints() -> tuple[bytes, ...]:
    """A published layout as PyTorch writes it, but with empty tensors, and other pickles."""
    layers = list(PUBLISHED_LAYOUTS["prenet"].layers)
    weights = {f"module.{layer}.{part}": torch.zeros(1) for layer in layers for part in ("weight", "bias")}
    files = []
    for content in (weights, {"state_dict": weights, "epoch": 3}, [1, 2], {"params": {"a": "b"}}):
        for zipped in (True, False):
            file = BytesIO()
            torch.save(content, file, _use_new_zipfile_serialization=zipped)
            files.append(file.getvalue())
    return tuple(files)


def config_files() -> list[bytes]:
    """The configs beside a model's weights on the Hub."""
    configs = [{"network": n, "task": "auto", "config": asdict(k.config)} for n, k in NETWORKS.items()]
    return [json.dumps(config).encode() for config in configs]


def cards() -> list[bytes]:
    """Model cards, with a licence by name and by its terms."""
    import dataclasses

    terms = dataclasses.replace(FACTS, licence="research: ask the owners, please")
    texts = [write_card(FACTS, ADDRESS), write_card(terms, ADDRESS)]
    return [text.encode() for text in texts]


def training_configs() -> list[bytes]:
    """The examples."""
    return [path.read_bytes() for path in sorted(_EXAMPLES.rglob("*.toml"))]


def journals() -> list[bytes]:
    """Records of any kind."""
    values = [1, "a", None, {"psnr": [30.1, 0.9]}, [[1, 2], "ü"]]
    lines = [json.dumps({"key": f"k{n}", "value": value}) for n, value in enumerate(values)]
    return ["".join(f"\n{line}\n" for line in lines).encode(), b"", ("\n" + lines[0]).encode()]


def manifests() -> list[bytes]:
    """A batch's record of two results."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("a.png", "b/c.png"):
            Manifest(root).record(Job(root / "x", name, root, name), (4, 5), "settings", b"data")
            Manifest(root).record(Job(root / "x", name, root, name), None, "others", b"more")
        (file,) = (root / Manifest.FOLDER).iterdir()
        return [file.read_bytes()]


def score_records() -> list[bytes]:
    """What an evaluation keeps of a pair."""
    return [json.dumps({"net": {"prenet": [30.1, 0.91]}, "input": {"prenet": [25.0, 0.8]}}).encode()]


def export_descriptions() -> list[bytes]:
    """What an exported model says of itself."""
    return [Description("balnet-lite", "auto", "fp32", 8, 16, 96, 1000.0, "0" * 64).as_json().encode()]


def names() -> list[bytes]:
    """What users may give as a name, an address or a number."""
    texts = ("hf:owner/name@main", "balnet-lite", "1/4", "photo.jpg", "photos/*.png", "jpg", "a.b=1", "~/x")
    return [text.encode() for text in texts]


@cache
def clips(suffix: str) -> tuple[bytes, ...]:
    """Videos of four tiny pictures, some with sound, subtitles and chapters."""
    from clips import write_clip

    options = {"size": (32, 16), "times": tuple(range(0, 4 * 512, 512))}
    made: dict[str, list[Callable[[Path], Path]]] = {
        ".mp4": [
            lambda path: write_clip(path, **options, sounds=1, chapters=[(0, 0.1, "rain")], rotation=90),
            lambda path: write_clip(path, **options, codec="mpeg4", metadata={"title": "rain"}),
        ],
        ".mkv": [
            lambda path: write_clip(path, **options, time_base=Fraction(1, 1000), subtitles=1, sounds=1),
            lambda path: write_clip(path, **options, codec="ffv1", time_base=Fraction(1, 1000)),
        ],
        ".webm": [lambda path: write_clip(path, **options, codec="libvpx", time_base=Fraction(1, 1000))],
        ".avi": [lambda path: write_clip(path, **options, codec="mpeg4", time_base=Fraction(1, 25))],
    }
    with tempfile.TemporaryDirectory() as folder:
        return tuple(make(Path(folder) / f"clip{suffix}").read_bytes() for make in made[suffix])
