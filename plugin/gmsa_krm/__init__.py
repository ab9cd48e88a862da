"""gmsa-krm: one GMSAConfig in, everything that gMSA needs on Kubernetes out."""

__version__ = "0.1.0"
