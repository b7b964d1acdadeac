"""`derain weights prior`: what the GMM solver knows of clean photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deraincli.cli import options


def command(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="A folder of clean photos.")],
    destination: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.")],
    components: Annotated[int, typer.Option(min=1, help="Gaussians in the mixture.")] = 200,
    rank: Annotated[int, typer.Option(min=1, max=63, help="Directions that each keeps of 64.")] = 16,
    patches: Annotated[int, typer.Option(min=1, help="Patches to learn from.")] = 80_000,
    passes: Annotated[int, typer.Option(min=0, help="Steps of expectation maximisation.")] = 15,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    max_pixels: options.MaxPixels = 178_000_000,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    json: options.Json = False,
) -> None:
    """Learn a background prior, which image -m takes: derain weights prior photos -o prior.safetensors"""
    from deraincli.background_prior import learn_prior
    from deraincli.imaging.codec import check_destination, write_atomically
    from deraincli.peers.mixture import save

    out = options.make_output(quiet, verbose, json)
    check_destination(destination, overwrite=overwrite)
    with out.progress(str(photos)) as meter:
        mixture = learn_prior(
            photos,
            components=components,
            rank=rank,
            patches=patches,
            passes=passes,
            max_pixels=max_pixels,
            on_progress=meter,
        )
    data = save(mixture)
    write_atomically(destination, data, overwrite=overwrite)
    record = {"output": str(destination), "components": components, "rank": rank, "bytes": len(data)}
    out.result(record, "{output}: {components} components of rank {rank}, {bytes} bytes".format_map(record))
