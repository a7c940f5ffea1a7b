//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// application is the folder of the Laravel application.
const application = "../laravel"

// The API keys in its database. The one with all permissions is the sandbox's, so that
// both need the same gateway configuration.
const (
	goodKey     = sandbox.DefaultAPIKey
	readOnlyKey = "read-only-key"
	expiredKey  = "expired-key"
	wrongKey    = "no-such-key"
)

// postMaxSize is PHP's limit of a body, equal to the sandbox's.
const postMaxSize = "1M"

// A laravel is a running application.
type laravel struct {
	*process
	url     string // of the API
	storage string // the folder of its database
	env     []string
}

const developmentServer = `Development Server \((http://[^)]+)\) started`

// startLaravel runs the application with a new database. Its rate limit is the
// sandbox's unless env, a list of NAME=value, changes it.
func startLaravel(t *testing.T, env ...string) *laravel {
	t.Helper()
	storage := t.TempDir()
	database, err := os.ReadFile(filepath.Join(seeded(), "database.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(storage, "database.sqlite"), database, 0o600); err != nil {
		t.Fatal(err)
	}
	return startLaravelIn(t, storage, env...)
}

// startLaravelIn runs the application with an existing database.
func startLaravelIn(t *testing.T, storage string, env ...string) *laravel {
	t.Helper()
	l := &laravel{
		storage: storage,
		env: environment(append([]string{
			"PELCRO_STORAGE=" + storage, fmt.Sprint("PELCRO_REQUESTS_PER_MINUTE=", sandbox.DefaultRequestsPerMinute),
		}, env...)...),
	}
	command := exec.Command("php", "-d", "opcache.enable_cli=1", "-d", "display_errors=0", "-d", "log_errors=0",
		"-d", "post_max_size="+postMaxSize, "-S", "127.0.0.1:0", "-t", "public", "public/index.php")
	command.Dir, command.Env = application, l.env
	var root string
	l.process, root = serve(t, command, developmentServer)
	l.url = root + sandbox.BasePath
	return l
}

// artisan runs a command of Laravel.
func (l *laravel) artisan(t *testing.T, arguments ...string) {
	t.Helper()
	command := exec.Command("php", append([]string{"artisan"}, arguments...)...)
	command.Dir, command.Env = application, l.env
	mustRun(t, command)
}

// seeded returns a folder with a fresh database, created once.
var seeded = sync.OnceValue(func() string {
	storage := filepath.Join(built, "storage")
	if err := os.MkdirAll(storage, 0o700); err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(storage, "database.sqlite"), nil, 0o600); err != nil {
		panic(err)
	}
	command := exec.Command("php", "artisan", "migrate", "--seed", "--force")
	command.Dir, command.Env = application, environment("PELCRO_STORAGE="+storage)
	if output, err := command.CombinedOutput(); err != nil {
		panic(strings.Join(command.Args, " ") + ": " + err.Error() + "\n" + string(output))
	}
	return storage
})
