package shim

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/go-xla/pjrt"
)

// ofUser gives the test a user's folder of its own, and with it a secret.
func ofUser(t *testing.T) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
}

func pathOf(p *Programs, key string) string {
	_, path := p.file(key)
	return path
}

// TestPrograms: what was kept is found, by the same user alone; any byte of the file that is
// changed or missing, and a file of another key, count as nothing and are removed.
func TestPrograms(t *testing.T) {
	ofUser(t)
	p := Folder(filepath.Join(t.TempDir(), "programs"))
	program := []byte("a program")
	p.put("one", program)
	if got := Folder(p.folder).get("one"); !bytes.Equal(got, program) {
		t.Fatalf("got %q", got)
	}
	if got := p.get("two"); got != nil {
		t.Errorf("another key: %q", got)
	}
	whole, err := os.ReadFile(pathOf(p, "one"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := [][]byte{nil, append(slices.Clone(whole), 0), {0}}
	for i := range whole {
		flipped := slices.Clone(whole)
		flipped[i] ^= 1
		damaged = append(damaged, flipped, whole[:i])
	}
	for _, file := range damaged {
		for _, key := range []string{"one", "two"} {
			if err := os.WriteFile(pathOf(p, key), file, 0o666); err != nil {
				t.Fatal(err)
			}
			if got := p.get(key); got != nil {
				t.Errorf("file %q of %s: got %q", file, key, got)
			}
			if _, err := os.Lstat(pathOf(p, key)); err == nil {
				t.Errorf("file %q is still there", file)
			}
		}
	}
	if err := os.WriteFile(pathOf(p, "two"), whole, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := p.get("two"); got != nil {
		t.Errorf("the file of one as that of two: %q", got)
	}
	if err := os.Mkdir(pathOf(p, "one"), 0o777); err != nil {
		t.Fatal(err)
	}
	if got := p.get("one"); got != nil {
		t.Errorf("a folder: %q", got)
	}
	p.put("one", program)
	ofUser(t)
	if got := Folder(p.folder).get("one"); got != nil {
		t.Errorf("another user: %q", got)
	}
	if got := p.get("one"); !bytes.Equal(got, program) {
		t.Errorf("after another user: %q", got)
	}
}

// TestNothingKept: without a user's folder, without the folder's own, and where nothing can be
// written, nothing is kept.
func TestNothingKept(t *testing.T) {
	ofUser(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{filepath.Join(dir, "none", "programs"), file} {
		p := Folder(folder)
		p.put("one", []byte("a program"))
		if got := p.get("one"); got != nil {
			t.Errorf("%s: %q", folder, got)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "none")); err == nil {
		t.Error("the folder of the folder was made")
	}
	t.Setenv("XDG_CACHE_HOME", file)
	p := Folder(filepath.Join(dir, "programs"))
	p.put("one", []byte("a program"))
	if left, _ := os.ReadDir(p.folder); p.get("one") != nil || len(left) > 0 {
		t.Errorf("without a secret: %v", left)
	}
}

// module is a program of StableHLO's.
const module = `module @m {
  func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
    %y = "stablehlo.add"(%x, %x) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    "func.return"(%y) : (tensor<2xf32>) -> ()
  }
}`

// clientOf opens the plugin for CPUs.
func clientOf(t *testing.T) (client *pjrt.Client) {
	t.Helper()
	path, err := filepath.Abs("../../../cache/xla-cpu/pjrt_c_api_cpu_plugin.so")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("no PJRT plugin for CPUs: make xla-cpu fetches it")
	}
	err = Open(path, path, func() error {
		plugin, err := pjrt.GetPlugin(path)
		if err == nil {
			client, err = plugin.NewClient(nil)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Destroy() })
	return client
}

// TestCalls: a compiled program is refused where it lacks what it must call, a loaded one too.
func TestCalls(t *testing.T) {
	client := clientOf(t)
	ofUser(t)
	c := &Caller{Programs: Folder(filepath.Join(t.TempDir(), "programs"))}
	compile := func(calls ...string) error {
		return c.Compile(Asked{Calls: calls}, func() error {
			_, err := client.Compile().WithStableHLO([]byte(module)).Done()
			return err
		})
	}
	for range 2 {
		if err := compile("add"); err != nil {
			t.Error(err)
		}
		if err := compile("add", "subtract"); !errors.Is(err, NotCalled("subtract")) {
			t.Errorf("got %v", err)
		}
	}
	if compiled, loaded := c.Counts(); compiled != 1 || loaded != 3 {
		t.Errorf("%d compiled, %d loaded", compiled, loaded)
	}
}

// TestRefused: bytes that are signed, but that the plugin does not take, are removed, and the
// program is compiled.
func TestRefused(t *testing.T) {
	client := clientOf(t)
	ofUser(t)
	c := &Caller{Programs: Folder(filepath.Join(t.TempDir(), "programs"))}
	expect := func(compiled, loaded int) {
		t.Helper()
		err := c.Compile(Asked{}, func() error {
			program, err := client.Compile().WithStableHLO([]byte(module)).Done()
			if err != nil {
				return err
			}
			return program.Destroy()
		})
		if cc, ll := c.Counts(); err != nil || cc != compiled || ll != loaded {
			t.Fatalf("%v; %d compiled, %d loaded; want %d, %d", err, cc, ll, compiled, loaded)
		}
	}
	expect(1, 0)
	expect(1, 1)
	files, err := os.ReadDir(c.Programs.folder)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	name := files[0].Name()
	for i, bytes := range [][]byte{[]byte("no program"), make([]byte, 1<<16)} {
		file := append(c.Programs.header(name, bytes), bytes...)
		if err := os.WriteFile(filepath.Join(c.Programs.folder, name), file, 0o666); err != nil {
			t.Fatal(err)
		}
		expect(2+i, 1+i)
		expect(2+i, 2+i)
	}
	err = c.Compile(Asked{}, func() error {
		_, err := client.Compile().WithStableHLO([]byte("no module")).Done()
		return err
	})
	if err == nil {
		t.Error("compiled what is no program")
	}
}

// TestTrim: what was not used for longest goes, what is used stays; so do files that a process is
// writing, until it is dead for sure.
func TestTrim(t *testing.T) {
	ofUser(t)
	p := Folder(filepath.Join(t.TempDir(), "programs"))
	size := int64(headerBytes + 100)
	p.most = 3 * size
	program := make([]byte, 100)
	long := time.Now().Add(-10 * time.Hour)
	for i := range 3 {
		key := fmt.Sprint(i)
		p.put(key, program)
		at := long.Add(time.Duration(i) * time.Minute)
		if err := os.Chtimes(pathOf(p, key), at, at); err != nil {
			t.Fatal(err)
		}
	}
	dead := filepath.Join(p.folder, ".dead123")
	if err := os.WriteFile(dead, program, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(dead, long, long); err != nil {
		t.Fatal(err)
	}
	p.get("0") // used now
	p.put("3", program)
	var kept []string
	for i := range 4 {
		if p.get(fmt.Sprint(i)) != nil {
			kept = append(kept, fmt.Sprint(i))
		}
	}
	if !slices.Equal(kept, []string{"0", "2", "3"}) {
		t.Errorf("kept %q", kept)
	}
	if _, err := os.Lstat(dead); err == nil {
		t.Error("what a dead process left is still there")
	}
}

// TestRecipe: each part of a recipe makes another key.
func TestRecipe(t *testing.T) {
	of := recipe{Program: []byte("ab"), Options: []byte("c")}
	seen := map[string]string{of.key(): "none"}
	fields := reflect.TypeFor[recipe]()
	for i := range fields.NumField() {
		other := of
		name := fields.Field(i).Name
		switch field := reflect.ValueOf(&other).Elem().Field(i).Addr().Interface().(type) {
		case *[]byte:
			*field = append(slices.Clone(*field), 'd')
		case *string:
			*field += "d"
		case *int:
			*field++
		case *[]string:
			*field = append(*field, "d")
		default:
			t.Fatalf("%s: no other value of a %T", name, field)
		}
		if before, same := seen[other.key()]; same {
			t.Errorf("another %s gives the key of another %s", name, before)
		}
		seen[other.key()] = name
	}
	moved := recipe{Program: []byte("a"), Options: []byte("bc")}
	if seen[moved.key()] != "" {
		t.Error("the parts run into each other")
	}
}

// TestFlags: the variables that XLA reads, and no others.
func TestFlags(t *testing.T) {
	before := flags()
	t.Setenv("XLA_FLAGS", "--of=a-test")
	t.Setenv("OTHER_FLAGS", "XLA_FLAGS=1")
	got := slices.DeleteFunc(flags(), func(f string) bool { return slices.Contains(before, f) })
	if !slices.Equal(got, []string{"XLA_FLAGS=--of=a-test"}) {
		t.Errorf("got %q", got)
	}
}

// TestProcessor: what bears on code is read, of the first processor; a system that says nothing of
// features has none.
func TestProcessor(t *testing.T) {
	const text = "processor\t: 0\nmodel name\t: A\ncpu MHz\t\t: 2450.1\nflags\t\t: fpu avx512f\n" +
		"bogomips\t: 4900.2\n\nprocessor\t: 1\nflags\t\t: other\n"
	want := []string{"model name: A", "flags: fpu avx512f"}
	if got := processorOf(text); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := processorOf("processor\t: 0\nmodel name\t: A\n"); got != nil {
		t.Errorf("got %q", got)
	}
}

// TestLayouts holds shim.h to the header of the go-xla that is linked in: a C compiler compares the
// places and sizes of all fields, and the places of all functions.
func TestLayouts(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no C compiler: cc is not in PATH")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gomlx/go-xla").Output()
	if err != nil {
		t.Skipf("go list, which says where go-xla's header is: %v", err)
	}
	ours, err := os.ReadFile("shim.h")
	if err != nil {
		t.Fatal(err)
	}
	var program strings.Builder
	program.WriteString("#include \"pjrt_c_api.h\"\n#include \"shim.h\"\n")
	theirs := map[string]string{
		"event_destroy": "Event_Destroy_Args", "event_await": "Event_Await_Args",
		"execute":       "LoadedExecutable_Execute_Args",
		"error_destroy": "Error_Destroy_Args", "executable_destroy": "Executable_Destroy_Args",
		"program": "Program", "compile": "Client_Compile_Args",
		"get_executable": "LoadedExecutable_GetExecutable_Args",
		"serialize":      "Executable_Serialize_Args", "load": "Executable_DeserializeAndLoad_Args",
		"platform_version": "Client_PlatformVersion_Args", "devices": "Client_AddressableDevices_Args",
		"description": "Device_GetDescription_Args", "kind": "DeviceDescription_Kind_Args",
		"error_message": "Error_Message_Args", "optimized": "Executable_OptimizedProgram_Args",
		"named_value": "NamedValue", "topology": "TopologyDescription_Create_Args",
		"topology_destroy": "TopologyDescription_Destroy_Args", "compile_for": "Compile_Args",
		"create": "Client_Create_Args", "memory": "Executable_GetCompiledMemoryStats_Args",
	}
	assert := func(format string, args ...any) {
		fmt.Fprintf(&program, "_Static_assert(%s, \"\");\n", fmt.Sprintf(format, args...))
	}
	compared := 0
	field := regexp.MustCompile(`(\w+)(?:\)\(void \*\))?;`)
	structs := regexp.MustCompile(`(?s)typedef struct \{(.*?)\} shim_(\w+);`)
	for _, s := range structs.FindAllStringSubmatch(string(ours), -1) {
		name := theirs[s[2]]
		if name == "" {
			continue
		}
		compared++
		last := ""
		for _, f := range field.FindAllStringSubmatch(s[1], -1) {
			if last = f[1]; last == "SHIM_HEADER" {
				continue
			}
			assert("offsetof(shim_%s, %s) == offsetof(PJRT_%s, %[2]s)", s[2], last, name)
			assert("sizeof(((shim_%s*)0)->%s) == sizeof(((PJRT_%s*)0)->%[2]s)", s[2], last, name)
		}
		assert("SHIM_SIZE(shim_%s, %s) == PJRT_%s_STRUCT_SIZE", s[2], last, name)
	}
	if compared != len(theirs) {
		t.Errorf("%d structs compared of %d", compared, len(theirs))
	}
	functions := regexp.MustCompile(`SHIM_(\w+) = \d+,`).FindAllStringSubmatch(string(ours), -1)
	if len(functions) < 10 {
		t.Errorf("functions %q", functions)
	}
	for _, f := range functions {
		assert("offsetof(shim_api, f) + 8 * SHIM_%s == offsetof(PJRT_Api, PJRT_%[1]s)", f[1])
	}
	theirHeader := filepath.Join(strings.TrimSpace(string(dir)), "pjrt")
	cc := exec.Command("cc", "-fsyntax-only", "-x", "c", "-I.", "-I"+theirHeader, "-")
	cc.Stdin = strings.NewReader(program.String())
	if out, err := cc.CombinedOutput(); err != nil {
		t.Errorf("cc: %v\n%s", err, out)
	}
}
