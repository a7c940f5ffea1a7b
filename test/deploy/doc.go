// Package deploy holds the tests of deploy/ that need the programs which read it:
// buildah, kustomize, kubectl-validate, systemd-analyze and promtool. They have the
// build tag e2e, and none of them skips: make checkdeploy.
//
// Tests of deploy/ that need Go alone are in cmd/pelcro-grpc/deploy_test.go.
package deploy
