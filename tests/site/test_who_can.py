"""The HTML of `who-can` in headless Chromium, and its Mermaid in Mermaid: `make docs-test`.

Screenshots go to build/screenshots; look at them after a change.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import clusters
from build import CACHE
from conftest import ROOT

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make docs")
PICTURES = ROOT / "build" / "screenshots"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MERMAID = "12.3.0"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; on Debian: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Path:
    """Reports of a cluster with 50 accounts, one with 1,000, and one with hostile names."""
    folder = tmp_path_factory.mktemp("reports")
    inputs = {
        "fifty": clusters.company(50, 120),
        "thousand": clusters.company(1000, 5000),
        "hostile": clusters.hostile(),
    }
    for name, (objects, accounts) in inputs.items():
        arguments = clusters.write(folder, objects, accounts)
        for format in ("html", "svg", "mermaid"):
            done = subprocess.run([program, *arguments, "--format", format], capture_output=True, check=True)
            (folder / f"{name}.{format}").write_bytes(done.stdout)
    PICTURES.mkdir(parents=True, exist_ok=True)
    return folder


Open = Callable[..., Any]


@pytest.fixture
def opened(browser: sync_api.Browser, reports: Path) -> Iterator[Open]:
    """Opens a report; the test fails at anything in the console, at an error, and at a request for anything else."""
    wrong: list[str] = []
    contexts = []

    def open_page(name: str, *, width: int = 1280, height: int = 900, place: str = "", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        address = (reports / f"{name}.html").as_uri()
        page.on("console", lambda it: wrong.append(it.text))
        page.on("pageerror", lambda it: wrong.append(str(it)))
        page.on("dialog", lambda it: wrong.append(it.message))
        page.on("request", lambda it: wrong.append(it.url) if it.url.partition("#")[0] != address else None)
        page.goto(address + place)
        return page

    yield open_page
    for it in contexts:
        it.close()
    assert wrong == []


def accounts(page: Any) -> list[str]:
    """The accounts that are not hidden, by name."""
    script = "them => them.filter(it => !it.closest('[hidden]')).map(it => it.textContent)"
    return list(page.eval_on_selector_all("#accounts > details h3", script))


def test_a_search_finds_an_account_by_what_belongs_to_it(opened: Open) -> None:
    page = opened("thousand")
    assert len(accounts(page)) == 1000
    page.keyboard.press("/")
    for text, found, said in (
        ("app0042", ["App0042 of contoso.com"], "Found: 1 account, 1 namespace"),
        ("MSSQLSvc/sql0777", ["App0777 of contoso.com"], "Found: 1 account"),
        ("team-009/app0093 deployment", ["App0093 of contoso.com"], "Found: 1 account, 1 namespace"),
        ("team77nodes", ["App0779 of contoso.com"], "Found: 1 account"),
        ("platform-team", [], "Found: 1 way"),
        ("nothing of the kind", [], "Nothing found"),
    ):
        page.locator("#search").fill("")
        page.keyboard.type(text)
        assert accounts(page) == found
        # A screen reader says what is in an output.
        sync_api.expect(page.get_by_role("status")).to_have_text(said)
    page.keyboard.press("Escape")
    assert len(accounts(page)) == 1000


def test_only_what_has_warnings(opened: Open) -> None:
    page = opened("fifty")
    page.get_by_label("only with findings").check()
    assert accounts(page) == [f"App000{it} of contoso.com" for it in (0, 1, 3, 4, 5, 6, 7, 8)]
    shown = page.locator("#findings li:not([hidden])").count()
    assert shown == page.locator("#findings li").count() >= 9


def test_folds_are_opened_by_mouse_and_by_keyboard(opened: Open) -> None:
    page = opened("fifty")
    entry = page.locator("#accounts > details").nth(2)
    sync_api.expect(entry.get_by_text("Workloads that can act as it")).to_be_hidden()
    entry.locator("summary").click()
    sync_api.expect(entry.get_by_text("Workloads that can act as it")).to_be_visible()
    page.keyboard.press("Enter")
    sync_api.expect(entry.get_by_text("Workloads that can act as it")).to_be_hidden()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('details').querySelector('h3').textContent").startswith(
        "App0003"
    )
    page.get_by_role("button", name="Unfold all").click()
    assert page.locator("main details:not([open])").count() == 0
    page.get_by_role("button", name="Fold all", exact=True).click()
    assert page.locator("main details[open]").count() == 0


def test_a_link_leads_to_an_account_and_opens_it(opened: Open) -> None:
    place = "#Account_3a_contoso.com_5c_app0007"
    page = opened("thousand", place=place)
    entry = page.locator(f"[id='{place[1:]}']")
    sync_api.expect(entry.get_by_text("Workloads that can act as it")).to_be_in_viewport()
    assert entry.locator("h3").inner_text() == "App0007 of contoso.com"
    # A search that hides the target of a link gives way.
    page.locator("#search").fill("app0042")
    page.evaluate("location.hash = '#Account_3a_contoso.com_5c_app0008'")
    sync_api.expect(page.locator("[id='Account_3a_contoso.com_5c_app0008']")).to_be_in_viewport()


def test_every_link_leads_somewhere_that_is_seen(opened: Open) -> None:
    page = opened("fifty")
    for link in page.eval_on_selector_all(
        "main a[href]", "them => [...new Set(them.map(it => it.getAttribute('href')))]"
    ):
        page.evaluate("it => { location.hash = it }", link)
        assert page.evaluate("it => document.getElementById(it).checkVisibility()", link[1:]), link


def test_hostile_names_are_text(opened: Open) -> None:
    page = opened("hostile")
    page.get_by_role("button", name="Unfold all").click()
    names = accounts(page)
    for name in ("<script>alert(1)</script>", "]]>&amp;&lt;b&gt; #quot; #35; ${x} {{ 7*7 }} {% raw %}", "x" * 253):
        assert f"{name} of contoso.com" in names
    # The order of a text from right to left ends with its name.
    assert any("\\u202egnp.exe\\u200f" in it for it in names)
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.screenshot(path=PICTURES / "who-can-hostile.png")


@pytest.mark.parametrize("width", [1280, 400])
def test_a_long_name_takes_three_lines_until_it_is_unfolded(width: int, opened: Open) -> None:
    page = opened("hostile", width=width)
    page.evaluate(
        "document.querySelectorAll('details').forEach((it) => { it.open = it.closest('#accounts') === null })"
    )
    entry = page.locator("#accounts > details").filter(has_text="x" * 253).first
    folded = entry.locator("h3").bounding_box()["height"]
    assert folded < 80
    entry.locator("summary").first.press("Enter")
    assert entry.locator("h3").bounding_box()["height"] > folded
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_first_tab_skips_to_the_accounts(opened: Open) -> None:
    page = opened("fifty")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the accounts"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('section').id") == "accounts"


def test_a_search_hides_folds_in_which_nothing_is_found(opened: Open) -> None:
    page = opened("fifty")
    page.locator("#search").fill("app0003")
    assert page.locator("#findings details:visible").count() == 1
    page.locator("#search").fill("")
    assert page.locator("#findings details:visible").count() > 5


def test_a_search_leaves_the_ways_that_lead_to_every_account(opened: Open) -> None:
    page = opened("fifty")
    before = page.locator("#ways [data-entry]:visible").count()
    page.locator("#search").fill("app0003")
    assert 0 < page.locator("#accounts [data-entry]:visible").count() < 10
    assert page.locator("#ways [data-entry]:visible").count() == before > 0


def test_the_policy_stops_what_would_be_loaded_or_run(browser: sync_api.Browser, reports: Path) -> None:
    page = browser.new_page()
    fetched: list[str] = []
    page.on("requestfinished", lambda it: fetched.append(it.url))
    page.goto((reports / "fifty.html").as_uri())
    page.evaluate(
        """() => {
          window.refused = [];
          addEventListener("securitypolicyviolation", (it) => window.refused.push(it.effectiveDirective));
          const add = (name, fields) => document.body.append(Object.assign(document.createElement(name), fields));
          add("script", {textContent: "window.ran = true"});
          add("script", {src: "https://example.com/x.js"});
          add("img", {src: "https://example.com/x.png"});
          add("style", {textContent: "body { display: none }"});
        }"""
    )
    page.wait_for_timeout(300)
    assert page.evaluate("window.ran") is None
    assert sorted(set(page.evaluate("window.refused"))) == ["img-src", "script-src-elem", "style-src-elem"]
    assert len(fetched) == 1
    page.close()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("light", {}),
        ("dark", {"color_scheme": "dark"}),
        ("phone", {"width": 390, "height": 844}),
        ("phone-dark", {"width": 390, "height": 844, "color_scheme": "dark"}),
    ],
)
def test_it_fits_the_screen(name: str, options: dict[str, Any], opened: Open) -> None:
    page = opened("fifty", **options)
    page.locator("#accounts > details summary").nth(7).click()
    page.screenshot(path=PICTURES / f"who-can-{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= options.get("width", 1280)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 200) == ("dark" in name)


def test_fifty_accounts_are_seen_at_a_glance(opened: Open) -> None:
    """The state, delegation, password and warnings of each are seen before anything is unfolded."""
    page = opened("fifty", width=1600, height=1200)
    rows = page.locator("#accounts > details > summary")
    assert rows.count() == 50
    assert all(it.bounding_box()["height"] < 70 for it in rows.all())
    text = rows.nth(7).inner_text()
    for fact in (
        "App0007",
        "Deployment team-000/web0007-0",
        "exists",
        "ANY SERVICE",
        "3 hosts",
        "WARNING: unconstrained-delegation",
    ):
        assert fact in text


def test_paper_has_everything(opened: Open, tmp_path: Path) -> None:
    page = opened("fifty")
    seen: list[int] = []
    page.expose_function("seen", lambda number: seen.append(number))
    page.evaluate(
        "addEventListener('beforeprint', () => window.seen(document.querySelectorAll('details[open]').length))"
    )
    page.pdf(path=PICTURES / "who-can.pdf", prefer_css_page_size=True)
    page.wait_for_timeout(100)
    assert seen == [page.locator("main details").count()]
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".tools").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["fifty", "hostile"])
def test_the_svg_is_a_picture_of_its_own(name: str, scheme: str, browser: sync_api.Browser, reports: Path) -> None:
    page = browser.new_page(viewport={"width": 1700, "height": 1200}, color_scheme=scheme)
    wanted: list[str] = []
    page.on("request", lambda it: wanted.append(it.url))
    page.goto((reports / f"{name}.svg").as_uri())
    page.screenshot(path=PICTURES / f"who-can-{name}-{scheme}-svg.png")
    # As wide as the texts are, they end before their box does.
    wide = page.evaluate(
        """() => [...document.querySelectorAll("g")].flatMap((group) => {
          const box = group.querySelector("rect").getBBox();
          return [...group.querySelectorAll("text")].filter((it) => {
            const text = it.getBBox();
            return text.x + text.width > box.x + box.width || text.y + text.height > box.y + box.height;
          }).map((it) => it.textContent);
        })"""
    )
    assert wide == []
    assert len(wanted) == 1
    page.close()


@pytest.fixture(scope="module")
def mermaid() -> Path:
    """Mermaid as npm has it, in one file for a browser."""
    file = CACHE / f"mermaid-{MERMAID}" / "mermaid.min.js"
    if not file.exists():
        npm = shutil.which("npm") or pytest.skip("there is no npm to fetch Mermaid")
        file.parent.mkdir(parents=True, exist_ok=True)
        command = [npm, "pack", f"mermaid@{MERMAID}", "--silent", "--pack-destination", str(file.parent)]
        subprocess.run(command, cwd=file.parent, check=True, capture_output=True)
        (archive,) = file.parent.glob("*.tgz")
        with tarfile.open(archive) as package:
            script = package.extractfile("package/dist/mermaid.min.js")
            assert script is not None
            (file.parent / "new").write_bytes(script.read())
        archive.unlink()
        os.replace(file.parent / "new", file)
    return file


@pytest.mark.parametrize("level", ["strict", "loose"])
@pytest.mark.parametrize("name", ["fifty", "hostile"])
def test_mermaid_draws_names_as_they_are(
    name: str, level: str, browser: sync_api.Browser, reports: Path, mermaid: Path
) -> None:
    """`strict` is the default, and what GitHub has."""
    page = browser.new_page(viewport={"width": 1700, "height": 1200})
    wrong: list[str] = []
    page.on("dialog", lambda it: wrong.append(it.message))
    page.on("pageerror", lambda it: wrong.append(str(it)))
    page.goto("about:blank")
    page.add_script_tag(path=mermaid)
    text = (reports / f"{name}.mermaid").read_text()
    drawn = page.evaluate(
        """async ([text, level]) => {
          mermaid.initialize({startOnLoad: false, securityLevel: level});
          const {diagramType} = await mermaid.parse(text);
          document.body.innerHTML = (await mermaid.render("drawn", text)).svg;
          return [diagramType, [...document.querySelectorAll("#drawn .nodeLabel")].map((it) => it.innerText)];
        }""",
        [text, level],
    )
    page.screenshot(path=PICTURES / f"who-can-{name}-mermaid.png")
    assert drawn[0].startswith("flowchart")
    labels = re.findall(r'^  n\d+[\[(/]+"([^"]*)"', text, re.MULTILINE)
    meant = [re.sub(r"#(\d+);", lambda it: chr(int(it[1])), it).replace("<br>", "\n") for it in labels]
    assert sorted(map(tight, drawn[1])) == sorted(map(tight, meant))
    assert not page.evaluate("document.querySelectorAll('#drawn :is(script, img, a, b, strong, em, code, li)').length")
    assert wrong == []
    page.close()


def tight(text: str) -> str:
    """A text without what is not seen of it, and without the spaces that lines end with."""
    return re.sub(r"[\s\u2060]", "", text)
