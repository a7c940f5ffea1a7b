// Package deploy holds the tests of the files beside it. Those with the build tag e2e need other
// programs (buildah, kustomize, kubectl-validate, systemd-analyze and promtool) and fail if one is
// missing: make checkdeploy.
package deploy
