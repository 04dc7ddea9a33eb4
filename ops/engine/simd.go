package engine

// SIMDWarning is what a command prints before it trains on the Go engine in a
// build where SIMD is false.
const SIMDWarning = "this program was built without GOEXPERIMENT=simd: matrix products of the Go engine are 20-110 times slower; build it with make"
