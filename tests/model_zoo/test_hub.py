"""Models of the Hub, against a server on this machine that speaks its routes."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hub_shell import ADDRESS, NAME, NEW, OLD, Shell, finished, refused
from loopback_hub import TOKEN, LoopbackHub, Repository, resetting_server, sends, status
from safetensors.torch import save

from deraincli.model_zoo.catalogue import SHIPPED
from deraincli.model_zoo.hub import ATTEMPTS


def test_a_model_is_pulled_once_and_used_offline(hub: LoopbackHub, shell: Shell) -> None:
    hub.add(NAME, {"model.safetensors": NEW, "README.md": b"---\nlicense: mit\n---\n# Rain\n"})
    assert shell.pull() == NEW
    assert shell.pull() == NEW
    assert hub.times("GET /lfs") == 1
    hub.close()  # also without a word about being offline
    both = [shell.start("weights", "info", ADDRESS, "--json", HF_HUB_OFFLINE=flag) for flag in "10"]
    for done in map(finished, both):
        assert done.stderr == ""
        told = json.loads(done.stdout)
        assert told["sha256"] == hashlib.sha256(NEW).hexdigest()
        assert told["licence"] == "mit"
        assert told["parameters"] == 168_963


def test_without_a_network_it_says_so_after_one_request(shell: Shell, tmp_path: Path) -> None:
    """huggingface_hub by itself repeats such a request for half a minute."""
    (tmp_path / "mine.safetensors").write_bytes(NEW)
    with resetting_server() as pulled, resetting_server() as pushed:
        started = [
            shell.start("weights", "pull", ADDRESS, HF_ENDPOINT=pulled.endpoint),
            shell.start("weights", "pull", ADDRESS, HF_ENDPOINT="http://nowhere.invalid"),
            shell.start(
                "weights", "push", tmp_path / "mine.safetensors", ADDRESS,
                HF_TOKEN=TOKEN, HF_ENDPOINT=pushed.endpoint,
            ),
        ]  # fmt: skip
        for process in started:
            done = finished(process)
            refused(done, "cannot be reached")
            assert len(done.stderr.splitlines()) == 1
    assert (pulled.connections, pushed.connections) == (1, 1)


def test_a_pickle_in_disguise_does_not_stay(hub: LoopbackHub, shell: Shell) -> None:
    hub.add(NAME, {"model.safetensors": b"\x80\x02}q\x00." * 100})
    refused(shell("weights", "pull", ADDRESS), "removed from the cache")
    assert not [path for path in shell.cache.rglob("blobs/*") if path.is_file()]


def test_texts_of_any_size_are_not_fetched(hub: LoopbackHub, shell: Shell) -> None:
    hub.add(NAME, {"model.safetensors": NEW, "README.md": bytes(2_000_000), "config.json": bytes(2_000_000)})
    assert shell.pull() == NEW
    kept = {path.name for path in shell.cache.rglob("snapshots/*/*")}
    assert kept == {"model.safetensors"}


def test_a_card_cannot_steer_the_terminal(hub: LoopbackHub, shell: Shell) -> None:
    card = '---\nlicense: "mit\\e[31m"\n---\n# Rain\n'
    hub.add(NAME, {"model.safetensors": NEW, "README.md": card.encode()})
    done = shell("weights", "info", ADDRESS)
    assert "mit" in done.stdout
    assert "\x1b" not in done.stdout
    assert "\x1b" not in shell("weights", "list").stdout


def test_a_cold_cache_offline_says_what_to_run(shell: Shell) -> None:
    refused(
        shell("weights", "pull", ADDRESS, HF_HUB_OFFLINE="1"), f"run `derain weights pull {ADDRESS}` where"
    )


def test_the_cache_lies_where_hf_home_says(hub: LoopbackHub, shell: Shell) -> None:
    hub.add(NAME, {"model.safetensors": NEW})
    home = Path(shell.environment.pop("HF_HUB_CACHE")).parent / "elsewhere"
    assert shell.pull(HF_HOME=str(home)) == NEW
    (kept,) = home.glob("hub/models--*/snapshots/*/model.safetensors")
    assert kept.read_bytes() == NEW


def test_no_color_is_honoured(shell: Shell) -> None:
    def colours(**variables: str) -> list[str]:
        done = shell("weights", "--help", FORCE_COLOR="1", **variables)
        codes = re.findall(r"\x1b\[([\d;]*)m", done.stdout)
        return [number for code in codes for number in code.split(";") if 30 <= int(number or 0) < 50]

    assert colours()
    assert not colours(NO_COLOR="1")


def test_a_commit_stays_what_it_was(hub: LoopbackHub, shell: Shell) -> None:
    first = hub.add(NAME, {"model.safetensors": OLD, "config.json": b"{}", "README.md": b""})
    hub.add(NAME, {"model.safetensors": NEW})
    assert shell.pull(f"{ADDRESS}@{first}") == OLD
    assert shell.pull() == NEW
    before = len(hub.requests)
    assert shell.pull(f"{ADDRESS}@{first}") == OLD
    assert len(hub.requests) == before, "a pinned model in the cache needs no network"


def test_a_dropped_connection_resumes(hub: LoopbackHub, shell: Shell) -> None:
    """What arrived in whole pieces, 256 KiB each, is not sent again."""
    header = {"network": "prenet", "config": "{}"}
    large = save({"weight": torch.arange(6_000_000.0)}, header)
    hub.add(NAME, {"model.safetensors": large})
    hub.faults["GET /lfs"] = [sends(large[:15_000_000], length=len(large))]
    assert shell.pull() == large
    [_, second] = [line for line in hub.requests if line.startswith("GET /lfs")]
    start = int(second.partition("bytes=")[2].rstrip("-"))
    assert 14_000_000 < start <= 15_000_000


def test_damage_on_the_way_is_noticed_and_not_kept(hub: LoopbackHub, shell: Shell) -> None:
    assert len(OLD) == len(NEW)
    damage = {"hash": OLD, "short": NEW[:-1000], "long": NEW + bytes(10)}
    for case, sent in damage.items():
        content = NEW if case == "hash" else NEW + case.encode()
        hub.add(f"someone/{case}", {"model.safetensors": content})
        hub.faults[f"GET /lfs/{hashlib.sha256(content).hexdigest()}"] = [sends(sent)] * ATTEMPTS
    started = {case: shell.start("weights", "pull", f"hf:someone/{case}") for case in damage}
    for case, process in started.items():
        refused(finished(process), "sha256" if case == "hash" else "try again")
    assert shell.files_in_cache() == []
    hub.faults.clear()
    assert shell.pull("hf:someone/hash") == NEW


def test_a_file_changed_in_the_cache_is_noticed(hub: LoopbackHub, shell: Shell) -> None:
    hub.add(NAME, {"model.safetensors": NEW})
    shell.pull()
    [file] = shell.files_in_cache()
    file.resolve().write_bytes(OLD)
    refused(shell("weights", "info", ADDRESS, HF_HUB_OFFLINE="1"), "sha256")
    assert shell.files_in_cache() == []


def test_server_errors_that_pass_are_outlived(hub: LoopbackHub, shell: Shell) -> None:
    hub.add(NAME, {"model.safetensors": NEW})
    hub.faults = {"HEAD /someone": [status(500)], "GET /lfs": [status(503)]}
    assert shell.pull() == NEW
    assert not any(hub.faults.values())


def test_what_cannot_be_had_is_explained(hub: LoopbackHub, shell: Shell) -> None:
    hub.add(NAME, {"model.safetensors": NEW})
    hub.add("someone/pickled", {"pytorch_model.bin": b"..."})
    hub.add("someone/secret", {"model.safetensors": NEW}, private=True)
    hub.add("someone/gated", {"model.safetensors": NEW}, gated=True)
    cases = [
        ("hf:someone/nothing", {}, "does not exist or is private"),
        (f"{ADDRESS}@v9", {}, "no such revision"),
        ("hf:someone/pickled", {}, "derain weights import"),
        ("hf:someone/secret", {}, "HF_TOKEN"),
        ("hf:someone/gated", {}, "accept its terms"),
        (ADDRESS, {"HF_TOKEN": "hf_wrong"}, "hf auth login"),
    ]
    started = [shell.start("weights", "pull", address, **variables) for address, variables, _ in cases]
    for process, (_, _, says) in zip(started, cases, strict=True):
        refused(finished(process), says)
    assert shell.pull("hf:someone/secret", HF_TOKEN=TOKEN) == NEW


@pytest.mark.parametrize(
    "address",
    [
        "hf:rain",
        "hf:../rain",
        "hf:a/b/c",
        "hf:a/..",
        "hf:a/b@",
        "hf:a/b@../../x",
        "hf:a/b@x/../y",
        "hf:/b",
        "hf:-x/y",
    ],
)
def test_addresses_that_lead_elsewhere_are_refused(derain, address: str) -> None:
    done = derain("weights", "pull", address)
    assert done.code == 2
    assert "not an address on the Hub" in done.err


def test_a_commit_that_is_a_path_writes_nothing_outside(
    hub: LoopbackHub, shell: Shell, tmp_path: Path
) -> None:
    hub.repositories[NAME] = Repository({"../../../../escaped": {"model.safetensors": NEW}})
    done = shell("weights", "pull", ADDRESS)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not [path for path in tmp_path.rglob("*") if "escaped" in path.name]
    assert not (tmp_path.parent / "escaped").exists()


def test_two_processes_at_once_do_no_harm(hub: LoopbackHub, shell: Shell) -> None:
    hub.add(NAME, {"model.safetensors": NEW})
    both = [shell.start("weights", "pull", ADDRESS, "--json") for _ in range(2)]
    for done in map(finished, both):
        assert done.returncode == 0, done.stderr
        assert Path(json.loads(done.stdout)["file"]).read_bytes() == NEW


def test_what_is_cached_is_listed_and_removed(hub: LoopbackHub, shell: Shell) -> None:
    first = hub.add(NAME, {"model.safetensors": OLD})
    hub.add(NAME, {"model.safetensors": NEW})
    for process in [shell.start("weights", "pull", address) for address in (ADDRESS, f"{ADDRESS}@{first}")]:
        assert finished(process).returncode == 0
    listed = [json.loads(line) for line in shell("weights", "list", "--json").stdout.splitlines()]
    cached = {model["name"]: model["sha256"] for model in listed if model["origin"] == "cached"}
    assert cached == {
        ADDRESS: hashlib.sha256(NEW).hexdigest(),
        f"{ADDRESS}@{first}": hashlib.sha256(OLD).hexdigest(),
    }
    assert {model["name"] for model in listed if model["origin"] == "shipped"} == {"balnet-lite", *SHIPPED}
    assert shell("weights", "remove", f"{ADDRESS}@{first}").returncode == 0
    assert [file.read_bytes() for file in shell.files_in_cache()] == [NEW]
    assert shell("weights", "remove", ADDRESS).returncode == 0
    assert shell.files_in_cache() == []
    refused(shell("weights", "remove", ADDRESS), "not in the cache")


CATALOGUED = """
import dataclasses, sys
from deraincli.model_zoo import catalogue, resolve
catalogue.SHIPPED["elsewhere"] = dataclasses.replace(
    catalogue.SHIPPED["balnet-lite-streak"], file="elsewhere.safetensors", hub=sys.argv[1], sha256=sys.argv[2]
)
print(resolve.resolve_model("elsewhere").files[0].path)
"""


def test_a_catalogued_model_must_have_our_own_hash(hub: LoopbackHub, shell: Shell) -> None:
    commit = hub.add(NAME, {"model.safetensors": NEW})

    def find(digest: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", CATALOGUED, f"{ADDRESS}@{commit}", digest]
        return subprocess.run(command, env=shell.environment, capture_output=True, text=True)

    assert Path(find(hashlib.sha256(NEW).hexdigest()).stdout.strip()).read_bytes() == NEW
    assert "ModelError" in find(hashlib.sha256(OLD).hexdigest()).stderr


def test_a_picture_is_restored_by_a_model_of_the_hub(hub: LoopbackHub, shell: Shell, tmp_path: Path) -> None:
    hub.add(NAME, {"model.safetensors": NEW})
    rainy = Path(__file__).parents[2] / "examples" / "rainy_chelsea.jpg"
    done = shell("image", rainy, "-o", tmp_path / "out.png", "-m", ADDRESS, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"] == "rain"
    assert (tmp_path / "out.png").is_file()
