"""The sources of training crops: photos with rain drawn at random, and ready pairs, each with its share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from deraincli.datasets.image_pool import ImagePool, ImageSource, clean_photos, pair_files
from deraincli.errors import InputError, UsageError
from deraincli.pixels import Picture
from deraincli.rain.drops import add_drops
from deraincli.rain.patterns import add_pattern
from deraincli.rain.perspective_streaks import perspective_rain
from deraincli.rain.realistic import SHARPENED_SHARE, as_jpeg, rain_before, rainy_scene, sharpened
from deraincli.rain.recorded_drops import RecordedDrops
from deraincli.rain.recorded_streaks import RecordedLayers
from deraincli.rain.streak_frames import StreakFrames, rain_size
from deraincli.rain.streaks import Layer, add_rain, heavy_rain, light_rain
from deraincli.training.data.augmentation import crop_alike, crop_tilted
from deraincli.training.data.config import DataConfig
from deraincli.training.data.defocus import out_of_focus

CLEAN_CANDIDATES = 4
"""Number of crops drawn for each rain-free one. The crop that looks most like rain is taken."""
SOFT_SHARE = 0.3
"""Share of the crops for drops that are partly out of focus, 0–1. Blur alone is not a drop.

Among rain-free crops the share is higher, because they are the softest of several.
"""
LYING_SHARE = 0.1
"""Share of clean crops that are turned on their side, 0–1."""
TILTED_SHARE = 0.08
"""Share of the crops of sufficiently large photos that are turned by up to 45 degrees, 0–1.

At 0.15, without photographed rain, a model took dense slanted rain for a part of the scene.
"""
JPEG_SHARE = 0.5
"""Share of the crops with realistic rain that are compressed as JPEG, 0–1."""
PERSPECTIVE_SHARE = 0.75
"""Share of the procedural light streaks that are drawn drop by drop in perspective, 0–1.

The others are smeared noise, which varies more.
"""
GREY_SHARE = 0.05
"""Share of the crops without colour, 0–1. Rain has no colour, but neither have some photos."""

Cropper = Callable[[Picture, np.random.Generator], Picture]


class CropSource(Protocol):
    """A source of crops."""

    scenes: tuple[ImagePool, ...]
    """The image pools that it reads."""

    def pair(self, rng: np.random.Generator) -> tuple[Picture, Picture]:
        """Draws a rainy and a clean crop, each side×side×3 RGB uint8 with the side `data.crop`."""


class CropSources(NamedTuple):
    """All sources of a run."""

    sources: tuple[CropSource, ...]
    """The sources."""
    shares: tuple[float, ...]
    """Share of the crops that each source gives. The shares add up to 1."""


class SyntheticRain:
    """Clean photos, to which rain is added at random."""

    def __init__(self, config: DataConfig, root: Path) -> None:
        """Opens the photos and the recorded rain.

        Args:
            config: The settings of the data.
            root: Folder that the config's paths are relative to.

        Raises:
            InputError: There are no photos that can be used.
        """
        self.config = config
        files = [file for folder in config.clean for file in clean_photos(root / folder)]
        self._photos = _read(files, config)
        if not len(self._photos):
            folders = ", ".join(str(root / folder) for folder in config.clean)
            raise InputError(f"No clean photos of at least {config.crop} pixels a side in {folders}.")
        self.recorded = RecordedLayers(root / config.streak_layers) if config.streak_layers else None
        self.frames = StreakFrames(root / config.streak_frames) if config.streak_frames else None
        self.scenes: tuple[ImagePool, ...] = (self._photos,)
        self.drop_layers = None
        if config.drop_layers:
            pairs = _read_pairs(root / config.drop_layers, config)
            self.drop_layers = RecordedDrops(pairs[i] for i in range(len(pairs)))
            pairs.release()  # the drops alone are needed from here on
            self.scenes = (self._photos, pairs)

    def pair(self, rng: np.random.Generator) -> tuple[Picture, Picture]:
        """Draws a crop with streaks or lens drops, at times rain-free, and the clean crop."""
        rain_free = rng.random() < self.config.clean_share
        if rng.random() < self.config.drop_share:
            pair = self._rain_free(rng, self._soft_crop, _softness) if rain_free else self._with_drops(rng)
        elif rng.random() < self.config.realistic_share:
            pair = self._with_realistic_rain(rng, rain_free=rain_free)
        else:
            pair = self._rain_free(rng, self._crop, _uprightness) if rain_free else self._with_streaks(rng)
        if rng.random() < GREY_SHARE:
            rainy, clean = (cv2.cvtColor(view, cv2.COLOR_RGB2GRAY) for view in pair)
            return cv2.merge([rainy] * 3), cv2.merge([clean] * 3)
        return pair

    def _with_streaks(self, rng: np.random.Generator) -> tuple[Picture, Picture]:
        side = self.config.crop
        clean = self._crop(self._photo(rng), rng)
        heavy = rng.random() < self.config.heavy_share
        if self.frames is not None and not heavy and rng.random() < self.config.frame_share:
            return add_rain(clean, self.frames.sample(side, side, rng)), clean
        if self.recorded is not None and rng.random() < self.config.layer_share:
            return add_rain(clean, self.recorded.sample(side, side, rng, heavy=heavy)), clean
        return add_rain(clean, _drawn_streaks(side, rng, heavy=heavy)), clean

    def _with_realistic_rain(self, rng: np.random.Generator, *, rain_free: bool) -> tuple[Picture, Picture]:
        """Draws a crop with realistic rain. Mist, darkness and traces of JPEG stay in the clean crop."""
        photo = (
            self._rain_free(rng, self._crop, _uprightness)[0]
            if rain_free
            else self._crop(self._photo(rng), rng)
        )
        scene = rainy_scene(photo, rng)
        rainy = scene if rain_free else rain_before(scene, rng)
        if rng.random() < SHARPENED_SHARE:
            amount = float(rng.uniform(0.2, 1))
            rainy, scene = sharpened(rainy, amount), sharpened(scene, amount)
        if rng.random() < JPEG_SHARE:
            quality = int(rng.integers(60, 96))
            return as_jpeg(rainy, quality), as_jpeg(scene, quality)
        return rainy, scene

    def _with_drops(self, rng: np.random.Generator) -> tuple[Picture, Picture]:
        photo = self._photo(rng)
        clean = self._soft_crop(photo, rng)
        if self.drop_layers is not None and rng.random() < self.config.layer_share:
            return self.drop_layers.add(clean, rng), clean
        return add_drops(clean, rng, surroundings=photo)[0], clean

    def _rain_free(
        self, rng: np.random.Generator, crop: Cropper, likeness: Callable[[Picture], float]
    ) -> tuple[Picture, Picture]:
        """Draws several crops and returns the one that looks most like rain, twice."""
        clean = max((crop(self._photo(rng), rng) for _ in range(CLEAN_CANDIDATES)), key=likeness)
        return clean, clean

    def _photo(self, rng: np.random.Generator) -> Picture:
        (photo,) = self._photos[int(rng.integers(len(self._photos)))]
        return photo

    def _crop(self, photo: Picture, rng: np.random.Generator) -> Picture:
        """Draws a crop of a photo, at times lying on its side, tilted, or with a pattern over it.

        Photos hold more level edges than upright and slanted bars, which a network mistakes for rain.
        """
        side = self.config.crop
        if rng.random() < TILTED_SHARE and min(photo.shape[:2]) >= np.sqrt(2) * side:
            clean = crop_tilted(photo, side, rng)
        else:
            (clean,) = crop_alike((photo,), side, rng)
        if rng.random() < self.config.pattern_share:
            clean = add_pattern(clean, rng)
        return np.ascontiguousarray(clean.transpose(1, 0, 2)) if rng.random() < LYING_SHARE else clean

    def _soft_crop(self, photo: Picture, rng: np.random.Generator) -> Picture:
        clean = self._crop(photo, rng)
        return out_of_focus(clean, rng) if rng.random() < SOFT_SHARE else clean


def _drawn_streaks(side: int, rng: np.random.Generator, *, heavy: bool) -> Layer:
    if heavy:
        return heavy_rain(side, side, rng)
    if rng.random() < PERSPECTIVE_SHARE:
        return perspective_rain(side, side, rng, scale=rain_size(rng))
    return light_rain(side, side, rng)


def _uprightness(crop: Picture) -> float:
    """Measures how much more a picture changes across than down, as railings, façades and rain do."""
    across, down = (float(np.abs(np.diff(crop.mean(2), axis=axis)).mean()) for axis in (1, 0))
    return across - down


def _softness(crop: Picture) -> float:
    """Measures how much more of the contrast is coarse than fine, as out of focus and behind drops."""
    grey = crop.mean(2)
    coarse = cv2.GaussianBlur(grey, (0, 0), 4)
    return float(coarse.std() - 2 * (grey - coarse).std())


class ReadyPairs:
    """Rainy pictures and their ground truth from a paired data set."""

    def __init__(self, folder: Path, config: DataConfig) -> None:
        """Opens the pairs.

        Args:
            folder: The paired data set.
            config: The settings of the data.

        Raises:
            InputError: No pair of the folder can be used.
        """
        self.config = config
        self._pairs = _read_pairs(folder, config)
        self.scenes: tuple[ImagePool, ...] = (self._pairs,)

    def pair(self, rng: np.random.Generator) -> tuple[Picture, Picture]:
        """Draws the same crop of both pictures. A share of `clean_share` is the clean crop twice."""
        views = self._pairs[int(rng.integers(len(self._pairs)))]
        rainy, clean = crop_alike(views, self.config.crop, rng)
        if rng.random() < self.config.clean_share:
            return clean, clean
        return rainy, clean


def open_sources(config: DataConfig, root: Path) -> CropSources:
    """Opens all sources of `data.clean` and `data.paired`.

    Args:
        config: The settings of the data.
        root: Folder that the config's paths are relative to.

    Raises:
        UsageError: There is no source, or the weights of the pairs leave no crops to the photos.
        InputError: A folder holds nothing that can be used.
    """
    if config.drop_layers and not config.clean:
        raise UsageError("data.drop_layers are put before the photos of data.clean: name folders there.")
    shares = _shares(config)
    sources: list[CropSource] = [ReadyPairs(root / paired.folder, config) for paired in config.paired]
    if config.clean:
        sources.append(SyntheticRain(config, root))
    return CropSources(tuple(sources), shares)


def _shares(config: DataConfig) -> tuple[float, ...]:
    weights = [paired.weight for paired in config.paired]
    if not config.clean:
        if not weights:
            raise UsageError("There is nothing to train on: name folders in data.clean or [[data.paired]].")
        return tuple(weight / sum(weights) for weight in weights)
    rest = 1 - sum(weights)
    if rest <= 0:
        raise UsageError(
            f"The weights of [[data.paired]] add up to {sum(weights):g}, which leaves no crops to "
            "data.clean: lower them or leave data.clean out."
        )
    return (*weights, rest)


def _read_pairs(folder: Path, config: DataConfig) -> ImagePool:
    """Raises InputError if no pair of the folder can be used."""
    pairs = _read(pair_files(folder), config)
    if not len(pairs):
        raise InputError(f"No pair of at least {config.crop} pixels a side in {folder} can be read.")
    return pairs


def _read(files: list[ImageSource], config: DataConfig) -> ImagePool:
    budget = config.memory_mib * 2**20
    return ImagePool(files, smallest_side=config.crop, budget=budget, strict=config.strict)
