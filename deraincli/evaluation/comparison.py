"""One picture in several versions: a page to slide and zoom in, or a contact sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deraincli.callbacks import OnWarning
from deraincli.errors import InputError
from deraincli.evaluation.metrics import Protocol, Score, score
from deraincli.imaging.decode import decode
from deraincli.imaging.display import to_display_rgb
from deraincli.imaging.encode import encode
from deraincli.imaging.image import Image
from deraincli.reporting.contact_sheet import contact_sheet
from deraincli.reporting.html_page import Comparison, Table, render

INPUT = "input"
TRUTH = "ground truth"


@dataclass(frozen=True, eq=False)
class Version:
    """The picture as one model, or the camera, has it."""

    name: str
    image: Image
    specialist: str = ""
    """The model that made it, where the one named chooses between several."""
    score: Score | None = None
    """Against the ground truth, where there is one."""
    protocol: str = ""
    """By which the score was computed."""

    @property
    def label(self) -> str:
        """What it is called where it is shown."""
        return f"{self.name} ({self.specialist})" if self.specialist else self.name

    @property
    def cells(self) -> tuple[str, str, str]:
        """Label, PSNR in dB and SSIM for a table; the numbers empty without a score."""
        if self.score is None:
            return self.label, "", ""
        psnr = f"{self.score.psnr:.2f}" if math.isfinite(self.score.psnr) else "∞"
        return self.label, psnr, f"{self.score.ssim:.4f}"

    @property
    def note(self) -> str:
        """The score in words; empty without one."""
        _, psnr, ssim = self.cells
        return f"PSNR {psnr} dB, SSIM {ssim} ({self.protocol})" if self.score else ""


def read_version(name: str, file: Path, like: Image, *, max_pixels: int) -> Version:
    """A version from a file. Raises InputError unless it has the size of `like`."""
    image = decode(file, max_pixels=max_pixels)
    if image.pixels.shape[:2] != like.pixels.shape[:2]:
        raise InputError(
            f"'{file}' is {_size(image)} but the input {_size(like)}: compare versions of one picture."
        )
    return Version(name, image)


def scored(version: Version, truth: Version, protocol: Protocol) -> Version:
    """The version with its score. Raises InputError if the picture is too small for the protocol."""
    against = score(version.image.pixels, truth.image.pixels, protocol)
    return replace(version, score=against, protocol=protocol.name)


def comparison_page(
    title: str,
    versions: Sequence[Version],
    truth: Version | None,
    facts: Sequence[str],
    *,
    on_note: OnWarning | None = None,
) -> str:
    """A self-contained HTML page on which any two versions share a slider.

    versions: at least one, the first two of which it starts with.
    facts: short statements under the title.
    on_note: hears how the page shows them otherwise than they are: smaller, or with loss.
    """
    everything = [*versions, truth] if truth else list(versions)
    rows = [version.cells for version in versions if version.score]
    states = Comparison(
        title,
        _size(versions[0].image),
        (),
        lambda: {version.label: to_display_rgb(version.image) for version in everything},
        {version.label: version.note for version in versions},
    )
    return render(
        title,
        facts,
        tables=[Table("Scores", ("version", "PSNR", "SSIM"), rows)] if rows else (),
        comparisons=[states],
        truth=truth.name if truth else None,
        exact=True,
        on_note=on_note,
    )


def comparison_sheet(versions: Sequence[Version], truth: Version | None, format: str) -> bytes:
    """All versions on one labelled sheet, as a file of `format`, a key of `imaging.formats.FORMATS`."""
    labels = {
        f"{version.label}\n{version.note}".rstrip(): to_display_rgb(version.image) for version in versions
    }
    if truth:
        labels[truth.name] = to_display_rgb(truth.image)
    sheet = np.ascontiguousarray(contact_sheet(labels))
    return encode(Image(sheet, alpha=None, icc=None, exif=None, xmp=None, format=format), format)


def _size(image: Image) -> str:
    return f"{image.pixels.shape[1]}×{image.pixels.shape[0]}"
