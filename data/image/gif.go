package image

import (
	"bytes"
	"encoding/binary"
	stdimage "image"
	"image/color"
	"image/gif"
)

// decodeGIF is the first frame on its canvas as Pillow shows it: with the colours
// that the file has for its transparent index too, which the standard library
// blackens, and that index, or 0, where the frame does not reach.
func decodeGIF(file []byte) (stdimage.Image, error) {
	src, err := gif.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	frame, ok := src.(*stdimage.Paletted)
	if !ok {
		return src, nil
	}
	transparent := 0
	palette := gifPalette(file)
	for i, c := range frame.Palette {
		if _, _, _, alpha := c.RGBA(); alpha == 0 {
			transparent = i
			if 3*i+3 <= len(palette) {
				frame.Palette[i] = color.NRGBA{R: palette[3*i], G: palette[3*i+1], B: palette[3*i+2]}
			}
		}
	}
	canvas := stdimage.Rect(0, 0, int(binary.LittleEndian.Uint16(file[6:])), int(binary.LittleEndian.Uint16(file[8:])))
	if frame.Rect == canvas {
		return frame, nil
	}
	whole := stdimage.NewPaletted(canvas, frame.Palette)
	for i := range whole.Pix {
		whole.Pix[i] = uint8(transparent)
	}
	box := frame.Rect.Intersect(canvas)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		copy(whole.Pix[whole.PixOffset(box.Min.X, y):], frame.Pix[frame.PixOffset(box.Min.X, y):][:box.Dx()])
	}
	return whole, nil
}

// gifPalette is the colour table of the first frame, its own or the file's, as
// bytes R, G, B; nil where the file is not as gif.Decode has found it to be.
func gifPalette(b []byte) []byte {
	const header, descriptor = 13, 10
	if len(b) < header {
		return nil
	}
	table, rest := colorTable(b[10], b[header:])
	for len(rest) > 1 && rest[0] == 0x21 { // extensions: kind, blocks, an empty block
		rest = rest[2:]
		for len(rest) > 0 && rest[0] != 0 {
			rest = rest[min(int(rest[0])+1, len(rest)):]
		}
		rest = rest[min(1, len(rest)):]
	}
	if len(rest) < descriptor || rest[0] != 0x2c {
		return nil
	}
	if own, _ := colorTable(rest[9], rest[descriptor:]); own != nil {
		return own
	}
	return table
}

// colorTable cuts the table that flags announce off rest.
func colorTable(flags byte, rest []byte) (table, after []byte) {
	if flags&0x80 == 0 {
		return nil, rest
	}
	n := min(3<<(flags&7+1), len(rest))
	return rest[:n], rest[n:]
}
