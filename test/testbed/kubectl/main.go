// kubectl, kept running for the live tests: ../vault/client hands it what a caller has. Its own code does each command.
package main

import (
	"os"
	"strings"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

// What kubectl would end its process with.
type exit int

func main() {
	util.BehaviorOnFatal(func(text string, code int) {
		if text != "" {
			os.Stderr.WriteString(strings.TrimSuffix(text, "\n") + "\n")
		}
		panic(exit(code))
	})
	// `auth can-i` and `diff` end the process by themselves; `wait` and `rollout` keep others waiting.
	serve(os.Args[1], []string{"annotate", "apply", "create", "delete", "get", "label", "patch", "replace", "version"}, run)
}

func run(args []string) (code int) {
	defer func() {
		if ended := recover(); ended != nil {
			code = int(ended.(exit))
		}
	}()
	os.Args = append([]string{"kubectl"}, args...)
	util.CheckErr(cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()))
	return 0
}
