package datasets

import (
	"bytes"
	"compress/gzip"
	"fmt"
	stdimage "image"
	"image/png"
	"io"
	"os"
	"strings"

	"react/data/image"
	"react/data/mmap"
)

// pixels are images that a file keeps as bare bytes. Each is given as a PNG without compression,
// the same bytes for the same pixels, so that all that reads images reads these.
type pixels struct {
	wide, high int
	planes     int // 1 for grey; 3 for red, green and blue, one plane after the other
	of         [][]byte
	closers    []func() error
}

var encoder = png.Encoder{CompressionLevel: png.NoCompression, BufferPool: &image.PNGBuffers{}}

func (p *pixels) read(i int) ([]byte, error) {
	area := p.wide * p.high
	raw := p.of[i]
	var img stdimage.Image
	if p.planes == 1 {
		img = &stdimage.Gray{Pix: raw, Stride: p.wide, Rect: stdimage.Rect(0, 0, p.wide, p.high)}
	} else {
		rgba := stdimage.NewNRGBA(stdimage.Rect(0, 0, p.wide, p.high))
		for j := range area {
			rgba.Pix[4*j], rgba.Pix[4*j+1], rgba.Pix[4*j+2], rgba.Pix[4*j+3] = raw[j], raw[area+j], raw[2*area+j], 255
		}
		img = rgba
	}
	var buf bytes.Buffer
	err := encoder.Encode(&buf, img)
	return buf.Bytes(), err
}

func (p *pixels) close() error {
	for _, c := range p.closers {
		if err := c(); err != nil {
			return err
		}
	}
	return nil
}

// maxArchive bounds what a published file of pixels or a list holds when it is unpacked: the
// largest that is read, EMNIST's, has half of it.
const maxArchive = 1 << 30

// openPlain gives the bytes of a file, which may be packed with gzip. close must follow when they
// are not used any more.
func openPlain(path string) (raw []byte, closeFile func() error, err error) {
	if !strings.HasSuffix(path, ".gz") {
		m, err := mmap.Open(path)
		if err != nil {
			return nil, nil, err
		}
		return m.Bytes(), m.Close, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	raw, err = unpack(f, maxArchive)
	if err != nil {
		return nil, nil, fmt.Errorf("file %s: %w", path, err)
	}
	return raw, func() error { return nil }, nil
}

// unpack reads a gzip of at most limit bytes. What the file says of its size is not believed.
func unpack(r io.Reader, limit int64) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	return readAtMost(z, limit)
}
