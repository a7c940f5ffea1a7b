//go:build e2e

package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// knownToLaravel8 is what the check finds: Laravel 8 has no text for a missing route, as
// knownDifferences says.
const knownToLaravel8 = "a path that does not exist looks like a missing customer"

// checkReport is what check --json prints, as far as the test needs it.
type checkReport struct {
	Requests []struct {
		Request     string `json:"request"`
		Differences []struct {
			Text    string `json:"text"`
			Affects []struct {
				Feature string `json:"feature"`
			} `json:"affects"`
		} `json:"differences"`
	} `json:"requests"`
	Aborted string `json:"aborted"`
}

// check in front of a real Laravel names its differences and nothing else, sends only reads, and saves
// no value of a customer.
func TestCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		env  []string
		want []string // a difference and its feature
	}{
		{"documented", nil, []string{knownToLaravel8 + ": wrong URL"}},
		{"422 instead of 400", []string{"PELCRO_VALIDATION=stock"}, []string{
			knownToLaravel8 + ": wrong URL", "invalid requests are HTTP 422 instead of 400: field errors",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := startLaravel(t, test.env...)
			directory := filepath.Join(t.TempDir(), "saved")
			command := exec.Command(testkit.Program(t), "check", "--json", "--pelcro-url="+l.url, "--site-id=1", "--save="+directory)
			command.Env = environment("PELCRO_GRPC_PELCRO_API_KEY=" + goodKey)
			output, err := command.Output()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Fatalf("%v: %s", err, output)
			}
			var report checkReport
			if err := json.Unmarshal(output, &report); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, request := range report.Requests {
				if !strings.HasPrefix(request.Request, "GET ") {
					t.Errorf("not a read: %s", request.Request)
				}
				for _, d := range request.Differences {
					got = append(got, d.Text+": "+d.Affects[0].Feature)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) || report.Aborted != "" {
				t.Errorf("got %q, want %q, %s", got, test.want, report.Aborted)
			}
			mustSaveNone(t, directory, laravelValues(t, l))
		})
	}
}

// laravelValues returns the values of Laravel's customers that could belong to a person or an account.
func laravelValues(t *testing.T, l *laravel) map[string]bool {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, l.url+"/customers?site_id=1&limit=100&expand=addresses,defaultSource,organization,subscriptions", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+goodKey)
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body struct {
		Data []map[string]any `json:"data"`
	}
	decoder := json.NewDecoder(response.Body)
	decoder.UseNumber()
	if err := decoder.Decode(&body); err != nil || len(body.Data) < 8 {
		t.Fatalf("%v, %d customers", err, len(body.Data))
	}
	values := map[string]bool{}
	for _, customer := range body.Data {
		collectValues("", customer, values)
	}
	return values
}

// fixedValues are attributes whose values are from fixed lists.
var fixedValues = regexp.MustCompile(`\.(status|type|billing|object_gateway|brand|funding|canceled_by_type)$`)

func collectValues(path string, value any, values map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			collectValues(path+"."+name, member, values)
		}
	case []any:
		for _, element := range value {
			collectValues(path, element, values)
		}
	case string, json.Number:
		isFixed := fixedValues.MatchString(path) && !strings.Contains(path, ".metadata")
		// "phone" and "first" are also names in every response.
		if text := fmt.Sprint(value); len(text) > 2 && !isFixed && text != "phone" && text != "first" {
			values[text] = true
		}
	}
}

func mustSaveNone(t *testing.T, directory string, values map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*"))
	if err != nil || len(files) < 10 || len(values) < 50 {
		t.Fatalf("%v, %d files, %d values", err, len(files), len(values))
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for value := range values {
			word := regexp.MustCompile(`(?:^|[^\pL\pN_.])` + regexp.QuoteMeta(value) + `(?:$|[^\pL\pN_])`)
			if at := word.FindIndex(raw); at != nil {
				t.Errorf("%s has %q: …%s…", filepath.Base(file), value, raw[max(0, at[0]-60):min(len(raw), at[1]+60)])
			}
		}
	}
}
