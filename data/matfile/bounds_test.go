package matfile

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"strings"
	"testing"
)

func elementOf(kind int, data []byte) []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(kind))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(data)))
	out = append(out, data...)
	if kind != miCompressed {
		out = append(out, make([]byte, (8-len(data)%8)%8)...)
	}
	return out
}

func ints(numbers ...uint32) []byte {
	var out []byte
	for _, n := range numbers {
		out = binary.LittleEndian.AppendUint32(out, n)
	}
	return out
}

func arrayOf(class uint32, rows uint32, contents ...[]byte) []byte {
	body := elementOf(miUint32, ints(class, 0))
	body = append(body, elementOf(miInt32, ints(rows, 1))...)
	body = append(body, elementOf(miInt8, []byte("x"))...)
	return elementOf(miMatrix, append(body, bytes.Join(contents, nil)...))
}

func fileOf(variables ...[]byte) []byte {
	head := make([]byte, 128)
	head[125], head[126], head[127] = 1, 'I', 'M'
	return append(head, bytes.Join(variables, nil)...)
}

func compressed(t *testing.T, element []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zlib.NewWriter(&buf)
	if _, err := z.Write(element); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return elementOf(miCompressed, buf.Bytes())
}

// TestFieldNames: their length is one number, and a name takes far more memory than its bytes.
func TestFieldNames(t *testing.T) {
	const many = 8 << 20
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"names":  {fileOf(compressed(t, arrayOf(mxStruct, 1, elementOf(miInt32, ints(1)), elementOf(miInt8, bytes.Repeat([]byte("a"), many))))), "its variables take over"},
		"length": {fileOf(arrayOf(mxStruct, 1, elementOf(miInt32, make([]byte, many)), elementOf(miInt8, nil))), "the length of field names takes"},
	} {
		if _, err := parse(c.raw); err == nil || len(err.Error()) > 200 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %.200v, want %q", name, err, c.want)
		}
	}
}
