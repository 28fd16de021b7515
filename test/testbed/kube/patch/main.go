// Applies patches of an overlay to a Kubernetes object with Istio's own engine, as TSB's operator does with a ControlPlane's
// kubeSpec.overlays and the IstioOperator that it makes: patch OBJECT.yaml PATCHES.yaml, where PATCHES is a list of {path, value}.
//
// The calls and their order are those of applyPatches in istio.io/istio/operator/pkg/render. One thing differs: that function drops what
// the engine says about a patch that failed, and here such a patch is an error.
package main

import (
	"errors"
	"fmt"
	"os"

	yaml2 "gopkg.in/yaml.v2"
	"sigs.k8s.io/yaml"

	"istio.io/istio/operator/pkg/apis"
	"istio.io/istio/operator/pkg/tpath"
	"istio.io/istio/operator/pkg/util"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: patch OBJECT.yaml PATCHES.yaml")
		os.Exit(2)
	}
	out, err := run(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = os.Stdout.Write(out)
}

func run(objectFile, patchesFile string) ([]byte, error) {
	content, err := os.ReadFile(objectFile)
	if err != nil {
		return nil, err
	}
	list, err := os.ReadFile(patchesFile)
	if err != nil {
		return nil, err
	}
	var patches []apis.Patch
	if err := yaml.UnmarshalStrict(list, &patches); err != nil {
		return nil, fmt.Errorf("%s: %w", patchesFile, err)
	}
	// As in Istio: maps with keys of any type, which the engine treats in another way than maps with string keys.
	object := make(map[any]any)
	if err := yaml2.Unmarshal(content, &object); err != nil {
		return nil, fmt.Errorf("%s: %w", objectFile, err)
	}
	var failed []error
	for _, p := range patches {
		at, _, err := tpath.GetPathContext(object, util.PathFromString(p.Path), true)
		if err == nil {
			err = tpath.WritePathContext(at, p.Value)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", p.Path, err))
		}
	}
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	return yaml2.Marshal(object)
}
