"""The commands: their options, and what their help says besides. `add_subparsers` of each parser lists its commands.

A parser is argparse's or `FastParser`. The metavar of an argument says what its value is: files to read (PATH, FILE and
CONFIG, of which one may be `-`), and what completion offers (`commands/completion.py`).
"""

from __future__ import annotations

from gmsa_krm import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import Any

    from gmsa_krm.arguments import FastParser

# What each config may make a run read. ARGOCD_APP_NAME says that Argo CD runs it.
_CONFIG = ("GMSA_KRM_SEED", "GMSA_KRM_SEED_FILE", "SOURCE_DATE_EPOCH", "ARGOCD_APP_NAME")
_APPLICATION = ("ARGOCD_APP_SOURCE_PATH",)
# A command that cannot find its input wrong.
_NO_INPUT = {1: ""}
_NO_OBJECTS = {1: "the input is wrong; nothing is printed on stdout"}


def declare_commands(parser: ArgumentParser | FastParser, only: str | None = None) -> None:
    """Declares the commands and their options. `run` is the module in `commands` and the function in it.

    `only`: the one command that is needed; None for all.
    """
    parser.add_argument("--version", action="version", version=f"gmsa-krm {__version__}")
    commands: Any = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, declare in COMMANDS.items():
        if only in (None, name):
            declare(commands)


def _command(
    commands: Any,
    name: str,
    summary: str,
    *examples: str,
    statuses: dict[int, str] | None = None,
    variables: tuple[str, ...] | None = (),
    lists_checks: bool = False,
) -> Any:
    """Declares a command; `usage` makes its help of all this.

    `statuses`: exit statuses that mean something else than the usual, "" for one that it does not have; `variables`:
    those of the environment that it reads, None for a command that has commands; `lists_checks`: whether its help lists
    the checks of the live cluster.
    """
    page = {"summary": summary, "examples": examples, "statuses": statuses or {}, "variables": variables}
    return commands.add_parser(name, help=summary, lists_checks=lists_checks, **page)


def _add_format(parser: Any, *choices: str) -> None:
    """-o as kubectl has it. The first format is the default."""
    help_ = f"output format (default: {choices[0]})"
    parser.add_argument("-o", "--output", "--format", dest="format", choices=choices, default=choices[0], help=help_)


def _add_namespace(parser: Any, help_: str, *more: str, default: str = "") -> None:
    names = ("-n", "--namespace", *more)
    parser.add_argument(*names, dest="namespace", default=default, metavar="NS", help=help_)


def _add_quiet(parser: Any, help_: str = "print no warnings, unless the run fails") -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help=help_)


def _add_strict(parser: Any, help_: str = "make warnings errors") -> None:
    parser.add_argument("--strict", action="store_true", help=help_)


def _add_paths(parser: Any) -> None:
    help_ = "a GMSAConfig, a manifest, a folder of them, or - for stdin"
    parser.add_argument("path", nargs="+", metavar="PATH", help=help_)


def _render(commands: Any) -> None:
    render = _command(
        commands,
        "render",
        "print the objects of GMSAConfig files, in apply order",
        "gmsa-krm render gmsa.yaml manifests/ | kubectl apply --server-side --filename -",
        "gmsa-krm render gmsa.yaml -o out/",
        "gmsa-krm render gmsa.yaml --chart charts/gmsa",
        "gmsa-krm render - -o json < gmsa.yaml",
        statuses=_NO_OBJECTS,
        variables=_CONFIG,
    )
    _add_paths(render)
    render.add_argument(
        "-o",
        "--output",
        metavar="yaml|json|DIR",
        help="the format yaml (default) or json, or else a folder for a file per resource and their kustomization.yaml;"
        " ./json is a folder",
    )
    render.add_argument("--chart", metavar="DIR", help="write a Helm chart without values into this folder")
    render.add_argument("--format", choices=("yaml", "json"), help="the format, also of the files in a folder")
    _add_namespace(render, "namespace of the manifests without one")
    _add_strict(render)
    _add_quiet(render, "print no warnings, unless the run fails, and no table of the files in a folder")
    render.set_defaults(run="render.run")


def _lint(commands: Any) -> None:
    lint = _command(
        commands,
        "lint",
        "report mistakes in GMSAConfig files and manifests",
        "gmsa-krm lint .",
        "helm template web ./chart | gmsa-krm lint gmsa.yaml - -o sarif",
        statuses={1: "there is an error; with --strict also for a warning"},
        variables=_CONFIG,
    )
    _add_paths(lint)
    _add_format(lint, "text", "json", "sarif")
    lint.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="skip files and folders with this name, or with this path in the folder; may be repeated",
    )
    lint.add_argument(
        "--ad",
        metavar="FILE",
        help="compare with this ActiveDirectorySnapshot (import ad --snapshot), instead of those that configs name",
    )
    _add_namespace(lint, "namespace of the manifests without one")
    _add_strict(lint, "exit with status 1 for warnings, too")
    _add_quiet(lint, "as text, print findings only, without their number and without skipped files")
    lint.set_defaults(run="lint.run")


def _doctor(commands: Any) -> None:
    doctor = _command(
        commands,
        "doctor",
        "report what is wrong in the running cluster, and prove what works",
        "gmsa-krm doctor gmsa.yaml",
        "gmsa-krm doctor --context production -o json",
        "gmsa-krm doctor gmsa.yaml --ad ad.yaml --skip workloads",
        statuses={
            1: "an error was found, or the input is wrong",
            3: "the cluster does not answer, or a check could not look",
        },
        variables=(*_CONFIG, "KUBECONFIG", "NO_COLOR"),
        lists_checks=True,
    )
    doctor.add_argument(
        "path",
        nargs="*",
        metavar="PATH",
        help="a GMSAConfig, a manifest, a folder of them, or - for stdin: what the cluster should have; without one the"
        " cluster is taken as it is",
    )
    doctor.add_argument("--context", metavar="NAME", help="the context of kubectl (default: the current one)")
    doctor.add_argument("--kubeconfig", metavar="KUBECONFIG", help="the file with the contexts of kubectl")
    doctor.add_argument(
        "--ad", metavar="FILE", help="compare with this ActiveDirectorySnapshot (import ad --snapshot), too"
    )
    doctor.add_argument(
        "--in-pod",
        action="store_true",
        help="also run nltest and nslookup in a running pod of each credential spec, by kubectl exec",
    )
    for option, what in {"--check": "run this check or group only", "--skip": "leave out this check or group"}.items():
        doctor.add_argument(option, action="append", default=[], metavar="CHECK", help=f"{what}; may be repeated")
    doctor.add_argument(
        "--rbac", action="store_true", help="print the ClusterRoles that doctor needs instead, without asking a cluster"
    )
    _add_format(doctor, "text", "json", "junit")
    _add_namespace(doctor, "namespace of the manifests without one")
    _add_quiet(doctor, "as text, print problems only")
    doctor.set_defaults(run="doctor.run")


def _patch(commands: Any) -> None:
    patch = _command(
        commands,
        "patch",
        "print a strategic merge patch of one workload, for kustomize",
        "gmsa-krm patch --config gmsa.yaml deployment/web --namespace web > patch.yaml",
        "gmsa-krm patch --config - sts/queue -n web < gmsa.yaml",
        statuses=_NO_OBJECTS,
        variables=_CONFIG,
    )
    patch.add_argument(
        "--config", action="append", required=True, metavar="FILE", help="GMSAConfig file, or - for stdin"
    )
    patch.add_argument(
        "target", metavar="KIND/NAME", help="the workload, such as deploy/web or Rollout.v1alpha1.argoproj.io/web"
    )
    _add_namespace(patch, "namespace of the workload")
    _add_quiet(patch)
    patch.set_defaults(run="patch.run")


def _post_render(commands: Any) -> None:
    post_render = _command(
        commands,
        "post-render",
        "run as Helm's post-renderer, from stdin to stdout",
        "helm template web ./chart | gmsa-krm post-render --config gmsa.yaml -n web",
        "helm template web ./chart --post-renderer gmsa --post-renderer-args=--config=gmsa.yaml"
        " --post-renderer-args=--release-namespace=web",
        statuses=_NO_OBJECTS,
        variables=(*_CONFIG, "HELM_PLUGIN_NAME", "XDG_STATE_HOME"),
    )
    post_render.add_argument(
        "--config", action="append", default=[], metavar="FILE", help="another GMSAConfig, besides those in the stream"
    )
    # Helm takes --namespace among --post-renderer-args for its own.
    help_ = "namespace of the release; Helm does not pass it, and takes --namespace and -n for its own"
    _add_namespace(post_render, help_, "--release-namespace")
    post_render.add_argument(
        "--log-file", metavar="LOG", help="also write the messages to LOG, since Helm 4 drops them"
    )
    _add_strict(post_render)
    _add_quiet(post_render, "print no warnings on stderr, unless the run fails; the log still has them")
    post_render.set_defaults(run="post_render.run")


def _argocd(commands: Any) -> None:
    argocd = _command(
        commands,
        "argocd",
        "run as Argo CD's config management plugin, in an application's folder",
        "gmsa-krm argocd discover",
        "gmsa-krm argocd generate > manifests.yaml",
        variables=None,
    )
    verbs = argocd.add_subparsers(required=True, metavar="discover|generate|parameters")
    discover = _command(
        verbs,
        "discover",
        "print a line if the folder uses a GMSAConfig",
        "gmsa-krm argocd discover",
        "cd apps/web && ARGOCD_APP_SOURCE_PATH=apps/web gmsa-krm argocd discover",
        variables=_APPLICATION,
    )
    discover.set_defaults(run="argocd.discover")
    generate = _command(
        verbs,
        "generate",
        "print the manifests of the application",
        "gmsa-krm argocd generate > manifests.yaml",
        "ARGOCD_APP_NAME=web ARGOCD_APP_NAMESPACE=web KUBE_VERSION=1.34 gmsa-krm argocd generate",
        statuses=_NO_OBJECTS,
        variables=(
            *("ARGOCD_APP_NAME", "ARGOCD_APP_NAMESPACE", "ARGOCD_APP_PARAMETERS", "ARGOCD_APP_PROJECT_NAME"),
            *(*_APPLICATION, "ARGOCD_ENV_", "ARGOCD_EXEC_TIMEOUT", "KUBE_API_VERSIONS", "KUBE_VERSION"),
            *(
                "GMSA_KRM_ALLOWED_HOSTS",
                "GMSA_KRM_ENABLE_HELM",
                "GMSA_KRM_SEED",
                "GMSA_KRM_SEED_FILE",
                "SOURCE_DATE_EPOCH",
            ),
        ),
    )
    generate.set_defaults(run="argocd.generate")
    parameters = _command(
        verbs,
        "parameters",
        "print the parameters that an Application may set",
        "gmsa-krm argocd parameters",
        "gmsa-krm argocd parameters > parameters.json",
        statuses=_NO_INPUT,
    )
    parameters.set_defaults(run="argocd.parameters")


def _install(commands: Any) -> None:
    install = _command(
        commands,
        "install",
        "install the plugin where its host looks for it",
        "gmsa-krm install kustomize",
        "gmsa-krm install helm",
        statuses=_NO_INPUT,
        variables=None,
    )
    hosts = install.add_subparsers(required=True, metavar="HOST")
    kustomize = _command(
        hosts,
        "kustomize",
        "install the legacy exec plugin of kustomize, which kubectl kustomize runs too",
        "gmsa-krm install kustomize",
        "gmsa-krm install kustomize --uninstall",
        statuses=_NO_INPUT,
        variables=("KUSTOMIZE_PLUGIN_HOME", "XDG_CONFIG_HOME", "HOME"),
    )
    kustomize.add_argument(
        "--dir", metavar="DIR", help="plugin folder of kustomize (default: the one that kustomize uses)"
    )
    kustomize.set_defaults(run="install.kustomize")
    helm = _command(
        hosts,
        "helm",
        "install the post-renderer plugin of Helm 4, with a program for Helm 3",
        "gmsa-krm install helm",
        "gmsa-krm install helm --dir plugins",
        statuses=_NO_INPUT,
        variables=("HELM_PLUGINS", "XDG_DATA_HOME", "HOME"),
    )
    helm.add_argument("--dir", metavar="DIR", help="plugin folder (default: HELM_PLUGINS, or else a separate folder)")
    helm.set_defaults(run="install.helm")
    for host in (kustomize, helm):
        host.add_argument("--uninstall", action="store_true", help="remove the plugin instead")
        _add_quiet(host, "print nothing on success")


def _init(commands: Any) -> None:
    init = _command(
        commands,
        "init",
        "write a config to start from, with the files that a host needs around it",
        "gmsa-krm init clusters/prod --domain contoso.com",
        "gmsa-krm init clusters/test --host flux",
        statuses={1: "the domain is not a DNS name", 3: "a file exists, or the folder cannot be written"},
    )
    init.add_argument("dir", nargs="?", metavar="DIR", help="the folder, created if it is missing (default: this one)")
    init.add_argument("--domain", metavar="DNSNAME", help="DNS name of the Active Directory domain")
    init.add_argument(
        "--host",
        choices=("kustomize", "helm", "argocd", "flux"),
        default="kustomize",
        help="what runs gmsa-krm (default: kustomize)",
    )
    _add_quiet(init, "do not print the files and the next steps")
    init.set_defaults(run="init.run")


def _who_can(commands: Any) -> None:
    who_can = _command(
        commands,
        "who-can",
        "show who may become which Active Directory account",
        "gmsa-krm who-can gmsa.yaml manifests/",
        "gmsa-krm who-can gmsa.yaml manifests/ --format json > access.json",
        "gmsa-krm who-can gmsa.yaml manifests/ --since access.json --fail-on-new",
        "gmsa-krm who-can --context production --format html > access.html",
        statuses={
            1: "the input is wrong; with --fail-on-new also for access that is new",
            3: "the cluster does not answer, or refuses to list something",
        },
        variables=(*_CONFIG, "KUBECONFIG"),
    )
    help_ = "a GMSAConfig, a manifest, a folder of them, or - for stdin; with --context these count before the cluster"
    who_can.add_argument("path", nargs="*", metavar="PATH", help=help_)
    who_can.add_argument("--context", metavar="NAME", help="also read the live cluster of this context of kubectl")
    who_can.add_argument(
        "--kubeconfig", metavar="KUBECONFIG", help="also read a live cluster, by this kubeconfig of kubectl"
    )
    _add_format(who_can, "table", "json", "markdown", "html", "svg", "dot", "mermaid", "opengraph")
    who_can.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="ACCOUNT",
        help="only what leads to this account of Active Directory, or from it; may be repeated",
    )
    who_can.add_argument(
        "--service-account",
        action="append",
        default=[],
        metavar="NS/NAME",
        help="only what this service account reaches; may be repeated",
    )
    who_can.add_argument(
        "-n",
        "--namespace",
        action="append",
        default=[],
        metavar="NS",
        help="only what the service accounts of this namespace reach; may be repeated",
    )
    who_can.add_argument(
        "--ad",
        metavar="FILE",
        help="what Active Directory knows: an ActiveDirectorySnapshot (import ad --snapshot), in place of those among"
        " the files and those that configs name",
    )
    who_can.add_argument(
        "--since", metavar="FILE", help="also show which access came and went since this report (--format json)"
    )
    who_can.add_argument(
        "--fail-on-new", action="store_true", help="exit with status 1 if access is new since the report of --since"
    )
    _add_quiet(who_can, "print no warnings about the input")
    who_can.set_defaults(run="who_can.run")


def _explain(commands: Any) -> None:
    explain = _command(
        commands,
        "explain",
        "explain a rule that findings name, or list all rules",
        "gmsa-krm explain",
        "gmsa-krm explain account-sid",
        statuses={**_NO_INPUT, 2: "wrong usage, or there is no such rule"},
    )
    explain.add_argument("rule", nargs="?", metavar="RULE", help="id of a rule, such as account-sid")
    explain.set_defaults(run="explain.run")


def _schema(commands: Any) -> None:
    schema = _command(
        commands,
        "schema",
        "print the JSON Schema of GMSAConfig, for editors",
        "gmsa-krm schema > gmsaconfig.schema.json",
        "gmsa-krm schema --name-references > name-references.yaml",
    )
    schema.add_argument("--chart-values", action="store_true", help="print the schema of the chart's values instead")
    schema.add_argument("--snapshot", action="store_true", help="print the schema of ActiveDirectorySnapshot instead")
    schema.add_argument(
        "--access-report", action="store_true", help="print that of the JSON of who-can, AccessReport, instead"
    )
    schema.add_argument("--doctor-report", action="store_true", help="print that of doctor's JSON instead")
    schema.add_argument(
        "--name-references",
        action="store_true",
        help="print a file for configurations of a kustomization instead, for kustomize to follow credential specs",
    )
    schema.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE",
        help="with --name-references: also for the workloadKinds of this GMSAConfig; - for stdin; may be repeated",
    )
    schema.set_defaults(run="schema.run")


def _import(commands: Any) -> None:
    importer = _command(
        commands,
        "import",
        "convert the configuration of another tool into a GMSAConfig",
        "gmsa-krm import credspec WebApp1.json > new.yaml",
        "gmsa-krm import helm-values values.yaml > new.yaml",
        variables=None,
    )
    sources = importer.add_subparsers(required=True, metavar="SOURCE")
    credspec = _command(
        sources,
        "credspec",
        "convert files with credential specs",
        "gmsa-krm import credspec WebApp1.json > new.yaml",
        "kubectl get gmsacredentialspecs -o yaml | gmsa-krm import credspec - --into gmsa.yaml",
    )
    credspec.add_argument(
        "file",
        nargs="+",
        metavar="FILE",
        help="JSON of New-CredentialSpec, or GMSACredentialSpecs in YAML or JSON, also a List; - for stdin",
    )
    credspec.add_argument(
        "--into",
        metavar="CONFIG",
        help="add to this config, and keep the rest of it as it is; - for stdin, whose new text is printed",
    )
    _add_quiet(credspec)
    credspec.set_defaults(run="import_credspec.run")
    directory = _command(
        sources,
        "ad",
        "convert domains and gMSAs of Active Directory",
        "gmsa-krm import ad --server dc1.contoso.com --account WebApp1 > gmsa.yaml",
        "gmsa-krm import ad ad.yaml --into gmsa.yaml",
        statuses={3: "a server or a file cannot be read, or a file cannot be written"},
        variables=("GMSA_KRM_AD_PASSWORD", "KRB5CCNAME", "KRB5_CLIENT_KTNAME", "SOURCE_DATE_EPOCH"),
    )
    directory.add_argument(
        "file",
        nargs="*",
        metavar="FILE",
        help="a snapshot, or JSON of Get-ADDomain and Get-ADServiceAccount; - for stdin",
    )
    directory.add_argument("--server", metavar="HOST", help="DNS name of a domain controller; its domain is read")
    directory.add_argument(
        "--domain",
        action="append",
        default=[],
        metavar="DNSNAME",
        help="read this domain, and find its controllers by DNS; may be repeated",
    )
    directory.add_argument(
        "--user", help="log on with a password over TLS, as user@domain; default: as the logged-on user, with Kerberos"
    )
    directory.add_argument(
        "--password-file", metavar="FILE", help="password of --user; default: $GMSA_KRM_AD_PASSWORD, or a prompt"
    )
    directory.add_argument("--ca", metavar="FILE", help="CA certificates that TLS trusts; default: the system's")
    directory.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="NAME",
        help="only this account, or accounts that match a pattern such as web*; may be repeated",
    )
    directory.add_argument("--into", metavar="CONFIG", help="add to this config and correct its domains; keep the rest")
    directory.add_argument("--snapshot", metavar="FILE", help="also write an ActiveDirectorySnapshot, for checks")
    _add_quiet(directory)
    directory.set_defaults(run="import_ad.run")
    values = _command(
        sources,
        "helm-values",
        "convert a values file of upstream's chart gmsa",
        "gmsa-krm import helm-values values.yaml > new.yaml",
        "helm get values gmsa --namespace gmsa -o yaml | gmsa-krm import helm-values - --namespace gmsa",
        statuses={1: "the chart or gmsa-krm cannot work with a value"},
    )
    values.add_argument("file", metavar="FILE", help="the values file, or - for stdin")
    values.add_argument(
        "--release", default="gmsa", metavar="NAME", help="name of the upstream release (default: %(default)s)"
    )
    _add_namespace(values, "namespace of that release (default: %(default)s)", default="gmsa")
    _add_quiet(values)
    values.set_defaults(run="import_helm_values.run")


def _certs(commands: Any) -> None:
    certs = _command(
        commands,
        "certs",
        "issue and show certificate files, for webhook.certificate.source Files",
        "gmsa-krm certs issue --dir certs",
        "gmsa-krm certs show certs/tls.crt",
        variables=None,
    )
    actions = certs.add_subparsers(required=True, metavar="ACTION")
    issue = _command(
        actions,
        "issue",
        "write ca.crt, tls.crt and tls.key; the CA's key is discarded",
        "gmsa-krm certs issue --dir certs",
        "gmsa-krm certs issue --dir certs --force --valid-for 17520h",
        statuses={1: "an option, or the CA that is replaced, is wrong"},
        variables=("SOURCE_DATE_EPOCH",),
    )
    issue.add_argument(
        "--name", default="gmsa-webhook", metavar="NAME", help="webhook.name of the config (default: %(default)s)"
    )
    _add_namespace(issue, "webhook.namespace (default: %(default)s)", default="gmsa-webhook")
    issue.add_argument(
        "--valid-for", default="8760h", metavar="DURATION", help="validity (default: %(default)s, a year)"
    )
    issue.add_argument("--dir", default="certs", metavar="DIR", help="folder for the files (default: %(default)s)")
    issue.add_argument("--force", action="store_true", help="replace existing files; the previous CA stays in ca.crt")
    _add_quiet(issue, "do not print what was written")
    issue.set_defaults(run="certs.issue")
    show = _command(
        actions,
        "show",
        "print the contents of the certificates in PEM files",
        "gmsa-krm certs show certs/tls.crt --fail-within 720h",
        "kubectl get secret gmsa-webhook-tls --namespace gmsa-webhook"
        " -o 'go-template={{index .data \"tls.crt\" | base64decode}}' | gmsa-krm certs show -",
        statuses={1: "a file holds no certificate; with --fail-within also if one expires within this time"},
    )
    show.add_argument("file", nargs="+", metavar="FILE", help="a PEM file, or - for stdin")
    show.add_argument(
        "--fail-within", metavar="DURATION", help="exit with status 1 if a certificate expires within this time (720h)"
    )
    show.set_defaults(run="certs.show")


def _completion(commands: Any) -> None:
    completion = _command(
        commands,
        "completion",
        "print a script that makes a shell complete commands, options and rules",
        "source <(gmsa-krm completion bash)    # in ~/.bashrc; for zsh the same in ~/.zshrc, after compinit",
        "gmsa-krm completion fish > ~/.config/fish/completions/gmsa-krm.fish",
        "gmsa-krm completion powershell | Out-String | Invoke-Expression    # in $PROFILE",
        statuses=_NO_INPUT,
    )
    completion.add_argument(
        "shell", choices=("bash", "zsh", "fish", "powershell"), metavar="bash|zsh|fish|powershell", help="the shell"
    )
    completion.set_defaults(run="completion.run")


def _version(commands: Any) -> None:
    version = _command(
        commands, "version", "print the version", "gmsa-krm version", "gmsa-krm --version", statuses=_NO_INPUT
    )
    version.set_defaults(run="version.run")


def _help(commands: Any) -> None:
    help_ = _command(
        commands,
        "help",
        "print the help of a command",
        "gmsa-krm help render",
        "gmsa-krm help certs issue",
        statuses=_NO_INPUT,
    )
    help_.add_argument("command", nargs="*", metavar="COMMAND", help="a command, such as render or certs issue")


# In the order of the help.
COMMANDS = {
    "render": _render,
    "lint": _lint,
    "doctor": _doctor,
    "patch": _patch,
    "post-render": _post_render,
    "argocd": _argocd,
    "install": _install,
    "init": _init,
    "who-can": _who_can,
    "explain": _explain,
    "schema": _schema,
    "import": _import,
    "certs": _certs,
    "completion": _completion,
    "version": _version,
    "help": _help,
}
