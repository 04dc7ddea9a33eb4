// Package labelmap reads and writes label maps: pictures whose pixels are numbers of classes, as PNG
// with a palette or in grey, of 8 or 16 bits. The numbers are read as the file stores them; a reader
// that converts to colours would lose them.
//
// What a number means differs between benchmarks; a Scheme is one of these meanings. In memory a
// label is 0 to Classes-1, or Ignored.
//
// Label maps are of the picture as its file stores it, not turned by EXIF. It is not for masks of
// single objects (data/coco/rle).
package labelmap

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"

	"react/data/wholefile"
)

// Ignored is the label of pixels that are left out of all counts.
const Ignored = 255

// Map holds a label for each pixel, [Height, Width].
type Map struct {
	Height, Width int
	Labels        []uint8
}

// maxPixels bounds a map, so that a file of a few bytes cannot ask for all memory.
const maxPixels = 1 << 28

// Read reads a PNG by a scheme. Its errors name the file and, of a value that no class has, the
// pixel.
func Read(path string, s Scheme) (*Map, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := Decode(raw, s)
	if err != nil {
		return nil, fmt.Errorf("label map %s: %w", path, err)
	}
	return m, nil
}

// Decode is Read of a file's bytes.
func Decode(raw []byte, s Scheme) (*Map, error) {
	values, step, width, err := indices(raw)
	if err != nil {
		return nil, err
	}
	m := &Map{Height: len(values) / width, Width: width, Labels: make([]uint8, len(values))}
	table := s.table()
	for i, v := range values {
		if step > 1 {
			v /= step
		}
		if int(v) >= len(table) || table[v] == unknown {
			return nil, fmt.Errorf("pixel (%d, %d) has the value %d, want %s", i%width, i/width, v, s.allowed())
		}
		m.Labels[i] = uint8(table[v])
	}
	return m, nil
}

// CheckSize refuses a map of another size than its picture.
func (m *Map) CheckSize(height, width int) error {
	if m.Height != height || m.Width != width {
		return fmt.Errorf("label map of %d×%d pixels (height by width), and its picture has %d×%d",
			m.Height, m.Width, height, width)
	}
	return nil
}

// indices are a picture's numbers times step, row by row: Go's decoder stretches grey of fewer than
// 8 bits to 255.
func indices(raw []byte) (values []uint16, step uint16, width int, err error) {
	config, err := png.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return nil, 0, 0, err
	}
	if config.Width < 1 || config.Height < 1 || config.Height > maxPixels/config.Width {
		return nil, 0, 0, fmt.Errorf("%d×%d pixels, want 1 to %d", config.Height, config.Width, maxPixels)
	}
	decoded, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, 0, 0, err
	}
	values = make([]uint16, 0, config.Width*config.Height)
	step = 1
	switch p := decoded.(type) {
	case *image.Paletted:
		values = appendBytes(values, p.Pix, p.Stride, config.Width)
	case *image.Gray:
		step = stretched[raw[depthAt]]
		values = appendBytes(values, p.Pix, p.Stride, config.Width)
	case *image.Gray16:
		for row := range config.Height {
			line := p.Pix[row*p.Stride:][:2*config.Width]
			for i := 0; i < len(line); i += 2 {
				values = append(values, uint16(line[i])<<8|uint16(line[i+1]))
			}
		}
	default:
		return nil, 0, 0, errors.New("a picture in colours, want numbers of classes: a palette or grey")
	}
	return values, step, config.Width, nil
}

// depthAt is where a PNG says how many bits a number has; stretched is the largest of Go's 255 over
// the largest of as many bits.
const depthAt = 24

var stretched = [...]uint16{1: 255, 2: 85, 4: 17, 8: 1, 16: 1}

func appendBytes(values []uint16, pixels []uint8, stride, width int) []uint16 {
	for ; len(pixels) >= width; pixels = pixels[stride:] {
		for _, v := range pixels[:width] {
			values = append(values, uint16(v))
		}
		if len(pixels) < stride {
			break
		}
	}
	return values
}

// Write writes a map as grey PNG of 8 bits in a scheme, which mmsegmentation and Read read.
func Write(path string, m *Map, s Scheme) error {
	return wholefile.Fill(path, 0o666, func(f *os.File) error { return Encode(f, m, s) })
}

// Encode is Write to a writer.
func Encode(w io.Writer, m *Map, s Scheme) error {
	values, err := s.values()
	if err != nil {
		return err
	}
	picture := image.NewGray(image.Rect(0, 0, m.Width, m.Height))
	for i, label := range m.Labels {
		if values[label] == unknown {
			return fmt.Errorf("label %d, want 0 to %d or %d", label, s.Classes-1, Ignored)
		}
		picture.Pix[i] = uint8(values[label])
	}
	return png.Encode(w, picture)
}
