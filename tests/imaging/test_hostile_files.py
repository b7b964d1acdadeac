"""Small files that claim much need no more memory and time than other small files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import PIL.Image
import pytest
from hostile_files import HOSTILE

pytest.importorskip("resource", reason="limits of memory and time exist on Unix")
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="reads the memory in use as Linux gives it"
)

LIMITED = """
import resource, sys, warnings
from hostile_files import HOSTILE
from deraincli.errors import UnreadableImageError
from deraincli.imaging.decode import decode
from picture_files import saved, texture
from PIL.Image import fromarray

warnings.simplefilter("ignore")
for format in ("TIFF", "PNG", "JPEG"):
    decode(saved(fromarray(texture(20, 30)), format), max_pixels=10**6)  # loads the libraries
in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + 200 * 2**20,) * 2)
for name in sys.argv[1:]:
    data = HOSTILE[name]()
    began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    resource.setrlimit(resource.RLIMIT_CPU, (int(began) + 20, resource.RLIM_INFINITY))
    try:
        decode(data, max_pixels=10**6)
    except UnreadableImageError as error:
        assert "memory" not in str(error).lower() and "Error" not in str(error), error
    print(name, flush=True)
"""


def test_small_files_that_claim_much_are_bounded() -> None:
    """A process of little memory and 20 seconds of computing for each file comes to its end."""
    here = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {here!r})\n{LIMITED}"
    done = subprocess.run([sys.executable, "-c", code, *HOSTILE], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == list(HOSTILE), done.stderr[-500:]


SMALL_MEMORY = """
import resource, sys
from pathlib import Path
from deraincli.imaging.decode import decode

in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + 40 * 2**20,) * 2)
decode(Path(sys.argv[1]), max_pixels=10**9)
"""


def test_a_picture_that_memory_cannot_hold_is_not_called_damaged(tmp_path: Path) -> None:
    big = tmp_path / "big.png"
    PIL.Image.new("RGB", (5000, 5000)).save(big, compress_level=1)
    code = [sys.executable, "-c", SMALL_MEMORY, str(big)]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    assert done.stderr.endswith(
        f"'{big}' does not fit in the free memory: close other programs, or use a smaller copy of it.\n"
    )
