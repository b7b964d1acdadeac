"""What a batch does to every picture, and what became of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deraincli.files.manifest import Job
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.model_zoo.resolve import ResolvedModel
from deraincli.restoration.change import Change
from deraincli.restoration.identity import results_identity
from deraincli.restoration.load import LoadOptions


@dataclass(frozen=True)
class RestoreSettings:
    """How pictures are restored and saved."""

    load: LoadOptions
    """Which model runs, and how. Its device does not count, because each worker has its own."""
    model: ResolvedModel
    """The model's files on this machine."""
    format: str | None = None
    """A key of `FORMATS`; None for that of the result's name."""
    quality: int | None = None
    keep_metadata: bool = True
    max_pixels: int = DEFAULT_MAX_PIXELS
    overwrite: bool = False
    """Replace what lies where a result goes, whoever wrote it."""

    @property
    def identity(self) -> str:
        """Stands for whatever shows in the results: see `results_identity`."""
        saved = (self.format, self.quality, self.keep_metadata)
        return results_identity(self.model, self.load, *saved)


Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job. Numbers and names that are not known are None.

    The size, the model and the change of a skipped picture are those that were recorded when it was restored.
    """

    job: Job
    status: Status
    error: str | None = None
    """One sentence, of a failed one."""
    fatal: bool = False
    """Whether the others would fail for the same reason."""
    unreadable: bool = False
    """Whether the picture itself is at fault, as one is that is still being written."""
    notes: tuple[str, ...] = ()
    """Sentences for the user."""
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    """Decoding, restoring, encoding and writing, without waiting for a device."""
    network_seconds: float = 0.0
    """Restoring alone."""
    model: str | None = None
    """The one that restored this picture, where several may."""
    change: Change | None = None
    """The difference between the picture and its result."""
    device: str | None = None
    precision: str | None = None
    tile: str | None = None

    @classmethod
    def skipped(cls, job: Job, facts: Mapping[str, Any]) -> Outcome:
        """Returns the outcome of a picture that an earlier run restored and whose `facts` it recorded."""
        change = None
        if "changed_share" in facts:
            change = Change(facts["mean_change"], facts["changed_share"])
        width, height, model = (facts.get(key) for key in ("width", "height", "model"))
        return cls(job, "skipped", width=width, height=height, model=model, change=change)

    @property
    def pixels(self) -> int:
        """Number of the picture's pixels, or 0 if it is not known."""
        return (self.width or 0) * (self.height or 0)

    @property
    def hardly_changed(self) -> bool:
        """Whether the change is known and so little that rain may be left."""
        return self.change is not None and self.change.little

    def facts(self) -> dict[str, Any]:
        """Returns what `skipped` takes, as a JSON object."""
        change = self.change.record() if self.change else {}
        return {"width": self.width, "height": self.height, "model": self.model, **change}

    def record(self) -> dict[str, Any]:
        """As a JSON object."""
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
            **(self.change.record() if self.change else {"mean_change": None, "changed_share": None}),
        }
