package rle

import (
	"errors"
	"fmt"
)

// Parse reads the compressed string of COCO's files. Each character holds five bits of a number,
// the lowest first, and whether more follow; from the fourth on a number is the difference to the
// run length two before.
func Parse(text string, height, width int) (Mask, error) {
	if err := checkSize(height, width); err != nil {
		return Mask{}, err
	}
	lengths := make([]uint32, 0, len(text)/2+1)
	for at := 0; at < len(text); {
		n, size, err := number(text[at:])
		if err != nil {
			return Mask{}, fmt.Errorf("character %d of the run lengths: %w", at+size, err)
		}
		at += size
		if len(lengths) > 2 {
			n += int64(lengths[len(lengths)-2])
		}
		if n < 0 || n > maxPixels {
			return Mask{}, fmt.Errorf("run length %d is %d, want 0 to %d", len(lengths), n, height*width)
		}
		lengths = append(lengths, uint32(n))
	}
	return New(height, width, lengths)
}

// maxDigits is enough for a difference of two run lengths.
const maxDigits = 7

// number reads the number at the start of text and the characters that it takes; with an error the
// place of the character that is wrong.
func number(text string) (n int64, size int, err error) {
	for ; size < len(text); size++ {
		c := text[size] - '0'
		if c > 63 || size == maxDigits {
			return 0, size, fmt.Errorf("%q is no digit of COCO's run lengths", text[size])
		}
		n |= int64(c&31) << (5 * size)
		if c&32 == 0 {
			if c&16 != 0 { // negative: all higher bits are ones
				n |= -1 << (5*size + 5)
			}
			return n, size + 1, nil
		}
	}
	return 0, size, errors.New("the text ends inside a number")
}

// String is the compressed string, which Parse reads.
func (m Mask) String() string {
	text := make([]byte, 0, 2*len(m.Runs))
	for i, run := range m.Runs {
		n := int64(run)
		if i > 2 {
			n -= int64(m.Runs[i-2])
		}
		for more := true; more; {
			c := byte(n & 31)
			n >>= 5
			more = n != 0
			if c&16 != 0 {
				more = n != -1
			}
			if more {
				c |= 32
			}
			text = append(text, c+'0')
		}
	}
	return string(text)
}
