"""The live cluster: what `doctor` finds in it. In the order of its report."""

from __future__ import annotations

from gmsa_krm.findings import ERROR
from gmsa_krm.findings.rules.rule import LiveRule

RULES = (
    LiveRule(
        "served-version",
        ERROR,
        "cluster",
        "The version of Kubernetes lacks an API that the config needs",
        why="""
            ValidatingAdmissionPolicy is served from Kubernetes 1.30 on, MutatingAdmissionPolicy from 1.36 on. An older
            API server refuses these objects, and the service accounts' permissions are checked by nothing.
        """,
        cure="""
            Upgrade the cluster, or set kubeVersion in the config to its version: then render emits what that version
            serves, or says what it cannot do without.
        """,
        cluster="""
            $ kubectl version
            Server Version: v1.35.4
        """,
        message="Kubernetes: is v1.35..., and serves MutatingAdmissionPolicy since v1.36; upgrade it, or set"
        " kubeVersion: v1.35... in the config",
    ),
    LiveRule(
        "crd-not-served",
        ERROR,
        "cluster",
        "The CRD of GMSACredentialSpec does not exist, or does not serve v1",
        why="""
            Credential specs are objects of this CRD. Without it none exists, and the webhook, which reads them as v1,
            refuses every pod that names one.
        """,
        cure="""
            Apply the output of gmsa-krm render, which contains the CRD. If another CRD has its names, delete that one
            first.
        """,
        cluster="""
            $ kubectl get crd gmsacredentialspecs.windows.k8s.io
            Error from server (NotFound): customresourcedefinitions.apiextensions.k8s.io
              "gmsacredentialspecs.windows.k8s.io" not found
        """,
        message="CustomResourceDefinition gmsacredentialspecs.windows.k8s.io: does not exist, so the cluster knows no"
        " credential specs; apply what gmsa-krm render prints",
    ),
)
