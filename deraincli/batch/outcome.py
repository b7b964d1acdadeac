"""The settings of a batch and the outcome of each picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deraincli.batch.masks import control_of
from deraincli.files.manifest import Job
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.inference.change import Change
from deraincli.inference.tiled import RainKinds
from deraincli.model_zoo.resolve import ResolvedModel
from deraincli.restoration.control import WHOLE, ControlOptions
from deraincli.restoration.identity import results_identity
from deraincli.restoration.load import LoadOptions


@dataclass(frozen=True)
class RestoreSettings:
    """How pictures are restored and saved."""

    load: LoadOptions
    """The model and how it runs. The device is ignored, because each worker has its own."""
    model: ResolvedModel
    """The model's files on this machine."""
    format: str | None = None
    """A key of `FORMATS`. If it is None, the name of the picture's file decides."""
    quality: int | None = None
    """Quality of lossy formats, 1–100. None stands for the format's default."""
    keep_metadata: bool = True
    """Whether results keep the metadata of their pictures."""
    max_pixels: int = DEFAULT_MAX_PIXELS
    """Largest number of pixels of a picture. Larger pictures fail."""
    overwrite: bool = False
    """Whether a result may replace any file of its name."""
    control: ControlOptions = WHOLE
    """The strength, and the masks. A folder holds a mask for each picture."""

    def identity(self, job: Job) -> str:
        """Returns the identity of everything that affects a result, as `results_identity` makes it.

        Args:
            job: The picture.

        Raises:
            InputError: The mask of the picture is missing or cannot be read.
        """
        saved = (self.format, self.quality, self.keep_metadata)
        return results_identity(self.model, self.load, *saved, control=control_of(job, self.control))


Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a job. Unknown numbers and names are None.

    The size, the model and the change of a skipped picture are those that were recorded when it was restored.
    """

    job: Job
    """The picture and the path of its result."""
    status: Status
    """Whether the picture was restored, had a finished result already, or failed."""
    error: str | None = None
    """One sentence for the user if the picture failed."""
    fatal: bool = False
    """Whether the other pictures would fail for the same reason."""
    unreadable: bool = False
    """Whether the picture itself cannot be read, for example because its file is still incomplete."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about this picture."""
    settings_notes: tuple[str, ...] = ()
    """Sentences for the user about settings that differ from the requested ones, `Derainer.notes`."""
    width: int | None = None
    """Width of the picture in pixels."""
    height: int | None = None
    """Height of the picture in pixels."""
    seconds: float | None = None
    """Seconds for decoding, restoring, encoding and writing, without the wait for a device."""
    model: str | None = None
    """Name of the model that restored the picture."""
    change: Change | None = None
    """The difference between the picture and its result."""
    rain: RainKinds | None = None
    """The rain by which the model was chosen. None if the user chose the model."""
    device: str | None = None
    """The device that restored the picture."""
    precision: str | None = None
    """The precision of the computation, such as fp32."""
    tile: str | None = None
    """Size of the tiles, width×height."""
    sides: tuple[int, ...] | None = None
    """Shorter sides of the picture in the passes, pixels."""
    control: ControlOptions | None = None
    """The strength and the picture's own masks."""
    ensemble: bool | None = None
    """Whether the results for the picture and for its mirror image were averaged."""

    @classmethod
    def skipped(cls, job: Job, facts: Mapping[str, Any]) -> Outcome:
        """Returns the outcome of a picture that was restored earlier.

        Args:
            job: The picture and the path of its result.
            facts: The facts that were recorded with the result. Earlier versions recorded none.
        """
        change = None
        if "changed_share" in facts:
            change = Change(facts["mean_change"], facts["changed_share"])
        width, height, model = (facts.get(key) for key in ("width", "height", "model"))
        return cls(job, "skipped", width=width, height=height, model=model, change=change)

    @property
    def pixels(self) -> int:
        """Number of pixels of the picture. 0 if it is not known."""
        return (self.width or 0) * (self.height or 0)

    @property
    def hardly_changed(self) -> bool:
        """Whether the change is known and so little that rain may be left."""
        return self.change is not None and self.change.little

    def facts(self) -> dict[str, Any]:
        """Returns the facts to record with the result, which `skipped` takes, as a JSON object."""
        change = self.change.record() if self.change else {}
        return {"width": self.width, "height": self.height, "model": self.model, **change}

    def record(self) -> dict[str, Any]:
        """Returns the outcome as a JSON object."""
        return {
            "source": str(self.job.source),
            "output": str(self.job.destination),
            "status": self.status,
            "error": self.error,
            "width": self.width,
            "height": self.height,
            "seconds": None if self.seconds is None else round(self.seconds, 4),
            "model": self.model,
            "device": self.device,
            "precision": self.precision,
            "tile": self.tile,
            "working_sides": None if self.sides is None else list(self.sides),
            **(self.control.record() if self.control else dict.fromkeys(WHOLE.record())),
            "ensemble": self.ensemble,
            **(self.change.record() if self.change else {"mean_change": None, "changed_share": None}),
            "rain": self.rain.record() if self.rain else None,
        }
