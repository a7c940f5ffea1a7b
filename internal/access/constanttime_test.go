package access_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayTouch are the foreign functions that a token's hash may be given to. None of
// them is faster for a hash that is almost right.
var mayTouch = []string{
	"crypto/subtle.ConstantTimeCompare", "encoding/hex.EncodeToString", "encoding/hex.Decode",
	"(*sync/atomic.Pointer[access.List]).Store",
	"append", "copy", "len", "cap",
}

// comparisons finds code that could learn by its own time how much of a token is
// right: anything that compares a hash, or takes it to where that can happen,
// other than crypto/subtle.
type comparisons struct {
	files   *token.FileSet
	pkg     *types.Package
	info    *types.Info
	parents []ast.Node
	found   []string
}

// isHash reports whether the type is that of a hash.
func (c *comparisons) isHash(t types.Type) bool {
	if named, ok := types.Unalias(t).(*types.Named); ok && named.Obj().Pkg() == c.pkg && named.Obj().Name() == "digest" {
		return true
	}
	array, ok := t.Underlying().(*types.Array) // the result of sha256.Sum256
	return ok && array.Len() == 32 && types.Identical(array.Elem(), types.Typ[types.Uint8])
}

// holds reports whether a value of the type has a hash in it; reaching follows
// slices and pointers, too, which == does not.
func (c *comparisons) holds(t types.Type, reaching bool, seen ...types.Type) bool {
	if t == nil || slices.Contains(seen, t) {
		return false
	}
	seen = append(seen, t)
	if c.isHash(t) {
		return true
	}
	switch under := t.Underlying().(type) {
	case *types.Array:
		return c.holds(under.Elem(), reaching, seen...)
	case *types.Struct:
		for field := range under.Fields() {
			if c.holds(field.Type(), reaching, seen...) {
				return true
			}
		}
	case *types.Slice:
		return reaching && c.holds(under.Elem(), reaching, seen...)
	case *types.Pointer:
		return reaching && c.holds(under.Elem(), reaching, seen...)
	case *types.Map:
		return reaching && (c.holds(under.Key(), reaching, seen...) || c.holds(under.Elem(), reaching, seen...))
	}
	return false
}

func (c *comparisons) typeOf(e ast.Expr) types.Type { return c.info.TypeOf(e) }

// pointsTo reports whether the expression is a hash or a pointer to one.
func (c *comparisons) pointsTo(e ast.Expr) bool {
	t := c.typeOf(e)
	if t == nil {
		return false
	}
	if pointer, ok := t.Underlying().(*types.Pointer); ok {
		t = pointer.Elem()
	}
	return c.isHash(t)
}

// callee returns the name of a function that is not of the package, empty for
// the package's own and for conversions.
func (c *comparisons) callee(call *ast.CallExpr) string {
	var name *ast.Ident
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		name = f
	case *ast.SelectorExpr:
		name = f.Sel
	default:
		return "a function without a name"
	}
	switch object := c.info.ObjectOf(name).(type) {
	case *types.Builtin:
		return object.Name()
	case *types.Func:
		if object.Pkg() != c.pkg {
			return object.FullName()
		}
	case *types.Var:
		return "a function without a name"
	}
	return ""
}

func (c *comparisons) report(node ast.Node, what string) {
	position := c.files.Position(node.Pos())
	c.found = append(c.found, position.String()+": "+what)
}

func (c *comparisons) inspect(node ast.Node) bool {
	if node == nil {
		c.parents = c.parents[:len(c.parents)-1]
		return true
	}
	var parent ast.Node
	if len(c.parents) > 0 {
		parent = c.parents[len(c.parents)-1]
	}
	c.parents = append(c.parents, node)

	switch n := node.(type) {
	case *ast.BinaryExpr:
		compares := slices.Contains([]token.Token{token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ}, n.Op)
		if compares && (c.holds(c.typeOf(n.X), false) || c.holds(c.typeOf(n.Y), false)) {
			c.report(n, n.Op.String()+" compares a hash")
		}
	case *ast.SwitchStmt:
		if n.Tag != nil && c.holds(c.typeOf(n.Tag), false) {
			c.report(n, "a switch compares a hash")
		}
	case *ast.MapType:
		if c.holds(c.typeOf(n.Key), true) {
			c.report(n, "a map looks a hash up")
		}
	case *ast.IndexExpr:
		if c.pointsTo(n.X) {
			c.report(n, "a byte of a hash")
		}
	case *ast.RangeStmt:
		if c.pointsTo(n.X) {
			c.report(n, "the bytes of a hash, one by one")
		}
	case *ast.SliceExpr:
		call, isCall := parent.(*ast.CallExpr)
		if c.pointsTo(n.X) && (!isCall || !slices.Contains(mayTouch, c.callee(call))) {
			c.report(n, "the bytes of a hash")
		}
	case *ast.CallExpr:
		c.call(n, parent)
	}
	return true
}

func (c *comparisons) call(n *ast.CallExpr, parent ast.Node) {
	if c.info.Types[n.Fun].IsType() {
		if len(n.Args) == 1 && c.holds(c.typeOf(n.Args[0]), true) && !c.isHash(c.typeOf(n)) {
			c.report(n, "a hash as something else")
		}
		return
	}
	name := c.callee(n)
	if name == "encoding/hex.EncodeToString" {
		if sum, ok := parent.(*ast.BinaryExpr); !ok || sum.Op != token.ADD {
			c.report(n, "a hash as a text of its own")
		}
	}
	if name == "" || slices.Contains(mayTouch, name) {
		return
	}
	for _, arg := range n.Args {
		if c.holds(c.typeOf(arg), true) {
			c.report(n, name+" is given a hash")
		}
	}
}

// exports finds the compiled packages that the type checker needs.
func exports(t *testing.T) func(path string) (io.ReadCloser, error) {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export", ".", "bytes", "reflect", "slices", "strings", "sync", "fmt").Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ ImportPath, Export string }
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		files[p.ImportPath] = p.Export
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}

// check returns what it finds in the sources, by file name; nil reads the file.
func check(t *testing.T, lookup func(string) (io.ReadCloser, error), sources map[string]any) []string {
	t.Helper()
	c := &comparisons{files: token.NewFileSet(), info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{},
	}}
	var parsed []*ast.File
	for name, source := range sources {
		f, err := parser.ParseFile(c.files, name, source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	c.pkg = types.NewPackage("access", "access")
	config := types.Config{Importer: importer.ForCompiler(c.files, "gc", lookup)}
	if err := types.NewChecker(&config, c.files, c.pkg, c.info).Files(parsed); err != nil {
		t.Fatal(err)
	}
	for _, f := range parsed {
		ast.Inspect(f, c.inspect)
	}
	return c.found
}

// TestConstantTime: tokens are compared in constant time, on hashes, by one
// function. A test that measures the time would measure the machine.
func TestConstantTime(t *testing.T) {
	lookup := exports(t)
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]any{}
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			sources[name] = nil
		}
	}
	for _, found := range check(t, lookup, sources) {
		t.Error(found)
	}
	raw, err := os.ReadFile("token.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), "subtle.ConstantTimeCompare(d[:], other[:])") {
		t.Error("matches no longer compares in constant time")
	}

	for _, test := range []struct{ name, code string }{
		{"equal", `func f(a, b digest) bool { return a == b }`},
		{"not equal", `func f(a, b digest) bool { return a != b }`},
		{"behind pointers", `func f(a, b *digest) bool { return *a == *b }`},
		{"in a struct", `func f(a, b struct{ x int; d digest }) bool { return a == b }`},
		{"in an array", `func f(a, b [2]digest) bool { return a == b }`},
		{"before it is a digest", `func f(a, b string) bool { return sha256.Sum256([]byte(a)) == sha256.Sum256([]byte(b)) }`},
		{"switch", `func f(a, b digest) bool { switch a { case b: return true }; return false }`},
		{"map", `func f(m map[digest]int, a digest) int { return m[a] }`},
		{"map of texts", `func f(m map[string]int, a digest) int { return m[string(a[:])] }`},
		{"sync.Map", `func f(m *sync.Map, a digest) bool { _, ok := m.Load(a); return ok }`},
		{"bytes.Equal", `func f(a, b digest) bool { return bytes.Equal(a[:], b[:]) }`},
		{"bytes.Equal of a copy", `func f(a, b digest) bool { x, y := a[:], b[:]; return bytes.Equal(x, y) }`},
		{"bytes.Compare", `func f(a, b digest) int { return bytes.Compare(a[:], b[:]) }`},
		{"strings.Compare", `func f(a, b digest) int { return strings.Compare(string(a[:]), string(b[:])) }`},
		{"slices.Contains", `func f(all []digest, a digest) bool { return slices.Contains(all, a) }`},
		{"slices.Equal", `func f(a, b []digest) bool { return slices.Equal(a, b) }`},
		{"reflect.DeepEqual", `func f(a, b digest) bool { return reflect.DeepEqual(a, b) }`},
		{"reflect.DeepEqual of what holds them", `type l struct{ all []digest }; func f(a, b *l) bool { return reflect.DeepEqual(a, b) }`},
		{"as hexadecimal digits", `func f(a digest, b string) bool { return hex.EncodeToString(a[:]) == b }`},
		{"as hexadecimal digits, later", `func f(a digest, b string) bool { x := hex.EncodeToString(a[:]); return x == b }`},
		{"printed", `func f(a digest) string { return fmt.Sprintf("%x", a) }`},
		{"as an interface", `func f(a, b digest) bool { return any(a) == any(b) }`},
		{"byte by byte", `func f(a, b digest) bool { return a[0] == b[0] }`},
		{"in a loop", `func f(a *digest) (n int) { for range a { n++ }; return n }`},
		{"through a variable", `func f(equal func(a, b digest) bool, a digest) bool { return equal(a, a) }`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if len(check(t, lookup, map[string]any{"planted.go": planted + test.code})) == 0 {
				t.Error("the check does not see it")
			}
		})
	}
	t.Run("what is right", func(t *testing.T) {
		const right = `func f(a, b *digest) int { return subtle.ConstantTimeCompare(a[:], b[:]) }
			func g(a digest) string { return "sha256:" + hex.EncodeToString(a[:]) }
			func h(l *struct{ all []digest }) bool { return l == nil || len(l.all) == 0 || f(&l.all[0], &l.all[0]) == 1 }`
		for _, found := range check(t, lookup, map[string]any{"planted.go": planted + right}) {
			t.Error(found)
		}
	})
}

// planted begins the code that the check is tried on.
const planted = `package access
import ("bytes"; "crypto/sha256"; "crypto/subtle"; "encoding/hex"; "fmt"; "reflect"; "slices"; "strings"; "sync")
var _, _, _, _, _, _, _, _ = bytes.Equal, subtle.ConstantTimeCompare, hex.EncodeToString, fmt.Sprint, reflect.DeepEqual, slices.Equal[[]int], strings.Compare, sha256.Sum256
var _ sync.Map
type digest [32]byte
`
