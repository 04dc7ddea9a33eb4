package image

import (
	"bytes"
	"fmt"
	"image/png"
	"sync"
)

// PNGBuffers keeps what an encoder of PNG needs for an image for the next: for small ones that is
// most of its time. The zero value is ready.
type PNGBuffers struct{ pool sync.Pool }

// Get gives a buffer that is free, nil where there is none.
func (b *PNGBuffers) Get() *png.EncoderBuffer {
	buf, _ := b.pool.Get().(*png.EncoderBuffer)
	return buf
}

// Put takes it back.
func (b *PNGBuffers) Put(buf *png.EncoderBuffer) { b.pool.Put(buf) }

// EncodePNG compresses with an effort of 1 to 9, of which the standard library
// knows three: 1 to 3, 4 to 8, and 9.
func EncodePNG(img *RGB, effort int) ([]byte, error) {
	if err := checkSize(img.W, img.H, maxPixels); err != nil {
		return nil, fmt.Errorf("png: %w", err)
	}
	var level png.CompressionLevel
	switch {
	case effort < 1 || effort > 9:
		return nil, fmt.Errorf("png: effort %d is not in 1 to 9", effort)
	case effort <= 3:
		level = png.BestSpeed
	case effort == 9:
		level = png.BestCompression
	}
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: level}
	if err := encoder.Encode(&b, img.Standard()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
