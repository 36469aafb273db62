"""Writing a job in a real browser: checked by the gateway while it is written, and sent once."""

import json
import re
import signal
from base64 import b64encode
from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.integration.control_plane import CHECKOUT, ControlPlane
from tests.integration.gateway.conftest import PROJECT_ID
from tests.integration.gateway.jobs import JOBS, eventually
from tests.integration.gateway.page.cluster import Jobs, Json
from tests.integration.gateway.page.visitor import Visitor
from tests.shown_prices import SHOWN_PRICES

NEW = "/#/new"
DRAWN = {
    "state": "completed",
    "currentPhase": "resolve",
    "source": {
        "episodes": 100,
        "frames": 30_000,
        "cameras": ["top"],
        "selectedEpisodes": 100,
        "selectedFrames": 30_000,
        "maxShards": 100,
        "streams": [{"cameras": 1, "codec": "av1", "height": 480, "width": 640, "bytesPerFrame": 5000}],
    },
    "preview": {
        "mediaType": "image/png",
        "image": b64encode((CHECKOUT / "docs" / "preview.png").read_bytes()).decode(),
    },
}


def verdict(page: Page) -> Locator:
    return page.get_by_role("status").filter(has_text=re.compile("Ready|wrong|cannot be sent"))


def write(page: Page, **fields: str) -> None:
    for name, text in fields.items():
        page.locator(f'[name="{name}"]').fill(text)


def test_job_is_submitted_by_keyboard_only(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["422"]
    visitor.sign_in()
    page = visitor.page
    page.keyboard.press("n")
    expect(page.get_by_label("Dataset", exact=True)).to_be_focused()
    page.keyboard.type("lerobot/pusht")
    page.get_by_label("Project", exact=True).focus()
    page.keyboard.type(PROJECT_ID)
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("Written by hand")
    expect(verdict(page)).to_have_text("Ready to start.")
    page.get_by_role("tab", name="Manifest").press("Enter")
    expect(page.get_by_role("group", name="Manifest")).to_contain_text("repoID: lerobot/pusht")
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Written by hand")
    (created,) = (job for job in jobs.items() if job["spec"].get("displayName") == "Written by hand")
    assert created["spec"]["source"]["hub"]["repoID"] == "lerobot/pusht"
    assert created["metadata"]["uid"] in page.url


def test_errors_of_gateway_are_shown_at_their_fields(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["422"]
    visitor.sign_in(address=NEW)
    page = visitor.page
    expect(verdict(page)).to_contain_text("missing or wrong")
    expect(page.get_by_text("dataset_id is required")).to_have_count(0)  # the user has not edited it yet
    write(page, dataset_id="pusht", augment_brightness_min="40", augment_copies="99", project_id=PROJECT_ID)
    page.keyboard.press("Tab")
    dataset = page.locator('[name="dataset_id"]')
    expect(dataset).to_have_attribute("aria-invalid", "true")
    expect(dataset).to_have_accessible_description(re.compile('dataset_id is "pusht", but has to be owner/name'))
    swapped = "augment_brightness_min is 40, which is greater than augment_brightness_max, 15"
    expect(page.get_by_text(swapped)).to_be_visible()
    expect(page.get_by_text("augment_copies is 99, but may be at most 20")).to_be_visible()
    visitor.check_accessibility("form-problems", full=True)
    write(page, dataset_id="lerobot/pusht", augment_brightness_min="-40", augment_copies="2")
    expect(verdict(page)).to_have_text("Ready to start.")
    expect(dataset).not_to_have_attribute("aria-invalid", "true")


def test_every_field_of_api_is_in_form(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["422", "400"]
    visitor.sign_in(address=NEW)
    page = visitor.page
    page.get_by_label("Type", exact=True).select_option("generative")
    for name in page.get_by_role("group", name="Add a transform").get_by_role("button").all_inner_texts():
        page.get_by_role("button", name=f"Add {name}", exact=True).click()
    with visitor.gateway.client("page") as http:
        schema = http.get("/openapi.json").json()["components"]["schemas"]["AugmentationRequest"]
    names = set(page.locator("form [name]").evaluate_all("all => all.map(field => field.name)"))
    # These are written by the lists of transforms and of cameras.
    lists = {"augment_transforms", "augment_copies_per_transform", "per_camera"}
    assert set(schema["properties"]) - lists <= names, set(schema["properties"]) - lists - names
    expect(page.get_by_role("group", name="Add a transform").get_by_role("button")).to_have_count(0)


def test_transforms_are_ordered_with_their_own_numbers_of_versions(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["422"]
    visitor.sign_in(address=NEW)
    page = visitor.page
    write(page, dataset_id="lerobot/pusht", project_id=PROJECT_ID)
    page.get_by_role("button", name="Add blur", exact=True).click()
    page.get_by_role("button", name="Earlier blur").click()
    page.get_by_label("Mode", exact=True).select_option("independent")
    page.locator('[name="copies-blur"]').fill("4")
    page.locator('[name="blur_type"]').select_option("motion")
    expect(verdict(page)).to_have_text("Ready to start.")
    page.get_by_role("tab", name="curl").click()
    # It was ready before, too: the newest check is the one whose request is shown.
    expect(page.get_by_role("group", name="curl")).to_contain_text("motion")
    curl = page.get_by_role("group", name="curl").inner_text()
    body = json.loads(curl[curl.index("{") : curl.rindex("}") + 1])
    assert body == {
        "dataset_id": "lerobot/pusht",
        "project_id": PROJECT_ID,
        "augment_transforms": "blur,lighting",
        "augment_mode": "independent",
        "augment_copies_per_transform": {"blur": 4},
        "blur_type": "motion",
    }
    with visitor.gateway.client("page") as http:
        assert http.post(JOBS, params={"dry_run": True}, json=body).status_code == 200
    visitor.check_accessibility("form-light", full=True)
    page.keyboard.press("t")
    visitor.check_accessibility("form-dark")


def test_preset_fills_form_and_one_camera_gets_something_else(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["422"]
    visitor.sign_in(address=NEW)
    page = visitor.page
    write(page, dataset_id="lerobot/pusht", project_id=PROJECT_ID)
    page.get_by_label("Preset", exact=True).select_option("pi05")
    expect(page.get_by_role("button", name="Remove cropResize")).to_be_visible()
    expect(page.locator('[name="augment_contrast_max"]')).to_have_attribute("placeholder", "40")
    page.get_by_role("button", name="Add a camera").click()
    page.get_by_label("Camera key, or a pattern").fill("hand")
    page.get_by_label("Own ranges, one per line").fill("lighting.fog: 3")
    expect(page.get_by_text("per_camera.0.lighting.fog is not a field")).to_have_count(1)
    page.get_by_label("Own ranges, one per line").fill("lighting.brightness: -5 to 5")
    expect(verdict(page)).to_have_text("Ready to start.")
    page.get_by_role("tab", name="curl").click()
    curl = page.get_by_role("group", name="curl").inner_text()
    assert json.loads(curl[curl.index("{") : curl.rindex("}") + 1]) == {
        "dataset_id": "lerobot/pusht",
        "project_id": PROJECT_ID,
        "preset": "pi05",
        "per_camera": [{"camera": "hand", "lighting": {"brightness": {"min": -5, "max": 5}}}],
    }


def test_result_is_as_private_as_source_unless_form_overrides(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["422"]
    visitor.sign_in(address=NEW)
    page = visitor.page
    write(page, dataset_id="lab/kitchen", project_id=PROJECT_ID)
    page.get_by_role("tab", name="curl").click()
    curl, choice = page.get_by_role("group", name="curl"), page.get_by_label("Visibility")
    for answer, sent in (("private", '"private": true'), ("public", '"private": false')):
        choice.select_option(answer)
        expect(curl).to_contain_text(sent)
    choice.select_option("as the source")
    expect(curl).not_to_contain_text('"private"')


def test_draft_survives_reload_until_it_is_cleared(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["422"]
    visitor.sign_in(address=NEW)
    page = visitor.page
    write(page, dataset_id="lab/kitchen", episodes="0:10")
    page.get_by_role("button", name="Add noise", exact=True).click()
    page.reload()
    expect(page.locator('[name="dataset_id"]')).to_have_value("lab/kitchen")
    expect(page.locator('[name="episodes"]')).to_have_value("0:10")
    expect(page.locator('[data-name="noise"]')).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator('[name="dataset_id"]')).to_have_value("")


def test_job_can_be_duplicated(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["422"]
    spec = {"displayName": "the first", "augmentation": {"transforms": ["noise", "gamma"], "seed": 11, "copies": 5}}
    job_id = jobs.make("template", spec, {"state": "completed"})
    visitor.sign_in(address=f"/#/jobs/{job_id}")
    visitor.page.get_by_role("button", name="Use as template").click()
    expect(visitor.page.locator('[name="seed"]')).to_have_value("11")
    expect(visitor.page.locator('[name="augment_copies"]')).to_have_value("5")
    expect(visitor.page.locator(".picked li")).to_have_count(2)
    expect(verdict(visitor.page)).to_have_text("Ready to start.")


def test_request_repeated_after_lost_answer_creates_one_job(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["422", "net::ERR_", "503"]
    visitor.sign_in(address=NEW)
    page = visitor.page
    write(page, dataset_id="lerobot/pusht", project_id=PROJECT_ID, name="Sent twice")
    expect(verdict(page)).to_have_text("Ready to start.")
    # The gateway gets the request and makes the job, and its answer is lost on the way.
    page.route(
        re.compile(r"/v1/augmentation$"),
        lambda route: (route.fetch(), route.abort("connectionreset")),
        times=1,
    )
    page.get_by_role("button", name="Start job").click()
    expect(page.get_by_role("alert").filter(has_text="it creates one job only")).to_be_visible()
    page.get_by_role("button", name="Start job").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sent twice")
    assert len([job for job in jobs.items() if job["spec"].get("displayName") == "Sent twice"]) == 1


def test_form_fits_phone(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["422"]
    visitor.page.set_viewport_size({"width": 360, "height": 740})
    visitor.sign_in(address=NEW)
    expect(verdict(visitor.page)).to_contain_text("missing or wrong")
    visitor.check_accessibility("form-360", full=True)


def test_form_reports_unavailable_gateway_and_keeps_its_values(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["422", "net::ERR_", "503"]
    visitor.sign_in(address=NEW)
    page = visitor.page
    write(page, dataset_id="lerobot/pusht", project_id=PROJECT_ID)
    expect(verdict(page)).to_have_text("Ready to start.")
    visitor.gateway.stop(signal.SIGKILL)
    try:
        write(page, name="while unavailable")
        expect(verdict(page)).to_have_text("The request cannot be sent now.")
    finally:
        visitor.gateway.start()
        visitor.gateway.await_ready()
    write(page, name="back again")
    expect(verdict(page)).to_have_text("Ready to start.")


def test_prices_are_shown_as_by_the_command(visitor: Visitor, jobs: Jobs) -> None:
    visitor.page.goto("/")
    shown = visitor.page.evaluate(
        """async prices => {
            const main = document.querySelector("script[type=module]").src;
            const { price } = await import(new URL("format.js", main));
            return prices.map(price);
        }""",
        [price for price, _ in SHOWN_PRICES],
    )
    assert shown == [text for _, text in SHOWN_PRICES]


@pytest.fixture
def default_class(granted: ControlPlane) -> Iterator[None]:
    """A class that jobs of the page get."""
    resource = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationClass",
        "metadata": {"name": "page-cpu"},
    }
    steady = {"requests": {"cpu": "3999m"}, "limits": {"cpu": "4"}}
    placements = [
        {"name": "spot", "pricePerHour": 3.6},
        {"name": "steady", "pricePerHour": 0.1, "resources": steady},
    ]
    spec = {"type": "deterministic", "default": True, "image": "none", "placements": placements}
    granted.kubectl("apply", "--server-side", "-f", "-", manifest={**resource, "spec": spec})
    yield
    granted.kubectl("delete", "augmentationclass", "page-cpu")


def test_preview_is_drawn_and_redrawn_as_parameters_change(visitor: Visitor, jobs: Jobs, default_class: None) -> None:
    visitor.expected_complaints = ["422"]
    visitor.sign_in(address=NEW)
    page = visitor.page
    panel = page.get_by_role("region", name="Preview")
    expect(panel.get_by_role("button", name="Preview", exact=True)).to_be_disabled()
    write(page, dataset_id="lab/drawn", project_id=PROJECT_ID)
    panel.get_by_label("Episode to show").fill("3")
    panel.get_by_label("Episode to show").press("Enter")
    first = preview_of(jobs, "lab/drawn")
    assert first["spec"]["preview"] == {"episode": 3}
    estimate = page.get_by_role("region", name="Estimate")
    expect(estimate).to_contain_text("Preview reads it")
    jobs.set_status(first["metadata"]["name"], DRAWN)
    expect(panel.get_by_role("status")).to_contain_text("Drawn in")
    expect(panel.get_by_role("img")).to_be_visible()
    expect(estimate).to_contain_text("90,000")
    expect(estimate).to_contain_text(re.compile(r"spot.*\d+[ms] on 5 pods of 4 cores, price \d+\.\d\d"))
    # One time where both read alike, and a price of less than a cent that is not free.
    expect(estimate).to_contain_text(re.compile(r"steady[\dms ]+ on 5 pods of 4 cores, price 0\.00\d{1,2}(?!\d)"))
    panel.get_by_label("Redraw on changes").check()
    write(page, augment_brightness_max="40")
    second = preview_of(jobs, "lab/drawn", known=[first])
    assert second["spec"]["augmentation"]["lighting"]["brightness"]["max"] == 40
    jobs.set_status(second["metadata"]["name"], {"state": "failed", "message": "resolve failed: there is no camera"})
    expect(panel.get_by_role("status")).to_contain_text("there is no camera")
    expect(panel.get_by_role("img")).to_be_visible()
    visitor.check_accessibility("form-preview", full=True)
    assert page.url.endswith("#/new"), "no job was started"


def test_preview_that_is_of_no_use_any_more_is_cancelled(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["422"]
    visitor.sign_in(address=NEW)
    page = visitor.page
    write(page, dataset_id="lab/left", project_id=PROJECT_ID)
    page.get_by_role("button", name="Preview", exact=True).click()
    first = preview_of(jobs, "lab/left")
    expect(page.get_by_role("region", name="Preview").get_by_role("status")).to_contain_text("Drawing")
    page.get_by_role("link", name="Jobs", exact=True).first.click()
    eventually(lambda: preview_of(jobs, "lab/left")["spec"].get("cancel", False))
    expect(page.get_by_text("lab/left")).to_have_count(0)
    assert first["spec"]["ttlSecondsAfterFinished"] == 600


def preview_of(jobs: Jobs, dataset: str, known: Sequence[Json] = ()) -> Json:
    """The preview of a dataset that was requested last, once there is one that is not known."""
    uids = [job["metadata"]["uid"] for job in known]

    def found() -> list[Json]:
        previews = [job for job in jobs.items() if "preview" in job["spec"]]
        asked = [job for job in previews if job["spec"]["source"]["hub"]["repoID"] == dataset]
        return [job for job in asked if job["metadata"]["uid"] not in uids]

    eventually(lambda: bool(found()))
    return found()[-1]


def test_masks_and_instructions_are_written_as_lines_and_a_condition_has_a_caret(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["422"]
    visitor.sign_in(address=NEW)
    page = visitor.page
    write(page, dataset_id="lab/kitchen", project_id=PROJECT_ID)
    write(
        page,
        masks="observation.images.top: observation.masks.top\n",
        also_apply_to="observation.images.top: observation.masks.top, observation.depth.top",
        tasks="pick: place => put it down | lay it down",
    )
    expect(verdict(page)).to_have_text("Ready to start.")
    page.reload()
    page.get_by_role("tab", name="curl").click()
    curl = page.get_by_role("group", name="curl").inner_text()
    body = json.loads(curl[curl.index("{") : curl.rindex("}") + 1])
    assert body["masks"] == {"observation.images.top": "observation.masks.top"}
    assert body["also_apply_to"] == {"observation.images.top": ["observation.masks.top", "observation.depth.top"]}
    assert body["tasks"] == {"paraphrases": [{"task": "pick: place", "as": ["put it down", "lay it down"]}]}
    write(page, tasks="dataset")
    expect(page.get_by_role("group", name="curl")).to_contain_text('"from": "dataset"')
    write(page, masks="no colon", where="success = true")
    page.keyboard.press("Tab")
    condition = page.locator("#field-where-problem")
    expect(condition).to_contain_text("found =: write == to compare (at character 9: = true)")
    expect(condition.locator("code")).to_have_text("  success = true\n          ^", use_inner_text=True)
    expect(page.locator('[name="masks"]')).to_have_attribute("aria-invalid", "true")
