package image

import (
	"bytes"
	"errors"
	"fmt"
	stdimage "image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// format is one that the standard library or x/image decodes.
type format struct {
	name, magic string // '?' in magic is any byte
	config      func(file []byte) (stdimage.Config, error)
	decode      func(file []byte) (stdimage.Image, error)
	cost        func(c stdimage.Config, file []byte) int64 // bytes of memory that decode takes
}

var formats = []format{
	{"png", "\x89PNG\r\n\x1a\n", ofStream(png.DecodeConfig), ofStream(png.Decode), pngCost},
	{"gif", "GIF8?a", ofStream(gif.DecodeConfig), decodeGIF, twiceModel},
	{"webp", "RIFF????WEBPVP8", webpConfig, decodeWebP, webpCost},
	{"bmp", "BM????\x00\x00\x00\x00", ofStream(bmp.DecodeConfig), ofStream(bmp.Decode), onceModel},
	{"tiff", "II\x2a\x00", ofStream(tiff.DecodeConfig), decodeTIFF, twiceModel},
	{"tiff", "MM\x00\x2a", ofStream(tiff.DecodeConfig), decodeTIFF, twiceModel},
	{"ppm", "P6", ofStream(pnmConfig), ofStream(decodePNM), onceModel},
	{"pgm", "P5", ofStream(pnmConfig), ofStream(decodePNM), onceModel},
}

// ofStream reads the bytes of a file as a stream.
func ofStream[T any](read func(io.Reader) (T, error)) func(file []byte) (T, error) {
	return func(file []byte) (T, error) { return read(bytes.NewReader(file)) }
}

// DecodeOnWhite reads JPEG, PNG, GIF, WebP, BMP, TIFF or binary PPM, told apart by their first
// bytes, as Pillow's convert("RGB") does, with transparent pixels blended with white. It waits
// while other decodes take the memory that all may take (see Use); the image itself is the caller's
// to account for.
func DecodeOnWhite(b []byte) (*RGB, error) { return decodeAlone(b, true) }

func decodeAlone(b []byte, onWhite bool) (*RGB, error) {
	c := claim{bounds: &process}
	defer c.release()
	return decode(b, onWhite, &c)
}

// Use decodes as DecodeOnWhite does, or drops alpha and keeps the colour under it, and lends the
// image to use. The
// memory of both counts against a budget that the whole process shares, so that
// any number of workers may call it; use must not keep the image, nor call Use or DecodeOnWhite
// itself, which might wait for ever.
func Use(b []byte, onWhite bool, use func(img *RGB) error) error {
	c := claim{bounds: &process}
	return c.use(b, onWhite, use)
}

func (c *claim) use(b []byte, onWhite bool, use func(img *RGB) error) error {
	defer c.release()
	c.lends = true
	img, err := decode(b, onWhite, c)
	if err != nil {
		return err
	}
	err = use(img)
	recycle(img)
	return err
}

// Size is the width and height that an image's header says, without decoding it.
func Size(b []byte) (w, h int, err error) {
	if isJPEG(b) {
		return sizeOfJPEG(b)
	}
	f, err := formatOf(b)
	if err != nil {
		return 0, 0, err
	}
	config, err := guarded(f, f.config, b)
	return config.Width, config.Height, err
}

func decode(b []byte, onWhite bool, c *claim) (*RGB, error) {
	if isJPEG(b) {
		return decodeJPEG(b, c)
	}
	f, err := formatOf(b)
	if err != nil {
		return nil, err
	}
	return f.read(b, onWhite, c)
}

func formatOf(b []byte) (format, error) {
	for _, f := range formats {
		if matches(f.magic, b) {
			return f, nil
		}
	}
	if len(b) == 0 {
		return format{}, errors.New("image of no bytes")
	}
	return format{}, fmt.Errorf("not an image that is read (jpeg, png, gif, webp, bmp, tiff, ppm): starts with %q", b[:min(len(b), 8)])
}

func matches(magic string, b []byte) bool {
	if len(b) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && magic[i] != b[i] {
			return false
		}
	}
	return true
}

// named puts the format before an error, once.
func (f format) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s", f.name, strings.TrimPrefix(err.Error(), f.name+": "))
}

// guarded reads a header or the pixels, and names the format in an error. x/image's decoders, which
// are fuzzed less than the standard library's, may panic.
func guarded[T any](f format, read func([]byte) (T, error), file []byte) (out T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
		}
		err = f.named(err)
	}()
	return read(file)
}

func (f format) read(b []byte, onWhite bool, c *claim) (*RGB, error) {
	config, err := guarded(f, f.config, b)
	if err != nil {
		return nil, err
	}
	img, err := c.image(config.Width, config.Height, func() int64 { return f.cost(config, b) })
	if err != nil {
		return nil, f.named(err)
	}
	src, err := guarded(f, f.decode, b)
	if err != nil {
		return nil, err
	}
	fill(img, src, onWhite)
	c.decoded(img)
	return img, nil
}

// fill copies the pixels of src, straight colours, not premultiplied ones.
func fill(img *RGB, src stdimage.Image, onWhite bool) {
	box := src.Bounds().Intersect(stdimage.Rect(0, 0, img.W, img.H))
	if fillRows(img, src, box) {
		return
	}
	at := straight(src)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			c := at(x, y)
			d := img.Pix[(y*img.W+x)*3:][:3:3]
			d[0], d[1], d[2] = c.R, c.G, c.B
			if onWhite && c.A != 255 {
				d[0], d[1], d[2] = overWhite(c.R, c.A), overWhite(c.G, c.A), overWhite(c.B, c.A)
			}
		}
	}
}

// fillRows copies the kinds of image that most files are, if none of their
// pixels is transparent.
func fillRows(img *RGB, src stdimage.Image, box stdimage.Rectangle) bool {
	row := func(y int) []uint8 { return img.Pix[(y*img.W+box.Min.X)*3:][:box.Dx()*3] }
	switch s := src.(type) {
	case *stdimage.RGBA:
		return s.Opaque() && copyRGBA(box, row, s.Pix, s.Stride, s.PixOffset(box.Min.X, box.Min.Y))
	case *stdimage.NRGBA:
		return s.Opaque() && copyRGBA(box, row, s.Pix, s.Stride, s.PixOffset(box.Min.X, box.Min.Y))
	case *stdimage.Gray:
		for y := box.Min.Y; y < box.Max.Y; y++ {
			d := row(y)
			for x, v := range s.Pix[s.PixOffset(box.Min.X, y):][:box.Dx()] {
				d[3*x], d[3*x+1], d[3*x+2] = v, v, v
			}
		}
		return true
	}
	return false
}

// copyRGBA copies rows of four bytes a pixel, the first at offset, without alpha.
func copyRGBA(box stdimage.Rectangle, row func(y int) []uint8, pix []uint8, stride, offset int) bool {
	for y := box.Min.Y; y < box.Max.Y; y++ {
		d, p := row(y), pix[offset+(y-box.Min.Y)*stride:][:box.Dx()*4]
		for i, j := 0, 0; i < len(d); i, j = i+3, j+4 {
			d[i], d[i+1], d[i+2] = p[j], p[j+1], p[j+2]
		}
	}
	return true
}

// overWhite blends as Pillow's paste with a mask.
func overWhite(v, alpha uint8) uint8 {
	t := int(v)*int(alpha) + 255*(255-int(alpha)) + 128
	return uint8((t>>8 + t) >> 8)
}

// straight gives pixels of src by its type; a conversion through color.RGBA
// would lose the colour under transparent pixels.
func straight(src stdimage.Image) func(x, y int) color.NRGBA {
	switch s := src.(type) {
	case *stdimage.NRGBA:
		return s.NRGBAAt
	case *stdimage.NRGBA64:
		return func(x, y int) color.NRGBA {
			c := s.NRGBA64At(x, y)
			return color.NRGBA{R: uint8(c.R >> 8), G: uint8(c.G >> 8), B: uint8(c.B >> 8), A: uint8(c.A >> 8)}
		}
	case *stdimage.Paletted:
		palette := make([]color.NRGBA, 256) // of indices past the end: black
		for i := range palette {
			palette[i].A = 255
		}
		for i, c := range s.Palette {
			palette[i] = color.NRGBAModel.Convert(c).(color.NRGBA)
			if n, ok := c.(color.NRGBA); ok {
				palette[i] = n
			}
		}
		return func(x, y int) color.NRGBA { return palette[s.ColorIndexAt(x, y)] }
	case *stdimage.Gray16:
		// Pillow clips where it could scale: most 16-bit greys become white.
		return func(x, y int) color.NRGBA {
			v := uint8(min(s.Gray16At(x, y).Y, 255))
			return color.NRGBA{R: v, G: v, B: v, A: 255}
		}
	case *stdimage.RGBA64: // of PNG and TIFF without alpha
		return func(x, y int) color.NRGBA {
			c := s.RGBA64At(x, y)
			return color.NRGBA{R: uint8(c.R >> 8), G: uint8(c.G >> 8), B: uint8(c.B >> 8), A: uint8(c.A >> 8)}
		}
	case *stdimage.YCbCr:
		return newYUV(s, nil).at
	case *stdimage.NYCbCrA:
		return newYUV(&s.YCbCr, s).at
	}
	return func(x, y int) color.NRGBA { return color.NRGBAModel.Convert(src.At(x, y)).(color.NRGBA) }
}
