"""The sources of training crops: the keys of [data] and [[data.paired]]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1)]


Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class PairedSource:
    """Ready pairs to train on: an entry of `[[data.paired]]`."""

    folder: str
    """A paired data set, in any layout `derain eval` recognises."""
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Share of all crops, 0–1; clean photos give what is left. Without clean photos, weights count relative
    to each other."""


@dataclass(frozen=True)
class DataConfig:
    """The sources of clean photos and of rain. Paths are relative to the config file's folder."""

    validation: str
    """A paired data set of rainy and clean pictures, in any layout that `derain eval` recognises."""
    clean: tuple[str, ...] = ()
    """Folders of clean photos to which rain is added, including their sub-folders."""
    paired: tuple[PairedSource, ...] = ()
    """Paired data sets to train on, in addition to the clean photos or alone."""
    streak_layers: str = ""
    """A folder of recorded streak layers (grey PNG). If empty, all streaks are procedural."""
    streak_frames: str = ""
    """A folder of frames of rendered rain (grey PNG), which give light streaks like those of Rain100L.

    If empty, light streaks come from `streak_layers` or are procedural.
    """
    frame_share: Share = 0.85
    """Share of the crops with light streaks that use `streak_frames`, 0–1."""
    pattern_share: Share = 0.0
    """Share of the crops of clean photos with a pattern that looks like rain, 0–1.

    The pattern is a grid, a mesh, blinds or lettering. It belongs to the scene, so that the network learns to
    keep it.
    """
    drop_layers: str = ""
    """A paired data set with drops on the lens, which are also added to the clean photos.

    The drops stay in memory regardless of `memory_mib`. If empty, all drops are procedural.
    """
    clean_share: Share = 0.08
    """Share of the crops that are rain-free, 0–1. From them, the network learns to keep clean pictures."""
    drop_share: Share = 0.0
    """Share of the rainy crops from clean photos that have lens drops instead of streaks, 0–1."""
    realistic_share: Share = 0.2
    """Share of the crops from clean photos without drops whose rain looks as in photos, 0–1.

    Such rain falls in mist or at night, from any side and with any opacity, and some crops are compressed as
    JPEG. The rain of all other crops looks as in the data sets.
    """
    layer_share: Share = 0.5
    """Share of the other crops with streaks or drops that use a recorded layer, 0–1."""
    heavy_share: Share = 0.1
    """Share of the other crops with streaks that show heavy rain, 0–1."""
    crop: Count = 96
    """Side of the square crops in pixels. It must be a multiple of the network's size multiple."""
    batch: Count = 16
    """Crops per step, over all processes."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Number of processes that make batches. 0 makes them in the training process."""
    memory_mib: Annotated[int, Field(ge=0)] = 4096
    """Memory for decoded pictures in MiB per data source. Other pictures are read again for every crop."""
    strict: bool = False
    """Whether a picture that cannot be used ends the run. Otherwise it is reported and left out."""
