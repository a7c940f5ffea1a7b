package deploy_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// root is the root of the repository.
const root = ".."

// deployment is the part of deploy/kubernetes/deployment.yaml that the tests read.
type deployment struct {
	Spec struct {
		Template struct {
			Spec struct {
				Grace      int `yaml:"terminationGracePeriodSeconds"`
				Containers []struct {
					Args         []string `yaml:"args"`
					VolumeMounts []struct {
						Name      string `yaml:"name"`
						MountPath string `yaml:"mountPath"`
						SubPath   string `yaml:"subPath"`
					} `yaml:"volumeMounts"`
					Lifecycle struct {
						PreStop struct {
							Sleep struct {
								Seconds int `yaml:"seconds"`
							} `yaml:"sleep"`
						} `yaml:"preStop"`
					} `yaml:"lifecycle"`
				} `yaml:"containers"`
				Volumes []struct {
					Name string `yaml:"name"`
				} `yaml:"volumes"`
			} `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

// TestDeployFlags: each flag and each environment name in the files of deploy/ exists.
func TestDeployFlags(t *testing.T) {
	raw, err := exec.Command(testkit.Program(t), "serve", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	help := string(raw)
	flags, variables := 0, 0
	err = filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) == ".go" {
			return err
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, flag := range regexp.MustCompile(`(?m)(?:^|[\s"(])--([a-z][a-z-]+)(=?)`).FindAllStringSubmatch(string(raw), -1) {
			if flag[2] == "" && strings.HasSuffix(name, ".md") {
				continue // of another program
			}
			flags++
			if !regexp.MustCompile(`--(\[no-\])?` + flag[1] + `\b`).MatchString(help) {
				t.Errorf("%s: there is no --%s", name, flag[1])
			}
		}
		for _, variable := range regexp.MustCompile(`\bPELCRO_GRPC_[A-Z_]+\b`).FindAllString(string(raw), -1) {
			variables++
			if !strings.Contains(help, "$"+variable) && variable != "PELCRO_GRPC_PORT" { // of Kubernetes, see deployment.yaml
				t.Errorf("%s: there is no %s", name, variable)
			}
		}
		return nil
	})
	if err != nil || flags < 15 || variables < 3 {
		t.Errorf("%d flags, %d variables, %v", flags, variables, err)
	}
}

// TestDeployFiles: every file that a flag names is mounted, or is a credential, and every mount and
// credential is for a flag.
func TestDeployFiles(t *testing.T) {
	var d deployment
	if err := yaml.Unmarshal([]byte(read(t, "deploy/kubernetes/deployment.yaml")), &d); err != nil {
		t.Fatal(err)
	}
	pod := d.Spec.Template.Spec
	container := pod.Containers[0]
	wanted := map[string]bool{}
	for _, arg := range container.Args {
		if _, file, ok := strings.Cut(arg, "=/"); ok {
			wanted[filepath.Dir("/"+file)] = true
		}
	}
	volumes := map[string]bool{}
	for _, volume := range pod.Volumes {
		volumes[volume.Name] = true
	}
	for _, mount := range container.VolumeMounts {
		if !wanted[mount.MountPath] || !volumes[mount.Name] || mount.SubPath != "" {
			t.Errorf("Kubernetes: the mount %+v is for no flag, of no volume, or would never change", mount)
		}
		delete(wanted, mount.MountPath)
		delete(volumes, mount.Name)
	}
	if len(wanted) != 0 || len(volumes) != 0 {
		t.Errorf("Kubernetes: not mounted: %v, %v", wanted, volumes)
	}

	unit := read(t, "deploy/systemd/pelcro-grpc.service")
	used, loaded := map[string]bool{}, map[string]bool{}
	for _, credential := range regexp.MustCompile(`=%d/(\S+)`).FindAllStringSubmatch(unit, -1) {
		used[credential[1]] = true
	}
	for _, credential := range regexp.MustCompile(`(?m)^LoadCredential=(\S+):/etc/pelcro-grpc/(\S+)$`).FindAllStringSubmatch(unit, -1) {
		loaded[credential[1]] = true
		if credential[1] != credential[2] {
			t.Errorf("systemd: %s is called %s", credential[2], credential[1])
		}
	}
	if len(used) != 3 || !maps.Equal(used, loaded) {
		t.Errorf("systemd: used %v, loaded %v", used, loaded)
	}
}

// TestDeployNumbers: numbers that are in several files agree.
func TestDeployNumbers(t *testing.T) {
	var d deployment
	if err := yaml.Unmarshal([]byte(read(t, "deploy/kubernetes/deployment.yaml")), &d); err != nil {
		t.Fatal(err)
	}
	unit := read(t, "deploy/systemd/pelcro-grpc.service")
	pod := d.Spec.Template.Spec
	number := func(pattern, text string) int {
		t.Helper()
		found := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("no %s", pattern)
		}
		n, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const spare = 5 * time.Second
	if stop := time.Duration(pod.Grace-pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds) * time.Second; stop < server.DrainTimeout+spare {
		t.Errorf("Kubernetes: %v for a stop that takes %v", stop, server.DrainTimeout)
	}
	if stop := time.Duration(number(`TimeoutStopSec=(\d+)s`, unit)) * time.Second; stop < server.DrainTimeout+spare {
		t.Errorf("systemd: %v for a stop that takes %v", stop, server.DrainTimeout)
	}
	if limit := number(`(?m)^LogRateLimitIntervalSec=(\d+)$`, unit); limit != 0 {
		t.Errorf("systemd: journald drops lines (LogRateLimitIntervalSec=%d)", limit)
	}
	limit := number(`--max-concurrent-calls=(\d+)`, unit)
	if other := number(`--max-concurrent-calls=(\d+)`, strings.Join(pod.Containers[0].Args, " ")); other != limit {
		t.Errorf("%d concurrent calls with systemd, %d with Kubernetes", limit, other)
	}
	for _, rule := range alerts(t) {
		if rule.Alert == "PelcroGrpcNearlyFull" {
			if n := number(`> (\d+)`, rule.Expr); n != limit*8/10 {
				t.Errorf("%s at %d, the limit is %d", rule.Alert, n, limit)
			}
		}
	}
}
