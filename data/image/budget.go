package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	stdimage "image"
	"image/color"
	"runtime"

	"golang.org/x/sync/semaphore"
)

// A file of a few kilobytes may say that it has hundreds of millions of pixels.
// One image is bounded by maxPixels and maxBytes; all that are decoded at a time
// share a budget of bytes, however many workers there are.
const (
	// maxPixels is where Pillow, and so the reference, takes a file for a bomb.
	maxPixels = 178_956_970
	// maxBytes is the memory of one decode: 7 bytes a pixel of the largest image.
	maxBytes = 1280 << 20
	// workerBytes is a worker's share: a photograph of 20 million pixels.
	workerBytes = 64 << 20
)

// bounds are what decoding may take.
type bounds struct {
	pixels int
	bytes  int64 // of one image
	budget int64 // of all
	shared *semaphore.Weighted
}

func newBounds(pixels int, bytes, budget int64) bounds {
	return bounds{pixels, bytes, budget, semaphore.NewWeighted(budget)}
}

// process are the bounds of this process.
var process = newBounds(maxPixels, maxBytes, max(maxBytes, int64(runtime.GOMAXPROCS(0))*workerBytes))

// claim is the part of a budget that one image holds.
type claim struct {
	*bounds
	held  int64
	lends bool // the image ends with the claim
}

// image makes the image of these sizes once there is memory for it and for the
// working bytes that decoding takes; sizes over the bounds are an error.
func (c *claim) image(w, h int, working func() int64) (*RGB, error) {
	if err := checkSize(w, h, c.pixels); err != nil {
		return nil, err
	}
	need := 3*int64(w)*int64(h) + working()
	if need > c.bytes {
		return nil, fmt.Errorf("image of %dx%d pixels takes %d MiB to decode, over %d", w, h, need>>20, c.bytes>>20)
	}
	need = min(need, c.budget)
	if err := c.shared.Acquire(context.Background(), need); err != nil {
		return nil, err // never: the context does not end
	}
	c.held = need
	if !c.lends {
		return New(w, h), nil
	}
	img := scratch(w, h)
	clear(img.Pix) // a damaged file may leave some pixels out
	return img, nil
}

// decoded gives back what is not the image's.
func (c *claim) decoded(img *RGB) { c.giveBack(c.held - int64(len(img.Pix))) }

func (c *claim) release() { c.giveBack(c.held) }

func (c *claim) giveBack(n int64) {
	if n > 0 {
		c.held -= n
		c.shared.Release(n)
	}
}

// pixelBytes are what a pixel of the decoders' images takes.
func pixelBytes(m color.Model) int64 {
	switch m {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	}
	if _, ok := m.(color.Palette); ok {
		return 1
	}
	return 4
}

func onceModel(c stdimage.Config, _ []byte) int64 {
	return pixelBytes(c.ColorModel) * int64(c.Width) * int64(c.Height)
}

// twiceModel is for decoders that hold the pixels twice: unpacked blocks of a
// TIFF, the canvas of a GIF.
func twiceModel(c stdimage.Config, file []byte) int64 { return 2*onceModel(c, file) + int64(len(file)) }

// pngCost counts the passes of an interlaced file as another image.
func pngCost(c stdimage.Config, file []byte) int64 {
	const interlace = 28 // where IHDR says so
	if len(file) > interlace && file[interlace] != 0 {
		return 2 * onceModel(c, file)
	}
	return onceModel(c, file)
}

// webpCost is of a lossy file its planes; of a lossless one the pixels, a copy by
// its transforms, and its Huffman tables, of which a small file may have 65,536.
func webpCost(c stdimage.Config, file []byte) int64 {
	const group, groupPixels, groupBytes, mostGroups = 5 * 1100, 16, 2, 1 << 16
	pixels := int64(c.Width) * int64(c.Height)
	if !bytes.Contains(file, []byte("VP8L")) && !bytes.Contains(file, []byte("ALPH")) {
		return 2*pixels + int64(len(file))
	}
	return 12*pixels + group*min(pixels/groupPixels, int64(len(file))/groupBytes, mostGroups) + int64(len(file))
}

// jpegCost is of a progressive file its coefficients, which wait for the last
// scan; of a baseline one that is in several scans likewise.
func jpegCost(file []byte, w, h int) int64 {
	if components := coefficientPlanes(file); components > 0 {
		return int64(w) * int64(h) * 2 * int64(components)
	}
	return 0
}

// coefficientPlanes is how many components a JPEG keeps as coefficients, 0 where
// one scan holds all.
func coefficientPlanes(file []byte) int {
	components := 0
	for at := 2; at+4 <= len(file) && file[at] == 0xff; {
		marker := file[at+1]
		if marker == 0xff { // fill
			at++
			continue
		}
		size := int(binary.BigEndian.Uint16(file[at+2:]))
		body := file[at+4 : min(at+2+max(size, 2), len(file))]
		isFrame := 0xc0 <= marker && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
		switch {
		case isFrame && len(body) > 5:
			components = int(body[5])
			if marker == 0xc2 || marker == 0xc6 || marker == 0xca || marker == 0xce {
				return components
			}
		case marker == 0xda && len(body) > 0: // the first scan
			if int(body[0]) < components {
				return components
			}
			return 0
		}
		at += 2 + size
	}
	return 4 // damaged: the decoder may find what this does not
}
