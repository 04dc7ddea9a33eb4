package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	stdimage "image"
	"image/color"

	"golang.org/x/image/webp"
)

// webpConfig reads the sizes of the canvas and of the frame's own data, which must
// be the same, as libwebp has it: decoding takes memory for the latter.
func webpConfig(file []byte) (stdimage.Config, error) {
	c, err := webp.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return c, err
	}
	still, err := firstFrame(file)
	if err != nil {
		return c, nil // which decoding finds too
	}
	if w, h, ok := frameSize(still); ok && (w != c.Width || h != c.Height) {
		return c, fmt.Errorf("a frame of %dx%d pixels on a canvas of %dx%d", w, h, c.Width, c.Height)
	}
	return c, nil
}

// frameSize is what the first VP8 or VP8L chunk of a still says of its size.
func frameSize(still []byte) (w, h int, ok bool) {
	for rest := still[min(riffHeader, len(still)):]; len(rest) >= chunkHeader; {
		kind, size := string(rest[:4]), int(binary.LittleEndian.Uint32(rest[4:]))
		body := rest[chunkHeader:]
		switch {
		case kind == "VP8 " && len(body) >= 10:
			return int(binary.LittleEndian.Uint16(body[6:]) & 0x3fff), int(binary.LittleEndian.Uint16(body[8:]) & 0x3fff), true
		case kind == "VP8L" && len(body) >= 5:
			bits := binary.LittleEndian.Uint32(body[1:])
			return int(bits&0x3fff) + 1, int(bits>>14&0x3fff) + 1, true
		}
		rest = rest[min(chunkHeader+size+size&1, len(rest)):]
	}
	return 0, 0, false
}

// decodeWebP reads a still, or an animation's first frame, which must fill its
// canvas.
func decodeWebP(file []byte) (stdimage.Image, error) {
	still, err := firstFrame(file)
	if err != nil {
		return nil, err
	}
	return webp.Decode(bytes.NewReader(still))
}

// riffHeader is "RIFF", a size, "WEBP"; canvas is the chunk VP8X with its header.
const (
	riffHeader  = 12
	chunkHeader = 8
	canvas      = 10
	frameHeader = 16 // of ANMF: place, size, duration, flags
	animated    = 1 << 1
)

// firstFrame makes a still of an animation (the container's specification,
// "Animation"): the canvas without its flag, and the first frame's own chunks.
func firstFrame(file []byte) ([]byte, error) {
	const head = riffHeader + chunkHeader + canvas
	if len(file) < head || string(file[riffHeader:riffHeader+4]) != "VP8X" || file[riffHeader+chunkHeader]&animated == 0 {
		return file, nil
	}
	for rest := file[head:]; len(rest) >= chunkHeader; {
		size := int(binary.LittleEndian.Uint32(rest[4:]))
		if size > len(rest)-chunkHeader {
			break
		}
		body := rest[chunkHeader : chunkHeader+size]
		if string(rest[:4]) != "ANMF" {
			rest = rest[min(chunkHeader+size+size&1, len(rest)):]
			continue
		}
		// Place and size of the frame, each three bytes, against the canvas's size.
		if size < frameHeader || [6]byte(body[:6]) != [6]byte{} || string(body[6:12]) != string(file[head-6:head]) {
			return nil, errors.New("animation whose first frame does not fill its canvas")
		}
		still := append(bytes.Clone(file[:head]), body[frameHeader:]...)
		still[riffHeader+chunkHeader] &^= animated
		binary.LittleEndian.PutUint32(still[4:], uint32(len(still)-chunkHeader))
		return still, nil
	}
	return nil, errors.New("animation without a frame")
}

// yuv gives the pixels of a lossy WebP as libwebp and so Pillow do: values are
// of video range (16 to 235), which the standard library's YCbCr is not, and
// chroma is interpolated ("fancy upsampling").
type yuv struct {
	img   *stdimage.YCbCr
	alpha *stdimage.NYCbCrA // nil: opaque
}

func newYUV(img *stdimage.YCbCr, alpha *stdimage.NYCbCrA) *yuv { return &yuv{img, alpha} }

func (p *yuv) at(x, y int) color.NRGBA {
	c := color.NRGBA{A: 255}
	if p.alpha != nil {
		c.A = p.alpha.A[p.alpha.AOffset(x, y)]
	}
	luma := int(p.img.Y[p.img.YOffset(x, y)])
	u, v := p.chroma(p.img.Cb, x, y), p.chroma(p.img.Cr, x, y)
	base := luma * 19077 >> 8
	c.R = clip6(base + v*26149>>8 - 14234)
	c.G = clip6(base - u*6419>>8 - v*13320>>8 + 8708)
	c.B = clip6(base + u*33050>>8 - 17685)
	return c
}

func clip6(v int) uint8 { return uint8(min(max(v>>6, 0), 255)) }

// chroma interpolates a plane of half width and height at pixel (x, y): nine,
// three, three and one sixteenth of the four nearest samples, in libwebp's
// order of rounding.
func (p *yuv) chroma(plane []uint8, x, y int) int {
	b := p.img.Bounds()
	nx, ny := near(x, b.Dx()), near(y, b.Dy())
	at := func(cx, cy int) int { return int(plane[cy*p.img.CStride+cx]) }
	a := at(x/2, y/2) // nearest
	if nx < 0 && ny < 0 {
		return a
	}
	if ny < 0 {
		ny = y / 2
	}
	if nx < 0 {
		return (3*a + at(x/2, ny) + 2) >> 2
	}
	side, down, far := at(nx, y/2), at(x/2, ny), at(nx, ny)
	diagonal := (a + side + down + far + 8 + 2*(side+down)) >> 3
	return (diagonal + a) >> 1
}

// near is the second nearest sample along an axis of n pixels, -1 at its ends.
func near(x, n int) int {
	if x&1 == 0 {
		return x/2 - 1
	}
	if x/2+1 > (n-1)/2 {
		return -1
	}
	return x/2 + 1
}
