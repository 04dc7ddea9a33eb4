package embed

import "react/ops/op"

// Pool embeds with blocks of so many rows.
var Pool = embedPool

// Invite begins an embedding in run.Partial, for helpers of the same engine.
func Invite(run *op.Run, engine map[string]string) error {
	return (&blocks{run: run, engine: engine}).invite()
}
