package deploy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// deployedMetrics returns the metrics of a program that runs as deploy/ runs it, with everything that
// has a metric: TLS, callers, and a key in a file. One caller has made a call.
func deployedMetrics(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	ca := testkit.NewAuthority(t, "CA")
	own := testkit.Issue(t, ca, testkit.ForHost)
	token, line := testkit.Caller("billing", "*")
	p := testkit.StartGateway(t, "--pelcro-url="+testkit.Upstream(t, sandbox.New(sandbox.Config{}))+sandbox.BasePath,
		"--site-id="+strconv.Itoa(sandbox.DefaultSiteID), "--pelcro-api-key-file="+testkit.File(t, sandbox.DefaultAPIKey),
		"--tls-cert="+testkit.File(t, own.CertPEM()), "--tls-key="+testkit.File(t, own.KeyPEM(t)),
		"--auth-tokens-file="+testkit.File(t, line), "--rate-limit=auto")
	p.Log.Match(t, `"msg":"the limit of Pelcro's account"`)
	conn := gatewaytest.Dial(t, p.Address, grpc.WithTransportCredentials(credentials.NewTLS(ca.Client(nil))))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
	if _, err := pelcrov1.NewCustomerServiceClient(conn).GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 1001}); err != nil {
		t.Fatal(err)
	}
	return testkit.Metrics(t, p.Admin)
}

// alert is a rule of deploy/prometheus/alerts.yaml.
type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/prometheus/alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// dashboardQueries returns every query of the dashboard.
func dashboardQueries(t *testing.T) (queries []string) {
	t.Helper()
	var dashboard any
	if err := json.Unmarshal([]byte(read(t, "deploy/grafana/dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(node)) {
				text, isText := node[name].(string)
				if isText && (name == "expr" || name == "definition") {
					queries = append(queries, text)
				}
				walk(node[name])
			}
		case []any:
			for _, each := range node {
				walk(each)
			}
		}
	}
	walk(dashboard)
	return queries
}

// selector is a metric of a query, with the matchers of its labels.
type selector struct {
	metric   string
	matchers [][2]string // label and value
}

var (
	withBraces = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}`)
	matcher    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"`)
	// notMetrics are the parts of a query with other names: labels, ranges, units of numbers.
	notMetrics = regexp.MustCompile(`\[[^]]*\]|\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)|\b[0-9][0-9.]*[smhdwy]?\b`)
	word       = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*\s*\(?`)
	keywords   = []string{"and", "or", "unless", "bool", "offset"}
)

// selectors returns the metrics of a query, those with braces first. An unknown word counts as a
// metric, so that none is missed.
func selectors(query string) (found []selector) {
	if metric, ok := strings.CutPrefix(query, "label_values("); ok { // Grafana's own
		metric, _, _ = strings.Cut(metric, ",")
		return []selector{{metric: metric}}
	}
	for _, parts := range withBraces.FindAllStringSubmatch(query, -1) {
		s := selector{metric: parts[1]}
		for _, pair := range matcher.FindAllStringSubmatch(parts[2], -1) {
			s.matchers = append(s.matchers, [2]string{pair[1], pair[2]})
		}
		found = append(found, s)
	}
	query = notMetrics.ReplaceAllString(withBraces.ReplaceAllString(query, " "), " ")
	for _, name := range word.FindAllString(query, -1) {
		if name = strings.TrimSpace(name); !strings.HasSuffix(name, "(") && !slices.Contains(keywords, name) {
			found = append(found, selector{metric: name})
		}
	}
	return found
}

func TestSelectors(t *testing.T) {
	for query, want := range map[string]string{
		`absent(a_b)`: "[{a_b []}]",
		`sum by (job) (rate(a{x="1|2", y=~"(3)"}[10m])) / on (job) group_left () b > 0.05 and c_total[5m]`: "[{a [[x 1|2] [y (3)]]} {b []} {c_total []}]",
		`min(a) - time() < 14 * 24 * 3600`:                                 "[{a []}]",
		`sum(rate(a{job=~"$job"}[$__rate_interval])) or vector(0)`:         "[{a [[job $job]]}]",
		`label_values(a, job)`:                                             "[{a []}]",
		`count by (v) (a{x="y"}) unless count by (v) (b{x="y"} offset 5m)`: "[{a [[x y]]} {b [[x y]]}]",
	} {
		if got := fmt.Sprint(selectors(query)); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

// TestDeployMetrics: a running service has every metric, every label and every value of a label in
// the alerts and the dashboard. A rule on a name that does not exist would never fire.
func TestDeployMetrics(t *testing.T) {
	families := deployedMetrics(t)
	queries := dashboardQueries(t)
	for _, rule := range alerts(t) {
		queries = append(queries, rule.Expr)
	}
	used := map[string]bool{}
	for _, query := range queries {
		for _, s := range selectors(query) {
			family, suffix := familyOf(families, s.metric)
			if family == nil {
				t.Errorf("no metric %s: %s", s.metric, query)
				continue
			}
			used[family.GetName()] = true
			have := labelsOf(family)
			for _, m := range s.matchers {
				label, value := m[0], m[1]
				switch {
				case label == "job" || label == "instance" || suffix == "_bucket" && label == "le":
				case have[label] == nil:
					t.Errorf("%s has no label %s: %s", s.metric, label, query)
				default:
					for each := range strings.SplitSeq(value, "|") {
						if !have[label][each] {
							t.Errorf("%s has no %s=%q: %s", s.metric, label, each, query)
						}
					}
				}
			}
		}
	}
	// Operators see every metric of this service.
	shown := strings.Join(queries, "\n")
	for name := range families {
		if strings.HasPrefix(name, "pelcro_grpc_") && !used[name] {
			t.Errorf("neither an alert nor the dashboard has %s", name)
		}
	}
	for _, by := range regexp.MustCompile(`\bby \(([^)]*)\)`).FindAllStringSubmatch(shown, -1) {
		for label := range strings.SplitSeq(by[1], ",") {
			if label = strings.TrimSpace(label); label != "job" && label != "instance" && label != "le" && !anyHas(families, label) {
				t.Errorf("no metric has the label %s", label)
			}
		}
	}
}

// familyOf finds the family of a series: those of a histogram have suffixes.
func familyOf(families map[string]*dto.MetricFamily, metric string) (family *dto.MetricFamily, suffix string) {
	if family = families[metric]; family != nil && family.GetType() != dto.MetricType_HISTOGRAM {
		return family, ""
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if name, ok := strings.CutSuffix(metric, suffix); ok && families[name].GetType() == dto.MetricType_HISTOGRAM {
			return families[name], suffix
		}
	}
	return nil, ""
}

// labelsOf returns the values of each label.
func labelsOf(family *dto.MetricFamily) map[string]map[string]bool {
	labels := map[string]map[string]bool{}
	for _, metric := range family.GetMetric() {
		for _, pair := range metric.GetLabel() {
			if labels[pair.GetName()] == nil {
				labels[pair.GetName()] = map[string]bool{}
			}
			labels[pair.GetName()][pair.GetValue()] = true
		}
	}
	return labels
}

func anyHas(families map[string]*dto.MetricFamily, label string) bool {
	for _, family := range families {
		if labelsOf(family)[label] != nil {
			return true
		}
	}
	return false
}

// TestAlertsAreExplained: an alert has a severity, tests, and a link to its section of
// docs/operations.md, which has no other sections there.
func TestAlertsAreExplained(t *testing.T) {
	_, section, _ := strings.Cut(read(t, "docs/operations.md"), "\n## Alerts\n")
	section, _, _ = strings.Cut(section, "\n## ")
	explained := map[string]bool{}
	for _, title := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(section, -1) {
		explained[title[1]] = true
	}
	tests := read(t, "deploy/prometheus/alerts_test.yaml")
	seen := map[string]bool{}
	for _, rule := range alerts(t) {
		if seen[rule.Alert] {
			t.Errorf("%s is defined twice", rule.Alert)
		}
		seen[rule.Alert] = true
		if !explained[rule.Alert] {
			t.Errorf("docs/operations.md, Alerts, does not explain %s", rule.Alert)
		}
		if urgency := rule.Labels["severity"]; urgency != "page" && urgency != "ticket" {
			t.Errorf("%s: severity %q", rule.Alert, urgency)
		}
		want := "https://github.com/pelcro-grpc/pelcro-grpc/blob/main/docs/operations.md#" + strings.ToLower(rule.Alert)
		if rule.Annotations["runbook_url"] != want || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("%s: annotations %v", rule.Alert, rule.Annotations)
		}
		if !strings.Contains(tests, `alertname="`+rule.Alert+`"`) {
			t.Errorf("alerts_test.yaml never has %s fire", rule.Alert)
		}
	}
	for title := range explained {
		if !seen[title] {
			t.Errorf("docs/operations.md explains %s, which is not an alert", title)
		}
	}
}

// TestDashboard: the dashboard can be imported, and each panel has a description and a unit.
func TestDashboard(t *testing.T) {
	var dashboard struct {
		ID            *int `json:"id"`
		SchemaVersion int  `json:"schemaVersion"`
		Panels        []struct {
			ID          int    `json:"id"`
			Type        string `json:"type"`
			Title       string `json:"title"`
			Description string `json:"description"`
			FieldConfig struct {
				Defaults struct {
					Unit string `json:"unit"`
				} `json:"defaults"`
			} `json:"fieldConfig"`
			Datasource struct {
				UID string `json:"uid"`
			} `json:"datasource"`
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(read(t, "deploy/grafana/dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	if dashboard.ID != nil || dashboard.SchemaVersion < 39 {
		t.Errorf("id %v, schema version %d", dashboard.ID, dashboard.SchemaVersion)
	}
	ids := map[int]bool{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] || panel.Title == "" {
			t.Errorf("panel %d (%s) is defined twice, or has no title", panel.ID, panel.Title)
		}
		ids[panel.ID] = true
		if panel.Type != "row" && (panel.Description == "" || panel.FieldConfig.Defaults.Unit == "" || panel.Datasource.UID != "${datasource}") {
			t.Errorf("%s: no description, no unit, or a data source of its own: %+v", panel.Title, panel)
		}
	}
	if len(ids) < 20 {
		t.Errorf("%d panels", len(ids))
	}
}
