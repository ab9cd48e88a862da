"""Argo CD's config management plugin: the working directory is an application's folder, everything else a variable.

`folder`: what kind of folder it is, and whether it uses a GMSAConfig; `parameters`: what an Application may set;
`programs`: kustomize and helm; `kustomization`: how kustomize runs without plugins. Argo CD prunes what is missing
from an answer, so an answer is complete or there is none.
"""
