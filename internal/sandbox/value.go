package sandbox

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// text, digits, integer and boolean read a decoded value as Laravel does, and are
// nil for null and for what is no such value.

func text(value any) *string {
	content, ok := value.(string)
	if !ok {
		return nil
	}
	return &content
}

func digits(value any) *string {
	content, ok := value.(string)
	if !ok {
		return nil
	}
	return new(strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, content))
}

// wholeNumber is what PHP takes for an integer: no zeros in front.
var wholeNumber = regexp.MustCompile(`^[+-]?(0|[1-9][0-9]*)$`)

func integer(value any) *int64 {
	content, _ := scalarText(value)
	if value == true {
		content = "1"
	}
	n, err := strconv.ParseInt(content, 10, 64)
	if err != nil || !wholeNumber.MatchString(content) {
		return nil
	}
	return &n
}

// scalarText is a text, or a number as PHP makes a text of it: without the fraction
// if that is zero.
func scalarText(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case json.Number:
		n, err := strconv.ParseInt(value.String(), 10, 64)
		if err == nil {
			return strconv.FormatInt(n, 10), true
		}
		const exact = 1e15 // from here on PHP writes an exponent
		f, _ := value.Float64()
		if math.Abs(f) < exact {
			return strconv.FormatFloat(f, 'f', -1, 64), true
		}
		return strconv.FormatFloat(f, 'E', -1, 64), true
	}
	return "", false
}

func boolean(value any) *bool {
	switch value {
	case true, json.Number("1"), "1":
		return new(true)
	case false, json.Number("0"), "0":
		return new(false)
	}
	return nil
}

// truthy is what PHP takes for a yes.
func truthy(value any) bool {
	if value == true {
		return true
	}
	content, _ := scalarText(value)
	switch strings.ToLower(content) {
	case "1", "true", "on", "yes":
		return true
	}
	return false
}

// absent is what Laravel counts as not sent: an empty array, and a text of blanks,
// too.
func absent(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case string:
		return trim(value) == ""
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	return false
}

// size is what Laravel compares with a limit.
func size(value any) int {
	switch value := value.(type) {
	case map[string]any:
		return len(value)
	case []any:
		return len(value)
	}
	content, _ := scalarText(value)
	return utf8.RuneCountInString(content)
}

// numeric are the texts that PHP takes for a number.
var numeric = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// resourceArray is a map as a Laravel API resource shows it. Where all keys are
// numbers they are lost, whether there are gaps or not, and a list remains; so it is
// with the maps inside. The empty map is a list too.
func resourceArray(entries map[string]any) any {
	shown := make(map[string]any, len(entries))
	keys := slices.Sorted(maps.Keys(entries))
	for _, key := range keys {
		shown[key] = resourceValue(entries[key])
	}
	if slices.ContainsFunc(keys, func(key string) bool { return !numeric.MatchString(key) }) {
		return shown
	}
	slices.SortStableFunc(keys, func(a, b string) int {
		x, _ := strconv.ParseFloat(a, 64)
		y, _ := strconv.ParseFloat(b, 64)
		return cmp.Compare(x, y)
	})
	list := make([]any, len(keys))
	for i, key := range keys {
		list[i] = shown[key]
	}
	return list
}

func resourceValue(value any) any {
	switch value := value.(type) {
	case map[string]any:
		return resourceArray(value)
	case []any:
		list := make([]any, len(value))
		for i := range value {
			list[i] = resourceValue(value[i])
		}
		return list
	}
	return value
}
