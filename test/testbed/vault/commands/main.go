// Vault's CLI, kept running for the live tests: ../client hands it what a caller has. Its own code does each command.
package main

import (
	"os"

	"github.com/hashicorp/vault/command"
	homedir "github.com/mitchellh/go-homedir"
)

func main() {
	homedir.DisableCache = true
	serve(os.Args[1], []string{
		"audit", "auth", "delete", "lease", "list", "patch", "policy", "read", "secrets", "status", "token", "unwrap", "write",
	}, command.Run)
}
