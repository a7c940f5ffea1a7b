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

// text, digits, integer and boolean read a decoded value as Laravel does. They are nil for null and
// for a value of another type.

func text(value any) *string {
	content, ok := value.(string)
	if !ok {
		return nil
	}
	return &content
}

func digits(value any) *string {
	content := text(value)
	if content == nil {
		return nil
	}
	return new(strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, *content))
}

// wholeNumber is an integer for PHP: without leading zeros.
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

// scalarText is a text, or a number as PHP converts it to a text: without a fraction of zero.
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

// truthy reports whether Laravel accepts the value as true.
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

// absent reports whether Laravel counts the value as not sent: null, whitespace, an empty array.
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

// size is the size that Laravel compares with a limit.
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

// numeric is a number for PHP.
var numeric = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// resourceArray is a map as a Laravel API resource shows it. If all keys are numbers, even with
// gaps, the map becomes a list of its values; so do the maps inside it. An empty map becomes a list.
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
