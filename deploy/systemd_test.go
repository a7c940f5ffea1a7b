//go:build e2e

package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

const unit = "deploy/systemd/pelcro-grpc.service"

// TestUnit: systemd-analyze reports nothing about the unit on a system with the program.
func TestUnit(t *testing.T) {
	system := t.TempDir()
	// systemd's own units, because the unit refers to some of them.
	if err := os.CopyFS(filepath.Join(system, "usr/lib/systemd/system"), os.DirFS("/usr/lib/systemd/system")); err != nil {
		t.Fatal(err)
	}
	must(t, "install", "-D", binary(t), filepath.Join(system, "usr/local/bin/pelcro-grpc"))
	installed := filepath.Join(system, "etc/systemd/system/pelcro-grpc.service")
	must(t, "install", "-D", "-m", "644", unit, installed)
	if s := must(t, "systemd-analyze", "verify", "--root="+system, "pelcro-grpc.service"); s.out+s.err != "" {
		t.Errorf("systemd-analyze verify reports:\n%s%s", s.out, s.err)
	}

	// systemd-analyze reports an unknown setting.
	text, err := os.ReadFile(installed)
	if err == nil {
		err = os.WriteFile(installed, append(text, "\n[Service]\nNoSuchSetting=yes\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if s := try(t, "systemd-analyze", "verify", "--root="+system, "pelcro-grpc.service"); s.err == "" {
		t.Error("systemd-analyze verify accepts an unknown setting")
	}
}

var exposure = regexp.MustCompile(`Overall exposure level for pelcro-grpc.service: ([0-9.]+)`)

// TestExposure: how much of the system a compromised service exposes, by systemd's measure
// from 0 to 10.
func TestExposure(t *testing.T) {
	s := must(t, "systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit)
	found := exposure.FindStringSubmatch(s.out)
	if found == nil {
		t.Fatal(s.out)
	}
	if level, err := strconv.ParseFloat(found[1], 64); err != nil || level > 2 {
		t.Errorf("%s, %v\n%s%s", found[1], err, s.out, s.err)
	}
	t.Log(found[0])
}
