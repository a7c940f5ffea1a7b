package pelcro

import (
	"encoding/json"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Attributes are the JSON attributes of a customer, in the order in which they are
// sent.
type Attributes []Attribute

// Attribute is one of them; a nil value is sent as null.
type Attribute struct {
	Name  string
	Value any
}

// Set gives an attribute a value, instead of the one that it has, if any.
func (a *Attributes) Set(name string, value any) {
	for i := range *a {
		if (*a)[i].Name == name {
			(*a)[i].Value = value
			return
		}
	}
	*a = append(*a, Attribute{name, value})
}

// usualBody is enough for most requests, in bytes.
const usualBody = 512

// json returns the object that the attributes are. A map would need sorting and
// reflection for the same.
func (a *Attributes) json() ([]byte, error) {
	b := append(make([]byte, 0, usualBody), '{')
	for i, attribute := range *a {
		if i > 0 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, attribute.Name) // constants of ours
		b = append(b, ':')
		var err error
		if b, err = appendValue(b, attribute.Value); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendValue(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...), nil
	case string:
		return jsontext.AppendQuote(b, v)
	case bool:
		return strconv.AppendBool(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	}
	raw, err := json.Marshal(value) // metadata
	return append(b, raw...), err
}
