package train

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"react/ops/op"
)

// SnapshotParams are the params of snapshot.
type SnapshotParams struct {
	Step int `json:"step"` // of the pretraining, from 1; one of the steps that it kept
}

// SnapshotOp takes one of the checkpoints that a pretraining kept on its way. In: "pretrain". Out:
// the checkpoint's files, the same bytes.
//
//	1: first
var SnapshotOp = op.Costs(op.OnOneCore(op.Define(1, "snapshot", runSnapshot,
	op.Says[SnapshotParams](op.NoWork, op.SameParams, op.NoMemory, op.NoCheck))),
	0.03, 0)

func runSnapshot(ctx context.Context, run *op.Run, p SnapshotParams) error {
	dir, err := run.Input("pretrain")
	if err != nil {
		return err
	}
	from := filepath.Join(dir, snapshotDir(p.Step))
	files, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("the pretraining kept no checkpoint of step %d: %w", p.Step, err)
	}
	for _, f := range files {
		if err := op.CopyFile(filepath.Join(from, f.Name()), run.Path(f.Name())); err != nil {
			return err
		}
	}
	return ctx.Err()
}
