"""What kustomize and helm read differently than it looks: one text, two names, two paths, or two files.

Each application may fetch one URL, so that kustomize runs with the network.
"""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import Folder
from hosts.applications import CHART_YAML, CONFIG, CONFIG_MAP, Files, below
from hosts.argocd_cmp import CmpServer
from hosts.conftest import Sidecar, Web
from hosts.support import as_yaml, assert_mentions

SECOND = "second.yaml"


def base64_of(text: str) -> str:
    return f"!!binary {base64.b64encode(text.encode()).decode()}"


def generator(source: str, **more: Any) -> str:
    """A config of kustomize's own generator of ConfigMaps."""
    head = {"apiVersion": "builtin", "kind": "ConfigMapGenerator", "metadata": {"name": "evil"}}
    return as_yaml({**head, "files": [f"a={source}"], **more})


# An application that fetches an allowed URL; `evil` and OUTSIDE are what it may not reach.


def entries(text: str) -> str:
    """A kustomization with `text` after its own fields."""
    return f"generators: [gmsa.yaml]\nsecretGenerator: [{{name: s, files: ['k=ALLOWED']}}]\n{text}\n"


def names(evil: str) -> dict[str, Files]:
    """A field under another name."""
    config_map = f"configMapGenerator: [{{{{name: c, {{}}: ['a={evil}']}}}}]"
    return {
        "long s": {"kustomization.yaml": entries("re\u017fources: [OUTSIDE]")},
        "long s, deeper": {"kustomization.yaml": entries(config_map.format("file\u017f"))},
        "long s in a base": {
            "kustomization.yaml": entries("resources: [b]"),
            "b/kustomization.yaml": config_map.format("file\u017f"),
        },
        "long s in a config": {
            "kustomization.yaml": entries("").replace("gmsa.yaml", "gmsa.yaml, evil.yaml"),
            "evil.yaml": generator(evil).replace("files", "file\u017f"),
        },
        "Kelvin sign": {"kustomization.yaml": entries("\u212aind: Kustomization")},
        "Base64": {"kustomization.yaml": entries(f"{base64_of('resources')}: [OUTSIDE]")},
        "Base64, deeper": {"kustomization.yaml": entries(config_map.format(f"? {base64_of('files')} "))},
        "Base64 by an alias": {
            "kustomization.yaml": entries(f"namePrefix: &a {base64_of('resources')}\n? *a\n: [OUTSIDE]")
        },
    }


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of another team."""
    folder = tmp_path_factory.mktemp("other")
    (folder / "kustomization.yaml").write_text("resources: [a.yaml]\n")
    (folder / "a.yaml").write_text(CONFIG_MAP)
    return folder


class Attack:
    """Renders an application that tries to get at `other` or the address of `web`, which is not allowed."""

    def __init__(self, sidecar: Sidecar, program: Path, folder: Folder, web: Web, other: Path) -> None:
        self._sidecar = sidecar.with_environ(ARGOCD_APP_SOURCE_PATH="app", GMSA_KRM_ALLOWED_HOSTS="localhost")
        self._program = program
        self._folder = folder
        self.web = web
        # From the folder of the application in the copy in which kustomize and helm work, three folders below that of
        # temporary files.
        up = "../" * len(sidecar.temporary.parts)
        self.outside = f"../../{up}{str(other).lstrip('/')}"

    def __call__(self, files: Files, links: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        allowed = self.web.url.replace("127.0.0.1", "localhost")
        filled = {
            name: text.replace("OUTSIDE", self.outside).replace("ALLOWED", allowed) if isinstance(text, str) else text
            for name, text in files.items()
        }
        root = self._folder(below("app", {"gmsa.yaml": CONFIG, **filled}))
        for link, target in (links or {}).items():
            (root / "app" / link).symlink_to(target)
        return self._sidecar.try_to_run(root / "app", self._program, "argocd", "generate")

    def fails(self, files: Files, *words: str, links: dict[str, str] | None = None) -> None:
        """The application is refused, and nothing was fetched, not even the allowed URL."""
        done = self(files, links)
        assert (done.returncode, done.stdout, self.web.requests) == (1, "", []), done.stderr
        assert_mentions(done.stderr, *words)


@pytest.fixture
def attack(sidecar: Sidecar, program: Path, folder: Folder, web: Web, other: Path) -> Attack:
    return Attack(sidecar, program, folder, web, other)


def test_an_allowed_url_is_fetched(attack: Attack) -> None:
    """Otherwise the tests below would prove nothing."""
    done = attack({"kustomization.yaml": entries("")})
    assert done.returncode == 0, done.stderr
    assert len(attack.web.requests) == 1


@pytest.mark.parametrize("name", names(""))
def test_a_field_has_one_name(name: str, attack: Attack) -> None:
    """Go's JSON reads U+017F as s and U+212A as k, and its YAML decodes Base64, as ours does."""
    word = "is outside of" if name in ("Base64", "Base64 by an alias") else "would be fetched"
    attack.fails(names(attack.web.url)[name], word if "Base64" in name else "not the name of a field")


@pytest.mark.parametrize("field", ["generators", "transformers", "validators"])
@pytest.mark.parametrize("name", ["\u017f", "\u212a"])
def test_discovery_finds_a_field_by_each_name(
    field: str, name: str, sidecar: Sidecar, program: Path, folder: Folder
) -> None:
    """So that the application is not left to Argo CD, which would say nothing about the name."""
    found = sidecar.run(
        folder({"kustomization.yaml": f"{field.replace('s', name)}: [gmsa.yaml]\n", "gmsa.yaml": CONFIG}),
        program,
        "argocd",
        "discover",
    )
    assert bool(found) is (name == "\u017f" and field != "validators")


# Paths


ENTRIES = {
    "flow mapping": ("'{/../OUTSIDE'", "outside of the repository"),
    "line break": (r'"x\n/../OUTSIDE"', "line break"),
    "carriage return": (r'"x\r/../OUTSIDE"', "line break"),
    "Unicode's line break": (r'"x\L/../OUTSIDE"', "line break"),
    "mapping": ("'a: /../OUTSIDE'", ""),
    "mapping of two lines": (r'"a: b\nc: /../OUTSIDE"', ""),
    "link and its parent": ("deep/../OUTSIDE", "outside of the repository"),
    "long": (f"{'./' * 4000}OUTSIDE", "outside of the repository"),
}


@pytest.mark.parametrize("field", ["resources", "components", "transformers", "validators"])
@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_is_a_path_in_the_repository(name: str, field: str, attack: Attack) -> None:
    entry, message = ENTRIES[name]
    files: Files = {"kustomization.yaml": entries(f"{field}: [{entry}]"), "/".join("abcdefghijklmnop") + "/x": ""}
    words = [message] if message and not (field in ("transformers", "validators") and entry[1] == "{") else []
    attack.fails(files, "kustomization.yaml:", *words, links={"deep": "/".join("abcdefghijklmnop")})


@pytest.mark.parametrize(
    "form", ["too deep", "too large", "no YAML", "a line that separates", "link and its parent", "also a path"]
)
def test_a_config_is_read_as_kustomize_reads_it(form: str, attack: Attack) -> None:
    evil = generator(attack.web.url)
    files: Files = {
        "kustomization.yaml": entries("").replace("gmsa.yaml", "gmsa.yaml, 'ENTRY'"),
        "evil.yaml": evil,
        "a/evil.yaml": generator("b"),
        "a/b/c": "",
    }
    entry, word = "evil.yaml", "would be fetched"
    if form == "too deep":
        files["evil.yaml"], word = f"{evil}zzz: {'[' * 450}{']' * 450}\n", "nested deeper"
    elif form == "too large":
        files["evil.yaml"], word = evil + "#\n" * (8 * 1024 * 1024), "more than 16 MiB"
    elif form == "no YAML":
        files["evil.yaml"], word = evil + "---\n[\n", "evil.yaml:"
    elif form == "a line that separates":  # to kustomize; to YAML, all of it is one text
        as_json = json.dumps(yaml.safe_load(evil), separators=(",", ":"))
        files["evil.yaml"], word = f"~\n---#\n{as_json}\n", "evil.yaml:2:1: ends a document"
    elif form == "link and its parent":
        entry = "deep/../evil.yaml"
    elif form == "also a path":
        entry, word = "{a: /../evil.yaml", "neither a path nor a config"
    attack.fails(
        {**files, "kustomization.yaml": str(files["kustomization.yaml"]).replace("ENTRY", entry)},
        word,
        links={"deep": "a/b"},
    )


@pytest.mark.parametrize("entry", ["a: /../evil.yaml", r"{a: b, c: /../../evil.yaml}", "evil.yaml: /../evil.yaml"])
def test_an_inline_config_is_not_a_path(entry: str, attack: Attack) -> None:
    """kustomize takes for a path what is not a resource."""
    text = entries("").replace("gmsa.yaml", f"gmsa.yaml, '{entry}'")
    attack.fails({"kustomization.yaml": text, "evil.yaml": generator(attack.web.url)}, "is a config and a path")


@pytest.mark.parametrize("field", ["resources", "components", "transformers"])
def test_a_folder_does_not_hide_a_url(field: str, attack: Attack) -> None:
    name = "git@127.0.0.1:x/y"
    attack.fails(
        {"kustomization.yaml": entries(f"{field}: ['{name}']"), f"{name}/kustomization.yaml": "namePrefix: a\n"},
        "127.0.0.1 may not be reached",
    )


def test_an_inline_config_is_not_a_url(attack: Attack) -> None:
    text = entries("transformers: ['git@127.0.0.1: x/y']")
    attack.fails({"kustomization.yaml": text}, "127.0.0.1 may not be reached")


@pytest.mark.parametrize("key", ["<<", '!!merge "<<"', "!!merge <<"])
def test_nothing_is_merged_into_a_kustomization(key: str, attack: Attack) -> None:
    attack.fails({"kustomization.yaml": entries(f"{key}: {{resources: [a.yaml]}}")}, "repeated or merged in")


def test_a_folder_has_one_kustomization(attack: Attack) -> None:
    """kustomize looks at all, and takes the one that it can read; it does not read links out of the folder."""
    files: Files = {
        "kustomization.yaml": entries("resources: [b]"),
        "b/kustomization.yml": f"configMapGenerator: [{{name: a, files: ['a={attack.web.url}']}}]\n",
        "c/kustomization.yaml": "configMapGenerator: [{name: a}]\n",
    }
    attack.fails(files, "kustomization.yml", "remove one", links={"b/kustomization.yaml": "../c/kustomization.yaml"})


# Charts


@pytest.mark.parametrize("form", ["file://", "without a URL"])
def test_a_dependency_is_where_helm_finds_it(form: str, attack: Attack, other: Path) -> None:
    (other / "Chart.yaml").write_text(CHART_YAML.replace("web", "other"))
    url, name = ("file://deep/../OUTSIDE", "other") if form == "file://" else ("", "../deep/../OUTSIDE")
    dependency = {"name": name, "version": "1.0.0", "repository": url}
    files: Files = {
        "Chart.yaml": CHART_YAML + as_yaml({"dependencies": [dependency]}),
        "/".join("abcdefghijklmnop") + "/x": "",
    }
    attack.fails(files, "outside of the repository", links={"deep": "/".join("abcdefghijklmnop")})


# What stays


def test_other_texts_and_paths_are_rendered(server: CmpServer, folder: Folder) -> None:
    """Names and values that are not fields, texts with line breaks where a patch may be, links, and an inline config."""
    patch = as_yaml(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fetched"}, "data": {"b": "x=http://y"}}
    )
    inline = as_yaml(
        {
            "apiVersion": "builtin",
            "kind": "AnnotationsTransformer",
            "metadata": {"name": "a", "annotations": {"größe": "x"}},
            "annotations": {"note": "../../see/https://example.com/"},
            "fieldSpecs": [{"path": "metadata/annotations", "create": True}],
        }
    )
    text = as_yaml(
        {
            "resources": ["./../b", "../link", "../c/../d"],
            "generators": ["gmsa.yaml"],
            "commonAnnotations": {"größe": "a\nb"},
            "patchesStrategicMerge": [patch],
            "transformers": [inline],
        }
    )
    root = folder(
        {
            "app/kustomization.yaml": text,
            "app/gmsa.yaml": CONFIG,
            "b/ä.yaml": CONFIG_MAP,
            "b/kustomization.yaml": "resources: [ä.yaml]\n",
            "d/kustomization.yaml": "configMapGenerator: [{name: d}]\n",
            "e/kustomization.yaml": "configMapGenerator: [{name: e}]\n",
        }
    )
    (root / "link").symlink_to("e")
    found = server.objects(root, "app")
    assert found["ConfigMap", "", "fetched"]["data"] == {"a": "fetched", "b": "x=http://y"}
    assert found["ConfigMap", "", "fetched"]["metadata"]["annotations"]["note"] == "../../see/https://example.com/"
    assert {name[0] for _, _, name in found if len(name) > 2 and name[1] == "-"} >= {"d", "e"}
