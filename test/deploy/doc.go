// Package deploy holds the tests of deploy/ that need other programs: buildah, kustomize,
// kubectl-validate, systemd-analyze and promtool. They have the build tag e2e, and fail if a
// program is missing: make checkdeploy.
//
// Tests of deploy/ that need only Go are in cmd/pelcro-grpc/deploy_test.go.
package deploy
