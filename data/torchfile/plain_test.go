package torchfile

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// plainPickle is a dictionary as Python 2 and NumPy write it, protocol 2.
const plainPickle = "\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85q\x05U\x01bq\x06\x87q\x07Rq\x08(K\x01K\x02K\x03\x86q\x09" +
	"cnumpy\ndtype\nq\x0aU\x02u1q\x0bK\x00K\x01\x87q\x0cRq\x0d(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06abcdeftbU\x06labels](K\x05K\x07eU\x04name](U\x01xC\x01ye" +
	"U\x01nK\x07U\x04noneNu."

func TestPlain(t *testing.T) {
	got, err := Plain([]byte(plainPickle))
	want := map[string]any{"data": Array{[]int{2, 3}, "abcdef"}, "labels": []any{int64(5), int64(7)}, "name": []any{"x", "y"}, "n": int64(7)}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for text, want := range map[string]string{
		"\x80\x02].": "a list, want a dict", "\x80\x02}": "cut short", "\x80\x02}Q.": "a persistent id, which plain values have none of", "\x80\x02cos\nsystem\n.": "imports \"os.system\"",
	} {
		if _, err := Plain([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	// An array whose shape lies is left out.
	if got, err := Plain([]byte(strings.Replace(plainPickle, "K\x02K\x03\x86", "K\x02K\x04\x86", 1))); err != nil || got["data"] != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte(plainPickle))
	f.Fuzz(func(t *testing.T, raw []byte) {
		values, err := Plain(raw)
		if err != nil {
			return
		}
		for name, v := range values {
			if a, ok := v.(Array); ok && slices.Min(append(a.Shape, 0)) < 0 {
				t.Errorf("%s: shape %v", name, a.Shape)
			}
		}
	})
}
