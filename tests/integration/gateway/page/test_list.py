"""Signing in and the list of jobs, in a real browser before a real gateway and a real API server."""

import re
import signal

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import GatewayProcess
from tests.integration.gateway.jobs import JOBS, eventually
from tests.integration.gateway.page.cluster import NAMESPACE, Jobs, ago
from tests.integration.gateway.page.visitor import Visitor

FAILED = {
    "state": "failed",
    "currentPhase": "resolve",
    "completedAt": ago(400),
    "conditions": [
        {
            "type": "Failed",
            "status": "True",
            "reason": "SourceNotFound",
            "message": "lab/kitchn is not on the hub: check the name, or give the job a token that may read it",
            "lastTransitionTime": ago(400),
        }
    ],
}
RUNNING = {
    "state": "running",
    "currentPhase": "augment",
    "progress": {"percent": 42},
    "placement": {"node": "gpu-node-17", "instanceType": "g6.2xlarge"},
}


@pytest.fixture(scope="module")
def all_states(jobs: Jobs) -> Jobs:
    """One job in each state."""
    jobs.clear()
    jobs.make("pick-and-place", {"displayName": "Pick & place, night shift"}, RUNNING)
    jobs.make("waiting", status={"state": "queued", "queue": {"position": 2, "depth": 5}})
    jobs.make("kitchen", {"source": {"hub": {"repoID": "lab/kitchn"}}}, FAILED)
    jobs.make("done", {"displayName": "pusht in varied lighting"}, {"state": "completed", "progress": {"percent": 100}})
    jobs.make("stopped", status={"state": "cancelled", "progress": {"percent": 12}, "currentPhase": "augment"})
    return jobs


def test_visitor_without_key_sees_only_sign_in_form(visitor: Visitor) -> None:
    visitor.page.goto("/")
    expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()
    visitor.check_accessibility("signin-light")
    assert visitor.page.evaluate("sessionStorage.length") == 0


def test_invalid_key_is_reported(visitor: Visitor) -> None:
    visitor.expected_complaints = ["401"]
    visitor.page.goto("/")
    visitor.page.get_by_label("API key").fill("aug_not-a-key")
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("alert").filter(has_text="not valid")).to_contain_text("ask the administrator")
    visitor.page.get_by_label("API key").fill("two words")
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("alert").filter(has_text="copy it again")).to_be_visible()
    visitor.check_accessibility("signin-refused")


def test_key_is_in_no_url_and_no_log_and_deleted_on_sign_out(visitor: Visitor, all_states: Jobs) -> None:
    visitor.sign_in()
    key = visitor.gateway.keys["page"]
    visitor.page.reload()
    expect(visitor.row("Pick & place, night shift")).to_be_visible()
    visitor.page.get_by_role("button", name="Sign out").click()
    expect(visitor.page.get_by_label("API key")).to_be_focused()
    assert visitor.page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [0, 0, ""]
    assert key not in visitor.page.url
    assert key not in visitor.gateway.log
    assert not any(key in url for url in visitor.requested)


def test_table_shows_every_state_with_its_details(visitor: Visitor, all_states: Jobs) -> None:
    visitor.sign_in()
    row = visitor.row("Pick & place, night shift")
    expect(row).to_contain_text(re.compile(r"running.*lerobot/pusht.*augment.*42%.*gpu-node-17.*g6\.2xlarge.*\d+[sm]"))
    expect(visitor.row("waiting")).to_contain_text("queue position 3")
    expect(visitor.row("kitchen")).to_contain_text("check the name")
    for name, state in (("pusht in varied lighting", "completed"), ("stopped", "cancelled")):
        expect(visitor.row(name)).to_contain_text(state)
    expect(visitor.page.get_by_role("button", name="All 5")).to_have_attribute("aria-pressed", "true")
    visitor.check_accessibility("list-light")
    visitor.page.keyboard.press("t")
    visitor.check_accessibility("list-dark")


def test_table_is_live_and_keeps_focus_and_scroll(visitor: Visitor, all_states: Jobs) -> None:
    visitor.sign_in()
    row = visitor.row("Pick & place, night shift")
    expect(row).to_contain_text("42%")
    row.get_by_role("link").focus()
    before = row.bounding_box()
    shifts = """
        window.shifted = 0;
        new PerformanceObserver(list => { for (const e of list.getEntries()) window.shifted += e.value; })
            .observe({type: 'layout-shift'})
    """
    visitor.page.evaluate(shifts)
    all_states.set_status(
        "pick-and-place", {"progress": {"percent": 57}, "placement": {"node": "another-long-name-of-a-node"}}
    )
    expect(row).to_contain_text("57%")
    expect(row).to_contain_text("another-long-name")
    assert row.bounding_box() == before
    assert visitor.page.evaluate("window.shifted") == 0
    expect(row.get_by_role("link")).to_be_focused()


def test_filter_and_search_are_kept_in_url(visitor: Visitor, all_states: Jobs) -> None:
    visitor.sign_in()
    visitor.page.get_by_role("button", name="failed 1").click()
    expect(visitor.page.get_by_role("row")).to_have_count(2)
    visitor.page.keyboard.press("/")
    visitor.page.keyboard.type("KITCHN")
    expect(visitor.page).to_have_url(re.compile(r"#/\?status=failed&q=KITCHN$"))
    visitor.page.reload()
    expect(visitor.row("kitchen")).to_be_visible()
    expect(visitor.page.get_by_role("row")).to_have_count(2)
    visitor.page.get_by_role("searchbox").fill("nowhere")
    expect(visitor.page.get_by_role("heading", name="No job matches")).to_be_visible()
    visitor.check_accessibility("list-nothing-found")
    visitor.page.get_by_role("button", name="Show all jobs").click()
    expect(visitor.page.get_by_role("row")).to_have_count(6)


def test_list_is_navigated_by_keyboard(visitor: Visitor, all_states: Jobs) -> None:
    visitor.sign_in()
    expect(visitor.row("waiting")).to_be_visible()
    links = visitor.page.locator("a.name")
    visitor.page.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    visitor.page.keyboard.press("ArrowDown")
    expect(links.nth(1)).to_be_focused()
    visitor.page.keyboard.press("k")
    expect(links.nth(0)).to_be_focused()
    visitor.page.keyboard.press("?")
    expect(visitor.page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    visitor.check_accessibility("help")
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    visitor.page.keyboard.press("/")
    expect(visitor.page.get_by_role("searchbox")).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.get_by_role("searchbox")).not_to_be_focused()


def test_read_only_key_is_offered_no_write_action(visitor: Visitor, all_states: Jobs) -> None:
    visitor.sign_in("page-reader")
    expect(visitor.row("waiting")).to_be_visible()
    expect(visitor.page.get_by_text("read only")).to_be_visible()
    expect(visitor.page.get_by_role("link", name="New job")).to_have_count(0)
    visitor.page.keyboard.press("n")
    expect(visitor.row("waiting")).to_be_visible()


def test_expiry_of_key_is_announced(visitor: Visitor, jobs: Jobs) -> None:
    visitor.gateway.create_key("page-soon", "--namespace", NAMESPACE, "--expires", "3d")
    with visitor.gateway.client("page-soon") as http:
        eventually(lambda: http.get(JOBS).status_code == 200)
    visitor.sign_in("page-soon")
    # In the second in which it was made it is three days.
    expect(visitor.page.get_by_text(re.compile("expires in (3d|2d 23h)"))).to_be_visible()
    visitor.check_accessibility("key-expires-soon")


def test_key_without_read_right_is_reported_instead_of_table(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["403"]
    visitor.sign_in("page-writer")
    expect(visitor.page.get_by_role("alert").filter(has_text="no read right")).to_be_visible()
    visitor.check_accessibility("list-refused")


def test_list_fits_phone_in_dark_mode(browser: Browser, gateway: GatewayProcess, all_states: Jobs) -> None:
    context = browser.new_context(
        base_url=gateway.url, viewport={"width": 360, "height": 740}, color_scheme="dark", reduced_motion="reduce"
    )
    visitor = Visitor(context.new_page(), gateway)
    visitor.sign_in()
    expect(visitor.row("Pick & place, night shift")).to_contain_text("running")
    visitor.check_accessibility("list-360-dark", full=True)
    assert visitor.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 18, 23)"
    context.close()


def test_empty_list_shows_how_to_create_first_job(visitor: Visitor, jobs: Jobs) -> None:
    jobs.clear()
    visitor.sign_in()
    expect(visitor.page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    expect(visitor.page.get_by_role("group", name="By REST")).to_contain_text(
        f"curl -X POST {visitor.gateway.url}/v1/augmentation"
    )
    expect(visitor.page.get_by_role("group", name="By kubectl")).to_contain_text("kubectl apply -n page")
    visitor.check_accessibility("list-empty")
    jobs.make("first")
    expect(visitor.row("first")).to_be_visible()


def test_long_list_is_loaded_on_scroll(visitor: Visitor, jobs: Jobs) -> None:
    jobs.clear()
    jobs.make_many(230, "many")
    visitor.sign_in()
    for summary in ("100 jobs of 230", "200 jobs of 230", "230 jobs"):
        expect(visitor.page.get_by_text(summary, exact=True)).to_be_visible()
        visitor.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    names = visitor.page.locator("a.name").all_inner_texts()
    assert sorted(names) == [f"many-{number:04}" for number in range(230)]
    jobs.await_next_second()
    jobs.make("the-newest")
    expect(visitor.page.locator("a.name").first).to_have_text("the-newest")
    expect(visitor.page.locator("a.name")).to_have_count(231)


def test_unavailable_gateway_is_reported_and_reconnected(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["net::ERR_", "503"]
    jobs.clear()
    jobs.make("still-there")
    visitor.sign_in()
    expect(visitor.row("still-there")).to_be_visible()
    visitor.gateway.stop(signal.SIGKILL)
    expect(visitor.page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
    expect(visitor.row("still-there")).to_be_visible()
    expect(visitor.page.get_by_role("alert")).to_have_text(re.compile(r"Shown as of \d\d:\d\d:\d\d; the page"))
    visitor.check_accessibility("list-gateway-gone")
    visitor.gateway.start()
    visitor.gateway.await_ready()
    expect(visitor.page.get_by_role("alert").filter(has_text="does not answer")).to_be_hidden(timeout=60_000)


def test_reload_during_gateway_outage_keeps_key_and_reconnects(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["503"]
    jobs.clear()
    jobs.make("after-the-break")
    visitor.sign_in()
    expect(visitor.row("after-the-break")).to_be_visible()
    # A proxy before an unavailable gateway answers like this; the page itself may come from the browser's cache.
    visitor.page.route("**/v1/**", lambda route: route.fulfill(status=503, body="<html>Service Unavailable</html>"))
    visitor.page.reload()
    expect(visitor.page.get_by_role("alert").filter(has_text="answered 503 instead of the gateway")).to_be_visible()
    visitor.page.unroute("**/v1/**")
    expect(visitor.row("after-the-break")).to_be_visible()


def test_page_shows_age_of_data_during_api_server_outage(
    visitor: Visitor, jobs: Jobs, granted: ControlPlane, http: httpx.Client
) -> None:
    jobs.clear()
    jobs.make("old-news")
    visitor.sign_in()
    expect(visitor.row("old-news")).to_be_visible()
    granted.stop_api_server()
    try:
        expect(visitor.page.get_by_role("alert").filter(has_text="The Kubernetes API is unavailable")).to_be_visible(
            timeout=60_000
        )
        expect(visitor.row("old-news")).to_be_visible()
        visitor.check_accessibility("list-kubernetes-unavailable")
    finally:
        granted.start_api_server()
    eventually(lambda: "x-cache-age" not in http.get(JOBS).headers, seconds=60)
    expect(visitor.page.get_by_role("alert").filter(has_text="The Kubernetes API is unavailable")).to_be_hidden()


def test_revoked_key_leads_back_to_sign_in(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["401"]
    visitor.gateway.create_key("page-revoked", "--namespace", "page")
    with visitor.gateway.client("page-revoked") as client:
        eventually(lambda: client.get(JOBS).status_code == 200)
    visitor.sign_in("page-revoked")
    visitor.gateway.revoke_key("page-revoked")
    expect(visitor.page.get_by_role("alert").filter(has_text="not valid")).to_be_visible()
    assert visitor.page.evaluate("sessionStorage.length") == 0
