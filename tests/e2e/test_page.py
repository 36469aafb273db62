"""The page on the real cluster: a job is created in the form, followed to completion, and inspected."""

from uuid import uuid4

from playwright.sync_api import expect

from tests.e2e.user import TIMEOUT_SECONDS, User
from tests.integration.gateway.page.visitor import Site, Visitor, chromium


def test_job_created_in_form_is_followed_to_its_preview(user: User) -> None:
    name = f"by the page {uuid4().hex[:8]}"
    with chromium() as browser:
        context = browser.new_context(base_url=user.access.gateway_url, viewport={"width": 1280, "height": 900})
        visitor = Visitor(context.new_page(), Site(user.access.gateway_url, {"page": user.access.api_key}))
        # Dry runs of the incomplete form are rejected with 422, as they should be.
        visitor.expected_complaints = ["422"]
        page = visitor.page
        visitor.sign_in(address="/#/new")
        fields = {"dataset_id": "demo/pusht", "project_id": str(uuid4()), "name": name, "episodes": "0:2"}
        for field, text in {**fields, "augment_copies": "2", "augment_brightness_max": "30"}.items():
            page.locator(f'[name="{field}"]').fill(text)
        page.get_by_role("button", name="Add noise", exact=True).click()
        expect(page.get_by_text("Ready to start.")).to_be_visible()
        page.get_by_role("button", name="Start job").click()

        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        badge = page.locator(".title .badge")
        expect(badge).to_have_text("completed", timeout=1000 * TIMEOUT_SECONDS)
        picture = page.get_by_role("img", name="The first episode")
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.naturalWidth") > 300
        expect(page.get_by_role("list", name="Phases").get_by_text(": done")).to_have_count(4)
        expect(page.get_by_role("group", name="Load it in Python")).to_contain_text("LeRobotDataset(")
        visitor.check_accessibility("cluster-job", full=True)

        page.keyboard.press("Escape")
        expect(visitor.row(name)).to_contain_text("completed")
        visitor.check_accessibility("cluster-list")
        job = next(resource for resource in user.jobs() if resource["spec"].get("displayName") == name)
        assert visitor.foreign_requests() == []
        assert visitor.complaints() == []
        context.close()
    assert job["spec"]["augmentation"]["transforms"] == ["lighting", "noise"]
    assert job["status"]["output"]["episodes"] > job["status"]["source"]["episodes"]
