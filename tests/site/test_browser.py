"""The built site in headless Chromium, as a reader has it: `make docs-test`. Screenshots go to build/screenshots."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import threading
from collections.abc import Iterator

import pytest

from conftest import ROOT

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make docs")
SITE = ROOT / "build" / "site"
PICTURES = ROOT / "build" / "screenshots"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; on Debian: apt-get install chromium"),
    pytest.mark.skipif(not SITE.exists(), reason="the site is not built: make docs"),
]

# Texts of public reports about gMSA on Kubernetes, as people paste them, and the page that must be first.
ERRORS = {
    'service account "default" is not authorized to `use` GMSA cred spec "gmsa-webapp1"': "troubleshooting/",
    "cred spec gmsa-webapp1 does not exist": "troubleshooting/",
    "failed calling webhook x509: certificate signed by unknown authority": "troubleshooting/",
    "I_NetLogonControl failed: Status = 1722 0x6ba RPC_S_SERVER_UNAVAILABLE": "troubleshooting/",
    "Trust Verification Status = 1311 0x51f ERROR_NO_LOGON_SERVERS": "troubleshooting/",
    "Status = 1787 0x6fb ERROR_NO_TRUST_SAM_ACCOUNT": "troubleshooting/",
    "ERROR_NO_TRUST_LSA_SECRET": "troubleshooting/",
    "Container Credential Guard failed to fetch gmsa credentials": "troubleshooting/",
    "The user name or password is incorrect. (0x52e)": "troubleshooting/",
    "signed certificate did not appear on the resource, giving up after 30 attempts": "troubleshooting/",
    "panic: tls: failed to find any PEM data in certificate input": "troubleshooting/",
    'no matches for kind "GMSACredentialSpec" in version "windows.k8s.io/v1"': "troubleshooting/",
    "klist failed with 0xc0000022": "troubleshooting/",
    "external plugins disabled": "troubleshooting/",
    "account-sid": "reference/rules/",
    "webhook.certificate.derive.cluster": "reference/config/",
}
PAGES = ("", "getting-started/", "concepts/admission-modes/", "troubleshooting/", "reference/config/")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE))) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(params=["desktop", "phone"])
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    return {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}[request.param]


@pytest.fixture
def page(browser: sync_api.Browser, address: str) -> Iterator[sync_api.Page]:
    """A page at the start of the site; the test fails at an error in the console and at a request to elsewhere."""
    yield from opened(browser, address, {"width": 1280, "height": 900})


def opened(browser: sync_api.Browser, address: str, size: dict[str, int]) -> Iterator[sync_api.Page]:
    context = browser.new_context(viewport=size, permissions=["clipboard-read", "clipboard-write"], base_url=address)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda it: wrong.append(it.text) if it.type in ("error", "warning") else None)
    page.on("pageerror", lambda it: wrong.append(str(it)))
    page.on("request", lambda it: wrong.append(it.url) if not it.url.startswith((address, "data:", "blob:")) else None)
    # The next page ends what this one still loads.
    page.on(
        "requestfailed", lambda it: wrong.append(f"{it.failure}: {it.url}") if "ABORTED" not in it.failure else None
    )
    page.on("response", lambda it: wrong.append(f"{it.status}: {it.url}") if it.status >= 400 else None)
    page.goto("")
    yield page
    context.close()
    assert wrong == []


def test_every_page_of_the_navigation_opens(page: sync_api.Page) -> None:
    links = page.eval_on_selector_all("nav a[href]", "them => them.map(it => it.href.split('#')[0])")
    seen = set()
    for link in dict.fromkeys(links):
        page.goto(link)
        assert page.locator("h1").count() == 1, link
        seen |= set(page.eval_on_selector_all("nav a[href]", "them => them.map(it => it.href.split('#')[0])"))
    assert len(seen | set(links)) > 40


def test_a_click_in_the_navigation(page: sync_api.Page) -> None:
    page.get_by_role("link", name="Troubleshooting").first.click()
    page.wait_for_url("**/troubleshooting/")
    sync_api.expect(page.locator("h1")).to_contain_text("Troubleshooting")


def search(page: sync_api.Page, text: str) -> list[str]:
    """The addresses that the search gives, best first."""
    page.locator(".md-search__button").first.click()
    field = page.locator("dialog input[role=combobox]")
    results = page.locator("dialog [role=listbox] a")
    for _ in range(60):  # until the index is loaded
        field.fill("")
        field.fill(text)
        page.wait_for_timeout(500)
        if results.count():
            break
    return [str(it.get_attribute("href")) for it in results.all()]


@pytest.mark.parametrize("text", ERRORS)
def test_the_search_finds_an_error(text: str, page: sync_api.Page, address: str) -> None:
    found = search(page, text)
    assert found, text
    assert found[0].startswith(address + ERRORS[text]), found[:5]


def test_a_block_is_copied_as_it_is(page: sync_api.Page) -> None:
    page.goto("getting-started/kustomize/")
    block = page.locator(".highlight", has_text="config.kubernetes.io/function").first
    block.hover()
    block.locator("button").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("metadata:\n  name: contoso\n  annotations:")


def test_commands_are_copied_without_what_they_print(page: sync_api.Page) -> None:
    page.goto("how-to/certificates/")
    block = page.locator(".highlight", has_text="certs issue").first
    block.hover()
    block.locator("button").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines() == [
        "gmsa-krm certs issue --dir kustomize/files/certs",
        "gmsa-krm certs show kustomize/files/certs/tls.crt",
        "gmsa-krm render kustomize/files/gmsa.yaml",
    ]


def test_dark_mode_stays(page: sync_api.Page) -> None:
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("form[data-md-component=palette] label:visible").first.click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert brightness(dark) < 80 < brightness(light)
    page.goto("troubleshooting/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    page.screenshot(path=PICTURES / "dark.png")


def brightness(color: str) -> float:
    return sum(map(float, re.findall(r"[\d.]+", color)[:3])) / 3


@pytest.mark.parametrize("name", PAGES)
def test_it_fits_the_screen(name: str, browser: sync_api.Browser, address: str, size: dict[str, int]) -> None:
    for page in opened(browser, address, size):
        page.goto(name)
        page.wait_for_timeout(300)
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=PICTURES / f"{name.strip('/').replace('/', '-') or 'index'}-{size['width']}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.evaluate("[...document.images].every(it => it.complete && it.naturalWidth)")
