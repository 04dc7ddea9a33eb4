package dtype

import (
	"math"
	"slices"
	"testing"

	"github.com/x448/float16"
)

func TestFloat32(t *testing.T) {
	for _, c := range []struct {
		t    Type
		raw  []byte
		want []float32
	}{
		{F64, []byte{0, 0, 0, 0, 0, 0, 0xe0, 0x3f}, []float32{0.5}},
		{F32, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, []float32{1, -2}},
		{F16, []byte{0, 0x3c, 0, 0xc0, 1, 0}, []float32{1, -2, 1.0 / (1 << 24)}},
		{BF16, []byte{0x40, 0x40}, []float32{3}},
		{I64, []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []float32{-2}},
		{U64, []byte{2, 0, 0, 0, 0, 0, 0, 0}, []float32{2}},
		{I32, []byte{0xfe, 0xff, 0xff, 0xff}, []float32{-2}},
		{U32, []byte{2, 1, 0, 0}, []float32{258}},
		{I16, []byte{0xfe, 0xff}, []float32{-2}},
		{U16, []byte{2, 1}, []float32{258}},
		{I8, []byte{0xfe}, []float32{-2}},
		{U8, []byte{0xfe}, []float32{254}},
		{Bool, []byte{1, 0}, []float32{1, 0}},
	} {
		if got := c.t.Float32(c.raw); !slices.Equal(got, c.want) {
			t.Errorf("%s %v: %v, want %v", c.t, c.raw, got, c.want)
		}
		odd := append([]byte{9}, c.raw...)[1:] // no longer aligned: copied
		if got := c.t.Float32(odd); !slices.Equal(got, c.want) {
			t.Errorf("%s unaligned: %v, want %v", c.t, got, c.want)
		}
		if c.t.Size() == 0 || c.t.IsFloat() != (c.t[0] == 'F' || c.t == BF16) {
			t.Errorf("%s: size %d, float %v", c.t, c.t.Size(), c.t.IsFloat())
		}
	}
	if Type("F8").Size() != 0 || Type("F8").Float32([]byte{1}) != nil {
		t.Error("an unknown type was read")
	}
	if got := F32.Float32(nil); len(got) != 0 {
		t.Errorf("no bytes: %v", got)
	}
}

// TestHalf compares the fast conversion with x448/float16 on all 65536 values.
func TestHalf(t *testing.T) {
	for i := range 1 << 16 {
		got, want := fromHalf(uint16(i)), float16.Frombits(uint16(i)).Float32()
		if got != want && !(math.IsNaN(float64(got)) && math.IsNaN(float64(want))) {
			t.Fatalf("half %#04x: got %v, want %v", i, got, want)
		}
	}
}
