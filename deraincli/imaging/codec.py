"""Pictures in and out of files: what the rest of the program imports.

image = decode(path, max_pixels=…)          # or bytes, as from standard input
image = adapt(image, format_of(output))     # refuses, before the work, what the format cannot hold
check_destination(output, overwrite=…)      # likewise for the place
image = dataclasses.replace(image, pixels=restored)
write_atomically(output, encode(image, format_of(output)), overwrite=…)
image.notes                                 # sentences for the user
"""

from deraincli.imaging.atomic import check_destination, write_atomically
from deraincli.imaging.decode import decode
from deraincli.imaging.encode import adapt, encode
from deraincli.imaging.formats import FORMATS, format_of
from deraincli.imaging.image import Image

__all__ = [
    "FORMATS",
    "Image",
    "adapt",
    "check_destination",
    "decode",
    "encode",
    "format_of",
    "write_atomically",
]
