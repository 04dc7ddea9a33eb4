package datasets

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"react/data/datasets/catalogue"
	"react/data/image"
)

// Pieces of pickles of Python 2, protocol 2, as CIFAR's files are.
func pickled(items ...string) string { return "\x80\x02}(" + strings.Join(items, "") + "u." }

func shortText(s string) string { return "U" + string(rune(len(s))) + s }

func pickledNumbers(key string, numbers ...int) string {
	out := shortText(key) + "]("
	for _, n := range numbers {
		out += "K" + string([]byte{byte(n)})
	}
	return out + "e"
}

func pickledTexts(key string, texts ...string) string {
	out := shortText(key) + "]("
	for _, s := range texts {
		out += shortText(s)
	}
	return out + "e"
}

// pickledArray is an array of bytes [rows, columns].
func pickledArray(key string, rows, columns int, values string) string {
	u16 := func(n int) string { return "M" + string(binary.LittleEndian.AppendUint16(nil, uint16(n))) }
	return shortText(key) + "cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85q\x03U\x01bq\x04\x87q\x05Rq\x06(K\x01" + u16(rows) + u16(columns) +
		"\x86q\x07cnumpy\ndtype\nq\x08U\x02u1q\x09K\x00K\x01\x87q\x0aRq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T" +
		string(binary.LittleEndian.AppendUint32(nil, uint32(len(values)))) + values + "tb"
}

// cifarPixels are images of one colour each: red 10·i, green 20·i, blue 30·i.
func cifarPixels(n int) (all string, each []string) {
	for i := range n {
		one := ""
		for c := 1; c <= 3; c++ {
			one += strings.Repeat(string([]byte{byte(10 * i * c)}), cifarSide*cifarSide)
		}
		each = append(each, one)
	}
	return strings.Join(each, ""), each
}

// cifarSets makes each form of both sets with one image a class of three, in folders and packed.
func cifarSets(t testing.TB) map[string]map[string]string {
	all, each := cifarPixels(3)
	records10, records100 := "", ""
	for i, label := range []byte{2, 0, 1} {
		records10 += string([]byte{label}) + each[i]
		records100 += string([]byte{19, label}) + each[i]
	}
	forms := map[string]map[string]string{
		"cifar-10-batches-py": {"batches.meta": pickled(pickledNumbers("num_vis", 1), pickledTexts("label_names", "cat", "dog", "owl")),
			"test_batch": pickled(shortText("batch_label")+shortText("testing batch"), pickledNumbers("labels", 2, 0, 1), pickledArray("data", 3, cifarBytes, all), pickledTexts("filenames", "a", "b", "c"))},
		"cifar-100-python": {"meta": pickled(pickledTexts("fine_label_names", "cat", "dog", "owl"), pickledTexts("coarse_label_names", "pet", "bird")),
			"test": pickled(pickledNumbers("coarse_labels", 0, 0, 0), pickledNumbers("fine_labels", 2, 0, 1), pickledArray("data", 3, cifarBytes, all))},
		"cifar-10-batches-bin": {"batches.meta.txt": "cat\ndog\nowl\n\n", "test_batch.bin": records10},
		"cifar-100-binary":     {"fine_label_names.txt": "cat\ndog\nowl\n", "test.bin": records100},
	}
	out := map[string]map[string]string{}
	for _, f := range cifarForms {
		folder, members := map[string]string{}, []string{}
		for name, body := range forms[f.folder] {
			folder[f.folder+"/"+name] = body
			members = append(members, f.folder+"/"+name, body)
		}
		out[f.folder] = folder
		out[f.archive] = map[string]string{f.archive: packed(t, tarred(t, members...))}
	}
	return out
}

// tarred is a tar of members, names and contents in turn.
func tarred(t testing.TB, members ...string) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; i < len(members); i += 2 {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: members[i], Size: int64(len(members[i+1])), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(members[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestCIFAR(t *testing.T) {
	for name, files := range cifarSets(t) {
		t.Run(name, func(t *testing.T) {
			s, err := Open(put(t, t.TempDir(), files))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var labels []int
			for i, item := range s.Items {
				labels = append(labels, item.Label)
				raw, err := s.Read(i)
				if err != nil {
					t.Fatal(err)
				}
				img, err := image.DecodeOnWhite(raw)
				if err != nil || img.W != 32 || !slices.Equal(img.Pix[:3], []byte{byte(10 * i), byte(20 * i), byte(30 * i)}) {
					t.Errorf("image %d: %v, %v", i, img.Pix[:3], err)
				}
			}
			if !slices.Equal(labels, []int{2, 0, 1}) || !slices.Equal(s.Classes, []string{"cat", "dog", "owl"}) || s.Layout != "cifar" {
				t.Errorf("labels %v of %q (%s)", labels, s.Classes, s.Layout)
			}
			if _, err := OpenSplit(s.Dir, Options{Split: "val"}); err == nil || !strings.Contains(err.Error(), `no split "val": cifar-10`) {
				t.Errorf("val: %v", err)
			}
			if _, err := OpenSplit(s.Dir, Options{Split: "train"}); err == nil {
				t.Error("a split that is not there")
			}
		})
	}
}

// TestCIFARNames: the authors' names are those of the catalogue, in another order.
func TestCIFARNames(t *testing.T) {
	fine := strings.Fields(`apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle caterpillar cattle chair
		chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard
		lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
		possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone
		television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm`)
	e, err := catalogue.Find("cifar-100")
	if err != nil {
		t.Fatal(err)
	}
	if place, named := matchNames(fine, e.Classes); named != 100 || repeats(place) || place[0] != 24 {
		t.Errorf("%d of %d names are known", named, len(fine))
	}
}

func TestCIFARErrors(t *testing.T) {
	sets := cifarSets(t)
	all, _ := cifarPixels(2)
	for _, tc := range []struct{ form, file, body, want string }{
		{"cifar-10-batches-py", "test_batch", pickled(pickledNumbers("labels", 1), pickledArray("data", 2, cifarBytes, all)), "test_batch: want data, 1 rows of 3072 bytes"},
		{"cifar-10-batches-py", "test_batch", pickled(pickledNumbers("labels", 1, 0), pickledArray("data", 2, cifarBytes, all[1:])), "test_batch: want data, 2 rows"},
		{"cifar-10-batches-py", "test_batch", "\x80\x02cposix\nsystem\nU\x04trueR.", `test_batch: pickle at byte 2: imports "posix.system"`},
		{"cifar-10-batches-py", "test_batch", pickled(pickledNumbers("labels", 7), pickledArray("data", 1, cifarBytes, all[:cifarBytes])), "label 7 is not one of 3 classes"},
		{"cifar-10-batches-py", "batches.meta", pickled(pickledTexts("names", "a")), "batches.meta: no label_names"},
		{"cifar-10-batches-py", "batches.meta", pickled(pickledNumbers("label_names", 1)), "batches.meta: a name in label_names is none"},
		{"cifar-100-binary", "test.bin", all[:3073], "test.bin: 3073 bytes are no records of 3074"},
	} {
		files := map[string]string{}
		for name, body := range sets[tc.form] {
			files[name] = body
		}
		files[tc.form+"/"+tc.file] = tc.body
		if _, err := Open(put(t, t.TempDir(), files)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.file, err, tc.want)
		}
	}
}

// TestTarBomb: members and the whole of a packed tar are bounded, and names that are missing are
// said.
func TestTarBomb(t *testing.T) {
	bomb := packed(t, tarred(t, "a/zeros", strings.Repeat("\x00", 1<<20), "a/b", "x"))
	for _, tc := range []struct {
		limit int64
		name  string
		want  string
	}{{1 << 10, "zeros", "holds over 0 MiB"}, {1 << 10, "b", "holds over 0 MiB"}, {1 << 22, "c", "no member a/c"}, {1 << 22, "b", ""}} {
		got, err := readMembers(strings.NewReader(bomb), "a", []string{tc.name}, tc.limit)
		if tc.want == "" && (err != nil || string(got["b"]) != "x") || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s within %d: %v, %v", tc.name, tc.limit, fmt.Sprint(len(got)), err)
		}
	}
}
