"""`argocd`: Argo CD's config management plugin, in an application's folder."""

from __future__ import annotations

import os

from gmsa_krm import console
from gmsa_krm.findings import ExternalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.arguments import Options
    from gmsa_krm.findings import Finding, Location
    from gmsa_krm.hosts.argocd.application import Application

    # The manifests, the findings, and where a config makes warnings errors, if one does.
    Rendered = tuple[bytes, list[Finding], Location | None]


def discover(_: Options) -> int:
    from gmsa_krm.hosts.argocd.discovery import Discovery
    from gmsa_krm.hosts.argocd.limits import Limits
    from gmsa_krm.hosts.argocd.repository import repository

    folder = os.getcwd()
    with Limits.of_discovery():
        found = Discovery(repository(folder, os.environ.get("ARGOCD_APP_SOURCE_PATH", ""))).uses_config(folder)
    if found:
        console.write_text("this folder uses a GMSAConfig")
    return console.DONE


def parameters(_: Options) -> int:
    from gmsa_krm.hosts.argocd.parameters import announcement

    console.write_text(announcement())
    return console.DONE


def generate(_: Options) -> int:
    import signal

    from gmsa_krm.hosts.argocd.limits import Limits, memory_limit, time_limit

    # An exception stops the running programs too, and removes the temporary files.
    signal.signal(signal.SIGTERM, _stop)
    with Limits(time_limit(os.environ), memory_limit()):
        data, findings = _manifests_of_application()
    console.print_findings(findings)
    console.write(data)
    return console.DONE


def _manifests_of_application() -> tuple[bytes, list[Finding]]:
    from gmsa_krm.hosts.argocd import application
    from gmsa_krm.hosts.argocd.sync_wave import in_waves

    app = application.Application(os.getcwd(), os.environ)
    render = {
        application.KUSTOMIZE: _kustomization,
        application.HELM: _chart,
        application.MANIFESTS: _manifests,
    }
    data, findings, strict = render[app.kind](app)
    findings = app.check(findings, strict)
    application.refuse_empty(data)
    return in_waves(data), findings


def _kustomization(app: Application) -> Rendered:
    from gmsa_krm.hosts.kustomize import run_plugin

    findings: list[Finding] = []
    strict: list[Location] = []

    def plugin(config: bytes, resources: bytes, folder: str, file: str) -> bytes:
        # An overlay may still set the namespace of what a base has.
        namespace = app.namespace if os.path.realpath(folder) == os.path.realpath(app.folder) else ""
        output, result = run_plugin(config, resources, app.environment(folder), file, app.overrides, namespace)
        findings.extend(result.findings)
        strict.extend([result.strict] if result.strict is not None else [])
        return output

    return app.kustomize_build(plugin), findings, next(iter(strict), None)


def _chart(app: Application) -> Rendered:
    from gmsa_krm.hosts.files import read_paths
    from gmsa_krm.hosts.helm import PostRenderer

    files = read_paths(app.configs(), os.environ, console.stdin(), app.overrides)
    rendered = app.helm_template(files.documents)
    host = PostRenderer(app.environment(), namespace=app.namespace, needs_config=False, overrides=app.overrides)
    return *host.run(rendered, files.configs), host.strict


def _manifests(app: Application) -> Rendered:
    from gmsa_krm.apply_order import in_apply_order
    from gmsa_krm.hosts.files import read_paths, render
    from gmsa_krm.output.stream import stream

    files = read_paths(app.manifests(), os.environ, console.stdin(), app.overrides)
    result = render(files, namespace=app.namespace)
    data = stream(in_apply_order(result, files.documents), as_json=False, by_name=True)
    return data, result.findings, result.strict


def _stop(*_: object) -> None:
    raise ExternalError("stopped by SIGTERM before the manifests were complete")
