// The manifests that flux embeds are made by its Makefile, and are not in the module.
// copy: ./cmd/flux with cmd/flux/manifests/none.yaml
module gmsa-krm.dev/tests/tools/flux

go 1.26.0

require github.com/fluxcd/flux2/v2 v2.9.5
