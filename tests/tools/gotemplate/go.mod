module gmsa-krm.dev/tests/tools/gotemplate

go 1.24
