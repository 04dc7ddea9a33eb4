//go:build goexperiment.simd && amd64

package image

import (
	"simd/archsimd"
	"unsafe"
)

var avx2 = archsimd.X86.AVX2()

// The vector passes give the bytes of the scalar ones. A lane of 32 bits holds four bytes. It is
// shifted by 0, 8, 16 and 24 bits, and each of the four is multiplied and summed with the bytes
// above the lowest still in it. What these add to a sum is the next sum shifted left by 8, and it
// is subtracted once at the end. This is exact, since sums wrap around at 32 bits.

// vectorColumns fills out, which is columns' answer; false: it cannot, and nothing is done.
func vectorColumns(img *RGB, taps weights, y0 int, out *RGB) bool {
	n := img.W * 3
	if !avx2 || n < 32 {
		return false
	}
	for y := range out.H {
		k, dst := taps.of(y), out.Pix[y*n:][:n]
		src := img.Pix[(taps.first[y]-y0)*n:]
		for j := 0; j < n; j += 32 {
			j = min(j, n-32) // the last vector overlaps the one before
			weighColumns(k, src[j:], n, (*[32]uint8)(dst[j:]))
		}
	}
	archsimd.ClearAVXUpperBits()
	return true
}

// weighColumns sums 32 bytes of each of len(k) rows, stride bytes apart.
func weighColumns(k []int32, src []uint8, stride int, dst *[32]uint8) {
	_ = src[(len(k)-1)*stride:][:32] // all that the loop reads
	base, at := unsafe.Pointer(unsafe.SliceData(src)), 0
	half, halves, limit := constants()
	by8, by16, by24 := shifts()
	s0, s1, s2, s3 := halves, halves, halves, half
	for _, v := range k {
		w := broadcast(uint32(v))
		p := archsimd.LoadUint32x8((*[8]uint32)(unsafe.Add(base, at)))
		at += stride
		s0 = s0.Add(p.Mul(w))
		s1 = s1.Add(p.ShiftRight(by8).Mul(w))
		s2 = s2.Add(p.ShiftRight(by16).Mul(w))
		s3 = s3.Add(p.ShiftRight(by24).Mul(w))
	}
	b0, b1, b2 := s0.Sub(s1.ShiftAllLeft(8)), s1.Sub(s2.ShiftAllLeft(8)), s2.Sub(s3.ShiftAllLeft(8))
	low := clip8x8(b0, limit).Or(clip8x8(b1, limit).ShiftAllLeft(8))
	high := clip8x8(b2, limit).Or(clip8x8(s3, limit).ShiftAllLeft(8))
	low.Or(high.ShiftAllLeft(16)).AsUint8x32().Store(dst)
}

// constants are half, what a sum begins with to be rounded; halves, the same for a sum from which
// the next one is subtracted; and the largest byte. The compiler moves no constant out of a loop.
func constants() (half, halves, limit archsimd.Uint32x8) {
	const h = 1 << (precision - 1) // h<<16 is 0 in 32 bits
	return broadcast(h), broadcast(h + h<<8), broadcast(255)
}

func broadcast(v uint32) archsimd.Uint32x8 { return archsimd.BroadcastUint32x8(v) }

// shifts are counts for each lane: Go 1.26 loads the count of ShiftAllRight anew for each vector.
func shifts() (by8, by16, by24 archsimd.Uint32x8) {
	return broadcast(8), broadcast(16), broadcast(24)
}

// clip8x8 is clip8 of each lane.
func clip8x8(s, limit archsimd.Uint32x8) archsimd.Uint32x8 {
	return s.AsInt32x8().ShiftAllRight(precision).Max(archsimd.Int32x8{}).AsUint32x8().Min(limit)
}

// strip is the number of rows that vectorRows takes at a time: the lanes of a vector.
const strip = 8

// vectorRows fills out, which is rows' answer; false: it cannot, and nothing is done.
func vectorRows(img *RGB, taps weights, x0, y0 int, out *RGB) bool {
	if !avx2 || out.H < strip {
		return false
	}
	from, to := taps.inputs()
	in := make([]uint32, (to-from+3)/4*4*strip)   // [input column, strip]
	result := make([]uint32, (out.W+3)/4*4*strip) // [output column, strip]
	for y := 0; y < out.H; y += strip {
		y = min(y, out.H-strip) // the last strip overlaps the one before
		readStrip(img, from-x0, to-x0, y0+y, in)
		weighStrip(in, &taps, from, result)
		writeStrip(result, out, y)
	}
	archsimd.ClearAVXUpperBits()
	return true
}

// readStrip turns columns from to to of the strip from row y on into t [column, strip], a pixel a
// lane with zero above blue.
func readStrip(img *RGB, from, to, y int, t []uint32) {
	spread := archsimd.LoadInt8x32(&[32]int8{0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1,
		0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1})
	stride := img.W * 3
	x, pix := from, img.Pix[y*stride:]
	pair := func(src []uint8) archsimd.Uint32x8 { // rows of both halves of the strip
		low := archsimd.LoadUint8x16((*[16]uint8)(src))
		high := archsimd.LoadUint8x16((*[16]uint8)(src[4*stride:]))
		return archsimd.Uint8x32{}.SetLo(low).SetHi(high).PermuteOrZeroGrouped(spread).AsUint32x8()
	}
	for ; x < to && 3*x+16 <= len(pix)-(strip-1)*stride; x += 4 {
		p := pix[3*x:]
		a, b, c, d := transpose(pair(p), pair(p[stride:]), pair(p[2*stride:]), pair(p[3*stride:]))
		store4(t[(x-from)*strip:], a, b, c, d)
	}
	for ; x < to; x++ { // a vector would reach beyond the image
		for r := range strip {
			p := pix[r*stride+3*x:][:3]
			t[(x-from)*strip+r] = uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16
		}
	}
}

// weighStrip resizes t, whose first column is column from of what taps refer to.
func weighStrip(t []uint32, taps *weights, from int, out []uint32) {
	for x, first := range taps.first {
		weighRows(taps.of(x), t[(first-from)*strip:], (*[strip]uint32)(out[x*strip:]))
	}
}

// weighRows sums len(k) columns of a strip.
func weighRows(k []int32, t []uint32, dst *[strip]uint32) {
	_ = t[:len(k)*strip] // all that the loop reads
	base, at := unsafe.Pointer(unsafe.SliceData(t)), 0
	half, halves, limit := constants()
	by8, by16, _ := shifts()
	s0, s1, s2 := halves, halves, half // above the third byte is none
	for _, v := range k {
		w := broadcast(uint32(v))
		p := archsimd.LoadUint32x8((*[strip]uint32)(unsafe.Add(base, at)))
		at += 4 * strip
		s0 = s0.Add(p.Mul(w))
		s1 = s1.Add(p.ShiftRight(by8).Mul(w))
		s2 = s2.Add(p.ShiftRight(by16).Mul(w))
	}
	b0, b1 := s0.Sub(s1.ShiftAllLeft(8)), s1.Sub(s2.ShiftAllLeft(8))
	low := clip8x8(b0, limit).Or(clip8x8(b1, limit).ShiftAllLeft(8))
	low.Or(clip8x8(s2, limit).ShiftAllLeft(16)).Store(dst)
}

// writeStrip is the reverse of readStrip.
func writeStrip(t []uint32, out *RGB, y int) {
	gather := archsimd.LoadInt8x32(&[32]int8{0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,
		0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1})
	stride := out.W * 3
	for x := 0; x < out.W; x += 4 {
		v := t[x*strip:][:4*strip]
		a, b, c, d := transpose(load(v), load(v[strip:]), load(v[2*strip:]), load(v[3*strip:]))
		dst := out.Pix[y*stride+3*x:]
		put := func(r int, v archsimd.Uint32x8) {
			bytes := v.AsUint8x32().PermuteOrZeroGrouped(gather)
			low, high := dst[r*stride:], dst[(r+4)*stride:]
			if 3*x+16 <= stride { // the four bytes too many are written again
				bytes.GetLo().Store((*[16]uint8)(low))
				bytes.GetHi().Store((*[16]uint8)(high))
				return
			}
			var last [32]uint8
			bytes.Store(&last)
			copy(low[:min(12, stride-3*x)], last[:])
			copy(high[:min(12, stride-3*x)], last[16:])
		}
		put(0, a)
		put(1, b)
		put(2, c)
		put(3, d)
	}
}

func load(t []uint32) archsimd.Uint32x8 { return archsimd.LoadUint32x8((*[strip]uint32)(t)) }

func store4(t []uint32, a, b, c, d archsimd.Uint32x8) {
	t = t[:4*strip]
	a.Store((*[strip]uint32)(t))
	b.Store((*[strip]uint32)(t[strip:]))
	c.Store((*[strip]uint32)(t[2*strip:]))
	d.Store((*[strip]uint32)(t[3*strip:]))
}

// transpose exchanges vectors and lanes in each half of four vectors.
func transpose(a, b, c, d archsimd.Uint32x8) (_, _, _, _ archsimd.Uint32x8) {
	ab0, ab2 := a.InterleaveLoGrouped(b).AsUint64x4(), a.InterleaveHiGrouped(b).AsUint64x4()
	cd0, cd2 := c.InterleaveLoGrouped(d).AsUint64x4(), c.InterleaveHiGrouped(d).AsUint64x4()
	return ab0.InterleaveLoGrouped(cd0).AsUint32x8(), ab0.InterleaveHiGrouped(cd0).AsUint32x8(),
		ab2.InterleaveLoGrouped(cd2).AsUint32x8(), ab2.InterleaveHiGrouped(cd2).AsUint32x8()
}
