"""Fields of a config: their names, types and values."""

from __future__ import annotations

from gmsa_krm.findings import ERROR
from gmsa_krm.findings.rules.rule import DOMAIN, Rule

RULES = (
    Rule(
        "duplicate-key",
        ERROR,
        "A mapping has the same key twice",
        why="""
            YAML and JSON want the keys of a mapping to be unique. Most readers keep the last one and drop the others
            without a message, so a part of the file has no effect. A key before a << that merges the same key is a
            repeated key, too: kubectl applies the merged value, and other readers apply the one in the mapping.
        """,
        cure="""
            Merge the two, or remove one. Write << first in its mapping.
        """,
        bad="""
            apiVersion: gmsa-krm.dev/v1alpha1
            kind: GMSAConfig
            metadata:
              name: contoso
            spec:
              admission:
                mode: None
              crd:
                install: true
              crd:
                install: false
        """,
        good="""
            apiVersion: gmsa-krm.dev/v1alpha1
            kind: GMSAConfig
            metadata:
              name: contoso
            spec:
              admission:
                mode: None
              crd:
                install: false
        """,
    ),
    Rule(
        "duplicate-name",
        ERROR,
        "Two entries of the config have the same name",
        why="""
            Entries of domains, credspecs and serviceAccounts are identified by name. The default name of a credential
            spec is gmsa- and the account as an RFC 1123 name, so two accounts can have the same default.
        """,
        cure="""
            Give one of the entries a name of its own, or remove it.
        """,
        bad="""
            spec:
              credspecs:
              - account: Web_App
              - account: Web-App
        """,
        good="""
            spec:
              credspecs:
              - account: Web_App
              - account: Web-App
                name: gmsa-web-app-2
        """,
    ),
    Rule(
        "duration",
        ERROR,
        "The value is not a duration",
        why="""
            Durations are written in hours, minutes and seconds, such as 1h30m. There is no unit for days or years; zero
            and more than a hundred years are refused.
        """,
        cure="""
            Write the duration in h, m and s: 8760h is a year, 720h are 30 days.
        """,
        bad="""
            spec:
              webhook:
                certificate:
                  validFor: 365d
        """,
        good="""
            spec:
              webhook:
                certificate:
                  validFor: 8760h
        """,
    ),
    Rule(
        "kubernetes-name",
        ERROR,
        "The value cannot name a Kubernetes object",
        why="""
            Most objects are named by an RFC 1123 subdomain: lower case letters, digits, - and dots, 253 characters.
            Namespaces are RFC 1123 labels (no dots, 63 characters) and Services RFC 1035 labels (a letter first). The
            API server refuses anything else, gmsa-WebApp1 included.
        """,
        cure="""
            Write the name in lower case with - in place of other characters.
        """,
        bad="""
            spec:
              credspecs:
              - account: WebApp1
                name: gmsa-WebApp1
        """,
        good="""
            spec:
              credspecs:
              - account: WebApp1
                name: gmsa-webapp1
        """,
    ),
    Rule(
        "label",
        ERROR,
        "The value is not a label value",
        why="""
            A label value has at most 63 characters: letters, digits, -, _ and dots, with a letter or digit at both
            ends. The API server refuses others, and no node can have them.
        """,
        cure="""
            Give the value as kubectl get nodes --show-labels shows it.
        """,
        bad="""
            spec:
              webhook:
                nodeSelector:
                  pool: system pool
        """,
        good="""
            spec:
              webhook:
                nodeSelector:
                  pool: system
        """,
    ),
    Rule(
        "range",
        ERROR,
        "A number is out of its range",
        why="""
            The API server refuses the value, or it makes no sense: a webhook with no replicas, for example, lets no pod
            that uses a gMSA start.
        """,
        cure="""
            Give a number within the limits in the message.
        """,
        bad="""
            spec:
              webhook:
                replicas: 0
        """,
        good="""
            spec:
              webhook:
                replicas: 2
        """,
    ),
    Rule(
        "required",
        ERROR,
        "A required field is missing or empty",
        why="""
            The field has no default: gmsa-krm cannot know your domain, account, workload or file.
        """,
        cure="""
            Add the field; the message says what it holds.
        """,
        bad="""
            spec:
              domains:
              - dnsName: contoso.com
                netBiosName: CONTOSO
                guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
        """,
        good=DOMAIN,
    ),
    Rule(
        "tag",
        ERROR,
        "A value has a YAML tag that has no meaning here",
        why="""
            A tag such as !!int overrides the type that a YAML reader would give the value. gmsa-krm knows the type from
            the field, and accepts only the tag !!str.
        """,
        cure="""
            Remove the tag, and quote the value if it is a string.
        """,
        bad="""
            apiVersion: gmsa-krm.dev/v1alpha1
            kind: GMSAConfig
            metadata:
              name: contoso
            spec:
              webhook:
                nodeSelector:
                  pool: !!int 5
                certificate:
                  source: CertManager
        """,
        good="""
            apiVersion: gmsa-krm.dev/v1alpha1
            kind: GMSAConfig
            metadata:
              name: contoso
            spec:
              webhook:
                nodeSelector:
                  pool: "5"
                certificate:
                  source: CertManager
        """,
    ),
    Rule(
        "type",
        ERROR,
        "A value has the wrong type",
        why="""
            The field holds a string, a whole number, true or false, a list or a mapping, and the value is of another
            type. As in the Kubernetes API, types are not converted: "2" is not 2.
        """,
        cure="""
            Write the value as the message says: numbers and true or false without quotes, lists with - before each
            entry, mappings with a key per line.
        """,
        bad="""
            spec:
              webhook:
                replicas: "2"
        """,
        good="""
            spec:
              webhook:
                replicas: 2
        """,
    ),
    Rule(
        "unknown-field",
        ERROR,
        "A field is unknown",
        why="""
            A misspelled field has no effect. In a credential spec the CRD drops fields that it does not know, such as
            PortableCcgPlugin, without a message.
        """,
        cure="""
            Fix the name; the message suggests the closest one. gmsa-krm schema prints the JSON Schema of GMSAConfig for
            editors.
        """,
        bad="""
            spec:
              credspecs:
              - acount: WebApp1
                account: WebApp1
        """,
        good="""
            spec:
              credspecs:
              - account: WebApp1
        """,
    ),
    Rule(
        "unknown-value",
        ERROR,
        "The field does not accept the value",
        why="""
            The field accepts one of a few words, written exactly as documented. Case matters.
        """,
        cure="""
            Use one of the words in the message.
        """,
        bad="""
            spec:
              webhook:
                certificate:
                  source: cert-manager
        """,
        good="""
            spec:
              webhook:
                certificate:
                  source: CertManager
        """,
    ),
    Rule(
        "match-kind",
        ERROR,
        "A kind in match has no pod",
        why="""
            match.kinds takes kinds as manifests write them, such as Deployment, not deployments or deploy. An entry
            with any other kind changes nothing. For a custom resource, workloadKinds must say where the pod is.
        """,
        cure="""
            Fix the kind, or add it to workloadKinds.
        """,
        bad="""
            spec:
              workloads:
              - match:
                  kinds: [Deployments]
                credspec: gmsa-webapp1
                serviceAccount: webapp1
        """,
        good="""
            spec:
              workloads:
              - match:
                  kinds: [Deployment]
                credspec: gmsa-webapp1
                serviceAccount: webapp1
        """,
    ),
    Rule(
        "strict",
        ERROR,
        "There are warnings in a run that makes them errors",
        why="""
            With spec.strict, --strict of render and post-render, or the parameter strict of an Argo CD application, a
            run with a warning ends with exit status 1 and prints nothing on stdout. The warnings are listed above.
        """,
        cure="""
            Fix what the warnings find. If one is accepted, remove strict.
        """,
        bad="""
            spec:
              strict: true
              credspecs:
              - account: Reports
                usedBy: []

            $ gmsa-krm render gmsa.yaml
        """,
        good="""
            spec:
              strict: true

            $ gmsa-krm render gmsa.yaml
        """,
    ),
    Rule(
        "unquoted",
        ERROR,
        "An unquoted string reads as a number, boolean, date or null in YAML",
        why="""
            YAML 1.1 and 1.2 readers take words such as NO, ON and 0123 for booleans and numbers. The NetBIOS name NO
            would become false, and 1.30 would become 1.3.
        """,
        cure="""
            Quote the value.
        """,
        bad="""
            spec:
              domains:
              - dnsName: nordic.example.com
                netBiosName: NO
                guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
                sid: S-1-5-21-2126449477-2524075714-3094792973
        """,
        good="""
            spec:
              domains:
              - dnsName: nordic.example.com
                netBiosName: "NO"
                guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
                sid: S-1-5-21-2126449477-2524075714-3094792973
        """,
    ),
)
