"""Where training crops come from: the keys of [data] and [[data.paired]]."""

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
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Share of all crops, 0–1; clean photos give what is left. Without clean photos, weights count relative
    to each other."""


@dataclass(frozen=True)
class DataConfig:
    """Where clean photos and rain come from. Paths are relative to the config file's folder."""

    validation: str
    """A paired data set (rainy and clean pictures), in any layout `derain eval` recognises."""
    clean: tuple[str, ...] = ()
    """Folders of clean photos to rain on, searched with their sub-folders."""
    paired: tuple[PairedSource, ...] = ()
    """Paired data sets to train on, beside the clean photos or alone."""
    streak_layers: str = ""
    """A folder of recorded rain layers (grey PNG); empty: procedural streaks only."""
    streak_frames: str = ""
    """A folder of frames of rendered rain (grey PNG), from which light streaks like those of Rain100L come.
    Empty: light streaks come from `streak_layers` or are procedural."""
    frame_share: Share = 0.85
    """Share of the crops with light streaks that take one of `streak_frames`, 0–1."""
    pattern_share: Share = 0.0
    """Share of the crops of clean photos that show a pattern which looks like rain, such as a grid, a mesh,
    blinds or lettering, 0–1. The pattern belongs to the scene, so that the network learns to keep it."""
    drop_layers: str = ""
    """A paired data set with drops on the lens, whose drops are put before the clean photos, too, and stay in
    memory whatever `memory_mib` says; empty: procedural drops only."""
    clean_share: Share = 0.08
    """Share of crops without any rain, 0–1, to learn to leave clean pictures alone."""
    drop_share: Share = 0.0
    """Share of the rainy crops from clean photos with lens drops instead of streaks, 0–1."""
    realistic_share: Share = 0.2
    """Share of the crops from clean photos, but for those with drops, whose rain is as in photos rather than
    as in the data sets, 0–1: before mist or at night, from any side, of any opacity, at times as JPEG."""
    layer_share: Share = 0.5
    """Share of the other crops with streaks that take a recorded layer, and of those with drops that take a
    real pane, 0–1."""
    heavy_share: Share = 0.1
    """Share of the other crops with streaks that show heavy rain, 0–1."""
    crop: Count = 96
    """Side of the square crops, pixels; a multiple of the network's size multiple."""
    batch: Count = 16
    """Crops a step, over all processes."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that make batches; 0 makes them in the training process."""
    memory_mib: Annotated[int, Field(ge=0)] = 4096
    """Decoded pictures to keep in memory, MiB a data source; the others are read again for every crop."""
    strict: bool = False
    """Whether a picture that cannot be used ends the run, rather than being named and left out."""
