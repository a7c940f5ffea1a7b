package verify

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// replacer makes up a value for each original one: the same for the same original, so that ids and
// texts that belong together still do. A made-up value shows only the form of the original.
type replacer struct {
	// originals are all values that are replaced. No made-up value is one of them.
	originals map[string]bool
	made      map[string]string
	used      map[string]bool
}

func newReplacer() *replacer {
	return &replacer{originals: map[string]bool{}, made: map[string]string{}, used: map[string]bool{}}
}

// The kinds of values, as the list of replacements names them.
const (
	kindEmail    = "e-mail address"
	kindID       = "id"
	kindTime     = "time"
	kindPhone    = "phone number"
	kindName     = "name"
	kindAddress  = "address"
	kindKey      = "key"
	kindURL      = "URL"
	kindMetadata = "metadata"
	kindOther    = "other"
)

var (
	emailForm = regexp.MustCompile(`[^\s"'<>(),;:=@]+@[A-Za-z0-9.-]+[A-Za-z0-9]`)
	uuidForm  = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	isoForm   = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}|$)`)
	urlForm   = regexp.MustCompile(`^https?://`)

	idNames      = regexp.MustCompile(`(?i)(?:^|_)ids?$|^(?:organization|default_source|plan|address|coupon|latest_invoice|addresses|subscriptions)$|_by$`)
	nameNames    = regexp.MustCompile(`(?i)name$|^(?:salutation|title|company|department)$`)
	addressNames = regexp.MustCompile(`(?i)^(?:line\d|city|state|country|postal_code|zip)$`)
)

// kindOf says what a value is, by the name of its attribute and its form.
func kindOf(name, value string, inMetadata bool) string {
	switch {
	case emailForm.MatchString(value):
		return kindEmail
	case urlForm.MatchString(value):
		return kindURL
	case inMetadata:
		return kindMetadata
	case timeNames.MatchString(name) || isoForm.MatchString(value):
		return kindTime
	case idNames.MatchString(name):
		return kindID
	case strings.Contains(name, "phone"):
		return kindPhone
	case addressNames.MatchString(name):
		return kindAddress
	case nameNames.MatchString(name):
		return kindName
	case strings.Contains(name, "key") || strings.Contains(name, "token") || strings.Contains(name, "secret"):
		return kindKey
	}
	return kindOther
}

// value returns what is made up for an original value.
func (r *replacer) value(kind, original string) string {
	if made, found := r.made[original]; found {
		return made
	}
	var made string
	for n := len(r.made); ; n++ {
		made = madeUp(kind, original, n)
		free := !r.originals[made] && !r.used[made]
		// Of a short form there may be none left.
		if free || n > len(r.made)+1000 {
			break
		}
	}
	r.made[original], r.used[made] = made, true
	return made
}

// madeUp returns the nth value of the form of the original.
func madeUp(kind, original string, n int) string {
	switch {
	case kind == kindEmail && emailForm.FindString(original) == original:
		return fmt.Sprintf("person%d@example.com", n)
	case kind == kindURL:
		return fmt.Sprintf("https://example.com/%d", n)
	case uuidForm.FindString(original) == original && original != "":
		return fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	case kind == kindTime && isoForm.MatchString(original):
		return fill(original, fmt.Sprintf("2024%02d%02d%02d0000", n/28%12+1, n%28+1, n%24))
	case kind == kindTime && isDigits(original) && len(original) == 10:
		return strconv.Itoa(1_700_000_000 + n*1000)
	}
	return sameForm(original, n)
}

// fill replaces the digits of a text by these, and those after them by 0.
func fill(text, digits string) string {
	i := 0
	return strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return c
		}
		i++
		if i > len(digits) {
			return '0'
		}
		return rune(digits[i-1])
	}, text)
}

// sameForm replaces each letter and each digit by another one; a number does not begin with 0.
func sameForm(text string, n int) string {
	position := 0
	// The position makes the characters of a text different, n the texts.
	next := func(alphabet string) rune {
		characters := []rune(alphabet)
		position++
		i := (n + 3*position) % len(characters)
		n /= len(characters)
		return characters[i]
	}
	return strings.Map(func(c rune) rune {
		switch {
		case c >= '0' && c <= '9':
			return next("123456789")
		case c >= 'A' && c <= 'Z':
			return next("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
		case c >= 'a' && c <= 'z':
			return next("abcdefghijklmnopqrstuvwxyz")
		case unicode.IsUpper(c):
			return next("ÄÉÎÕÜ")
		case unicode.IsLetter(c):
			return next("äéîõü")
		case unicode.IsDigit(c) || unicode.In(c, unicode.So):
			return '☺'
		}
		return c
	}, text)
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// inText are what is replaced in a sentence, whatever is known: addresses, keys and long numbers.
var inText = []struct {
	kind string
	form *regexp.Regexp
}{
	{kindKey, regexp.MustCompile(`\beyJ[\w-]{8,}(?:\.[\w-]+)*|\b[a-z]{2}_(?:live|test)_\w+|\b[0-9a-fA-F]{32,}\b|\b\d+\|[A-Za-z0-9]{20,}`)},
	{kindEmail, emailForm},
	{kindID, uuidForm},
	{kindOther, regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b`)}, // an IP address
	{kindOther, regexp.MustCompile(`\+?\d{5,}`)},
}

// text replaces the originals and whatever looks like a value in a sentence, a page or a header.
func (r *replacer) text(text string, found func(kind, made string)) string {
	for _, original := range r.longestFirst() {
		text = replaceWord(text, original, func() string {
			made := r.value(kindOther, original)
			found(kindOther, made)
			return made
		})
	}
	for _, form := range inText {
		text = form.form.ReplaceAllStringFunc(text, func(match string) string {
			if r.used[match] || match == showID(impossibleID) || match == "127.0.0.1" {
				return match
			}
			made := r.value(form.kind, match)
			found(form.kind, made)
			return made
		})
	}
	return text
}

// longestFirst are the originals that are replaced within a sentence. Short ones, and words in lower
// case, are in any sentence and tell nothing.
func (r *replacer) longestFirst() (words []string) {
	for original := range r.originals {
		if utf8.RuneCountInString(original) >= 3 && strings.Trim(original, "abcdefghijklmnopqrstuvwxyz_") != "" {
			words = append(words, original)
		}
	}
	slices.SortFunc(words, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return words
}

// replaceWord replaces a word where no letter or digit is beside it.
func replaceWord(text, word string, with func() string) string {
	if !strings.Contains(text, word) {
		return text
	}
	var b strings.Builder
	for {
		i := strings.Index(text, word)
		if i < 0 {
			return b.String() + text
		}
		before, after := []rune(text[:i]), []rune(text[i+len(word):])
		isPart := len(before) > 0 && isWord(before[len(before)-1]) || len(after) > 0 && isWord(after[0])
		b.WriteString(text[:i])
		if isPart {
			b.WriteString(word)
		} else {
			b.WriteString(with())
		}
		text = text[i+len(word):]
	}
}

func isWord(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }
