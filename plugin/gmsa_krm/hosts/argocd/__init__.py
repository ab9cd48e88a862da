"""Argo CD's config management plugin: the working directory is an application's folder, the rest is environment.

`folder`: what kind of folder it is, and whether a GMSAConfig is in it; `parameters`: what an Application may set;
`programs`: kustomize and helm; `kustomization`: how kustomize runs without plugins. Argo CD prunes what is missing
from an answer, so an answer is whole or none.
"""
