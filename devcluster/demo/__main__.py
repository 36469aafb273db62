"""`make demo` and `make demo-down`."""

import argparse
import contextlib
import fcntl
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
from huggingface_hub import HfApi, snapshot_download
from rich.console import Console

from augmentation_api.printable import printable
from devcluster import commands, settings
from devcluster.demo.access import Access
from devcluster.demo.contact_sheet import draw_contact_sheet
from devcluster.demo.dataset import Result, upload_sample
from devcluster.demo.first_frame import first_frame, remembered
from devcluster.demo.installation import install, open_access, uninstall
from devcluster.demo.job_progress import follow, submit, where_time_went
from devcluster.demo.kubectl import Kubectl
from devcluster.demo.object_store import DemoStore, install_store
from devcluster.demo.port_forward import stop_forwarding
from devcluster.errors import DevclusterError
from devcluster.progress import step

OUTPUT = settings.CHECKOUT / "build" / "demo"
# Stays when the demo goes: the next one begins on an empty node.
FIRST_FRAMES = settings.CHECKOUT / "build" / "first-frames.json"
SOURCE = "demo/pusht"
STORE_SOURCE = "datasets/pusht"
COPIES = 3


def run(chosen: settings.Settings, console: Console, *, in_store: bool = False) -> int:
    """The whole demo, from hub to hub or from bucket to bucket. Exit status 1 if the job does not complete."""
    began = time.monotonic()
    commands.up(chosen)
    commands.images(chosen, [])
    installation = install(chosen)
    access = open_access(installation, "demo")
    access.write_env(OUTPUT / "demo.env")
    api = HfApi(endpoint=access.hub_endpoint, token=access.hub_token)
    store = install_store(chosen, installation, access.namespace) if in_store else None
    source = store.url(STORE_SOURCE) if store is not None else SOURCE
    with step(f"sample dataset: {source}"):
        if store is not None:
            store.upload_sample(STORE_SOURCE)
        else:
            upload_sample(api, SOURCE)
    console.print(f"\nPOST {access.gateway_url}/v1/augmentation")
    request = {
        "project_id": str(uuid4()),
        "dataset_id": source,
        "name": "pusht in varied lighting",
        "augment_transforms": "lighting",
        "augment_copies": COPIES,
        "augment_brightness_min": -25,
        "augment_brightness_max": 25,
        "augment_color_temp_min": 3000,
        "augment_color_temp_max": 8000,
        "parallelism": 2,
    }
    submitted, posted = time.monotonic(), time.time()
    job_id = submit(access, request)
    console.print(f"job {job_id} is accepted; its phases:\n")
    status = follow(access, job_id, console)
    latency = time.monotonic() - submitted
    (OUTPUT / "status.json").write_text(json.dumps(status, indent=2) + "\n")
    if status["status"] != "completed":
        said = printable(f"the job {status['status']}: {status.get('error')}")
        console.print(said, style="red", highlight=False, markup=False)
        return 1
    dataset_id = status["augmented_dataset_id"]
    result = _download_from_store(store, dataset_id) if store is not None else _download(api, access, dataset_id)
    originals = status["progress"]["episodes"]["total"]
    sheet = OUTPUT / "contact-sheet.png"
    draw_contact_sheet(result, originals, COPIES, sheet)
    console.print(f"\nPOST to completed: {latency:.0f} s ({where_time_went(status)})")
    measured = first_frame(installation.kubectl, access.namespace, job_id, status, posted)
    if measured is not None:
        for line in remembered(FIRST_FRAMES, measured):
            console.print(line, highlight=False, soft_wrap=True)
    _print_next_steps(console, access, job_id, installation.kubectl.kubectl)
    info = result.info
    console.print(
        f"{dataset_id}: {info['total_episodes']} episodes, {info['total_frames']} frames, "
        f"{time.monotonic() - began:.0f} seconds, {sheet.relative_to(settings.CHECKOUT)}",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def _download(api: HfApi, access: Access, dataset_id: str) -> Result:
    """Download the new dataset and open it: every episode's first frame of every camera has to be there."""
    folder = OUTPUT / "dataset"
    shutil.rmtree(folder, ignore_errors=True)
    with step(f"download and open {dataset_id}"):
        snapshot_download(
            dataset_id,
            repo_type="dataset",
            revision="v3.0",
            local_dir=folder,
            endpoint=access.hub_endpoint,
            token=access.hub_token,
        )
        return _opened(folder)


def _download_from_store(store: DemoStore, dataset_id: str) -> Result:
    """The same from a bucket."""
    folder = OUTPUT / "dataset"
    shutil.rmtree(folder, ignore_errors=True)
    with step(f"download and open {dataset_id}"):
        store.download(dataset_id.removeprefix(store.url("")), folder)
        return _opened(folder)


def _opened(folder: Path) -> Result:
    result = Result(folder)
    for episode in result.episodes():
        for camera in result.cameras:
            result.frame(episode, camera, 0.0)
    return result


def _print_next_steps(console: Console, access: Access, job_id: str, pinned_kubectl: str) -> None:
    kubectl = "kubectl" if shutil.which("kubectl") else pinned_kubectl
    lines = [
        "",
        "Everything still runs. To go on by hand:",
        "  source build/demo/demo.env",
        f'  curl -H "x-api-key: $API_KEY" $GATEWAY_URL/v1/augmentation/{job_id}',
        "  .venv/bin/augmentation list  (watch, logs, cancel, retry, submit)",
        f"  {kubectl} get augmentationjobs -n $NAMESPACE",
        f"  {kubectl} explain augmentationjob.spec.augmentation",
        f"  open {access.hub_endpoint}  (the hub's page)",
        "  make demo-down  (removes all of it)",
        "",
    ]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def down(chosen: settings.Settings) -> int:
    """Remove what `run` made."""
    if chosen.existing:
        environment = commands.environment(chosen)
        folder = chosen.images_file.parent
        for service in ("augmentation-gateway", "localhub", "versitygw"):
            stop_forwarding(folder, service)
        with step("remove the installation"):
            uninstall(Kubectl(environment["KUBECTL"], environment["HELM"], Path(environment["KUBECONFIG"])))
    else:
        commands.down(chosen, purge=False)
    shutil.rmtree(OUTPUT, ignore_errors=True)
    return 0


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """Hold the demo's lock. A second demo fails with a message instead of sharing files and cluster with the first."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with (OUTPUT.parent / "demo.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DevclusterError("another `make demo` runs in this folder: wait for it to end.") from None
        yield


def main() -> int:
    """Run one command. An error that the user can fix is reported in one sentence."""
    parser = argparse.ArgumentParser(prog="python -m devcluster.demo", description=__doc__)
    parser.add_argument("command", choices=("run", "down"))
    parser.add_argument("--store", choices=("s3",), help="from bucket to bucket instead of on a hub")
    options = parser.parse_args()
    console = Console()
    try:
        chosen = settings.from_environment()
        with _only_one():
            return run(chosen, console, in_store=bool(options.store)) if options.command == "run" else down(chosen)
    except DevclusterError as error:
        # Line by line: of kubectl and helm it may hold many.
        said = "\n".join(map(printable, f"demo: {error}".split("\n")))
        console.print(said, style="red", highlight=False, markup=False, soft_wrap=True)
        return error.exit_status
    except (httpx.HTTPError, subprocess.SubprocessError) as error:
        console.print(printable(f"demo: {error!r}"), style="red", highlight=False, markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("demo: interrupted; run it again to go on.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
