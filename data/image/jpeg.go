package image

/*
#cgo LDFLAGS: -l:libturbojpeg.a -lm
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <jconfig.h> // the version, of the package that turbojpeg.h comes with

#define TEXT(x) #x
#define EXPANDED(x) TEXT(x)
static const char *jpeg_version(void) { return EXPANDED(LIBJPEG_TURBO_VERSION); }

typedef struct {
	int width, height, subsamp, colorspace;
	int code;                    // TJERR_WARNING, TJERR_FATAL, or -1: all is well
	char message[256];
} jpeg_result;

static void jpeg_failed(tjhandle h, jpeg_result *r) {
	r->code = tjGetErrorCode(h);
	strncpy(r->message, tjGetErrorStr2(h), sizeof(r->message) - 1);
}

// jpeg_header reads sizes and colour space.
static int jpeg_header(tjhandle h, const unsigned char *buf, unsigned long n, jpeg_result *r) {
	memset(r, 0, sizeof(*r));
	r->code = -1;
	r->subsamp = -2;
	int rc = tjDecompressHeader3(h, buf, n, &r->width, &r->height, &r->subsamp, &r->colorspace);
	// -1 is a subsampling that has no name in TurboJPEG, 1x4 or 3x1, which libjpeg and so
	// tjDecompress2 read all the same.
	if (rc != 0 && r->subsamp == -1 && r->width > 0) return 0;
	if (rc != 0) jpeg_failed(h, r);
	return rc;
}

// jpeg_pixels decodes. TJFLAG_ACCURATEDCT is what Pillow uses; without a limit a few
// kilobytes of progressive scans take minutes.
static int jpeg_pixels(tjhandle h, const unsigned char *buf, unsigned long n, unsigned char *dst, int format, jpeg_result *r) {
	r->code = -1;
	int rc = tjDecompress2(h, buf, n, dst, r->width, 0, r->height, format, TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS);
	if (rc != 0) jpeg_failed(h, r);
	return rc;
}

// jpeg_encode compresses with chroma halved on both axes. *out is the library's to free.
static int jpeg_encode(tjhandle h, const unsigned char *pixels, int w, int height, int quality, unsigned char **out, unsigned long *n, jpeg_result *r) {
	memset(r, 0, sizeof(*r));
	r->code = -1;
	int rc = tjCompress2(h, pixels, w, 0, height, TJPF_RGB, out, n, TJSAMP_420, quality, TJFLAG_ACCURATEDCT);
	if (rc != 0) jpeg_failed(h, r);
	return rc;
}
*/
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"
)

// Describe names what decodes JPEG: "libjpeg-turbo 2.1.5".
func Describe() string { return "libjpeg-turbo " + C.GoString(C.jpeg_version()) }

// decoders keeps TurboJPEG handles, each used by one goroutine at a time.
// A handle is 20 microseconds to make, as much as a 32 px image is to decode.
var decoders = sync.Pool{New: func() any { return newHandle(C.tjInitDecompress()) }}

// encoders keeps handles for compression likewise.
var encoders = sync.Pool{New: func() any { return newHandle(C.tjInitCompress()) }}

type handle struct{ h C.tjhandle }

// newHandle is freed when the pool lets go of it.
func newHandle(h C.tjhandle) *handle {
	d := &handle{h}
	if d.h != nil {
		runtime.AddCleanup(d, func(h C.tjhandle) { C.tjDestroy(h) }, d.h)
	}
	return d
}

func isJPEG(b []byte) bool { return bytes.HasPrefix(b, []byte("\xff\xd8\xff")) }

// decodeJPEG gives the pixels that Pillow gives. Damage that libjpeg only warns
// of is accepted, as Pillow does (scraped sets have much of it), but not a file
// that ends early.
func decodeJPEG(b []byte, c *claim) (img *RGB, err error) {
	err = withDecoder(func(h C.tjhandle) error {
		img, err = decodeWith(h, b, c)
		return err
	})
	return img, err
}

func sizeOfJPEG(b []byte) (w, h int, err error) {
	err = withDecoder(func(handle C.tjhandle) error {
		r, err := readHeader(handle, b)
		w, h = int(r.width), int(r.height)
		return err
	})
	return w, h, err
}

func withDecoder(use func(h C.tjhandle) error) error {
	d := decoders.Get().(*handle)
	defer runtime.KeepAlive(d)
	if d.h == nil {
		return errors.New("jpeg: no memory for a decoder")
	}
	err := use(d.h)
	if err == nil { // after an error a handle may still be inside the image
		decoders.Put(d)
	}
	return err
}

func readHeader(h C.tjhandle, b []byte) (r C.jpeg_result, err error) {
	if C.jpeg_header(h, (*C.uchar)(unsafe.Pointer(&b[0])), C.ulong(len(b)), &r) != 0 && !warned(&r) {
		return r, jpegError(&r)
	}
	if r.width == 0 { // tables alone are no error for the library
		return r, errors.New("jpeg: no image in the file")
	}
	return r, nil
}

func decodeWith(h C.tjhandle, b []byte, c *claim) (*RGB, error) {
	r, err := readHeader(h, b)
	if err != nil {
		return nil, err
	}
	isCMYK := r.colorspace == C.TJCS_CMYK || r.colorspace == C.TJCS_YCCK
	img, err := c.image(int(r.width), int(r.height), func() int64 {
		working := jpegCost(b, int(r.width), int(r.height))
		if isCMYK {
			working += 4 * int64(r.width) * int64(r.height)
		}
		return working
	})
	if err != nil {
		return nil, fmt.Errorf("jpeg: %w", err)
	}
	if isCMYK {
		img, err = decodeCMYK(h, b, &r, img)
	} else if C.jpeg_pixels(h, (*C.uchar)(unsafe.Pointer(&b[0])), C.ulong(len(b)), (*C.uchar)(unsafe.Pointer(&img.Pix[0])), C.TJPF_RGB, &r) != 0 && !warned(&r) {
		err = jpegError(&r)
	}
	if err != nil {
		return nil, err
	}
	c.decoded(img)
	return img, nil
}

// decodeCMYK is Pillow's conversion of four-colour files, which it takes to be
// inverted as Adobe's are.
func decodeCMYK(h C.tjhandle, b []byte, r *C.jpeg_result, img *RGB) (*RGB, error) {
	raw := make([]byte, img.W*img.H*4)
	if C.jpeg_pixels(h, (*C.uchar)(unsafe.Pointer(&b[0])), C.ulong(len(b)), (*C.uchar)(unsafe.Pointer(&raw[0])), C.TJPF_CMYK, r) != 0 && !warned(r) {
		return nil, jpegError(r)
	}
	for i := range img.W * img.H {
		black := int(raw[4*i+3])
		for c := range 3 {
			img.Pix[3*i+c] = uint8(max(0, black-muldiv255(255-int(raw[4*i+c]), black)))
		}
	}
	return img, nil
}

// muldiv255 is a*b/255, rounded as Pillow does.
func muldiv255(a, b int) int {
	t := a*b + 128
	return (t>>8 + t) >> 8
}

func warned(r *C.jpeg_result) bool {
	return r.code == C.TJERR_WARNING && !strings.Contains(C.GoString(&r.message[0]), "Premature end")
}

func jpegError(r *C.jpeg_result) error {
	why := C.GoString(&r.message[0])
	if _, after, ok := strings.Cut(why, "(): "); ok { // the C function's name
		why = after
	}
	return fmt.Errorf("jpeg: %s", why)
}

// EncodeJPEG compresses an image, with quality from 1 to 100 and chroma of half
// the resolution.
func EncodeJPEG(img *RGB, quality int) ([]byte, error) {
	if quality < 1 || quality > 100 {
		return nil, fmt.Errorf("jpeg: quality %d is not in 1 to 100", quality)
	}
	if err := checkSize(img.W, img.H, maxPixels); err != nil {
		return nil, err
	}
	if img.W > 65535 || img.H > 65535 {
		return nil, fmt.Errorf("jpeg: %dx%d pixels, the format ends at 65535", img.W, img.H)
	}
	d := encoders.Get().(*handle)
	defer runtime.KeepAlive(d)
	if d.h == nil {
		return nil, errors.New("jpeg: no memory for an encoder")
	}
	var out *C.uchar
	var n C.ulong
	var r C.jpeg_result
	failed := C.jpeg_encode(d.h, (*C.uchar)(unsafe.Pointer(&img.Pix[0])), C.int(img.W), C.int(img.H), C.int(quality), &out, &n, &r) != 0
	defer C.tjFree(out)
	if failed {
		return nil, jpegError(&r)
	}
	encoders.Put(d)
	return C.GoBytes(unsafe.Pointer(out), C.int(n)), nil
}
