// The components of Argo CD that the tests run, in one program; as with Argo CD's own, its name says which it is.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	applicationset "github.com/argoproj/argo-cd/v3/cmd/argocd-applicationset-controller/commands"
	cmpserver "github.com/argoproj/argo-cd/v3/cmd/argocd-cmp-server/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
)

func main() {
	var component interface{ Execute() error }
	switch name := filepath.Base(os.Args[0]); name {
	case "argocd-application-controller":
		component = controller.NewCommand()
	case "argocd-applicationset-controller":
		component = applicationset.NewCommand()
	case "argocd-cmp-server":
		component = cmpserver.NewCommand()
	case "argocd-repo-server":
		component = reposerver.NewCommand()
	default:
		fmt.Fprintf(os.Stderr, "%s is not a component of Argo CD that is in this program\n", name)
		os.Exit(2)
	}
	if err := component.Execute(); err != nil {
		os.Exit(1)
	}
}
