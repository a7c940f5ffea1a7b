package sandbox_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

func ExampleNew() {
	server := httptest.NewServer(sandbox.New(sandbox.Config{}))
	defer server.Close()

	request, _ := http.NewRequest("GET", server.URL+sandbox.BasePath+"/customers/503?site_id=1", nil)
	request.Header.Set("Authorization", "Bearer "+sandbox.DefaultAPIKey)
	request.Header.Set("Accept", "application/json")
	response, err := server.Client().Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Println(response.Status, "Retry-After:", response.Header.Get("Retry-After"))
	fmt.Println(string(body))
	// Output:
	// 503 Service Unavailable Retry-After: 60
	// {
	//     "message": "Service Unavailable"
	// }
}
