package torchfile

import (
	"fmt"
	"math"
	"math/bits"

	"react/data/dtype"
)

// storage is a run of values; raw is there once the pickle has been read.
type storage struct {
	dtype  dtype.Type
	key    string
	values int64
	raw    func() ([]byte, error) // the file's bytes, values*size of them
}

// view is a tensor: what of a storage it shows, counted in values.
type view struct {
	storage        *storage
	offset         int64
	shape, strides []int
}

// check holds the view inside its storage.
func (v *view) check() error {
	if v.offset < 0 || v.storage.values < 0 {
		return fmt.Errorf("offset %d in a storage of %d", v.offset, v.storage.values)
	}
	last := uint64(v.offset)
	for i, n := range v.shape {
		if n == 0 {
			return nil
		}
		high, step := bits.Mul64(uint64(n-1), uint64(v.strides[i]))
		last += step
		if high != 0 || step > math.MaxInt64 || last > math.MaxInt64 {
			return fmt.Errorf("shape %v with strides %v overflows", v.shape, v.strides)
		}
	}
	if last >= uint64(v.storage.values) {
		return fmt.Errorf("shape %v with strides %v at %d is larger than its storage of %d values", v.shape, v.strides, v.offset, v.storage.values)
	}
	return nil
}

// count is the number of values, -1 for more than the storage has: a view that
// shows some of them again and again, whose copy would be of any size.
func (v *view) count() int64 {
	n := int64(1)
	for _, d := range v.shape {
		if d == 0 {
			return 0
		}
		if n > v.storage.values/int64(d) {
			return -1
		}
		n *= int64(d)
	}
	return n
}

func (v *view) contiguous() bool {
	want := 1
	for i := len(v.shape) - 1; i >= 0; i-- {
		if v.shape[i] != 1 && v.strides[i] != want {
			return false
		}
		want *= v.shape[i]
	}
	return true
}

// float32 reads the view's values row by row.
func (v *view) float32() ([]float32, error) {
	n := v.count()
	if n < 0 {
		return nil, fmt.Errorf("shape %v of a storage of %d values: an expanded tensor, no parameter", v.shape, v.storage.values)
	}
	if n == 0 {
		return []float32{}, nil
	}
	raw, err := v.storage.raw()
	if err != nil {
		return nil, err
	}
	size := v.storage.dtype.Size()
	if v.contiguous() {
		return v.storage.dtype.Float32(raw[v.offset*size : (v.offset+n)*size]), nil
	}
	packed := make([]byte, 0, n*size)
	index := make([]int, len(v.shape))
	for at := v.offset; ; {
		packed = append(packed, raw[at*size:(at+1)*size]...)
		axis := len(index) - 1
		for ; axis >= 0; axis-- {
			index[axis]++
			at += int64(v.strides[axis])
			if index[axis] < v.shape[axis] {
				break
			}
			at -= int64(v.shape[axis]) * int64(v.strides[axis])
			index[axis] = 0
		}
		if axis < 0 {
			return v.storage.dtype.Float32(packed), nil
		}
	}
}
