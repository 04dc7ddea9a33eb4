package image

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	stdimage "image"
	"image/color"
	"io"
	"strconv"
)

// pnmHeader is what stands before the pixels of a binary PPM or PGM (P6, P5), the format of GTSRB's
// images: sides, the largest value, and the number of bytes of a pixel.
type pnmHeader struct{ w, h, planes int }

func readPNM(r *bufio.Reader) (pnmHeader, error) {
	magic := make([]byte, 2)
	if _, err := io.ReadFull(r, magic); err != nil {
		return pnmHeader{}, err
	}
	head := pnmHeader{planes: map[string]int{"P5": 1, "P6": 3}[string(magic)]}
	var numbers [3]int
	for i := range numbers {
		var err error
		if numbers[i], err = pnmNumber(r); err != nil {
			return head, err
		}
	}
	if numbers[2] != 255 {
		return head, fmt.Errorf("a largest value of %d; 255 is read", numbers[2])
	}
	head.w, head.h = numbers[0], numbers[1]
	return head, nil
}

// pnmNumber reads a number and the one byte of white space after it. Lines that begin with # are
// comments.
func pnmNumber(r *bufio.Reader) (int, error) {
	var digits []byte
	for len(digits) <= 9 {
		c, err := r.ReadByte()
		if err != nil {
			return 0, fmt.Errorf("the header ends early: %w", err)
		}
		switch {
		case c == '#' && len(digits) == 0:
			if _, err := r.ReadSlice('\n'); err != nil {
				return 0, fmt.Errorf("a comment that does not end: %w", err)
			}
		case bytes.IndexByte([]byte(" \t\r\n\v\f"), c) >= 0:
			if len(digits) > 0 {
				return strconv.Atoi(string(digits))
			}
		case c >= '0' && c <= '9':
			digits = append(digits, c)
		default:
			return 0, fmt.Errorf("%q stands where a number is wanted", c)
		}
	}
	return 0, errors.New("a number of over 9 digits")
}

func pnmConfig(b io.Reader) (stdimage.Config, error) {
	head, err := readPNM(bufio.NewReader(b))
	if err != nil {
		return stdimage.Config{}, err
	}
	return stdimage.Config{Width: head.w, Height: head.h, ColorModel: color.NRGBAModel}, nil
}

func decodePNM(b io.Reader) (stdimage.Image, error) {
	r := bufio.NewReader(b)
	head, err := readPNM(r)
	if err != nil {
		return nil, err
	}
	box := stdimage.Rect(0, 0, head.w, head.h)
	if head.planes == 1 {
		grey := stdimage.NewGray(box)
		_, err := io.ReadFull(r, grey.Pix)
		return grey, err
	}
	img := stdimage.NewNRGBA(box)
	row := make([]byte, 3*head.w)
	for y := range head.h {
		if _, err := io.ReadFull(r, row); err != nil {
			return nil, err
		}
		to := img.Pix[y*img.Stride:]
		for x := range head.w {
			to[4*x], to[4*x+1], to[4*x+2], to[4*x+3] = row[3*x], row[3*x+1], row[3*x+2], 255
		}
	}
	return img, nil
}
