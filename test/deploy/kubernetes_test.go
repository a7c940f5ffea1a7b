//go:build e2e

package deploy_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// kubernetes is the version of the schemas: the first with everything that the manifests
// use, and the newest in kubectl-validate.
const kubernetes = "1.30"

func validate(files ...string) []string {
	return append([]string{"go", "tool", "-modfile=tools/kubectl-validate.mod", "kubectl-validate", "--version", kubernetes}, files...)
}

func render(t *testing.T, directory string) string {
	t.Helper()
	return must(t, "go", "tool", "-modfile=tools/kustomize.mod", "kustomize", "build", directory).out
}

// TestManifests: every manifest, and the output of kustomize, follows Kubernetes' schemas.
func TestManifests(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "deploy/kubernetes/*.yaml"))
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, directory := range []string{"deploy/kubernetes", "deploy/example", "deploy/redis"} {
		file := filepath.Join(t.TempDir(), "rendered.yaml")
		if err := os.WriteFile(file, []byte(render(t, directory)), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	var manifests []string
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue // kustomize's, not Kubernetes'
		}
		absolute, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, absolute)
	}
	t.Log(must(t, validate(manifests...)...).out)

	// kubectl-validate rejects a misspelt field.
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	text, err := os.ReadFile(filepath.Join(root, "deploy/kubernetes/deployment.yaml"))
	if err == nil {
		err = os.WriteFile(bad, []byte(strings.Replace(string(text), "readOnlyRootFilesystem:", "readonlyRootFilesystem:", 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if s := try(t, validate(bad)...); s.failed == nil {
		t.Error("kubectl-validate accepts a misspelt field")
	}
}

// labels select and are selected.
type labels map[string]string

// object has the fields by which manifests refer to each other.
type object struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Data     map[string]string
	Spec     struct {
		Selector       labels                      // a Service's is flat
		PodSelector    labels                      `yaml:"podSelector"`
		ScaleTargetRef struct{ Kind, Name string } `yaml:"scaleTargetRef"`
		Ports          []struct {
			TargetPort string `yaml:"targetPort"`
		}
		Ingress  []struct{ Ports []struct{ Port string } }
		Template struct {
			Metadata struct{ Labels labels }
			Spec     struct {
				ServiceAccountName string `yaml:"serviceAccountName"`
				Containers         []struct {
					Image   string
					Ports   []struct{ Name string }
					EnvFrom []struct {
						ConfigMapRef struct{ Name string } `yaml:"configMapRef"`
					} `yaml:"envFrom"`
				}
			}
		}
	}
}

// UnmarshalYAML also reads selectors that have their labels under matchLabels.
func (l *labels) UnmarshalYAML(node *yaml.Node) error {
	var nested struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	if err := node.Decode(&nested); err == nil && nested.MatchLabels != nil {
		*l = nested.MatchLabels
		return nil
	}
	return node.Decode((*map[string]string)(l))
}

// TestReferences: every name that the manifests refer to exists. No schema checks that, and
// Kubernetes would only wait.
func TestReferences(t *testing.T) {
	byName := map[string]object{}
	var pod object
	decoder := yaml.NewDecoder(strings.NewReader(render(t, "deploy/example")))
	for {
		var o object
		if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		byName[o.Kind+"/"+o.Metadata.Name] = o
		if o.Kind == "Deployment" {
			pod = o
		}
		if o.Kind != "Namespace" && o.Metadata.Namespace != "pelcro-grpc" {
			t.Errorf("%s is in namespace %q", o.Kind, o.Metadata.Namespace)
		}
	}
	template := pod.Spec.Template
	container := template.Spec.Containers[0]
	ports := map[string]bool{}
	for _, port := range container.Ports {
		ports[port.Name] = true
	}
	if _, ok := byName["ServiceAccount/"+template.Spec.ServiceAccountName]; !ok {
		t.Errorf("no service account %s", template.Spec.ServiceAccountName)
	}
	settings, ok := byName["ConfigMap/"+container.EnvFrom[0].ConfigMapRef.Name]
	if !ok || settings.Data["PELCRO_GRPC_SITE_ID"] == "" {
		t.Errorf("no settings, or no site: %v", settings.Data)
	}
	if strings.HasSuffix(container.Image, ":unset") || !strings.Contains(container.Image, "/") {
		t.Errorf("the example runs the image %s", container.Image)
	}
	for name, o := range byName {
		selected := o.Spec.Selector
		if o.Kind == "NetworkPolicy" {
			selected = o.Spec.PodSelector
		}
		for key, value := range selected {
			if template.Metadata.Labels[key] != value {
				t.Errorf("%s selects %s=%s, which no replica has", name, key, value)
			}
		}
		switch o.Kind {
		case "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy":
			if len(selected) == 0 {
				t.Errorf("%s selects nothing", name)
			}
		case "HorizontalPodAutoscaler":
			if _, ok := byName[o.Spec.ScaleTargetRef.Kind+"/"+o.Spec.ScaleTargetRef.Name]; !ok {
				t.Errorf("%s scales %v", name, o.Spec.ScaleTargetRef)
			}
		}
		for _, port := range o.Spec.Ports {
			if !ports[port.TargetPort] {
				t.Errorf("%s leads to the port %q", name, port.TargetPort)
			}
		}
		for _, rule := range o.Spec.Ingress {
			for _, port := range rule.Ports {
				if !ports[port.Port] {
					t.Errorf("%s opens the port %q", name, port.Port)
				}
			}
		}
	}
}
