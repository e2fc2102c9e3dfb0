"""The main job in a browser, with and without script, every process a real process."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route

from tests.support.deployment import EXAMPLE, Deployment

pytestmark = [
    pytest.mark.full,
    pytest.mark.browser,
    pytest.mark.debian,
    pytest.mark.xdist_group("browser"),
]

PATIENCE = 30_000
"""Milliseconds, on a machine that does much besides."""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def plain(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


def _sign_in(context: BrowserContext, service: Deployment, name: str = "Ada Demo") -> Page:
    page = context.new_page()
    page.goto(service.url + "/annotate")
    page.click("text=Continue with Globus")
    page.click(f"text={name}")
    page.wait_for_url(service.url + "/annotate")
    if page.is_visible("#agree"):
        page.check("#agree")
        page.click("text=Agree and continue")
        page.wait_for_selector("h1:has-text('New annotation')")
    return page


def _said(page: Page) -> list[str]:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def test_a_researcher_uploads_waits_and_downloads(
    service: Deployment, context: BrowserContext, tmp_path: Path
) -> None:
    page = _sign_in(context, service)
    said = _said(page)
    page.set_input_files("#file", EXAMPLE)
    page.fill("#note", "from a browser")
    page.click("#send")
    page.wait_for_url("**/annotations/*-*")
    page.wait_for_selector("text=Completed")
    page.wait_for_selector("text=You can download until")
    assert page.is_visible("text=from a browser")
    with page.expect_download() as waiting:
        page.click("a:has-text('.annot.vcf.gz') >> nth=0")
    target = tmp_path / "result.vcf.gz"
    waiting.value.save_as(target)
    assert waiting.value.suggested_filename == "example.annot.vcf.gz"
    assert gzip.decompress(target.read_bytes()).startswith(b"##fileformat=VCF")
    page.click("text=Read the log")
    page.wait_for_selector("pre.log")
    page.click("text=My annotations >> nth=0")
    page.wait_for_selector("td:has-text('example.vcf')")
    assert not said
    page.click("text=Sign out")
    page.wait_for_selector("text=You are signed out")
    page.goto(service.url + "/annotations")
    assert "/login" in page.url


def test_without_script_the_same_goes_by_buttons(
    service: Deployment, plain: BrowserContext
) -> None:
    page = _sign_in(plain, service, "Ben Demo")
    page.fill("#file_name", "by hand.vcf")
    page.click("text=Continue to the upload")
    page.set_input_files("#file", EXAMPLE)
    page.click("button:has-text('Upload')")
    page.wait_for_selector("h1:has-text('by hand.vcf has arrived')")
    assert page.url.startswith(service.url + "/annotate/uploads/")
    page.click("text=Annotate it")
    page.wait_for_url("**/annotations/*-*")
    for _ in range(200):
        if page.is_visible(".badge:has-text('Completed')"):
            break
        page.wait_for_timeout(100)
        page.reload()
    assert page.is_visible(".badge:has-text('Completed')")
    assert page.is_visible("a:has-text('by hand.annot.vcf.gz') >> nth=0")


def test_the_example_is_one_click(service: Deployment, context: BrowserContext) -> None:
    page = _sign_in(context, service)
    page.click("text=Use our example")
    page.wait_for_url("**/annotations/*-*")
    page.wait_for_selector(".badge:has-text('Completed')")


def test_an_upload_can_be_cancelled_and_tried_again(
    service: Deployment, context: BrowserContext
) -> None:
    page = _sign_in(context, service)
    said = _said(page)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    store = f"**/{service.settings.inputs_bucket}*"
    page.route(store, hold)
    page.set_input_files("#file", EXAMPLE)
    page.click("#send")
    page.wait_for_selector("#progress:visible")
    for _ in range(600):
        if held:
            break
        page.wait_for_timeout(100)
    page.click("#cancel")
    page.wait_for_selector("text=The upload was cancelled.")
    page.unroute(store)
    page.click("text=Try again")
    page.wait_for_url("**/annotations/*-*")
    page.wait_for_selector(".badge:has-text('Completed')")
    assert not said


def test_an_upload_that_is_interrupted_can_be_tried_again(
    service: Deployment, context: BrowserContext
) -> None:
    page = _sign_in(context, service)
    store = f"**/{service.settings.inputs_bucket}*"
    page.route(store, _break)
    page.set_input_files("#file", EXAMPLE)
    page.click("#send")
    page.wait_for_selector("#failure:visible")
    page.unroute(store)
    page.click("text=Try again")
    page.wait_for_url("**/annotations/*-*")


def test_an_upload_that_the_store_refuses_says_why(
    service: Deployment, context: BrowserContext
) -> None:
    """The page's own check is set aside, as by somebody who edits its script."""
    page = _sign_in(context, service)
    page.route("**/annotate.js", _without_limit)
    page.route("**/annotate/uploads", _say_less)
    page.reload()
    over = {"name": "big.vcf", "mimeType": "text/plain", "buffer": b"#" * 200_000}
    page.set_input_files("#file", files=[over])  # type: ignore[list-item]
    page.click("#send")
    page.wait_for_selector("text=larger than your plan allows")
    assert not list(service.outside.jobs.unfinished())


def _break(route: Route) -> None:
    route.abort("connectionreset")


def _without_limit(route: Route) -> None:
    answer = route.fetch()
    changed = answer.text().replace("form.dataset.limit ?", "false ?")
    route.fulfill(response=answer, body=changed)


def _say_less(route: Route) -> None:
    route.continue_(post_data='{"file_name": "big.vcf", "size": 10}')
