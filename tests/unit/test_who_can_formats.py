"""The formats of `who-can` that draw, and OpenGraph: hostile names are text in each, and what is wrong is in words."""

from __future__ import annotations

import html
import html.parser
import itertools
import json
import re
import shutil
import subprocess
import sys
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import clusters
import graphs
from conftest import ROOT, Call, Folder
from gmsa_krm.findings import printable
from gmsa_krm.report.build import build
from gmsa_krm.report.limits import LIMITS
from gmsa_krm.report.texts import in_short

DRAWN = ("html", "svg", "dot", "mermaid")
FORMATS = (*DRAWN, "opengraph")
SVG = "{http://www.w3.org/2000/svg}"
NAMES = [printable(it) for it in clusters.HOSTILE]


def shown(call: Call, arguments: tuple[str, ...], format: str, *more: str) -> str:
    done = call(*arguments, "--format", format, *more)
    assert done.status == 0, done.stderr
    return done.stdout


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[str, ...]:
    return clusters.write(tmp_path, *clusters.hostile())


@pytest.fixture
def nordwind(tmp_path: Path) -> tuple[str, ...]:
    return clusters.write(tmp_path, *clusters.nordwind())


@pytest.fixture
def company(tmp_path: Path) -> tuple[str, ...]:
    return clusters.write(tmp_path, *clusters.company(20, 60))


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_cluster_gives_the_same_text(format: str, call: Call, company: tuple[str, ...]) -> None:
    assert shown(call, company, format) == shown(call, company, format)


@pytest.mark.parametrize("format", DRAWN)
def test_every_line_is_of_the_format(format: str, call: Call, hostile: tuple[str, ...]) -> None:
    """No name adds a line: each character that ends one is an escape."""
    text = shown(call, hostile, format)
    assert all(it.isprintable() or it == "\n" for it in text.replace("\t", ""))


@pytest.mark.parametrize("format", DRAWN)
def test_what_is_wrong_is_in_words(format: str, call: Call, company: tuple[str, ...]) -> None:
    text = re.sub(r"#(\d+);", lambda it: chr(int(it[1])), shown(call, company, format))
    # A name goes on in the next line.
    text = re.sub(r"(?<=-)(<br>|\\n|</tspan></text>\n<text[^>]*><tspan>)", "", text)
    text = re.sub(r"<br>|\\n|</tspan></text>\n<text[^>]*><tspan>", " ", text)
    for words in (
        "ERROR: account-disabled",
        "ERROR: no-password-readers",
        "ERROR: password-of-everyone",
        "ERROR: unknown-account",
        "WARNING: unconstrained-delegation",
        "WARNING: default-service-account",
        "WARNING: every-credspec",
        "WARNING: wildcard-grant",
        "MISSING",
        "DISABLED",
        "NO HOST",
    ):
        assert re.sub(" +", " ", text).count(words), words


_VOID = ("meta", "link", "input", "br")


class Page(html.parser.HTMLParser):
    """The elements of a page, what is in `bdi`, the attributes that have names of objects, and texts by their ids.

    `headings`: level and text of each.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.headings: list[tuple[int, str]] = []
        self._open: list[tuple[str, str]] = []
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.isolated: list[str] = []
        self._inside = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self._open.append((tag, dict(attrs).get("id") or ""))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag == "bdi":
            self._inside += 1
            self.isolated.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag == "bdi"
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag, id in self._open:
            if id:
                self.texts[id] = " ".join(f"{self.texts.get(id, '')}{data}".split()) + " " * data[-1:].isspace()
            if re.fullmatch("h[1-6]", tag):
                self.headings[-1] = self.headings[-1][0], self.headings[-1][1] + data
        if self._inside:
            self.isolated[-1] += data


def test_hostile_names_are_text_in_html(call: Call, hostile: tuple[str, ...]) -> None:
    page = Page(shown(call, hostile, "html"))
    assert page.elements["script"] == page.elements["style"] == page.elements["svg"] == page.elements["h1"] == 1
    assert not page.elements.keys() & {"img", "iframe", "object", "embed", "base", "form", "b2"}
    for name in NAMES:
        for text in (f"{name} of contoso.com", f"http/{name}", f"reader {name}", f"spec {name}"):
            assert text in page.isolated, text
        # The API server refuses roles with these in their names, and so what they grant.
        if not set(name) & set("/%"):
            assert f"user {name}" in page.isolated
    # No script, no style, and no address but places of this page.
    names = {name for _, name, _ in page.attributes}
    assert not any(it.startswith("on") for it in names)
    assert "style" not in names
    assert not names & {"src", "srcset", "action", "formaction", "xlink:href"}
    links = [value for tag, name, value in page.attributes if name == "href" and tag != "link"]
    assert all(re.fullmatch(r"#[\w.-]+", it) for it in links)
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert not [it for it, number in Counter(ids).items() if number > 1]
    assert {it[1:] for it in links} <= set(ids)


# What a reader of the HTML has to find out about the accounts of `clusters.nordwind`: the workloads that can act as each,
# what it may do, and who may fetch its password. "-": it must not be there.
NORDWIND: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "shop": (
        (
            "Deployment shop/shop (names gmsa-shop), which runs as shop/shop",
            "Deployment ops/runner (names gmsa-shop), which runs as ops/runner",
            "REFUSED Deployment shop/checkout",
            "shop/checkout may not use gmsa-shop",
            "group shop-developers",
            "Who may change or grant its credential spec user carol@nordwind.example",
        ),
        ("delegation: none",),
        ("Group WindowsNodes", "So these can fetch it: computers NODE1, NODE2, NODE3."),
    ),
    "shopdb": (
        ("Deployment shop/db (names gmsa-shopdb)",),
        ("delegation: none",),
        ("User svc-backup", "; user svc-backup."),
    ),
    "billing": (
        (
            "Deployment billing/dunning (names gmsa-billing), which runs as billing/dunning",
            "Deployment billing/invoices (names gmsa-billing), which runs as billing/invoices",
            "Deployment billing/payroll (may, does not name it), which runs as billing/payroll",
            "WARNING: wildcard-grant",
        ),
        ("serves http/billing.contoso.com",),
        ("Group WindowsNodes",),
    ),
    "reports": (("Deployment reports/reports",), ("as its users, to cifs/files.contoso.com",), ("WindowsNodes",)),
    "legacy": (
        (
            "Deployment legacy/legacy",
            "Workloads that could act as it if it were enabled",
            "DISABLED",
            "ERROR: account-disabled",
        ),
        (),
        ("WindowsNodes",),
    ),
    "ghost": (
        (
            "Deployment legacy/ghost",
            "Workloads that could act as it if it existed",
            "MISSING",
            "ERROR: unknown-account",
        ),
        ("The snapshot of contoso.com has no such account",),
        ("Nobody: the account does not exist",),
    ),
    "payroll": (
        ("Deployment billing/payroll (names gmsa-payroll)", "Deployment sandbox/tinker (names gmsa-payroll)"),
        ("delegation: none",),
        ("Group Domain Computers", "So every computer of the domain can fetch it."),
    ),
    "crm": (
        ("Deployment crm/crm", "Deployment sandbox/smuggler (brings its own contents), which runs as sandbox/smuggler"),
        ("as its users, to ANY SERVICE",),
        ("WindowsNodes",),
    ),
    "search": (("Deployment crm/search",), ("as ANY USER, to MSSQLSvc/index.contoso.com",), ("WindowsNodes",)),
    "intranet": (("Deployment intranet/portal", "intranet/wiki", "-Deployment intranet/wiki"), (), ("WindowsNodes",)),
    "archive": (
        ("None among the objects.", "No one by its name: gmsa-archive"),
        (),
        ("Active Directory lets no one.",),
    ),
    "batch": (("None among the objects.", "ops/batch", "no gMSA workload among the objects"), (), ("WindowsNodes",)),
}


@pytest.mark.parametrize("name", NORDWIND)
def test_the_html_alone_answers_the_three_questions(name: str, call: Call, nordwind: tuple[str, ...]) -> None:
    text = Page(shown(call, nordwind, "html")).texts[f"Account_3a_contoso.com_5c_{name}"]
    act, rest = text.split("What it may do")
    may, password = rest.split("Who may fetch its password")
    for part, wanted in zip((act, may, password), NORDWIND[name], strict=True):
        for it in wanted:
            assert (it.lstrip("-") in part) != it.startswith("-"), part
    # Those who reach every account are a link away.
    assert password.endswith("Also who reaches every account, who may do everything, and ways around the check (3). ")


def test_the_html_says_who_reaches_every_account(call: Call, nordwind: tuple[str, ...]) -> None:
    texts = Page(shown(call, nordwind, "html")).texts
    for it in ("ops/runner", "every service account of sandbox", "no check covers the namespace sandbox"):
        assert it in texts["every"]
    assert "Deployment sandbox/tinker (names gmsa-payroll)" in texts["every"]
    assert "Deployment sandbox/smuggler (brings its own contents, of Crm of contoso.com)" in texts["every"]
    assert "argocd" not in texts["every"]
    for it in ("argocd/argocd-controller", "user root@nordwind.example", "group nordwind-admins"):
        assert it in texts["everything"]
        assert it.rpartition(" ")[2] not in texts["ways"]
    # Who may get a token of argocd's service account is as good as it.
    assert re.search(
        "Also by acting as someone who may do everything: *user helpdesk@nordwind.example", texts["everything"]
    )
    assert "shop-developers" not in texts["everything"]
    assert "may run code in pods of every service account of shop" in texts["ways"]
    assert "may call the API server as every service account of the cluster" in texts["ways"]


@pytest.fixture
def leaky(tmp_path: Path) -> tuple[str, ...]:
    """`nordwind`, and people who may run code in pods where nothing is checked, and where a wildcard is."""
    objects, accounts = clusters.nordwind()
    objects += [
        clusters.binding("tinkerers", "deploy", [clusters.group("tinkerers")], "sandbox"),
        clusters.binding("operators", "deploy", [clusters.user("olga@nordwind.example")], "ops"),
    ]
    return clusters.write(tmp_path, objects, accounts)


TINKERERS = (
    "may run code in pods of every service account of sandbox, where nothing is checked: so it reaches every account"
)
OLGA = (
    "may run code in pods of every service account of ops, of which ops/runner may use every credential spec:"
    " so it reaches every account"
)


def test_who_runs_code_where_nothing_is_checked_reaches_every_account(call: Call, leaky: tuple[str, ...]) -> None:
    text = shown(call, leaky, "html")
    texts = Page(text).texts
    for who, way in (("group tinkerers", TINKERERS), ("user olga@nordwind.example", OLGA)):
        assert f'<bdi class="warning">{way}</bdi>' in text
        assert f"{who} {way}" in texts["every"]
        assert way in texts["ways"]
    assert "shop-developers" not in texts["every"]
    assert "5 subjects have ways around the check" in texts["accounts"]
    # Of each account with such workloads.
    of = {name: texts[f"Account_3a_contoso.com_5c_{name}"] for name in ("shop", "payroll", "search")}
    for name, who in (("shop", "olga@nordwind.example"), ("payroll", "tinkerers")):
        runners = of[name].split("Who may run code in their pods")[1].split("What it may do")[0]
        assert who in runners
    assert "Who may run code in their pods" not in of["search"]
    assert of["search"].endswith("who reaches every account, who may do everything, and ways around the check (5). ")


@pytest.mark.parametrize("format", ["html", "table", "markdown"])
def test_the_finding_says_who_may_run_code_where_nothing_is_checked(
    format: str, call: Call, leaky: tuple[str, ...]
) -> None:
    text = html.unescape(shown(call, leaky, format)).replace("\\", "")
    assert "who may run code in pods there: group tinkerers" in text


def test_who_may_act_as_system_masters_is_told_though_nobody_may_do_everything(call: Call, tmp_path: Path) -> None:
    objects, accounts = clusters.company(2, 2)
    objects += [
        clusters.role("as-masters", [], ["impersonate"], "", "groups"),
        clusters.role("as-anyone", [], ["impersonate"], "", "users"),
        *(clusters.binding(it, it, [clusters.user("rita@contoso.com")]) for it in ("as-masters", "as-anyone")),
    ]
    text = shown(call, clusters.write(tmp_path, objects, accounts), "html")
    assert re.search(
        "By acting as someone who may do everything: *user rita@contoso.com", Page(text).texts["everything"]
    )
    assert "0 subjects" not in text


def test_the_html_says_what_it_was_made_from(call: Call, nordwind: tuple[str, ...]) -> None:
    """An auditor gets the file alone."""
    text = shown(call, nordwind, "html")
    names = re.findall("<bdi>(.*?)</bdi>", text.split("<li>Made from ")[1].split("</li>")[0])
    assert names == [html.escape(it) for it in nordwind if it.startswith("/")]


def test_the_picture_says_whose_contents_a_workload_brings(call: Call, nordwind: tuple[str, ...]) -> None:
    root = ElementTree.fromstring(shown(call, nordwind, "svg"))
    text = " ".join(" ".join("".join(it.itertext()).split()) for it in root.iter(f"{SVG}text"))
    assert "Deployment smuggler as smuggler with own contents, of Crm of contoso.com" in text


def test_verbs_on_one_thing_and_things_with_the_same_verbs_are_one_line() -> None:
    reasons = ["may create jobs", "may create pods", "may patch jobs", "may patch pods", "may create pods/exec"]
    reasons += ["may update the namespace web, whose labels decide", "no check covers web"]
    assert list(in_short(reasons)) == [
        "may create, patch jobs, pods",
        "may create pods/exec",
        "may update the namespace web, whose labels decide",
        "no check covers web",
    ]


@pytest.mark.parametrize("format", ["html", "table", "markdown"])
def test_what_checks_pods_is_told_with_its_exceptions(format: str, call: Call, nordwind: tuple[str, ...]) -> None:
    text = re.sub("<[^>]+>|[`*]", "", shown(call, nordwind, format))
    assert "ValidatingWebhookConfiguration gmsa-webhook, except in namespace sandbox" in text


def test_who_runs_pods_everywhere_is_told_with_the_namespaces_that_give_every_account(
    call: Call, tmp_path: Path
) -> None:
    objects, accounts = clusters.nordwind()
    objects.append(clusters.binding("operators", "deploy", [clusters.user("olga@nordwind.example")]))
    text = shown(call, clusters.write(tmp_path, objects, accounts), "table")
    (row,) = [it for it in text.splitlines() if it.startswith("! user olga")]
    assert "cluster, of which those of argocd, ops, sandbox reach every credential spec: so every account" in row


def test_a_table_says_who_reaches_every_account_by_pods(call: Call, leaky: tuple[str, ...]) -> None:
    rows = [it for it in shown(call, leaky, "table").splitlines() if "so every account" in it]
    assert [re.split("  +", it)[0] for it in rows] == ["! group tinkerers", "! user olga@nordwind.example"]
    assert "every service account of sandbox, where nothing is checked: so every account" in rows[0]


def test_a_picture_has_a_line_from_who_runs_code_to_every_credential_spec(call: Call, leaky: tuple[str, ...]) -> None:
    root = ElementTree.fromstring(shown(call, leaky, "svg"))
    lines = [it for it in root.iter(f"{SVG}path") if "red" in it.get("class", "").split()]
    titles = ["".join(it.itertext()) for it in lines]
    assert any(it.startswith("tinkerers may run code in pods of every service account of sandbox") for it in titles)
    assert any(it.startswith("olga@nordwind.example may run code in pods of every service account") for it in titles)


def test_a_workload_says_why_it_can_act_where_no_role_names_the_credential_spec(
    call: Call, nordwind: tuple[str, ...]
) -> None:
    text = shown(call, nordwind, "html")
    texts = Page(text).texts
    for name, reason in (
        ("shop", "ops/runner: WARNING: every-credspec by RoleBinding ops/runner (every credential spec)"),
        ("payroll", "sandbox/default: ERROR: unchecked-pods no check covers the namespace sandbox"),
        ("crm", "sandbox/smuggler: ERROR: unchecked-pods no check covers the namespace sandbox"),
    ):
        assert reason in texts[f"Account_3a_contoso.com_5c_{name}"]
        assert re.search(f'<details class="entry account" id="Account_3a_contoso.com_5c_{name}"[^>]* data-red', text)
    # Which has a role of its own.
    assert "runs as shop/shop:" not in texts["Account_3a_contoso.com_5c_shop"].split("REFUSED Deployment")[0]


def test_the_folded_line_counts_everybody_who_may_fetch_a_password(call: Call, nordwind: tuple[str, ...]) -> None:
    text = shown(call, nordwind, "html")
    for name, words in (("shopdb", "password: 3 hosts, 1 user"), ("ghost", "password: nobody")):
        card = text.split(f'id="Account_3a_contoso.com_5c_{name}"')[1].split("</summary>")[0]
        assert words in card
    table = shown(call, nordwind, "table")
    assert "WindowsNodes, svc-backup (3 hosts, 1 user)" in table
    assert re.search("Ghost of contoso.com +MISSING .* nobody", table)


def test_the_html_says_who_is_denied_a_password(call: Call, tmp_path: Path) -> None:
    objects, accounts = clusters.nordwind()
    shop = next(it for it in accounts if it["account"].lower() == "shop")
    shop["passwordReaders"].append({"name": "JUMP01", "kind": "Computer", "denied": True})
    text = Page(shown(call, clusters.write(tmp_path, objects, accounts), "html")).texts[
        "Account_3a_contoso.com_5c_shop"
    ]
    assert "Denied: Computer JUMP01." in text


def test_the_html_says_what_is_unknown_without_active_directory(call: Call, nordwind: tuple[str, ...]) -> None:
    text = shown(call, nordwind[:2], "html")
    page = Page(text)
    assert "Active Directory was not read" in text
    assert page.texts["Account_3a_contoso.com_5c_shop"].count("Unknown: no snapshot of Active Directory has it") == 2
    assert "Deployment ops/runner" in page.texts["Account_3a_contoso.com_5c_shop"]
    assert "MISSING" not in page.texts["accounts"]


@pytest.mark.parametrize("of", ["company", "hostile", "nordwind"])
def test_headings_are_in_order(of: str, call: Call, request: pytest.FixtureRequest) -> None:
    page = Page(shown(call, request.getfixturevalue(of), "html"))
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1
    assert max(later - before for before, later in itertools.pairwise(levels)) == 1
    assert all(text.strip() for _, text in page.headings)
    assert ("html", "lang", "en") in page.attributes


def test_each_rule_is_there_as_explain_takes_it(call: Call, nordwind: tuple[str, ...]) -> None:
    page = Page(shown(call, nordwind, "html"))
    rules = [it[5:] for it in page.texts if it.startswith("rule-")]
    assert "unconstrained-delegation" in rules
    # What gives accounts away is first, whatever the alphabet says; errors come before warnings.
    assert rules[:2] == ["unchecked-pods", "password-of-everyone"]
    assert rules.index("account-disabled") < rules.index("unconstrained-delegation") < rules.index("every-credspec")
    assert rules.index("every-credspec") < rules.index("delegation")
    for format in ("table", "markdown"):
        text = shown(call, nordwind, format).replace("\\", "")
        told = list(dict.fromkeys(re.findall(r"(?:error|warning) \[([a-z-]+)\]", text)))
        assert [it for it in told if it in rules] == rules
    for it in rules:
        assert it in page.texts[f"rule-{it}"]
        assert call("explain", it).status == 0


def test_what_a_report_does_not_cover_is_in_the_html_and_in_the_docs(call: Call, nordwind: tuple[str, ...]) -> None:
    docs = (ROOT / "docs" / "how-to" / "who-can.md").read_text()
    text = html.unescape(shown(call, nordwind, "html"))
    assert "What this report does not cover" in text
    for it in LIMITS:
        assert f"<li>{it}</li>" in text
        assert f"\n- {it}\n" in docs


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    digits = colour.strip("#")
    digits = "".join(2 * it for it in digits) if len(digits) == 3 else digits
    parts = [int(digits[it : it + 2], 16) / 255 for it in (0, 2, 4)]
    red, green, blue = (it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_texts_and_lines_have_contrast_in_each_colour_scheme(call: Call, company: tuple[str, ...]) -> None:
    """4.5:1 for text and 3:1 for lines that mean something (WCAG 2.2, 1.4.3 and 1.4.11)."""
    schemes = re.findall(r"(?::root|\.who-can)\{(--[^}]*)\}", shown(call, company, "html"))
    assert len(schemes) == 6  # light, dark and print, of the page and of the picture
    for number, scheme in enumerate(schemes):
        colours = dict(re.findall(r"--(\w+):(#\w+)", scheme))
        for text in {"text", "quiet", "link", "red", "green"} & colours.keys():
            for back in ("back", "box", "pink"):
                assert contrast(colours[text], colours[back]) >= 4.5, (text, back, scheme)
        assert number < 3 or contrast(colours["edge"], colours["back"]) >= 3


def test_html_has_a_policy_that_forbids_the_network(call: Call, company: tuple[str, ...]) -> None:
    page = Page(shown(call, company, "html"))
    (policy,) = [value for _, name, value in page.attributes if name == "content" and "default-src" in value]
    parts = dict(it.strip().split(" ", 1) for it in policy.split(";"))
    assert parts.pop("default-src") == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/=]+'", parts.pop("script-src"))
    assert re.fullmatch(r"'sha256-[\w+/=]+'", parts.pop("style-src"))
    assert parts == {"img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}


def test_html_without_jinja2_says_what_to_install(
    call: Call, company: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    done = call(*company, "--format", "html")
    assert (done.status, done.stdout) == (3, "")
    assert done.stderr == "gmsa-krm: HTML needs Jinja2: pip install 'gmsa-krm[report]'\n"
    assert call(*company, "--format", "svg").status == 0


def test_hostile_names_are_text_in_svg(call: Call, hostile: tuple[str, ...]) -> None:
    root = ElementTree.fromstring(shown(call, hostile, "svg"))
    kinds = {it.tag.removeprefix(SVG) for it in root.iter()}
    assert kinds == {"svg", "title", "desc", "style", "rect", "text", "tspan", "g", "path"}
    titles = [it.text or "" for it in root.iter(f"{SVG}title")]
    for name in NAMES:
        assert any(it.startswith(f"Account: {name} of contoso.com\n") for it in titles)
        assert any(it.startswith(f"Principal: reader {name}\n") for it in titles)


def test_every_text_of_the_svg_is_in_its_box(call: Call, hostile: tuple[str, ...]) -> None:
    """A column has room for so many characters, of which some are twice as wide."""
    root = ElementTree.fromstring(shown(call, hostile, "svg"))
    for group in root.iter(f"{SVG}g"):
        (box,) = group.findall(f"{SVG}rect")
        left, top, width, height = (float(box.attrib[it]) for it in ("x", "y", "width", "height"))
        cut = [float(it.attrib["d"].split()[0][1:]) for it in group.findall(f"{SVG}path")]
        for text in group.findall(f"{SVG}text"):
            x, y = float(text.attrib["x"]), float(text.attrib["y"])
            columns = sum(2 if unicodedata.east_asian_width(it) in "WF" else 1 for it in "".join(text.itertext()))
            right = cut[0] if cut and x < cut[0] else left + width
            assert left < x
            assert x + columns * 7.25 <= right
            assert top < y - 8
            assert y < top + height


@pytest.mark.parametrize("of", ["company", "hostile", "nordwind"])
def test_no_label_of_a_line_covers_another_or_a_box(of: str, call: Call, request: pytest.FixtureRequest) -> None:
    root = ElementTree.fromstring(shown(call, request.getfixturevalue(of), "svg"))
    boxes = [it for it in root.iter(f"{SVG}rect") if it.get("class") == "box"]
    taken = [tuple(float(it.attrib[key]) for key in ("x", "y", "width", "height")) for it in boxes]
    labels = [it for it in root.iter(f"{SVG}text") if "label" in it.get("class", "").split()]
    assert labels
    for it in labels:
        x, y, text = float(it.attrib["x"]), float(it.attrib["y"]), "".join(it.itertext())
        width = 6.7 * sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)
        place = x, y - 9, width, 11
        assert [each for each in taken if overlap(each, place)] == [], text
        taken.append(place)
    # Lines bend beside labels, not below them.
    bends = {
        float(it.attrib["d"].split("H")[1].split("C")[0])
        for it in root.iter(f"{SVG}path")
        if it.get("class", "").startswith("line")
    }
    for x, _, width, _ in taken[len(boxes) :]:
        assert not [it for it in bends if x <= it < x + width]


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


@pytest.mark.parametrize("format", ["svg", "dot", "mermaid"])
def test_those_who_may_do_everything_are_one_box(format: str, call: Call, nordwind: tuple[str, ...]) -> None:
    text = re.sub(r"#(\d+);", lambda it: chr(int(it[1])), shown(call, nordwind, format))
    titles = re.sub(r'(?s)<title>.*?</title>|tooltip="(?:[^"\\]|\\.)*"', "", text)
    assert titles.count("3 who may do everything") == titles.count("nordwind-admins") == 1
    assert titles.count("may do everything;") == 1


needs_dot = pytest.mark.skipif(not shutil.which("dot"), reason="there is no dot; on Debian: apt-get install graphviz")


@needs_dot
def test_dot_takes_the_dot_and_draws_names_as_they_are(call: Call, hostile: tuple[str, ...], tmp_path: Path) -> None:
    text = shown(call, hostile, "dot")
    done = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, [it for it in done.stderr.splitlines() if "font" not in it.lower()]) == (0, [])
    root = ElementTree.fromstring(done.stdout)
    # Long ones are wrapped, at spaces too.
    drawn = "\n".join("".join(it.itertext()) for it in root.iter(f"{SVG}text")).replace("\xa0", " ")
    tight = re.sub(r"\s", "", drawn)
    for name in NAMES:
        assert re.sub(r"\s", "", f"{name} of contoso.com") in tight, name
        assert re.sub(r"\s", "", f"reader {name}") in tight, name


@needs_dot
def test_dot_draws_each_node_and_edge_once(call: Call, company: tuple[str, ...]) -> None:
    text = shown(call, company, "dot")
    plain = subprocess.run(["dot", "-Tplain"], input=text, capture_output=True, text=True, timeout=120, check=True)
    kinds = Counter(it.split(" ", 1)[0] for it in plain.stdout.splitlines())
    report = json.loads(shown(call, company, "json"))
    drawn = [it for it in report["edges"] if it["kind"] != "Member"]
    assert kinds["edge"] == len(drawn)
    assert kinds["node"] == len(report["nodes"])


def test_mermaid_has_a_label_for_each_node_in_plain_characters(call: Call, hostile: tuple[str, ...]) -> None:
    """What Mermaid's own parser makes of it is a test of tests/site."""
    text = shown(call, hostile, "mermaid")
    labels = re.findall(r'^  n\d+(?:\(\[|\[/|\[|\()"([^"\n]*)"(?:\]\)|/\]|\]|\))(?::::red)?$', text, re.MULTILINE)
    report = json.loads(shown(call, hostile, "json"))
    assert len(labels) == len(report["nodes"])
    assert not [it for it in labels if re.search(r"[<>&`*_\\{}()\[\]|~@$;]", re.sub(r"#\d+;|<br>", "", it))]


def test_mermaid_says_when_it_is_too_large_for_its_limits(call: Call, tmp_path: Path) -> None:
    arguments = clusters.write(tmp_path, *clusters.company(200, 600))
    assert "%% Mermaid draws 500 lines" in shown(call, arguments, "mermaid").splitlines()[1]


# OpenGraph, by https://bloodhound.specterops.io/opengraph/developer/nodes and .../edges
def valid_properties(properties: dict[str, Any]) -> bool:
    return all(
        key == key.lower()
        and key not in ("objectid", "lastseen")
        and (
            isinstance(value, (str, bool, int))
            or (isinstance(value, list) and all(isinstance(each, str) for each in value))
        )
        for key, value in properties.items()
    )


@pytest.mark.parametrize("of", ["hostile", "company"])
def test_opengraph_is_what_bloodhound_asks_for(of: str, call: Call, request: pytest.FixtureRequest) -> None:
    data = json.loads(shown(call, request.getfixturevalue(of), "opengraph"))
    assert data.keys() == {"metadata", "graph"}
    assert data["metadata"] == {"source_kind": "GmsaKrm_Base"}
    assert data["graph"].keys() == {"nodes", "edges"}
    ids = [it["id"] for it in data["graph"]["nodes"]]
    assert len(ids) == len(set(ids))
    for node in data["graph"]["nodes"]:
        assert node.keys() == {"id", "kinds", "properties"}
        assert len(node["kinds"]) <= 2  # three with the source kind
        assert all(re.fullmatch(r"GmsaKrm_[A-Za-z]+", it) for it in node["kinds"])
        assert valid_properties(node["properties"])
    for edge in data["graph"]["edges"]:
        assert edge.keys() == {"kind", "start", "end", "properties"}
        assert re.fullmatch(r"GmsaKrm_[A-Za-z]+", edge["kind"])
        assert valid_properties(edge["properties"])
        for end in (edge["start"], edge["end"]):
            assert end.keys() == {"match_by", "value"}
            assert end["match_by"] == "id"
            # What is no node here is an object that BloodHound knows.
            assert end["value"] in ids or re.fullmatch(r"(CONTOSO\.COM-)?S-1-[0-9-]+", end["value"])


def test_opengraph_joins_accounts_and_groups_by_their_sid(call: Call, company: tuple[str, ...]) -> None:
    graph = json.loads(shown(call, company, "opengraph"))["graph"]
    found = {(it["kind"], it["start"]["value"], it["end"]["value"]) for it in graph["edges"]}
    account, group = f"{clusters.SID}-11000", f"{clusters.SID}-2001"
    assert ("GmsaKrm_LogOn", "GmsaKrm_CredentialSpec:gmsa-app0000", account) in found
    assert ("GmsaKrm_FetchPassword", group, account) in found
    # BloodHound has principals of every domain once for each.
    assert ("GmsaKrm_FetchPassword", "CONTOSO.COM-S-1-5-11", f"{clusters.SID}-11004") in found
    # As nodes they would become part of this source, and be removed with it.
    assert not [it for it in graph["nodes"] if "S-1-" in it["id"]]
    # Without a SID there is a node of its own.
    assert ("GmsaKrm_LogOn", "GmsaKrm_CredentialSpec:gmsa-app0003", "GmsaKrm_Account:contoso.com\\app0003") in found


@pytest.mark.parametrize("format", DRAWN)
def test_new_access_is_marked(format: str, call: Call, tmp_path: Path) -> None:
    objects, accounts = clusters.company(5, 10)
    arguments = clusters.write(tmp_path, objects[:-6], accounts)
    earlier = tmp_path / "access.json"
    earlier.write_text(shown(call, arguments, "json"))
    assert "NEW" not in re.sub(r"<(style|script)>.*?</\1>", "", shown(call, arguments, format, "--since", str(earlier)))
    clusters.write(tmp_path, objects, accounts)
    assert "NEW" in shown(call, arguments, format, "--since", str(earlier))


@pytest.mark.parametrize("format", FORMATS)
def test_a_cluster_with_nothing_in_it(format: str, call: Call, tmp_path: Path) -> None:
    (tmp_path / "none.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: none\n")
    assert shown(call, ("who-can", str(tmp_path)), format)


@pytest.mark.parametrize("format", FORMATS)
def test_work_grows_with_the_cluster(format: str) -> None:
    """In calls of functions, which a busy machine does not change."""
    small, large = (calls(format, clusters.company(number, 5 * number)[0]) for number in (100, 400))
    assert large < 5 * small


def calls(format: str, objects: list[Any]) -> int:
    """How many calls the format takes for a cluster, without what reads it."""
    graph = build(objects)
    module = import_module(f"gmsa_krm.report.formats.{format}")
    number = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    module.render(graph, None)  # templates are compiled once
    sys.setprofile(count)
    try:
        module.render(graph, None)
    finally:
        sys.setprofile(None)
    return number


def test_two_thousand_accounts_with_ten_thousand_bindings() -> None:
    graph = build(clusters.company(2000, 10_000)[0])
    for format in FORMATS:
        text = import_module(f"gmsa_krm.report.formats.{format}").render(graph, None)
        assert text.count("1999") >= 10
        assert len(text) < 40_000_000


def test_the_picture_of_the_docs_is_that_of_the_example(call: Call) -> None:
    picture = shown(call, ("who-can", str(ROOT / "kustomize" / "workloads")), "svg")
    assert (ROOT / "docs" / "images" / "who-can.svg").read_text() == picture, "run: make report"


PLUG_IN = """\
apiVersion: windows.k8s.io/v1
kind: GMSACredentialSpec
metadata: {name: gmsa-till}
credspec:
  ActiveDirectoryConfig:
    GroupManagedServiceAccounts: [{Name: Till, Scope: nordwind.example}]
    HostAccountConfig:
      PluginGUID: "{CCC2A336-D7F3-4818-A213-272B7924213E}"
      PluginInput: ObjectId=00000000-0000-0000-0000-000000000000;SecretUri=https://nordwind.vault.azure.net/secrets/till
      PortableCcgVersion: "1"
  CmsPlugins: [ActiveDirectory]
  DomainJoinConfig:
    DnsName: nordwind.example
    DnsTreeName: nordwind.example
    Guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    MachineAccountName: Till
    NetBiosName: NORDWIND
    Sid: S-1-5-21-2126449477-2524075714-3094792973
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: gmsa-webhook}
webhooks:
- name: admission-webhook.windows-gmsa.sigs.k8s.io
  namespaceSelector: {matchLabels: {gmsa: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: labor}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: use-till}
rules:
- {apiGroups: [windows.k8s.io], resources: [gmsacredentialspecs], resourceNames: [gmsa-till], verbs: [use]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: use-till, namespace: labor}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: use-till}
subjects: [{kind: ServiceAccount, name: till, namespace: labor}]
---
apiVersion: v1
kind: Pod
metadata: {name: till, namespace: labor}
spec:
  serviceAccountName: till
  securityContext: {windowsOptions: {gmsaCredentialSpecName: gmsa-till}}
  containers: [{name: till, image: till}]
"""


def test_the_html_says_whose_contents_nothing_fills_in_and_who_fetches_for_a_plug_in(
    call: Call, folder: Folder
) -> None:
    """Kubelet takes contents alone, so a name in a namespace that the webhook leaves out is no account."""
    root = folder({"objects.yaml": PLUG_IN})
    card = html.unescape(re.sub("<[^>]+>", "", shown(call, ("who-can", str(root / "objects.yaml")), "html")))
    assert "names gmsa-till, but nothing fills in its contents in labor: it has no account until it brings them" in card
    assert "from https://nordwind.vault.azure.net/secrets/till" in card
    assert "So no computer can fetch it" not in card


@pytest.mark.parametrize("more", [(), ("--account", "WebApp1")], ids=["whole", "narrowed"])
@pytest.mark.parametrize("format", FORMATS)
def test_ephemeral_containers_lead_to_every_credential_spec_that_nothing_else_leads_to(
    format: str, more: tuple[str, ...], call: Call, tmp_path: Path
) -> None:
    objects = [
        *graphs.SETUP,
        graphs.binding("use", "use-a", "web/app", namespace="web"),
        graphs.role("debug", ([""], ["pods/ephemeralcontainers"], [], ["patch"])),
        graphs.binding("debug", "debug", "user:jane", namespace="web"),
    ]
    assert "jane" in shown(call, clusters.write(tmp_path, objects, []), format, *more)
