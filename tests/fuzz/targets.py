"""The table of what is fuzzed: whole files, how they are damaged, and the law that must hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import containers
import file_laws
import seed_files
from mutations import mutate
from picture_laws import check_picture
from seed_pictures import formats, pictures, shared_pictures


class Target(NamedTuple):
    """One reader and its files."""

    container: containers.Container
    seeds: Callable[[], Sequence[bytes]]
    """Makes whole files. They are not changed by later calls."""
    check: Callable[[bytes, Path], None]
    """Raises AssertionError, or anything else, for a file for which a law does not hold. The folder is empty
    before the first call and belongs to this target."""
    shared: Callable[[], Sequence[bytes]] = tuple
    """Files beside the checkout, which long runs take as well."""
    cases: int = 120
    """Cases of the short run."""
    speech: str = ""
    """Beginning of the lines that the reader's library may print on its own."""

    def unexpected(self, printed: str) -> str:
        """Returns the printed lines without those that may be there."""
        lines = printed.splitlines(keepends=True)
        return "".join(line for line in lines if not (self.speech and line.startswith(self.speech)))


_PICTURES = {
    "PNG": (containers.PNG, (".png",)),
    "JPEG": (containers.JPEG, (".jpg", ".jpeg")),
    "TIFF": (containers.TIFF, (".tif", ".tiff")),
    "WEBP": (containers.RIFF, (".webp",)),
    "BMP": (containers.BMP, (".bmp", ".dib")),
    "AVIF": (containers.BOXES, (".avif",)),
    "HEIC": (containers.BOXES, (".heic",)),
    "JXL": (containers.BOXES, (".jxl",)),
    "RAW": (containers.TIFF, (".dng",)),
}
_SPEECH = {"RAW": "unknown file: "}
"""LibRaw says what is damaged, and rawpy refuses it."""

_METADATA = {
    "exif": Target(containers.TIFF, cache(seed_files.exif_blocks), file_laws.check_exif),
    "xmp": Target(containers.TEXT, cache(seed_files.xmp_packets), file_laws.check_xmp),
    "icc": Target(containers.ICC, cache(seed_files.profiles), file_laws.check_icc),
    "iptc": Target(containers.BYTES, cache(seed_files.iptc_blocks), file_laws.check_iptc),
}

_MODELS = {
    "model": Target(containers.SAFETENSORS, seed_files.model_files, file_laws.check_model),
    "config": Target(containers.JSON_LINES, cache(seed_files.config_files), file_laws.check_hub_config),
    "checkpoint": Target(containers.BYTES, seed_files.checkpoints, file_laws.check_checkpoint),
    "card": Target(containers.TEXT, cache(seed_files.cards), file_laws.check_card),
    "export": Target(containers.JSON_LINES, cache(seed_files.export_descriptions), file_laws.check_export),
    "training": Target(containers.TEXT, cache(seed_files.training_configs), file_laws.check_training_config),
}

_RECORDS = {
    "journal": Target(containers.JSON_LINES, cache(seed_files.journals), file_laws.check_journal),
    "manifest": Target(containers.JSON_LINES, cache(seed_files.manifests), file_laws.check_manifest),
    "name": Target(containers.TEXT, cache(seed_files.names), file_laws.check_name),
    "page": Target(containers.TEXT, cache(seed_files.names), file_laws.check_page),
}

_VIDEOS = {
    suffix[1:]: Target(container, partial(seed_files.clips, suffix), file_laws.check_video, cases=60)
    for suffix, container in (
        (".mp4", containers.BOXES),
        (".mkv", containers.MATROSKA),
        (".webm", containers.MATROSKA),
        (".avi", containers.RIFF),
    )
}

TARGETS: dict[str, Target] = {
    **{
        format.lower(): Target(
            container,
            partial(pictures, format),
            check_picture,
            partial(shared_pictures, *suffixes),
            cases=300,
            speech=_SPEECH.get(format, ""),
        )
        for format, (container, suffixes) in _PICTURES.items()
        if format in formats()
    },
    "foreign": Target(containers.BYTES, partial(pictures, "foreign"), check_picture),
    **_METADATA,
    **_MODELS,
    **_RECORDS,
    **_VIDEOS,
}


def case(target: Target, name: str, seed: int, number: int, *, shared: bool = False) -> bytes:
    """Makes a case.

    Args:
        target: What is fuzzed.
        name: Its name.
        seed: Seed of the run.
        number: The case's number within the run.
        shared: Whether files beside the checkout are taken as well.

    Returns:
        The damaged file, the same for the same arguments and the same libraries.
    """
    rng = Random(f"{seed} {name} {number}")
    files = [*target.seeds(), *(target.shared() if shared else ())]
    return mutate(rng.choice(files), rng, target.container, files)
