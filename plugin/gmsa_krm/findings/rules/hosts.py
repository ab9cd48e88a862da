"""Hosts and commands: kustomize, Helm, Argo CD and patch."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import Rule

RULES = (
    Rule(
        "ambiguous-file",
        ERROR,
        "A kustomization or the lock file of a chart can be read in more than one way",
        why="""
            Under Argo CD, gmsa-krm checks what a kustomization or a chart refers to before kustomize or helm reads it.
            If a file has several documents, or a field is repeated or merged in, the two can read different values.
            kustomize also accepts some non-ASCII letters in the names of fields, and takes an entry that is not quite a
            config for a path.
        """,
        cure="""
            Keep one kustomization in a folder, and one document in it. Write each field once, in ASCII. Put each config
            into a file of its own. Write Chart.lock again with helm dependency update.
        """,
        bad="""
            # kustomization.yaml
            resources:
            - deployment.yaml
            Resources:
            - gmsa.yaml

            $ gmsa-krm argocd generate
        """,
        good="""
            # kustomization.yaml
            resources:
            - deployment.yaml
            transformers:
            - gmsa.yaml

            $ gmsa-krm argocd generate
        """,
    ),
    Rule(
        "component",
        ERROR,
        "A kustomize component has a GMSAConfig among its transformers",
        why="""
            Under Argo CD, gmsa-krm runs kustomize without plugins: it builds everything before a transformer, runs the
            GMSAConfig on the result, and builds the rest. A component is applied to the resources of another
            kustomization and cannot be built by itself.
        """,
        cure="""
            Move the GMSAConfig to the transformers of the application's own kustomization.
        """,
        bad="""
            # kustomization.yaml
            resources:
            - deployment.yaml
            components:
            - gmsa

            # gmsa/kustomization.yaml
            apiVersion: kustomize.config.k8s.io/v1alpha1
            kind: Component
            transformers:
            - gmsa.yaml

            # gmsa/gmsa.yaml
            spec:
              admission:
                mode: None

            $ gmsa-krm argocd generate
        """,
        good="""
            # kustomization.yaml
            resources:
            - deployment.yaml
            transformers:
            - gmsa.yaml

            # gmsa.yaml
            spec:
              admission:
                mode: None

            $ gmsa-krm argocd generate
        """,
    ),
    Rule(
        "empty-stream",
        WARNING,
        "Helm passes nothing to the post-renderer",
        why="""
            A chart that renders nothing sends an empty stream. So does Helm 3 with --output-dir: it writes the chart's
            files as they are, with GMSAConfigs and without what they ask for.
        """,
        cure="""
            Do not use --output-dir with a post-renderer and Helm 3: redirect the output of helm template to a file. If
            the chart renders nothing, check its values.
        """,
        bad="""
            $ gmsa-krm post-render < /dev/null
        """,
        good="""
            $ gmsa-krm post-render --config gmsa.yaml < deployment.yaml
        """,
    ),
    Rule(
        "helm-order",
        WARNING,
        "Helm 4 may create pods of the release before the webhook is in place",
        why="""
            Helm 4 sorts the output of a post-renderer by kind and puts unknown kinds last. So GMSACredentialSpecs and
            the webhook configurations come after the workloads of the same release. The first pods may be created
            before anything fills in and checks credential specs.
        """,
        cure="""
            Give the gMSA set-up a release of its own and install it first. Set admission.mode to None in the configs of
            the other releases.
        """,
        bad="""
            # gmsa.yaml
            spec:
              admission:
                mode: Webhook

            # stream.yaml
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: settings
              annotations:
                postrenderer.helm.sh/postrender-filename: web/templates/settings.yaml

            $ gmsa-krm post-render --config gmsa.yaml < stream.yaml
        """,
        good="""
            # gmsa.yaml
            spec:
              admission:
                mode: None

            # stream.yaml
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: settings
              annotations:
                postrenderer.helm.sh/postrender-filename: web/templates/settings.yaml

            $ gmsa-krm post-render --config gmsa.yaml < stream.yaml
        """,
    ),
    Rule(
        "jsonnet",
        ERROR,
        "The folder of an Argo CD application holds a Jsonnet file",
        why="""
            Argo CD itself renders .jsonnet files in a folder of manifests; the plugin does not. Without this error
            their resources would be missing from the application, and Argo CD would prune them.
        """,
        cure="""
            Give the Jsonnet file an application of its own, or commit the YAML that it renders to.
        """,
        bad="""
            # dashboard.jsonnet
            {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'dashboard'}}

            $ gmsa-krm argocd generate
        """,
        good="""
            # dashboard.yaml
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: dashboard

            $ gmsa-krm argocd generate
        """,
    ),
    Rule(
        "link",
        ERROR,
        "A symbolic link leads out of the repository of an Argo CD application",
        why="""
            A link out of the repository would let an application render files that its author may not read. Argo CD
            refuses such links by default, too.
        """,
        cure="""
            Put the file itself into the repository.
        """,
        bad="""
            $ ln -s /etc/ssl/ca.yaml ca.yaml
            $ gmsa-krm argocd generate
        """,
        good="""
            $ ln -s deployment.yaml latest.yaml
            $ gmsa-krm argocd generate
        """,
    ),
    Rule(
        "no-matching-entry",
        ERROR,
        "No entry of workloads matches the target of patch",
        why="""
            patch prints what the entries of workloads change in one workload. Without a matching entry the patch would
            be empty. patch does not know the labels of the workload, so labelSelector excludes nothing.
        """,
        cure="""
            Fix the name or --namespace of the target, or match of the entry.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [web]
                serviceAccount: webapp1

            $ gmsa-krm patch --config gmsa.yaml Deployment/shop
        """,
        good="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [web]
                serviceAccount: webapp1

            $ gmsa-krm patch --config gmsa.yaml Deployment/web
        """,
    ),
    Rule(
        "not-a-resource-list",
        ERROR,
        "Standard input of the KRM function is not a ResourceList",
        why="""
            Without arguments gmsa-krm is a KRM function: kustomize and kpt send it a ResourceList of
            config.kubernetes.io/v1, v1beta1 or v1alpha1, which wraps the config and the resources.
        """,
        cure="""
            Use gmsa-krm render for files, and gmsa-krm post-render for the output of Helm.
        """,
        bad="""
            $ gmsa-krm < deployment.yaml
        """,
        good="""
            $ gmsa-krm render gmsa.yaml deployment.yaml
        """,
    ),
    Rule(
        "outside-repository",
        ERROR,
        "A kustomization or chart refers to a folder outside of its repository",
        why="""
            The sidecar of Argo CD has the repositories of all teams on one volume, and seeds beside them. kustomize
            accepts bases from any folder, and helm accepts dependencies from any folder.
        """,
        cure="""
            Move or copy the folder into the repository of the application.
        """,
        bad="""
            # kustomization.yaml
            resources:
            - /srv/shared/base
            transformers:
            - gmsa.yaml

            $ gmsa-krm argocd generate
        """,
        good="""
            # kustomization.yaml
            resources:
            - base
            transformers:
            - gmsa.yaml

            # base/kustomization.yaml
            resources:
            - deployment.yaml

            $ gmsa-krm argocd generate
        """,
    ),
    Rule(
        "override",
        ERROR,
        "An Argo CD application sets a field that cannot be set",
        why="""
            The parameter config and the files in environments/ set fields of a GMSAConfig by their path from spec. With
            a path that does not exist, is set twice or names no config, the cluster would keep the base value.
        """,
        cure="""
            Write the path as messages show it, such as webhook.replicas, domains[0].sid or
            webhook.nodeSelector["kubernetes.io/arch"].
        """,
        bad="""
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata:
              name: gmsa
            spec:
              source:
                plugin:
                  parameters:
                  - name: config
                    map:
                      domains.0.sid: S-1-5-21-2126449477-2524075714-3094792973
        """,
        good="""
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata:
              name: gmsa
            spec:
              source:
                plugin:
                  parameters:
                  - name: config
                    map:
                      domains[0].sid: S-1-5-21-2126449477-2524075714-3094792973
        """,
    ),
    Rule(
        "parameter",
        ERROR,
        "A parameter of an Argo CD application is wrong",
        why="""
            An Application passes parameters to the plugin by name, each as a string, an array or a map. A misspelled
            one, one of another form, or one in plugin.env instead of plugin.parameters would have no effect.
        """,
        cure="""
            Use environment, config, certificate-source, strict, helm-release, helm-values or helm-value-files in the
            form that gmsa-krm argocd parameters prints. Files have to be in the repository of the application.
        """,
        bad="""
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata:
              name: gmsa
            spec:
              source:
                plugin:
                  parameters:
                  - name: certificateSource
                    string: CertManager
        """,
        good="""
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata:
              name: gmsa
            spec:
              source:
                plugin:
                  parameters:
                  - name: certificate-source
                    string: CertManager
        """,
    ),
    Rule(
        "patch-containers",
        ERROR,
        "patch cannot add a hook or token without names of containers",
        why="""
            A strategic merge patch finds containers by their names. patch does not read the workload, so it does not
            know which containers it has.
        """,
        cure="""
            List the containers in the entry, or use the transformer, which sees the workload.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [web]
                netlogonRestart: {}

            $ gmsa-krm patch --config gmsa.yaml Deployment/web
        """,
        good="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [web]
                containers: [iis]
                netlogonRestart: {}

            $ gmsa-krm patch --config gmsa.yaml Deployment/web
        """,
    ),
    Rule(
        "patch-custom-kind",
        ERROR,
        "patch cannot change containers or volumes of a custom resource",
        why="""
            Kustomize merges lists by name only for kinds whose schema it knows. In a custom resource the patch would
            replace the whole list, and with it image, ports and everything else of the containers.
        """,
        cure="""
            Use the transformer for such a workload. patch can still set fields of the whole pod.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloadKinds:
              - apiGroup: argoproj.io
                kind: Rollout
              workloads:
              - match:
                  names: [web]
                containers: [iis]
                credspec: gmsa-webapp1

            $ gmsa-krm patch --config gmsa.yaml Rollout.v1alpha1.argoproj.io/web
        """,
        good="""
            # gmsa.yaml
            spec:
              workloadKinds:
              - apiGroup: argoproj.io
                kind: Rollout
              workloads:
              - match:
                  names: [web]
                credspec: gmsa-webapp1

            $ gmsa-krm patch --config gmsa.yaml Rollout.v1alpha1.argoproj.io/web
        """,
    ),
    Rule(
        "patch-hook",
        ERROR,
        "patch cannot keep an existing postStart hook",
        why="""
            patch does not read the workload, so it cannot tell whether a container has a hook to keep.
        """,
        cure="""
            Set onExistingHook to Replace, or use the transformer.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [web]
                containers: [iis]
                netlogonRestart:
                  onExistingHook: Keep

            $ gmsa-krm patch --config gmsa.yaml Deployment/web
        """,
        good="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [web]
                containers: [iis]
                netlogonRestart:
                  onExistingHook: Replace

            $ gmsa-krm patch --config gmsa.yaml Deployment/web
        """,
    ),
    Rule(
        "helm-charts",
        ERROR,
        "A kustomization under Argo CD renders a chart that may not be rendered there",
        why="""
            For helmCharts, kustomize runs helm on input from the repository, in the sidecar that serves all teams. So
            the operator has to allow it, by GMSA_KRM_ENABLE_HELM=true of the sidecar, and the system needs Landlock and
            seccomp. gmsa-krm never takes settings or plugins of helm, or templates of names, from a repository.
        """,
        cure="""
            Commit what helm template prints, make the chart an application of its own, or ask the operator of Argo CD.
            Give name and releaseName as plain names, and remove configHome and nameTemplate.
        """,
        bad="""
            # kustomization.yaml
            helmCharts:
            - name: web
            transformers:
            - gmsa.yaml

            $ gmsa-krm argocd generate
        """,
        good="""
            # kustomization.yaml
            resources:
            - deployment.yaml
            transformers:
            - gmsa.yaml

            $ gmsa-krm argocd generate
        """,
    ),
    Rule(
        "remote-host",
        ERROR,
        "A kustomization or chart would be fetched from a host that is not allowed",
        why="""
            The sidecar of Argo CD fetches with the network of repo-server. Whoever can push to a repository could read
            from hosts that only repo-server reaches, such as other services of the cluster. So kustomize and helm have
            no network, unless the operator allows hosts.
        """,
        cure="""
            Put a copy into the repository. Or ask the operator of Argo CD to add the host to the environment variable
            GMSA_KRM_ALLOWED_HOSTS of the sidecar.
        """,
        bad="""
            # kustomization.yaml
            resources:
            - https://example.com/base.yaml
            transformers:
            - gmsa.yaml

            $ gmsa-krm argocd generate
        """,
        good="""
            # kustomization.yaml
            resources:
            - deployment.yaml
            transformers:
            - gmsa.yaml

            $ gmsa-krm argocd generate
        """,
    ),
    Rule(
        "run-limit",
        ERROR,
        "An Argo CD application exceeds the limits of a run",
        why="""
            One sidecar renders the repositories of many teams, so each run has limits: the number and size of files, of
            members of packed charts and of what is parsed, the processor time, and half of the memory that the
            sidecar's container has. Discovery runs for every application and has lower limits.
        """,
        cure="""
            Split the application, or remove what does not belong to it. For a large application, raise the memory limit
            of the sidecar, and ARGOCD_EXEC_TIMEOUT.
        """,
        bad="""
            # kustomization.yaml
            generators:
            - gmsa.yaml
            namePrefix: AAAA...  # 3,000,000 characters

            $ gmsa-krm argocd discover
        """,
        good="""
            # kustomization.yaml
            generators:
            - gmsa.yaml
            namePrefix: shop-

            $ gmsa-krm argocd discover
        """,
    ),
    Rule(
        "target",
        ERROR,
        "The target of patch is not a kind with a pod and a name",
        why="""
            patch prints the change for one workload and needs its kind and name; for a kind that is not part of
            Kubernetes also its version and group.
        """,
        cure="""
            Write KIND/NAME, such as Deployment/web, or KIND.VERSION.GROUP/NAME, such as
            Rollout.v1alpha1.argoproj.io/web.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [web]
                serviceAccount: webapp1

            $ gmsa-krm patch --config gmsa.yaml web
        """,
        good="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [web]
                serviceAccount: webapp1

            $ gmsa-krm patch --config gmsa.yaml Deployment/web
        """,
    ),
    Rule(
        "transformer-in-base",
        ERROR,
        "A base has a GMSAConfig among its transformers and fields that overlays complete",
        why="""
            Under Argo CD, gmsa-krm builds everything before a transformer and runs the GMSAConfig on the result. Name
            prefixes, generators with hash suffixes, vars and replacements of a base are final by then, so an overlay
            could no longer change references to them.
        """,
        cure="""
            Put the GMSAConfig under transformers of the application's own kustomization.
        """,
        bad="""
            # kustomization.yaml
            resources:
            - base

            # base/kustomization.yaml
            resources:
            - ../deployment.yaml
            namePrefix: shop-
            transformers:
            - gmsa.yaml

            # base/gmsa.yaml
            spec:
              admission:
                mode: None

            $ gmsa-krm argocd generate
        """,
        good="""
            # kustomization.yaml
            resources:
            - base
            transformers:
            - gmsa.yaml

            # base/kustomization.yaml
            resources:
            - deployment.yaml
            namePrefix: shop-

            $ gmsa-krm argocd generate
        """,
    ),
    Rule(
        "transformers",
        ERROR,
        "A file of transformers holds a GMSAConfig and other transformers",
        why="""
            Under Argo CD, gmsa-krm runs GMSAConfigs itself and leaves all other transformers to kustomize. In one file
            their order would be unclear.
        """,
        cure="""
            Give each transformer a file of its own, in the order in which they are to run.
        """,
        bad="""
            # kustomization.yaml
            resources:
            - deployment.yaml
            transformers:
            - transformers.yaml

            # transformers.yaml
            apiVersion: gmsa-krm.dev/v1alpha1
            kind: GMSAConfig
            metadata:
              name: contoso
            spec:
              admission:
                mode: None
            ---
            apiVersion: builtin
            kind: LabelTransformer
            metadata:
              name: team
            labels:
              team: shop
            fieldSpecs:
            - path: metadata/labels
              create: true

            $ gmsa-krm argocd generate
        """,
        good="""
            # kustomization.yaml
            resources:
            - deployment.yaml
            transformers:
            - gmsa.yaml
            - team.yaml

            # gmsa.yaml
            spec:
              admission:
                mode: None

            # team.yaml
            apiVersion: builtin
            kind: LabelTransformer
            metadata:
              name: team
            labels:
              team: shop
            fieldSpecs:
            - path: metadata/labels
              create: true

            $ gmsa-krm argocd generate
        """,
    ),
    Rule(
        "unknown-kind",
        ERROR,
        "The config does not know the pod template of the kind that patch is for",
        why="""
            For kinds that are not part of Kubernetes the config has to say where the pod template is.
        """,
        cure="""
            Add the kind to workloadKinds.
        """,
        bad="""
            # gmsa.yaml
            spec:
              workloads:
              - match:
                  names: [web]
                credspec: gmsa-webapp1

            $ gmsa-krm patch --config gmsa.yaml Rollout.v1alpha1.argoproj.io/web
        """,
        good="""
            # gmsa.yaml
            spec:
              workloadKinds:
              - apiGroup: argoproj.io
                kind: Rollout
              workloads:
              - match:
                  names: [web]
                credspec: gmsa-webapp1

            $ gmsa-krm patch --config gmsa.yaml Rollout.v1alpha1.argoproj.io/web
        """,
    ),
    Rule(
        "unused-parameter",
        WARNING,
        "An Argo CD application sets parameters that have no effect",
        why="""
            helm-release, helm-values and helm-value-files are for folders with a Chart.yaml. In a kustomization or a
            folder of manifests they have no effect. Entries of plugin.env never have one.
        """,
        cure="""
            Remove the parameters or entries, or point the Application at the folder of the chart.
        """,
        bad="""
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata:
              name: gmsa
            spec:
              source:
                plugin:
                  parameters:
                  - name: helm-values
                    map:
                      image.tag: v0.14.1
        """,
        good="""
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata:
              name: gmsa
            spec:
              source:
                plugin:
                  parameters:
                  - name: config
                    map:
                      webhook.image: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.14.1
        """,
    ),
    Rule(
        "validator",
        ERROR,
        "A kustomization has a GMSAConfig among its validators",
        why="""
            kustomize does not allow validators to change anything, and counts the annotations that it adds itself as a
            change. So a GMSAConfig there fails or has no effect.
        """,
        cure="""
            Move the GMSAConfig to transformers. There it also checks the workloads, and fails on errors.
        """,
        bad="""
            # kustomization.yaml
            resources:
            - deployment.yaml
            validators:
            - gmsa.yaml

            $ gmsa-krm argocd generate
        """,
        good="""
            # kustomization.yaml
            resources:
            - deployment.yaml
            transformers:
            - gmsa.yaml

            $ gmsa-krm argocd generate
        """,
    ),
)
