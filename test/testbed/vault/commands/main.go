// Vault's CLI, kept running for the live tests: ../client hands it what a caller has. Its own code does each command.
package main

import (
	"os"
	"slices"

	"github.com/hashicorp/vault/command"
	homedir "github.com/mitchellh/go-homedir"
)

func main() {
	homedir.DisableCache = true
	serve(os.Args[1], kept, command.Run)
}

// What asks a server and ends.
var names = []string{
	"audit", "auth", "delete", "lease", "list", "patch", "policy", "read", "secrets", "status", "token", "unwrap", "write",
}

func kept(args, _ []string) bool { return len(args) > 0 && slices.Contains(names, args[0]) }
