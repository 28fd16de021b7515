// kubectl, kept running for the live tests: ../vault/client hands it what a caller has. Its own code does each command.
package main

import (
	"os"
	"slices"
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
	serve(os.Args[1], kept, run)
}

// What asks a server and ends: `auth can-i` and `diff` end the process by themselves, `wait` and `rollout` keep others waiting.
var names = []string{"annotate", "apply", "create", "delete", "get", "label", "patch", "replace", "version"}

// The scripts write a context before the command. kubectl looks for preferences in the home that it was started with.
func kept(args, env []string) bool {
	if len(args) > 2 && args[0] == "--context" {
		args = args[2:]
	}
	return len(args) > 0 && slices.Contains(names, args[0]) && !slices.ContainsFunc(env, func(variable string) bool {
		name, value, _ := strings.Cut(variable, "=")
		_, err := os.Stat(value + "/.kube/kuberc")
		return name == "KUBERC" || (name == "HOME" && err == nil)
	})
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
