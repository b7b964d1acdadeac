"""Shows several versions of one picture on a page with a slider or on a contact sheet."""

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
    """One version of the picture: the input, the ground truth or a result."""

    name: str
    """Name of the version, such as the name of a model."""
    image: Image
    """The picture."""
    specialist: str = ""
    """Name of the model that restored it, if the named model chooses between several."""
    score: Score | None = None
    """Score against the ground truth, None if there is no ground truth."""
    protocol: str = ""
    """Name of the score's protocol."""

    @property
    def label(self) -> str:
        """Name that is shown, with the specialist if there is one."""
        return f"{self.name} ({self.specialist})" if self.specialist else self.name

    @property
    def cells(self) -> tuple[str, str, str]:
        """Label, PSNR in dB and SSIM for a table. The numbers are empty if there is no score."""
        if self.score is None:
            return self.label, "", ""
        psnr = f"{self.score.psnr:.2f}" if math.isfinite(self.score.psnr) else "∞"
        return self.label, psnr, f"{self.score.ssim:.4f}"

    @property
    def note(self) -> str:
        """The score in words, empty if there is no score."""
        _, psnr, ssim = self.cells
        return f"PSNR {psnr} dB, SSIM {ssim} ({self.protocol})" if self.score else ""


def read_version(name: str, file: Path, like: Image, *, max_pixels: int) -> Version:
    """Reads a version from a file.

    Args:
        name: Name of the version.
        file: The file.
        like: Picture whose size the version must have.
        max_pixels: Largest number of pixels to decode.

    Returns:
        The version.

    Raises:
        InputError: The file cannot be read or has another size.
    """
    image = decode(file, max_pixels=max_pixels)
    if image.pixels.shape[:2] != like.pixels.shape[:2]:
        raise InputError(
            f"'{file}' is {_size(image)} but the input {_size(like)}: compare versions of one picture."
        )
    return Version(name, image)


def scored(version: Version, truth: Version, protocol: Protocol) -> Version:
    """Scores a version.

    Args:
        version: The version.
        truth: The ground truth.
        protocol: The protocol of the score.

    Returns:
        A copy of the version with its score.

    Raises:
        InputError: The picture is too small for the protocol, or the sizes differ.
    """
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
    """Makes a self-contained HTML page on which any two versions share a slider.

    Args:
        title: Title of the page.
        versions: At least one version. The page opens with the first two.
        truth: The ground truth, if there is one.
        facts: Short statements under the title.
        on_note: Receives a sentence if the page shows a version smaller than it is or with loss.

    Returns:
        The page.
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
    """Makes a labelled sheet of all versions.

    Args:
        versions: The versions.
        truth: The ground truth, if there is one.
        format: A key of `imaging.formats.FORMATS`.

    Returns:
        The content of the file.
    """
    labels = {
        f"{version.label}\n{version.note}".rstrip(): to_display_rgb(version.image) for version in versions
    }
    if truth:
        labels[truth.name] = to_display_rgb(truth.image)
    sheet = np.ascontiguousarray(contact_sheet(labels))
    return encode(Image(sheet, format), format)


def _size(image: Image) -> str:
    return f"{image.pixels.shape[1]}×{image.pixels.shape[0]}"
