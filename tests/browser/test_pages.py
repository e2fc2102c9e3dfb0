"""Every page in every state, in a browser: accessible, within the screen, without complaint."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.gallery import Gallery
from tests.unit.web.site import Visitor

pytestmark = [
    pytest.mark.full,
    pytest.mark.browser,
    pytest.mark.debian,
    pytest.mark.xdist_group("gallery"),
]

SCREENS = {"desktop": (1280, 800), "phone": (360, 740)}
SIGNED_OUT = {"home", "login", "signed-out"}


@contextmanager
def _looking(
    browser: Browser, shown: Gallery, visitor: Visitor | None, screen: str
) -> Iterator[Page]:
    """A page of a browser that complains about nothing but an error page's own status."""
    width, height = SCREENS[screen]
    context = browser.new_context(viewport={"width": width, "height": height})
    cookie = visitor and visitor.client.get_cookie("gas_session", domain="127.0.0.1")
    if cookie:
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": shown.url}])
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert not [text for text in said if "Failed to load resource" not in text]


def _check(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert not [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]
    # Nothing sticks out of the screen: only a region that says so scrolls sideways.
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0


@pytest.mark.parametrize("screen", SCREENS)
def test_every_page_is_accessible_and_fits(browser: Browser, shown: Gallery, screen: str) -> None:
    for name, path in shown.pages.items():
        visitor = shown.carol if name == "restoring" else shown.ada
        with _looking(browser, shown, None if name in SIGNED_OUT else visitor, screen) as page:
            page.goto(shown.url + path)
            _check(page)


@pytest.mark.parametrize("screen", SCREENS)
def test_the_standins_page_is_accessible_and_fits(
    browser: Browser, shown: Gallery, screen: str
) -> None:
    with _looking(browser, shown, None, screen) as page:
        page.goto(shown.url + "/login?next=/annotations")
        page.click("text=Continue with Globus")
        assert page.url.startswith(shown.standin_url)
        _check(page)


def test_the_upload_form_of_a_browser_without_script_is_accessible(
    browser: Browser, shown: Gallery
) -> None:
    with _looking(browser, shown, shown.ada, "phone") as page:
        page.goto(shown.url + "/annotate")
        page.evaluate("document.getElementById('plain').hidden = false")
        page.fill("#file_name", "by hand.vcf")
        page.click("text=Continue to the upload")
        page.wait_for_selector("h1:has-text('Upload by hand.vcf')")
        _check(page)


@pytest.mark.parametrize("screen", SCREENS)
def test_a_file_over_the_limit_is_refused_before_its_first_byte(
    browser: Browser, shown: Gallery, screen: str
) -> None:
    with _looking(browser, shown, shown.ada, screen) as page:
        page.goto(shown.url + "/annotate")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.method))
        over = {"name": "big.vcf", "mimeType": "text/plain", "buffer": b"#" * 153_601}
        page.set_input_files("#file", files=[over])  # type: ignore[list-item]
        page.wait_for_selector("text=Nothing was uploaded.")
        assert page.is_visible("text=See the plans")
        assert page.is_disabled("#send")
        _check(page)
        fits = {**over, "name": "fits.vcf", "buffer": b"##fileformat=VCFv4.3\n" + b"#" * 153_579}
        page.set_input_files("#file", files=[fits])  # type: ignore[list-item]
        page.wait_for_selector("#send:enabled")
        assert page.is_hidden("#too-large")
        assert page.is_hidden("#doubt")
        page.set_input_files("#file", files=[{**over, "name": "e.vcf", "buffer": b""}])  # type: ignore[list-item]
        page.wait_for_selector("text=The file is empty.")
        assert page.is_disabled("#send")
        page.set_input_files("#file", files=[{**over, "name": "p.vcf", "buffer": b"\x89PNG"}])  # type: ignore[list-item]
        page.wait_for_selector("text=does not look like a VCF")
        _check(page)
        assert "POST" not in asked


def test_the_countdown_counts(browser: Browser, shown: Gallery) -> None:
    with _looking(browser, shown, shown.ada, "desktop") as page:
        page.goto(shown.url + shown.pages["completed"])
        page.wait_for_selector("[data-countdown]:not(:has-text('10 min 1 s'))")
        assert page.inner_text("[data-countdown]").startswith(("10 min", "9 min"))


def test_a_change_shows_without_loading_the_page_again(browser: Browser, shown: Gallery) -> None:
    with _looking(browser, shown, shown.ada, "desktop") as page:
        job_id = shown.pages["waiting"].rpartition("/")[2]
        page.goto(shown.url + "/annotations")
        page.evaluate("window.same = true")
        job = shown.site.world.jobs.get(job_id)
        shown.site.world.jobs.move(job, job.cancel(shown.site.world.clock.now()))
        page.wait_for_selector(f"tr:has-text('{job_id}') >> text=Cancelled")
        assert page.evaluate("window.same")
