// Not built: its source holds the JSON Schema of SARIF 2.1.0 that OASIS publishes.
module gmsa-krm.dev/tests/tools/sarif-schema

go 1.24

require github.com/owenrumney/go-sarif/v3 v3.3.1
