//go:build goexperiment.simd && amd64

package engine

// SIMD says whether the Go engine was built with its vector kernels.
const SIMD = true
