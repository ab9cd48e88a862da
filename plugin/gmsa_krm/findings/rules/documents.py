"""Documents: what can be read at all, and what is already there."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import CREDSPEC, Rule

RULES = (
    Rule(
        "empty",
        ERROR,
        "The input or the result is empty",
        why="""
            Hosts act on an empty result: Argo CD prunes everything that the application applied before. So gmsa-krm
            refuses an empty GMSAConfig, an empty ResourceList, and an application that becomes empty.
        """,
        cure="""
            Find out why it is empty: a chart that renders nothing, a config that asks for nothing, a shell redirection
            from the wrong file. To remove all resources of an application, delete the application.
        """,
        bad="""
            $ gmsa-krm < /dev/null
        """,
        good="""
            $ gmsa-krm render gmsa.yaml
        """,
    ),
    Rule(
        "encoding",
        ERROR,
        "A file is not UTF-8 text",
        why="""
            YAML and JSON are read as UTF-8, or as UTF-16 with a byte order mark. Other encodings, such as Windows-1252,
            cannot be distinguished, and a NUL character shows a binary file.
        """,
        cure="""
            Save the file as UTF-8. In Windows PowerShell, Set-Content writes the code page of the system by default;
            use Set-Content -Encoding utf8.
        """,
        bad="""
            # gmsa.yaml, saved as Windows-1252
            spec:
              credspecs:
              - account: Zürich
        """,
        good="""
            # gmsa.yaml, saved as UTF-8
            spec:
              credspecs:
              - account: Zürich
                name: gmsa-zuerich
        """,
    ),
    Rule(
        "no-config",
        ERROR,
        "There is no GMSAConfig in the input",
        why="""
            gmsa-krm does what GMSAConfigs ask for. Without one there is nothing to render. Often the host is not set up
            to pass the config.
        """,
        cure="""
            Pass the file with the GMSAConfig: as a path, with --config, among the templates of the chart, or as
            functionConfig. It starts with apiVersion: gmsa-krm.dev/v1alpha1 and kind: GMSAConfig.
        """,
        bad="""
            $ gmsa-krm render deployment.yaml
        """,
        good="""
            $ gmsa-krm render gmsa.yaml deployment.yaml
        """,
    ),
    Rule(
        "not-a-config",
        ERROR,
        "The object is not a GMSAConfig",
        why="""
            As a KRM function or kustomize plugin, gmsa-krm takes its settings from one GMSAConfig. Beside a chart that
            Argo CD renders, only GMSAConfigs are read: other manifests there would be lost.
        """,
        cure="""
            Start the config with apiVersion: gmsa-krm.dev/v1alpha1 and kind: GMSAConfig. Move other manifests into the
            templates of the chart.
        """,
        bad="""
            apiVersion: config.kubernetes.io/v1
            kind: ResourceList
            functionConfig:
              apiVersion: v1
              kind: ConfigMap
              metadata:
                name: contoso
            items: []
        """,
        good="""
            apiVersion: config.kubernetes.io/v1
            kind: ResourceList
            functionConfig:
              apiVersion: gmsa-krm.dev/v1alpha1
              kind: GMSAConfig
              metadata:
                name: contoso
              spec:
                admission:
                  mode: None
            items: []
        """,
    ),
    Rule(
        "not-an-object",
        ERROR,
        "A document among the manifests is not a Kubernetes object",
        why="""
            Every object has a kind and metadata. A file without them, such as the values of a chart, cannot be applied.
            lint skips such files in a folder, with a note, unless they look like an object.
        """,
        cure="""
            Pass the manifests without that file, or complete the object. Names of fields are case-sensitive.
        """,
        bad="""
            # settings.yaml
            apiVersion: v1
            Kind: ConfigMap
            metadata:
              name: settings
            data:
              replicaCount: "2"
        """,
        good="""
            # settings.yaml
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: settings
            data:
              replicaCount: "2"
        """,
    ),
    Rule(
        "same-object",
        ERROR,
        "Two sources define one object",
        why="""
            An object of that kind, namespace and name is already among the resources, or another config emits it with
            different contents. gmsa-krm does not replace objects that it did not create, and a cluster has one CRD and
            one webhook.
        """,
        cure="""
            Remove the object from the resources, or give it another name in the config. Set admission.mode to None in
            all configs of a cluster but one.
        """,
        bad="""
            apiVersion: windows.k8s.io/v1
            kind: GMSACredentialSpec
            metadata:
              name: gmsa-webapp1
            credspec: {}
        """,
        good=CREDSPEC,
    ),
    Rule(
        "set-back",
        WARNING,
        "gmsa-krm reverts a change of its earlier output",
        why="""
            The object carries the label app.kubernetes.io/managed-by: gmsa-krm and differs from what the config asks
            for. A change by hand, or by a patch that runs before gmsa-krm, is lost in the output.
        """,
        cure="""
            Make the change in the config, or patch the output after gmsa-krm has run.
        """,
        bad="""
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRole
            metadata:
              name: use-gmsa-webapp1
              labels:
                app.kubernetes.io/managed-by: gmsa-krm
            rules:
            - apiGroups: [windows.k8s.io]
              resources: [gmsacredentialspecs]
              verbs: [use]
        """,
        good="""
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRole
            metadata:
              name: use-gmsa-webapp1
              labels:
                app.kubernetes.io/managed-by: gmsa-krm
            rules:
            - apiGroups: [windows.k8s.io]
              resources: [gmsacredentialspecs]
              resourceNames: [gmsa-webapp1]
              verbs: [use]
        """,
    ),
    Rule(
        "shared-node",
        ERROR,
        "A change would reach a YAML node that an alias repeats elsewhere",
        why="""
            gmsa-krm changes the text of a manifest in place. A node with an anchor is repeated wherever its alias is
            used, so the change would reach other containers or workloads.
        """,
        cure="""
            Replace the alias with a copy of the node.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                credspec: gmsa-webapp1
                serviceAccount: webapp1
                containers: [iis]

            # shop.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: shop
              namespace: web
            spec:
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
                securityContext: &user
                  windowsOptions:
                    runAsUserName: ContainerUser
              - name: log
                image: mcr.microsoft.com/windows/servercore:ltsc2022
                securityContext: *user
        """,
        good="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                credspec: gmsa-webapp1
                serviceAccount: webapp1
                containers: [iis]

            # shop.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: shop
              namespace: web
            spec:
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
                securityContext:
                  windowsOptions:
                    runAsUserName: ContainerUser
              - name: log
                image: mcr.microsoft.com/windows/servercore:ltsc2022
                securityContext:
                  windowsOptions:
                    runAsUserName: ContainerUser
        """,
    ),
    Rule(
        "too-large",
        ERROR,
        "A file, credential spec or policy is too large for the cluster",
        why="""
            The kubelet accepts at most 64 KiB of credential spec in a pod. The API server accepts objects of at most
            1.5 MB, which a policy reaches with the contents of about 3,000 credential specs. gmsa-krm reads GMSAConfigs
            of at most 16 MiB.
        """,
        cure="""
            Shorten the input of the plugin. In mode Policy leave out the credential specs that the cluster does not
            use, or use mode Webhook.
        """,
        bad="""
            spec:
              credspecs:
              - account: WebApp1
                hostAccount:
                  plugin: "{01234567-89ab-cdef-0123-456789abcdef}"
                  input: AAAA...  # 70,000 characters
        """,
        good="""
            spec:
              credspecs:
              - account: WebApp1
                hostAccount:
                  plugin: "{01234567-89ab-cdef-0123-456789abcdef}"
                  input: AAAA...  # 1,000 characters
        """,
    ),
    Rule(
        "unusual-form",
        ERROR,
        "A manifest is written in a YAML form that gmsa-krm does not edit",
        why="""
            gmsa-krm changes the text of a manifest in place and leaves all other lines as they are. Some rare forms,
            such as keys with ?, have no safe place for the change. An entry of a list without apiVersion and kind gets
            them from the list in kubectl and Helm, and is not an object for other readers.
        """,
        cure="""
            Write the key in the form key: value, the collection without anchor, tag or braces, or each entry of a list
            with its apiVersion and kind, as the message says.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                serviceAccount: webapp1

            # shop.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: shop
              namespace: web
            spec:
              ? serviceAccountName  # set by the platform team
              : default
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [shop]
                serviceAccount: webapp1

            # shop.yaml
            apiVersion: v1
            kind: Pod
            metadata:
              name: shop
              namespace: web
            spec:
              serviceAccountName: default  # set by the platform team
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
    ),
    Rule(
        "yaml",
        ERROR,
        "A file is not YAML",
        why="""
            The text cannot be read at all, so nothing in it is checked. Frequent causes are tabs as indentation, a
            colon in an unquoted value, and template directives that were not rendered. Lines that start with --- and
            have more behind it, such as ---- or ---apiVersion, end a document to some readers only.
        """,
        cure="""
            Fix the line in the message: --- needs a line of its own. Nesting is limited to 400
            levels, and aliases may expand to 4,000,000 nodes.
        """,
        bad="""
            # web.yaml
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: web
            data:
              motd: Maintenance: Sunday
        """,
        good="""
            # web.yaml
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: web
            data:
              motd: "Maintenance: Sunday"
        """,
    ),
)
