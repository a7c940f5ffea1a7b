package servertls_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/pelcro-grpc/pelcro-grpc/internal/reload"
	"github.com/pelcro-grpc/pelcro-grpc/internal/servertls"
)

// soaking makes the tests run in full.
var soaking = os.Getenv("PELCRO_GRPC_SOAK") != ""

// perSecond is how many calls are begun in a second.
const perSecond = 200

// rotation is a server whose files all change while it is called.
type rotation struct {
	t       *testing.T
	dir     string
	ca      *issued
	address string
	reports chan error
	volumes int

	calls, failed atomic.Int64
}

func startRotation(t *testing.T, prepare func(r *rotation) servertls.Files) *rotation {
	t.Helper()
	r := &rotation{t: t, dir: t.TempDir(), ca: authority(t, "CA"), reports: make(chan error, 100)}
	identity := servertls.New(prepare(r))
	followed, err := reload.Open(identity.Names(), identity.Load)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { followed.Watch(ctx, func(err error) { r.reports <- err }) })

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.address = listener.Addr().String()
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(identity.Config())))
	healthpb.RegisterHealthServer(server, health.NewServer())
	running.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		server.Stop()
		cancel()
		running.Wait()
	})
	return r
}

// write writes the files as a deployment tool does: each is renamed into place.
func (r *rotation) write(files map[string][]byte) {
	r.t.Helper()
	for name, content := range files {
		name = filepath.Join(r.dir, name)
		if err := os.WriteFile(name+".new", content, 0o600); err != nil {
			r.t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			r.t.Fatal(err)
		}
	}
}

// volume writes them as the kubelet does: all together, by a link that is swapped.
func (r *rotation) volume(files map[string][]byte) {
	r.t.Helper()
	r.volumes++
	folder := "..2026_" + strconv.Itoa(r.volumes)
	if err := os.Mkdir(filepath.Join(r.dir, folder), 0o700); err != nil {
		r.t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(r.dir, folder, name), content, 0o600); err != nil {
			r.t.Fatal(err)
		}
		if r.volumes == 1 {
			r.link(name, filepath.Join("..data", name))
		}
	}
	r.link("..data", folder)
}

func (r *rotation) link(name, target string) {
	r.t.Helper()
	temporary := filepath.Join(r.dir, "..tmp")
	if err := os.Symlink(target, temporary); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(temporary, filepath.Join(r.dir, name)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rotation) files() servertls.Files {
	in := func(name string) string { return filepath.Join(r.dir, name) }
	return servertls.Files{Cert: in("tls.crt"), Key: in("tls.key"), ClientCA: in("ca.crt")}
}

// conn is a connection of the caller.
func (r *rotation) conn(caller *issued) *grpc.ClientConn {
	conn, err := grpc.NewClient("passthrough:///"+r.address, grpc.WithTransportCredentials(credentials.NewTLS(client(r.ca, caller))))
	if err != nil {
		r.t.Error(err)
	}
	return conn
}

func (r *rotation) call(conn *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	r.calls.Add(1)
	if _, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}); err != nil {
		r.failed.Add(1)
		r.t.Error(err)
	}
}

// load calls until the context ends: each tenth call on a new connection, the others on one that
// stays open.
func (r *rotation) load(ctx context.Context, caller *issued) {
	var calls sync.WaitGroup
	defer calls.Wait()
	kept := r.conn(caller)
	defer func() {
		calls.Wait()
		kept.Close()
	}()
	ticker := time.NewTicker(time.Second / perSecond)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		calls.Go(func() {
			if n%10 != 0 {
				r.call(kept)
				return
			}
			fresh := r.conn(caller)
			defer fresh.Close()
			r.call(fresh)
		})
	}
}

// mustShow waits until handshakes show the certificate.
func (r *rotation) mustShow(own, caller *issued) {
	r.t.Helper()
	begin := time.Now()
	select {
	case err := <-r.reports:
		if err != nil {
			r.t.Fatal(err)
		}
	case <-time.After(testTimeout):
		r.t.Fatal("the new files are not used")
	}
	if took := time.Since(begin); took > reload.Delay+time.Second {
		r.t.Errorf("the new files were used after %v", took)
	}
	conn, err := dial(r.t, r.address, client(r.ca, caller))
	if err != nil {
		r.t.Fatal(err)
	}
	if !conn.ConnectionState().PeerCertificates[0].Equal(own.certificate) {
		r.t.Error("another certificate is shown")
	}
}

// TestRotation: the service's certificate and the clients' CA change while 200 calls begin each
// second, and no call fails.
func TestRotation(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*rotation, map[string][]byte)
	}{
		{"rename", (*rotation).write},
		{"Kubernetes", (*rotation).volume},
	} {
		t.Run(test.name, func(t *testing.T) {
			callersOld, callersNew := authority(t, "callers"), authority(t, "callers")
			caller, later := issue(t, callersOld), issue(t, callersNew)
			var own *issued
			contents := func(r *rotation, cas ...*issued) map[string][]byte {
				own = issue(t, r.ca)
				var bundle []byte
				for _, ca := range cas {
					bundle = append(bundle, ca.cert()...)
				}
				return map[string][]byte{"tls.crt": own.cert(), "tls.key": own.keyPEM(t), "ca.crt": bundle}
			}
			r := startRotation(t, func(r *rotation) servertls.Files {
				test.change(r, contents(r, callersOld))
				return r.files()
			})
			turns := 1
			if soaking {
				turns = 30
			}
			for range turns {
				ctx, cancel := context.WithCancel(t.Context())
				var callers sync.WaitGroup
				callers.Go(func() { r.load(ctx, caller) })
				test.change(r, contents(r, callersOld, callersNew))
				r.mustShow(own, caller)

				// The callers move to certificates of the new CA, then the old one goes.
				cancel()
				callers.Wait()
				ctx, cancel = context.WithCancel(t.Context())
				callers.Go(func() { r.load(ctx, later) })
				test.change(r, contents(r, callersNew))
				r.mustShow(own, later)
				if _, err := dial(t, r.address, client(r.ca, caller)); err == nil {
					t.Error("a client of the old CA connects")
				}
				cancel()
				callers.Wait()
				callersOld, callersNew, caller, later = callersNew, callersOld, later, caller
			}
			t.Logf("%d of %d calls failed", r.failed.Load(), r.calls.Load())
			if r.calls.Load() < int64(turns)*perSecond/2 {
				t.Errorf("%d calls are too few to tell", r.calls.Load())
			}
		})
	}
}
