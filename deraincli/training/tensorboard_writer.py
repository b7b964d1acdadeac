"""Writes a run for TensorBoard: curves, and sample pictures with both maps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deraincli.training.loop import Progress

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

EVERY = 10
"""Steps between points of the training curves."""


class TensorBoardWriter:
    """Writes the reports of a run to TensorBoard's files."""

    def __init__(self, writer: SummaryWriter) -> None:
        self._writer = writer

    def __call__(self, progress: Progress) -> None:
        """Adds a step's losses, learning rate, PSNR and waiting time, and its validation if there is one."""
        step, add = progress.step, self._writer.add_scalar
        if step % EVERY == 0:
            for name, value in progress.losses.items():
                add(f"loss/{name}", value, step)
            add("training/psnr", progress.psnr, step)
            add("training/learning_rate", progress.rate, step)
            add("training/share_of_time_waiting_for_data", progress.waiting, step)
        validation = progress.validation
        if validation is not None:
            add("validation/psnr", validation.psnr, step)
            add("validation/ssim", validation.ssim, step)
            if validation.ram_iou is not None:
                add("validation/ram_iou", validation.ram_iou, step)
            for place, strip in enumerate(validation.samples):
                self._writer.add_image(
                    f"input, output, target, RAM, CAM/{place}", strip, step, dataformats="HWC"
                )
            self._writer.flush()

    def close(self) -> None:
        """Writes what is still in memory."""
        self._writer.close()


def open_writer(folder: Path, step: int) -> TensorBoardWriter | None:
    """Opens a writer.

    Args:
        folder: The folder of TensorBoard's files. Later points of an earlier run are removed.
        step: The step after which the run continues.

    Returns:
        The writer, or None if TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return TensorBoardWriter(SummaryWriter(str(folder), purge_step=step + 1))  # type: ignore[no-untyped-call]
