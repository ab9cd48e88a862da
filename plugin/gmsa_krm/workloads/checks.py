"""What is to be said of a pod as it will be applied, its gMSA references above all."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.workloads.change import Say
    from gmsa_krm.workloads.transform import Known
    from gmsa_krm.yaml.read import Node

    Data = dict[str, Any]

# What the API server refuses in a pod with os.name windows (KEP-2802; core/validation, validateWindows).
_LINUX_ONLY_POD = ("hostPID", "hostIPC", "hostUsers", "shareProcessNamespace")
_LINUX_ONLY_POD_CONTEXT = (
    *("appArmorProfile", "seLinuxOptions", "seccompProfile", "fsGroup", "fsGroupChangePolicy", "sysctls"),
    *("runAsUser", "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy"),
)
_LINUX_ONLY_CONTEXT = (
    *("appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged"),
    *("allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup"),
)


class Checker:
    """The checks of one pod. `pod` is its spec as it will be; `node` is the spec as it stands in the input."""

    def __init__(self, pod: Data, node: Node, known: Known, namespace: str, say: Say) -> None:
        self._pod = pod
        self._node = node
        self._known = known
        self._namespace = namespace
        self._say = say

    def run(self) -> set[str]:
        """Says what there is to say; returns the credspecs that the pod names."""
        named: set[str] = set()
        pod_options = options_of(self._pod)
        uses = bool(pod_options.get("gmsaCredentialSpec"))
        for path, holder in self._holders():
            options = options_of(holder)
            name, contents = options.get("gmsaCredentialSpecName"), options.get("gmsaCredentialSpec")
            at = f"{path}securityContext.windowsOptions"
            for key, value in (("gmsaCredentialSpecName", name), ("gmsaCredentialSpec", contents)):
                if value is not None and not (isinstance(value, str) and value):
                    message = f"must be a string that is not empty, and is {'empty' if value == '' else 'another type'}; quote it, or remove it"
                    self._error("reference-type", message, f"{at}.{key}")
            if path.startswith("ephemeral") and (name or contents):
                message = "has a credential spec of its own, and ephemeral containers have that of their pod; remove it"
                self._error("ephemeral-reference", message, at)
            elif isinstance(name, str) and name:
                named.add(name)
                self._reference(name, f"{at}.gmsaCredentialSpecName")
                # in mode Policy they are compared where they are written
                if (
                    isinstance(contents, str)
                    and contents
                    and not self._known.approved
                    and self._known.is_contents(name, contents) is False
                ):
                    message = f"differs from what the config says {name} is, and is refused at admission; remove gmsaCredentialSpec, it is filled in then"
                    self._error("foreign-contents", message, f"{at}.gmsaCredentialSpec")
                if path and not contents and pod_options.get("gmsaCredentialSpec"):
                    message = (
                        "hides the contents that the pod holds: a container with a name of its own and without contents"
                        " runs without any gMSA unless they are filled in at admission; remove the pod's contents"
                    )
                    self._error("hidden-contents", message, f"{at}.gmsaCredentialSpecName", warning=True)
            elif contents:
                uses = True
                message = "holds contents without a gmsaCredentialSpecName, which is refused at admission; give the name, and leave the contents out"
                self._error("contents-without-name", message, f"{at}.gmsaCredentialSpec")
        if named or uses:
            self._placement()
            self._service_account(named)
        self._beyond_the_policy(named)
        self._hooks()
        return named

    def _holders(self) -> Iterator[tuple[str, Data]]:
        """(path prefix, what may have a securityContext): the pod itself, then its containers."""
        yield "", self._pod
        yield from self._containers("initContainers", "containers", "ephemeralContainers")

    def _containers(self, *kinds: str) -> Iterator[tuple[str, Data]]:
        for kind in kinds:
            listing = self._pod.get(kind)
            for index, container in enumerate(listing if isinstance(listing, list) else ()):
                if isinstance(container, dict):
                    yield f"{kind}[{index}].", container

    def _reference(self, name: str, path: str) -> None:
        known = self._known.names
        if known is None or name in known:
            return
        folded = {other.lower(): other for other in known}
        if name.lower() in folded:
            message = f"{name} differs from {folded[name.lower()]} in case only, and names are case-sensitive; write {folded[name.lower()]}"
            self._error("credspec-case", message, path)
            return
        from gmsa_krm.config.fields import guess

        message = f"{name} is no credspec of the config{guess(name, known)}; add it to credspecs, or to existingCredspecs if the cluster has it"
        self._error("unknown-credspec", message, path)

    def _beyond_the_policy(self, named: set[str]) -> None:
        """What the policy that the config asks for refuses, whatever the rest of the cluster does."""
        if self._known.approved:
            from gmsa_krm.manifests.policies import MAX_CREDSPECS_OF_POD

            if len(named) > MAX_CREDSPECS_OF_POD:
                message = f"names {len(named)} credential specs, and mode Policy takes {MAX_CREDSPECS_OF_POD} in one pod; split the pod"
                self._error("too-many-credspecs", message, "")
        if not self._known.hardened:
            return
        vouched = {
            options_of(holder).get("gmsaCredentialSpecName")
            for _, holder in [("", self._pod), *self._containers("containers")]
        }
        for path, container in self._containers("initContainers"):
            options = options_of(container)
            name, at = (
                options.get("gmsaCredentialSpecName"),
                f"{path}securityContext.windowsOptions.gmsaCredentialSpecName",
            )
            if not name:
                continue
            if name not in vouched:
                message = f"names {name}, which neither the pod nor one of its containers does, so the policy beside the webhook refuses the pod; name it for the pod"
                self._error("init-container-reference", message, at)
            elif not options.get("gmsaCredentialSpec"):
                message = f"names {name}, and the webhook fills in no init containers, so the policy beside it refuses the pod; name it for the pod, which init containers share, and remove it here"
                self._error("init-container-reference", message, at)

    def _placement(self) -> None:
        """A gMSA is for Windows containers that are not the host's own processes."""
        for path, holder in self._holders():
            if options_of(holder).get("hostProcess") is True:
                message = "is a HostProcess container, which runs as an account of the node and takes no gMSA; remove one of the two"
                self._error("host-process", message, f"{path}securityContext.windowsOptions.hostProcess")
        system = _get(self._pod, "os", "name")
        label = _get(self._pod, "nodeSelector", "kubernetes.io/os")
        for value, path in ((system, "os.name"), (label, "nodeSelector.kubernetes.io/os")):
            if value not in (None, "windows"):
                self._error(
                    "not-windows",
                    f"is {value}, and a pod with a gMSA runs on Windows; remove the reference, or mend this",
                    path,
                )
        if system == label is None and not any(
            key in self._pod for key in ("affinity", "nodeName", "runtimeClassName", "tolerations")
        ):
            message = "may be scheduled on a Linux node; set nodeSelector kubernetes.io/os: windows"
            self._error("no-windows-node", message, "", warning=True)
        if system == "windows":
            self._linux_only()

    def _linux_only(self) -> None:
        context = _get(self._pod, "securityContext")
        found = [key for key in _LINUX_ONLY_POD if key in self._pod]
        found += [
            f"securityContext.{key}" for key in _LINUX_ONLY_POD_CONTEXT if isinstance(context, dict) and key in context
        ]
        for path, container in self._containers("initContainers", "containers", "ephemeralContainers"):
            own = _get(container, "securityContext")
            found += [
                f"{path}securityContext.{key}" for key in _LINUX_ONLY_CONTEXT if isinstance(own, dict) and key in own
            ]
        for path in found:
            self._error(
                "linux-only-field",
                "is for Linux pods, and the API server refuses it with os.name windows; remove it",
                path,
                warning=True,
            )

    def _service_account(self, named: set[str]) -> None:
        account = self._pod.get("serviceAccountName") or self._pod.get("serviceAccount") or "default"
        if account == "default":
            message = "is default, so whatever is bound for this pod holds for every pod of the namespace; give it a service account of its own"
            self._error("default-service-account", message, "serviceAccountName", warning=True)
        for name in sorted(named):
            covered = self._known.covered(name, self._namespace, str(account))
            if covered is False:
                where = f" in namespace {self._namespace}" if self._namespace else ""
                message = (
                    f"{account} may not use {name}{where}, so the pod will be refused; add it to usedBy of the credspec"
                )
                self._error("service-account-not-covered", message, "serviceAccountName")

    def _hooks(self) -> None:
        for path, container in self._containers("containers"):
            command = _get(container, "lifecycle", "postStart", "exec", "command")
            if not (
                isinstance(command, list)
                and any("netlogon" in str(part) or "sc_reset" in str(part) for part in command)
            ):
                continue
            at = f"{path}lifecycle.postStart"
            if "nanoserver" in str(container.get("image", "")):
                self._error(
                    "hook-without-powershell",
                    "needs PowerShell, which nanoserver images do not have; use a servercore image",
                    at,
                    warning=True,
                )
            user = options_of(container).get("runAsUserName") or options_of(self._pod).get("runAsUserName")
            if str(user).rpartition("\\")[2].lower() == "containeruser":
                self._error(
                    "hook-without-rights",
                    f"runs as {user}, who may not restart netlogon; use ContainerAdministrator",
                    at,
                    warning=True,
                )

    def _error(self, rule: str, message: str, path: str, warning: bool = False) -> None:
        self._say("warning" if warning else "error", rule, message, nearest(self._node, path), path)


def options_of(holder: Any) -> Data:
    """The Windows options of a pod's spec or a container, as plain data."""
    found = _get(holder, "securityContext", "windowsOptions")
    return found if isinstance(found, dict) else {}


def _get(data: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data


def nearest(node: Node, path: str) -> Node:
    """The deepest node on the path, for a place: what was added has none of its own."""
    from gmsa_krm.yaml.read import SEQUENCE

    keys = path.replace("kubernetes.io/os", "\0").replace("]", "").replace("[", ".").split(".")
    for key in keys:
        key = "kubernetes.io/os" if key == "\0" else key
        if node.kind == SEQUENCE:
            following = node.items[int(key)] if key.isdigit() and int(key) < len(node.items) else None
        else:
            following = node.get(key)
        if following is None:
            break
        node = following
    return node
