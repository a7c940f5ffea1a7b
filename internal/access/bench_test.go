package access

import (
	"fmt"
	"strings"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// BenchmarkAuthorize is the cost of a decision, beside that of a map, which would
// be the plain way: its time depends on the hash.
func BenchmarkAuthorize(b *testing.B) {
	const method = "/pelcro.v1.CustomerService/GetCustomer"
	for _, callers := range []int{1, 10, 100, maxLines} {
		var file strings.Builder
		plain := map[digest]int{}
		token := ""
		for i := range callers {
			made, line, err := NewToken(fmt.Sprint("caller", i), method[1:])
			if err != nil {
				b.Fatal(err)
			}
			fmt.Fprintln(&file, line)
			plain[digestOf(made)] = i
			if i == callers/2 {
				token = made
			}
		}
		list, err := Parse([]byte(file.String()))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, refused := list.Authorize(token, nil, method); refused != pelcrov1.ErrorReason_ERROR_REASON_UNSPECIFIED {
					b.Fatal(refused)
				}
			}
		})
		b.Run(fmt.Sprintf("callers=%d/map", callers), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				i, found := plain[digestOf(token)]
				service, name, _ := splitMethod(method)
				if !found || !list.tokens[i].rights.allow(service, name) {
					b.Fatal(i)
				}
			}
		})
	}
}
