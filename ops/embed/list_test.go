package embed_test

import (
	"testing"

	"react/ops"
	"react/ops/internal/optest"
	"react/ops/op"
)

// do runs an op of the list: what is lost of a pool is seen in what reads it later.
func do(t *testing.T, name string, params any, in map[string]string, files map[string]op.Files) (*optest.Run, string) {
	t.Helper()
	return optest.Do(t, ops.All[name], params, in, files)
}

func try(r *optest.Run, name string, params any) error { return optest.Try(r, ops.All[name], params) }
