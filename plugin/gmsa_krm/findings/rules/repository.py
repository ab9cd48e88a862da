"""Repositories: whether the GMSAConfigs in them are read, run and left as they are."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import Rule

RULES = (
    Rule(
        "config-in-resources",
        ERROR,
        "A kustomization has a GMSAConfig among its resources",
        why="""
            kustomize passes resources on to the cluster, and no cluster has the kind GMSAConfig. The build works; then
            kubectl apply, Argo CD or Flux fails. gmsa-krm does not see the config, so its objects are missing.
        """,
        cure="""
            Move the entry to generators. To also check and change the workloads of the kustomization, move it to
            transformers. If a folder only lists configs for another kustomization, name the folder there, under
            generators or transformers.
        """,
        bad="""
            # kustomization.yaml
            resources:
            - deployment.yaml
            - gmsa.yaml

            # gmsa.yaml
            spec:
              admission:
                mode: None
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
        """,
    ),
    Rule(
        "misspelt-config",
        ERROR,
        "A document is almost a GMSAConfig",
        why="""
            gmsa-krm finds a GMSAConfig by its apiVersion and kind. With another spelling or version, the document goes
            to the cluster like any other object. The cluster does not have that kind, and gmsa-krm neither emits nor
            checks anything for it.
        """,
        cure="""
            Write apiVersion: gmsa-krm.dev/v1alpha1 and kind: GMSAConfig.
        """,
        bad="""
            # contoso.yaml
            apiVersion: gmsa-krm.dev/v1alpha1
            kind: GmsaConfig
            metadata:
              name: contoso
            spec:
              admission:
                mode: None
        """,
        good="""
            # contoso.yaml
            apiVersion: gmsa-krm.dev/v1alpha1
            kind: GMSAConfig
            metadata:
              name: contoso
            spec:
              admission:
                mode: None
        """,
    ),
    Rule(
        "renamed-objects",
        ERROR,
        "A kustomization renames objects of a GMSAConfig, but not the references to them",
        why="""
            namePrefix, nameSuffix and namespace change everything in a kustomization and below it, including the output
            of generators. kustomize does not know where pods and roles name a GMSACredentialSpec, nor the names in the
            webhook's certificate and in the policy of mode Policy. It leaves subjects of RoleBindings that are not in
            the build as they are. So pods are refused. With the output of gmsa-krm schema --name-references in
            configurations, kustomize follows the names of credential specs, but only into pods of the same namespace:
            it treats a GMSACredentialSpec as an object of the namespace default, or of the one that the kustomization
            sets.
        """,
        cure="""
            List the GMSAConfig under transformers of the outermost kustomization: transformers run after all renaming.
            Write the final names and namespaces into the config. Or, for credential specs alone, add the output of
            gmsa-krm schema --name-references to configurations, and let the kustomization set the namespace.
        """,
        bad="""
            # kustomization.yaml
            namePrefix: shop-
            resources:
            - deployment.yaml
            generators:
            - gmsa.yaml

            # gmsa.yaml
            spec:
              admission:
                mode: None
        """,
        good="""
            # kustomization.yaml
            namePrefix: shop-
            resources:
            - deployment.yaml
            transformers:
            - gmsa.yaml

            # gmsa.yaml
            spec:
              admission:
                mode: None
        """,
    ),
    Rule(
        "unsuitable-build",
        ERROR,
        "A script builds a kustomization in a way that does not run its GMSAConfig",
        why="""
            kubectl apply -k takes no plugins at all. kustomize build and kubectl kustomize refuse them without
            --enable-alpha-plugins, and skip an exec function without --enable-exec, which kubectl kustomize does not
            have: the build is then incomplete, with exit status 0 and no message.
        """,
        cure="""
            Build with kustomize build --enable-alpha-plugins --enable-exec and pipe the result into kubectl apply
            --server-side --filename -. With kubectl alone, remove the annotation config.kubernetes.io/function, run
            gmsa-krm install kustomize, and build with kubectl kustomize --enable-alpha-plugins.
        """,
        bad="""
            # kustomization.yaml
            generators:
            - gmsa.yaml

            # gmsa.yaml
            spec:
              admission:
                mode: None

            # deploy.sh
            kubectl apply -k .
        """,
        good="""
            # kustomization.yaml
            generators:
            - gmsa.yaml

            # gmsa.yaml
            spec:
              admission:
                mode: None

            # deploy.sh
            kubectl kustomize --enable-alpha-plugins . | kubectl apply --server-side --filename -
        """,
    ),
    Rule(
        "unused-config",
        WARNING,
        "A kustomization does not name the GMSAConfig in its folder",
        why="""
            kustomize, and Argo CD with a kustomization, read only what the kustomization names. The config has no
            effect, unless you pass it to gmsa-krm in another way.
        """,
        cure="""
            Add the file to generators of the kustomization, or to transformers. If gmsa-krm render or another host
            reads it, move it into a folder of its own, or pass it to lint with --exclude.
        """,
        bad="""
            # kustomization.yaml
            resources:
            - deployment.yaml

            # gmsa.yaml
            spec:
              admission:
                mode: None
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
        """,
    ),
    Rule(
        "workloads-in-generator",
        WARNING,
        "A GMSAConfig with workloads is under generators",
        why="""
            kustomize gives a generator only its config, not the resources of the kustomization. The entries of
            workloads change nothing, and the pods start without a gMSA. kustomize drops the warning of a legacy
            plugin.
        """,
        cure="""
            Move the entry of the kustomization from generators to transformers.
        """,
        bad="""
            # kustomization.yaml
            resources:
            - deployment.yaml
            generators:
            - gmsa.yaml

            # gmsa.yaml
            spec:
              admission:
                mode: None
              credspecs:
              - account: WebApp1
                usedBy: FromWorkloads
              workloads:
              - match:
                  names: [web]
                credspec: gmsa-webapp1
                serviceAccount: webapp1
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
              credspecs:
              - account: WebApp1
                usedBy: FromWorkloads
              workloads:
              - match:
                  names: [web]
                credspec: gmsa-webapp1
                serviceAccount: webapp1
        """,
    ),
)
