package torchfile

import (
	"archive/zip"
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Pieces of pickles: a text, and a tensor of two values of storage 0.
func text(s string) string { return fmt.Sprintf("X%c\x00\x00\x00%s", len(s), s) }

func tensorOf(class string) string {
	return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\n" + class + "\n" + text("0") + text("cpu") + "K\x02tQK\x00K\x02\x85K\x01\x85\x89Nt" + "R"
}

// saved is a file of torch.save with this data.pkl and one storage.
func saved(t *testing.T, program string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, entry := range [][2]string{{"a/data.pkl", program}, {"a/data/0", "\x00\x00\x80\x3f\x00\x00\x00\x40"}} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: entry[0], Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(entry[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestObjectsBesideTheStateDict has what training programs keep there: each
// object stands as a name with its state, and the weights are read.
func TestObjectsBesideTheStateDict(t *testing.T) {
	for name, object := range map[string]string{
		"namespace":     "cargparse\nNamespace\n)\x81}" + text("lr") + "G\x3f\xb9\x99\x99\x99\x99\x99\x9asb",
		"number":        "cnumpy._core.multiarray\nscalar\ncnumpy\ndtype\n" + text("f8") + "\x89\x88\x87R(K\x03NNtbB\x02\x00\x00\x00ab\x86R",
		"path":          "cpathlib\nPurePosixPath\n" + text("x") + "\x85R",
		"keyword":       "ca\nB\n)}" + text("k") + "K\x01s\x92",
		"dict of one's": "ccollections\ndefaultdict\n)R" + text("k") + "K\x01s",
		"deque":         "ccollections\ndeque\n)R(K\x01K\x02e",
		"a call's call": "cfunctools\npartial\n)R)R",
		"a class":       "ctorch.optim.adamw\nAdamW\n",
		"complex":       tensorOf("ComplexFloatStorage"),
		"sparse":        "ctorch._utils\n_rebuild_sparse_tensor\n)R",
	} {
		f, err := read(saved(t, "\x80\x02}("+text("best")+object+text("state_dict")+"}"+text("w")+tensorOf("FloatStorage")+"su."))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := f.Float32("w"); err != nil || !slices.Equal(got, []float32{1, 2}) || len(f.Tensors()) != 1 {
			t.Errorf("%s: %v, %v of %v", name, got, err, f.Tensors())
		}
	}
}

func TestObjectsInPlaceOfTheStateDict(t *testing.T) {
	for _, c := range []struct{ name, program, want string }{
		{"another type", "\x80\x02}" + text("w") + tensorOf("ComplexFloatStorage") + "s.", `tensor "w": made by torch.ComplexFloatStorage`},
		{"sparse", "\x80\x02}" + text("w") + "ctorch._utils\n_rebuild_sparse_tensor\n)Rs.", `tensor "w": made by torch._utils._rebuild_sparse_tensor`},
		{"a model", "\x80\x02}" + text("model") + "cours\nNet\n)\x81s.", `"model" (an object of class "ours.Net")`},
		{"evil beside", "\x80\x02}(" + text("x") + "cposix\nsystem\n" + text("true") + "\x85R" + text("w") + tensorOf("FloatStorage") + "u.", `imports "posix.system"`},
		{"no storage", "\x80\x02(" + text("storage") + "Ntq\x01Q.", "no storage"},
		{"a storage's length", "\x80\x02(" + text("storage") + "ctorch\nFloatStorage\n" + text("0") + "N]q\x01h\x01atQ.", "a list as its length"},
	} {
		if _, err := read(saved(t, c.program)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	f, err := read(saved(t, "\x80\x02cours\nDict\n)\x81}b("+text("w")+tensorOf("FloatStorage")+"u."))
	if err != nil || len(f.Tensors()) != 1 {
		t.Errorf("a state dict of a class of one's own: %v", err)
	}
}

// TestEntriesThatLie has zips whose headers reach past the end of the file.
func TestEntriesThatLie(t *testing.T) {
	whole := saved(t, "\x80\x02}"+text("w")+tensorOf("FloatStorage")+"s.")
	central := bytes.Index(whole, []byte("PK\x01\x02"))
	for at := range len(whole) {
		for _, v := range []byte{0, 0x7f, 0xff} {
			damaged := bytes.Clone(whole)
			damaged[at] = v
			if f, err := read(damaged); err == nil {
				checkTensors(t, f)
			}
		}
	}
	// the name's length in data.pkl's own header, and no bytes in the directory
	local := bytes.Clone(whole)
	local[26], local[27] = 0xff, 0xff
	clear(local[central+20 : central+28])
	if _, err := read(local); err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("a name that ends behind the file: %v", err)
	}
}

// TestMemoryOfAPickle holds the most costly programs of 4 million opcodes to
// what is promised.
func TestMemoryOfAPickle(t *testing.T) {
	for name, unit := range map[string]string{"dicts": "}", "lists": "]", "memo": "}\x94", "numbers": "K\x01", "calls": "h\x00)R", "tuples": "K\x01\x85", "doubled": "2"} {
		program := []byte("\x80\x04ca\nB\nq\x00" + strings.Repeat(unit, 4<<20/len(unit)) + ".")
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		m := &machine{data: program}
		_, err := m.run()
		runtime.ReadMemStats(&after)
		if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 1024 {
			t.Errorf("%s: %d MiB, %v", name, mib, err)
		}
	}
}
