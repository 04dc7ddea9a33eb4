//go:build !(goexperiment.simd && amd64)

package image

func vectorColumns(_ *RGB, _ weights, _ int, _ *RGB) bool { return false }

func vectorRows(_ *RGB, _ weights, _, _ int, _ *RGB) bool { return false }
