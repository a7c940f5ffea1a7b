package access_test

import (
	"reflect"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/access"
)

// TestCaller: what a line says about its caller, whichever of its credentials a call has.
func TestCaller(t *testing.T) {
	hash := hashOf("a token")
	for _, test := range []struct {
		name, file string
		want       access.Caller
	}{
		{"nothing", "a " + hash + " *", access.Caller{Name: "a", Share: 1}},
		{"everything", "a " + hash + " * share=3 class=bulk sites=12,13", access.Caller{Name: "a", Share: 3, Bulk: true, Sites: []int32{12, 13}}},
		{"another order", "a " + hash + " * sites=13,12,13\tclass=bulk share=3 # c", access.Caller{Name: "a", Share: 3, Bulk: true, Sites: []int32{12, 13}}},
		{"what holds anyway", "a " + hash + " * share=1 class=interactive", access.Caller{Name: "a", Share: 1}},
		{"the largest values", "a " + hash + " * share=1000 sites=2147483647", access.Caller{Name: "a", Share: 1000, Sites: []int32{2147483647}}},
		{"lines that agree", "a dns:a.example.org a.B/C sites=1,2\na " + hash + " * share=1 sites=2,1\n", access.Caller{Name: "a", Share: 1, Sites: []int32{1, 2}}},
		{"lines of others", "b dns:b.example.org * share=9\na " + hash + " *\n", access.Caller{Name: "a", Share: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			caller, err := parse(t, test.file).Authorize("a token", nil, get)
			if err != allowed || !reflect.DeepEqual(caller, test.want) {
				t.Errorf("%+v %v, want %+v", caller, err, test.want)
			}
		})
	}
}

// TestCallerProblems: a wrong option is reported with its line and its remedy, without quoting it.
func TestCallerProblems(t *testing.T) {
	const (
		badShare  = "after share= write a whole number from 1 to 1000; a caller without it has 1"
		badClass  = "after class= write interactive or bulk; a caller without it is interactive"
		badSites  = "after sites= write site ids with commas and without whitespace, for example sites=12,13; leave it out for all sites"
		badOption = "after METHODS only share=NUMBER, class=interactive or class=bulk, and sites=ID[,ID] may follow, in lower case"
		twice     = "it has an option twice; write each of share=, class= and sites= at most once"
		differs   = "share=, class= and sites= belong to the NAME and differ from line 1; write the same ones in each of its lines"
	)
	line := "a " + hashOf("a token") + " *"
	for _, test := range []struct{ name, file, want string }{
		{"no share", line + " share=", "line 1: " + badShare},
		{"a share of nothing", line + " share=0", "line 1: " + badShare},
		{"a negative share", line + " share=-1", "line 1: " + badShare},
		{"a signed share", line + " share=+1", "line 1: " + badShare},
		{"half a share", line + " share=0.5", "line 1: " + badShare},
		{"a large share", line + " share=1001", "line 1: " + badShare},
		{"no class", line + " class=", "line 1: " + badClass},
		{"another class", line + " class=" + canary, "line 1: " + badClass},
		{"no site", line + " sites=", "line 1: " + badSites},
		{"site 0", line + " sites=0", "line 1: " + badSites},
		{"a large site", line + " sites=2147483648", "line 1: " + badSites},
		{"a comma at the end", line + " sites=1,", "line 1: " + badSites},
		{"a space between sites", line + " sites=1, 2", "line 1: " + badSites + "\nline 1: " + badOption},
		{"another option", line + " site=1", "line 1: " + badOption},
		{"upper case", line + " Share=1", "line 1: " + badOption},
		{"a word behind", line + " share=1 " + canary, "line 1: " + badOption},
		{"twice", line + " share=1 share=1", "line 1: " + twice},
		{"lines that differ", line + " share=2\na dns:a.example.org * share=3", "line 2: " + differs},
		{"a line without it", line + " sites=1\na dns:a.example.org *", "line 2: " + differs},
		{"all together", line + " share=x class=y sites=z", "line 1: " + badShare + "\nline 1: " + badClass + "\nline 1: " + badSites},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := access.Parse([]byte(test.file)); err == nil || err.Error() != test.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
		})
	}
}
