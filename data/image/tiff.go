package image

import (
	"bytes"
	"encoding/binary"
	stdimage "image"

	"golang.org/x/image/tiff"
)

// Tags and values of a TIFF's directory.
const (
	tagCompression = 259
	tagPhotometric = 262
	shortType      = 3 // an entry whose value is 16 bits, kept in the entry
	blackIsZero    = 1
)

// decodeTIFF turns fax images (CCITT) whose 0 is black the right way round:
// x/image takes a fax's white run for white, libtiff and so Pillow for zeros.
func decodeTIFF(file []byte) (stdimage.Image, error) {
	src, err := tiff.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	grey, ok := src.(*stdimage.Gray)
	compression := tiffShort(file, tagCompression)
	if isFax := 2 <= compression && compression <= 4; ok && isFax && tiffShort(file, tagPhotometric) == blackIsZero {
		for i, v := range grey.Pix {
			grey.Pix[i] = 255 - v
		}
	}
	return src, nil
}

// tiffShort is a 16-bit field of the first directory, 0 where it has none.
func tiffShort(file []byte, tag uint16) uint16 {
	const header, entry = 8, 12
	if len(file) < header {
		return 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	if file[0] == 'M' {
		order = binary.BigEndian
	}
	at := int(order.Uint32(file[4:]))
	if at > len(file)-2 {
		return 0
	}
	n := int(order.Uint16(file[at:]))
	for rest := file[at+2:]; n > 0 && len(rest) >= entry; n, rest = n-1, rest[entry:] {
		if order.Uint16(rest) == tag && order.Uint16(rest[2:]) == shortType {
			return order.Uint16(rest[8:])
		}
	}
	return 0
}
