// Gotemplate renders files in Go's template language.
//
// Standard input is a JSON object with the values; the arguments are the files. Standard output is a JSON object from
// each file to its text. A field that the values do not have is an error.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/template"
)

func main() {
	rendered, err := render(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(rendered)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(files []string) (map[string]string, error) {
	values := map[string]any{}
	if err := json.NewDecoder(os.Stdin).Decode(&values); err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	rendered := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		parsed, err := template.New(file).Option("missingkey=error").Parse(string(text))
		if err != nil {
			return nil, err
		}
		var out strings.Builder
		if err := parsed.Execute(&out, values); err != nil {
			return nil, err
		}
		rendered[file] = out.String()
	}
	return rendered, nil
}
