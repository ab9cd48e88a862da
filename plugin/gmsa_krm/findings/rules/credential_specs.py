"""Credential specs, their domains and accounts, and who may use them."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import CREDSPEC, DOMAIN, POD, Rule

_IMPORT = """
$ gmsa-krm import credspec webapp1.yaml --into gmsa.yaml
"""

RULES = (
    Rule(
        "account-name",
        ERROR,
        "The account is not given by its sAMAccountName",
        why="""
            A credential spec identifies a gMSA by its sAMAccountName without the trailing $, at most 20 characters.
            DOMAIN\\name, a user principal name, a display name or the name with its $ identifies no account there.
        """,
        cure="""
            Give the SamAccountName that Get-ADServiceAccount shows, without the trailing $.
        """,
        bad="""
            spec:
              credspecs:
              - account: CONTOSO\\WebApp1
        """,
        good="""
            spec:
              credspecs:
              - account: WebApp1
        """,
    ),
    Rule(
        "account-name-length",
        WARNING,
        "The account name has more than 15 characters",
        why="""
            New-ADServiceAccount cuts or refuses names of more than 15 characters, so the sAMAccountName in the
            directory may differ from the name that was requested.
        """,
        cure="""
            Compare the name with the SamAccountName that Get-ADServiceAccount shows. Prefer names of at most 15
            characters for new accounts.
        """,
        bad="""
            spec:
              credspecs:
              - account: PaymentsWebService
        """,
        good="""
            spec:
              credspecs:
              - account: PaymentsWeb
        """,
    ),
    Rule(
        "account-sid",
        ERROR,
        "The SID of an account is given in place of the domain SID",
        why="""
            A domain SID is S-1-5-21 and three numbers. A fourth number is a RID, which makes it the SID of one account
            of that domain. With a wrong SID the credential spec describes no domain, and the container does not
            establish a secure channel.
        """,
        cure="""
            Give the domain SID, (Get-ADDomain).DomainSID.Value: the same value without the last number.
        """,
        bad="""
            spec:
              domains:
              - dnsName: contoso.com
                netBiosName: CONTOSO
                guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
                sid: S-1-5-21-2126449477-2524075714-3094792973-1105
        """,
        good=DOMAIN,
    ),
    Rule(
        "all-service-accounts",
        WARNING,
        'usedBy lists service accounts beside "*"',
        why="""
            "*" lets every service account of the namespace use the credential spec. A name beside it suggests a
            restriction that does not exist.
        """,
        cure="""
            Remove "*" to restrict the credential spec to the named service accounts, or remove the names.
        """,
        bad="""
            spec:
              credspecs:
              - account: WebApp1
                usedBy:
                - namespace: web
                  serviceAccounts: ["*", webapp1]
        """,
        good="""
            spec:
              credspecs:
              - account: WebApp1
                usedBy:
                - namespace: web
                  serviceAccounts: [webapp1]
        """,
    ),
    Rule(
        "cms-plugins",
        ERROR,
        "CmsPlugins of a credential spec is not exactly ActiveDirectory",
        why="""
            CmsPlugins says what handles the credential spec. Only ActiveDirectory gives a container a gMSA.
        """,
        cure="""
            Set CmsPlugins to ["ActiveDirectory"], as New-CredentialSpec writes it.
        """,
        bad="""
            {
              "CmsPlugins": []
            }
        """,
        good="""
            {
              "CmsPlugins": ["ActiveDirectory"]
            }
        """,
    ),
    Rule(
        "credspec-file",
        ERROR,
        "A credential spec file cannot be read",
        why="""
            credspecs[].file and policy.acceptPrevious[].file name files in the folder of the config: the JSON that
            New-CredentialSpec writes, or a GMSACredentialSpec. gmsa-krm cannot use a file that is missing, outside of
            that folder, or of another kind.
        """,
        cure="""
            Put the file into the folder of the config and name it by its relative path, without .., a drive or a
            symbolic link that leads out of the folder.
        """,
        bad="""
            spec:
              credspecs:
              - file: ../webapp1.json
        """,
        good="""
            spec:
              credspecs:
              - file: webapp1.json
        """,
    ),
    Rule(
        "credspec-source",
        ERROR,
        "An entry of credspecs does not have exactly one of account and file",
        why="""
            The contents of a credential spec come from account and a domain of the config, or from a file that
            New-CredentialSpec wrote. A file has its own domain, accounts and host account, so use domain,
            additionalAccounts and hostAccount with account only.
        """,
        cure="""
            Keep account (with domain, additionalAccounts, hostAccount) or file, not both.
        """,
        bad="""
            spec:
              credspecs:
              - account: WebApp1
                file: webapp1.json
        """,
        good="""
            spec:
              credspecs:
              - file: webapp1.json
        """,
    ),
    Rule(
        "credspec-type",
        ERROR,
        "A field of a credential spec has the wrong JSON type",
        why="""
            The GMSACredentialSpec CRD declares every leaf as a string, PortableCcgVersion and PluginInput included, and
            the API server refuses other types.
        """,
        cure="""
            Write the value as a string: "1" for 1. Write an object, such as the input of the AWS plugin, as a string of
            JSON.
        """,
        bad="""
            {
              "ActiveDirectoryConfig": {
                "HostAccountConfig": {
                  "PluginGUID": "{e4781092-f116-4b79-b55e-28eb6a224e26}",
                  "PluginInput": "web:webapp1-password",
                  "PortableCcgVersion": 1
                }
              }
            }
        """,
        good="""
            {
              "ActiveDirectoryConfig": {
                "HostAccountConfig": {
                  "PluginGUID": "{e4781092-f116-4b79-b55e-28eb6a224e26}",
                  "PluginInput": "web:webapp1-password",
                  "PortableCcgVersion": "1"
                }
              }
            }
        """,
    ),
    Rule(
        "default-service-account",
        WARNING,
        "The default service account may use a credential spec",
        why="""
            A pod that names no service account runs as default. If default may use a credential spec, every pod of the
            namespace can use the identity of the gMSA.
        """,
        cure="""
            Create a service account for the workload, list it in usedBy, and name it in the pod's serviceAccountName.
        """,
        bad="""
            spec:
              credspecs:
              - account: WebApp1
                usedBy:
                - namespace: web
                  serviceAccounts: [default]
        """,
        good="""
            spec:
              credspecs:
              - account: WebApp1
                usedBy:
                - namespace: web
                  serviceAccounts: [webapp1]
        """,
    ),
    Rule(
        "dns-name",
        ERROR,
        "The value is not a DNS name of a domain",
        why="""
            DnsName, DnsTreeName and the Scope entries of a credential spec name the domain as Active Directory does: by
            the dnsRoot of its crossRef object, without a trailing dot, a scheme or spaces.
        """,
        cure="""
            Give (Get-ADDomain).DNSRoot, such as contoso.com; for dnsTreeName give (Get-ADForest).RootDomain.
        """,
        bad="""
            spec:
              domains:
              - dnsName: contoso.com.
                netBiosName: CONTOSO
                guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
                sid: S-1-5-21-2126449477-2524075714-3094792973
        """,
        good=DOMAIN,
    ),
    Rule(
        "domain-guid",
        ERROR,
        "The value is not the GUID of a domain",
        why="""
            Guid of a credential spec is the objectGUID of the domain, in plain notation. Braces belong to the GUID of a
            plugin in hostAccount, not to the GUID of a domain.
        """,
        cure="""
            Give (Get-ADDomain).ObjectGUID without braces.
        """,
        bad="""
            spec:
              domains:
              - dnsName: contoso.com
                netBiosName: CONTOSO
                guid: "{244818ae-87ac-4fcd-92ec-e79e5252348a}"
                sid: S-1-5-21-2126449477-2524075714-3094792973
        """,
        good=DOMAIN,
    ),
    Rule(
        "domain-reference",
        ERROR,
        "A credential spec does not name an entry of domains",
        why="""
            A credential spec takes DNS name, NetBIOS name, GUID and SID from an entry of domains. With one entry that
            is the default; with several, the credential spec has to name one of them (by name, which defaults to
            dnsName).
        """,
        cure="""
            Set domain to the name of an entry of domains, or add the domain there.
        """,
        bad="""
            spec:
              credspecs:
              - account: WebApp1
                domain: fabrikam.com
        """,
        good="""
            spec:
              credspecs:
              - account: WebApp1
                domain: contoso.com
        """,
    ),
    Rule(
        "domain-sid",
        ERROR,
        "The value is not the SID of a domain",
        why="""
            A domain SID is S-1-5-21 and three numbers of 32 bits. Other SIDs, such as S-1-5-32-544 of the built-in
            administrators, do not identify a domain.
        """,
        cure="""
            Give (Get-ADDomain).DomainSID.Value.
        """,
        bad="""
            spec:
              domains:
              - dnsName: contoso.com
                netBiosName: CONTOSO
                guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
                sid: S-1-5-32-544
        """,
        good=DOMAIN,
    ),
    Rule(
        "long-lived-token",
        WARNING,
        "A Secret holds a service account token that never expires",
        why="""
            tokenSecret creates a Secret of type kubernetes.io/service-account-token. Its token never expires and is not
            bound to a pod. Whoever may read Secrets in the namespace can use it as long as the Secret exists.
        """,
        cure="""
            Use workloads[].token, a bound token that the kubelet renews, and remove tokenSecret.
        """,
        bad="""
            spec:
              serviceAccounts:
              - name: webapp1
                namespace: web
                tokenSecret: true
        """,
        good="""
            spec:
              serviceAccounts:
              - name: webapp1
                namespace: web
              workloads:
              - match:
                  names: [web]
                token:
                  audience: vault
        """,
    ),
    Rule(
        "netbios-name",
        ERROR,
        "The value is not the NetBIOS name of a domain",
        why="""
            A NetBIOS name has at most 15 characters and no dots. It is the nETBIOSName of the domain's crossRef object
            and can differ from the first label of the DNS name.
        """,
        cure="""
            Give (Get-ADDomain).NetBIOSName.
        """,
        bad="""
            spec:
              domains:
              - dnsName: contoso.com
                netBiosName: contoso.com
                guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
                sid: S-1-5-21-2126449477-2524075714-3094792973
        """,
        good=DOMAIN,
    ),
    Rule(
        "plugin-guid",
        ERROR,
        "The GUID of a Container Credential Guard plugin is not in braces",
        why="""
            Windows calls a plugin only by its GUID in braces. Without them the node does not fetch the password of the
            account, and the container gets no gMSA.
        """,
        cure="""
            Write the GUID in braces and quotes, or use AzureKeyVault, AWS or Rancher, the names of known plugins.
        """,
        bad="""
            spec:
              credspecs:
              - account: WebApp1
                hostAccount:
                  plugin: e4781092-f116-4b79-b55e-28eb6a224e26
                  input: web:webapp1-password
        """,
        good="""
            spec:
              credspecs:
              - account: WebApp1
                hostAccount:
                  plugin: "{e4781092-f116-4b79-b55e-28eb6a224e26}"
                  input: web:webapp1-password
        """,
    ),
    Rule(
        "plugin-input",
        ERROR,
        "The input is not what the Container Credential Guard plugin reads",
        why="""
            Each plugin reads one form of PluginInput: Azure Key Vault ObjectId=...;SecretUri=https://.../secrets/...,
            AWS a JSON string with credentialArn, Rancher <namespace>:<secret>. With any other form, or with a
            placeholder of an example, the node does not find the password of the account. gmsa-krm recognizes the
            plugin by its GUID.
        """,
        cure="""
            Write the string in that form. In a GMSAConfig you can also write a mapping, which gmsa-krm converts to that
            string.
        """,
        bad="""
            spec:
              credspecs:
              - account: WebApp1
                hostAccount:
                  plugin: AzureKeyVault
                  input: https://contoso.vault.azure.net/secrets/gmsa
        """,
        good="""
            spec:
              credspecs:
              - account: WebApp1
                hostAccount:
                  plugin: AzureKeyVault
                  input:
                    ObjectId: 0d4d9ba2-32f0-4b36-9a1b-d5d0b5b3d6f1
                    SecretUri: https://contoso.vault.azure.net/secrets/gmsa
        """,
    ),
    Rule(
        "service-account-not-covered",
        ERROR,
        "The service account of a pod may not use the credential spec",
        why="""
            Admission asks whether the pod's service account may use the credential spec, by RBAC in the namespace of
            the pod. usedBy does not list it for that namespace, so the pod is refused. The Deployment itself applies
            without an error; its ReplicaSet fails later.
        """,
        cure="""
            Add the service account and its namespace to usedBy of the credential spec, or use another service account
            in the pod.
        """,
        bad="""
            apiVersion: v1
            kind: Pod
            metadata:
              name: web
              namespace: web
            spec:
              serviceAccountName: reports
              nodeSelector:
                kubernetes.io/os: windows
              securityContext:
                windowsOptions:
                  gmsaCredentialSpecName: gmsa-webapp1
              containers:
              - name: iis
                image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        """,
        good=POD,
    ),
    Rule(
        "ccg-version",
        ERROR,
        "PortableCcgVersion is not 1",
        why="""
            Container Credential Guard has one version of its plugin interface. A node ignores a HostAccountConfig with
            another version.
        """,
        cure="""
            Write "1", in quotes.
        """,
        bad="""
            {
              "ActiveDirectoryConfig": {
                "GroupManagedServiceAccounts": [
                  {"Name": "WebApp1", "Scope": "contoso.com"},
                  {"Name": "WebApp1", "Scope": "CONTOSO"}
                ],
                "HostAccountConfig": {
                  "PluginGUID": "{e4781092-f116-4b79-b55e-28eb6a224e26}",
                  "PluginInput": "web:webapp1-password",
                  "PortableCcgVersion": "2"
                }
              }
            }
        """,
        good="""
            {
              "ActiveDirectoryConfig": {
                "GroupManagedServiceAccounts": [
                  {"Name": "WebApp1", "Scope": "contoso.com"},
                  {"Name": "WebApp1", "Scope": "CONTOSO"}
                ],
                "HostAccountConfig": {
                  "PluginGUID": "{e4781092-f116-4b79-b55e-28eb6a224e26}",
                  "PluginInput": "web:webapp1-password",
                  "PortableCcgVersion": "1"
                }
              }
            }
        """,
    ),
    Rule(
        "existing-entry",
        WARNING,
        "The config already has a credential spec to import",
        why="""
            import adds entries and changes none, so your edits stay. The entry in the config may differ from the
            imported one.
        """,
        cure="""
            If the entry is right, do nothing. To replace it, remove it and import again.
        """,
        bad="# webapp1.yaml\n" + CREDSPEC.replace("gmsa-reports", "gmsa-webapp1") + _IMPORT,
        good="# webapp1.yaml\n" + CREDSPEC + _IMPORT,
    ),
    Rule(
        "misspelt-credspec",
        ERROR,
        "An object has the contents of a credential spec and is not a GMSACredentialSpec",
        why="""
            Only kind GMSACredentialSpec of windows.k8s.io is a credential spec. The API server refuses another
            spelling, and gmsa-krm would not check it.
        """,
        cure="""
            Write apiVersion: windows.k8s.io/v1 and kind: GMSACredentialSpec.
        """,
        bad=CREDSPEC.replace("kind: GMSACredentialSpec", "kind: GmsaCredentialSpec"),
        good=CREDSPEC,
    ),
    Rule(
        "no-users",
        WARNING,
        "Nobody may use a credential spec",
        why="""
            A pod is admitted only if its service account may use the credential spec. Without usedBy, no RoleBinding
            refers to its ClusterRole. If a workload of the same run names the credential spec, gmsa-krm reports the
            error service-account-not-covered instead.
        """,
        cure="""
            List the service accounts of the workloads in usedBy, or write usedBy: FromWorkloads.
        """,
        bad="""
            spec:
              credspecs:
              - account: Reports
                usedBy: []
        """,
        good="""
            spec:
              credspecs:
              - account: Reports
                usedBy:
                - namespace: web
                  serviceAccounts: [reports]
        """,
    ),
    Rule(
        "unchecked-variable",
        WARNING,
        "A value is a variable that gmsa-krm cannot check",
        why="""
            Flux and envsubst replace ${NAME} when they apply the manifest. gmsa-krm does not see the value, so it
            cannot tell whether it is right.
        """,
        cure="""
            Write the value; it is not a secret. Leave the warning if the variable is replaced later.
        """,
        bad=CREDSPEC.replace("S-1-5-21-2126449477-2524075714-3094792973", "${DOMAIN_SID}"),
        good=CREDSPEC,
    ),
    Rule(
        "wildcard-grant",
        WARNING,
        "Every service account of a namespace may use the credential spec",
        why="""
            With "*" the binding is to a group, system:serviceaccounts:NAMESPACE. Whoever may create a pod in the
            namespace has the identity of the account.
        """,
        cure="""
            Name the service accounts of the workloads, or give usedBy: FromWorkloads.
        """,
        bad="""
            spec:
              credspecs:
              - account: WebApp1
                usedBy:
                - namespace: web
                  serviceAccounts: ["*"]
        """,
        good="""
            spec:
              credspecs:
              - account: WebApp1
                usedBy:
                - namespace: web
                  serviceAccounts: [webapp1]
        """,
    ),
)
