"""`make screenshots`: the pages as people see them, into docs/screenshots/.

Taken from the gallery that the accessibility tests walk, so that they show what is tested.
"""

from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.gallery import gallery

FOLDER = Path(__file__).parents[2] / "docs/screenshots"
WIDTH, HEIGHT = 1100, 760
SIGNED_OUT = frozenset({"home", "login"})
SHOWN = (
    *("home", "login", "annotate", "list", "waiting", "running", "completed", "failed"),
    *("log", "mailbox", "window-closed", "restoring"),
)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with gallery() as shown, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        for name in SHOWN:
            context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
            visitor = shown.carol if name == "restoring" else shown.ada
            cookie = visitor.client.get_cookie("gas_session", domain="127.0.0.1")
            if cookie and name not in SIGNED_OUT:
                context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": shown.url}])
            page = context.new_page()
            page.goto(shown.url + shown.pages[name])
            page.screenshot(path=FOLDER / f"{name}.png")
            print(FOLDER / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
