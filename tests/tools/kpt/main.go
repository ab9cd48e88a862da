// Command kpt is kpt with `fn` alone: its main package needs a module that is not published.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/kptdev/kpt/commands/fn"
	"github.com/kptdev/kpt/pkg/lib/errors/resolver"
	"github.com/kptdev/kpt/pkg/printer"
	"github.com/spf13/cobra"
)

func main() {
	ctx := printer.WithContext(context.Background(), printer.New(os.Stdout, os.Stderr))
	kpt := &cobra.Command{Use: "kpt", SilenceUsage: true, SilenceErrors: true}
	kpt.AddCommand(fn.GetCommand(ctx, "kpt"))
	if err := kpt.Execute(); err != nil {
		message := err.Error()
		if resolved, ok := resolver.ResolveError(err); ok {
			message = resolved.Message
		}
		fmt.Fprintln(os.Stderr, message)
		os.Exit(1)
	}
}
