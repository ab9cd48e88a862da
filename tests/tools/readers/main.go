// Command readers reads streams of manifests as the programs do that apply them.
//
// On stdin: the number of bytes of a stream on a line, and the stream; again and again. On stdout, for each, one line
// of JSON: by reader the documents that it gets ("documents"), and where it stops with an error ("error").
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	decoding "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/yaml"
)

type reading struct {
	Documents []any  `json:"documents"`
	Error     string `json:"error"`
}

type reader func(stream []byte) ([]any, error)

var readers = map[string]reader{"kubectl": kubectl, "argocd": argocd, "kustomize": kustomize, "kustomize build": build}

// kubectl is what cli-runtime's StreamVisitor does.
func kubectl(stream []byte) (documents []any, err error) {
	decoder := decoding.NewYAMLOrJSONDecoder(bytes.NewReader(stream), 4096)
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			return documents, nil
		} else if err != nil {
			return documents, err
		}
		raw = bytes.TrimSpace(raw)
		if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
			continue
		}
		document, err := exact(raw)
		if err != nil {
			return documents, err
		}
		name(raw, document)
		documents = append(documents, document)
	}
}

// name gives the entries of a list the kinds that kubectl decodes them with.
func name(raw []byte, document any) {
	decoded, _, err := unstructured.UnstructuredJSONScheme.Decode(raw, nil, nil)
	list, isList := decoded.(*unstructured.UnstructuredList)
	if err != nil || !isList {
		return
	}
	entries, _ := document.(map[string]any)["items"].([]any) // none if it is null
	for index, entry := range entries {
		if entry, isObject := entry.(map[string]any); isObject && list.Items[index].GetKind() != "" {
			entry["apiVersion"], entry["kind"] = list.Items[index].GetAPIVersion(), list.Items[index].GetKind()
		}
	}
}

// argocd is what SplitYAML of the GitOps engine does.
func argocd(stream []byte) (documents []any, err error) {
	parts := decoding.NewYAMLReader(bufio.NewReader(bytes.NewReader(stream)))
	for {
		part, err := parts.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		} else if err != nil {
			return documents, err
		}
		raw, err := yaml.YAMLToJSON(part)
		if err != nil {
			return documents, err
		}
		document, err := exact(raw)
		if err != nil {
			return documents, err
		}
		if document != nil {
			documents = append(documents, document)
		}
	}
}

// kustomize is what its functions' runtime does, which keeps aliases.
func kustomize(stream []byte) ([]any, error) {
	return kyaml(stream, false)
}

// build is what its loader of resources does, which expands aliases and merge keys by itself. What an anchor holds that
// contains itself would end this program, so the other reading is first, which refuses it.
func build(stream []byte) ([]any, error) {
	if documents, err := kustomize(stream); err != nil {
		return documents, err
	}
	return kyaml(stream, true)
}

func kyaml(stream []byte, expands bool) (documents []any, err error) {
	nodes, err := (&kio.ByteReader{
		Reader: bytes.NewReader(stream), OmitReaderAnnotations: true, DisableUnwrapping: true, AnchorsAweigh: expands,
	}).Read()
	if err != nil {
		return nil, err
	}
	for _, node := range nodes {
		raw, err := node.MarshalJSON()
		if err != nil {
			return documents, err
		}
		document, err := exact(raw)
		if err != nil {
			return documents, err
		}
		documents = append(documents, document)
	}
	return documents, nil
}

// exact keeps numbers as they are written.
func exact(raw []byte) (document any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err = decoder.Decode(&document)
	return document, err
}

// guarded turns a panic of a reader into its error.
func guarded(read reader, stream []byte) (result reading) {
	defer func() {
		if cause := recover(); cause != nil {
			result = reading{Error: fmt.Sprint("panic: ", cause)}
		}
	}()
	documents, err := read(stream)
	result = reading{Documents: documents}
	if err != nil {
		result.Error = err.Error()
	}
	return result
}

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return
		}
		size, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			log.Fatalf("the number of bytes of a stream: %v", err)
		}
		stream := make([]byte, size)
		if _, err := io.ReadFull(in, stream); err != nil {
			log.Fatalf("a stream of %d bytes: %v", size, err)
		}
		answer := map[string]reading{}
		for name, read := range readers {
			answer[name] = guarded(read, stream)
		}
		encoded, err := json.Marshal(answer)
		if err != nil {
			log.Fatal(err)
		}
		out.Write(append(encoded, '\n'))
		out.Flush()
	}
}
