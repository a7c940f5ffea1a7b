package main

import (
	"os"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// seed reads the fixtures of the sandbox, nil without any, and adds the problems with them.
func (c serveCommand) seed(found *problems) *sandbox.Seed {
	switch {
	case c.SandboxSeed == "":
		return nil
	case !c.Sandbox:
		found.addf("--sandbox-seed is for the sandbox; leave it out, or add --sandbox")
		return nil
	}
	raw, err := os.ReadFile(c.SandboxSeed)
	if err != nil {
		found.addf("--sandbox-seed %s cannot be read (%w); put the JSON of docs/testing.md into a file that this user may read", c.SandboxSeed, cause(err))
		return nil
	}
	seed, err := sandbox.ReadSeed(raw)
	if err != nil {
		for _, each := range unjoin(err) {
			found.addf("--sandbox-seed %s: %w", c.SandboxSeed, each)
		}
	}
	return seed
}
