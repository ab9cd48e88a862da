// Not built: its source holds cert-manager's CustomResourceDefinitions.
module gmsa-krm.dev/tests/tools/cert-manager-crds

go 1.26.0

require github.com/cert-manager/cert-manager v1.21.2
