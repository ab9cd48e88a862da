"""Tests on a real control plane: etcd, kube-apiserver and kube-controller-manager of two releases.

Nothing here reaches the machine's network: all of it runs in namespaces of its own, see `network`.
"""
