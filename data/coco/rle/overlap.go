package rle

// BoxIoU is the area that two boxes share over the area that they cover together; over that of found
// alone where truth is a crowd, of which every part counts. Boxes are not widened by a pixel.
func BoxIoU(found, truth Box, crowd bool) float64 {
	w := min(found[2]+found[0], truth[2]+truth[0]) - max(found[0], truth[0])
	h := min(found[3]+found[1], truth[3]+truth[1]) - max(found[1], truth[1])
	if !(w > 0) || !(h > 0) {
		return 0
	}
	shared, area := float64(w*h), float64(found[2]*found[3])
	if crowd {
		return shared / area
	}
	return shared / (area + float64(truth[2]*truth[3]) - shared)
}

// IoU is BoxIoU of masks, [found, truth]. crowd has an entry for each of truth, or is nil for no
// crowds. All masks are of one size.
func IoU(found, truth []Mask, crowd []bool) []float64 {
	out := make([]float64, len(found)*len(truth))
	boxes := make([]Box, len(truth))
	for i, m := range truth {
		boxes[i] = m.Box()
	}
	for i, f := range found {
		box := f.Box()
		for j, t := range truth {
			if BoxIoU(box, boxes[j], false) > 0 {
				out[i*len(truth)+j] = iou(f, t, crowd != nil && crowd[j])
			}
		}
	}
	return out
}

func iou(found, truth Mask, crowd bool) float64 {
	var shared, all uint64
	walk(found, truth, func(a, b bool, n uint32) {
		if a && b {
			shared += uint64(n)
		}
		if a || b && !crowd {
			all += uint64(n)
		}
	})
	if shared == 0 {
		return 0
	}
	return float64(shared) / float64(all)
}
