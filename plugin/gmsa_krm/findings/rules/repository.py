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
            kustomize passes resources on to the cluster, and no cluster has the kind GMSAConfig: the build works, and
            kubectl apply fails, or Argo CD and Flux do. What the config asks for is never made.
        """,
        cure="""
            Move the entry to generators, or to transformers so that the workloads of the kustomization are checked and
            changed, too. A folder that only lists configs for another kustomization is named there, under generators
            or transformers.
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
            A GMSAConfig is found by its apiVersion and kind. With another spelling or version of them it is an object
            like any other: it is passed on to the cluster, which does not have the kind, and nothing that it asks for
            is made or checked.
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
        "A kustomization renames a credential spec or what a GMSAConfig makes, but not where it is named",
        why="""
            namePrefix, nameSuffix and namespace change all that is in a kustomization and below it, also what
            generators make. kustomize does not know where pods and roles name a GMSACredentialSpec, nor which names the
            certificate of the webhook and the policy of mode Policy are for, and it leaves subjects of RoleBindings
            that are not in the build. So pods are refused.

            With the output of gmsa-krm schema --name-references in configurations, kustomize follows the names of
            credential specs, but only into pods of the same namespace: it takes that of a GMSACredentialSpec for
            default, or for the one that the kustomization sets.
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
        "A GMSAConfig is beside a kustomization that does not name it",
        why="""
            kustomize, and Argo CD with a kustomization, read only what the kustomization names. Nothing that the config
            asks for is made, unless it is passed to gmsa-krm in another way.
        """,
        cure="""
            Add the file to generators of the kustomization, or to transformers. Where gmsa-krm render or another host
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
)
