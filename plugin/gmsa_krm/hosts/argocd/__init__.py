"""Argo CD's config management plugin, which runs in an application's folder and gets everything else in variables.

`folder`: the kind of the folder, and whether it uses a GMSAConfig; `parameters`: what an Application may set;
`programs`: kustomize and helm; `kustomization`: kustomize without plugins; `sync_wave`: what is applied first. Argo CD
prunes objects that are missing from the output, so the output is complete or empty.
"""
