package pools

import (
	"context"

	dataworld "react/data/world"
	"react/ops/op"
)

// WorldOp makes the procedural pool and its evaluation sets. Out: pool/*.parquet and pool/*.tar
// (LAION columns, img2dataset layout) and sets/NAME/ (CLIP_benchmark's layout). Same bytes on one
// architecture (a compiler that fuses multiply and add may round a pixel otherwise).
//
//	1: first
var WorldOp = op.Costs(op.Define(1, "world", runWorld,
	op.Says[dataworld.Params](op.NoWork, worldPace, op.NoMemory, op.NoCheck)),
	0, 7.5e-6)

func runWorld(ctx context.Context, run *op.Run, p dataworld.Params) error {
	if err := ctx.Err(); err != nil { // a small world is drawn between two looks at ctx
		return err
	}
	return dataworld.Generate(ctx, run.Dir, p)
}

// worldPace is images to draw, of the pool and of three sets.
func worldPace(p dataworld.Params, _ op.Known) op.Pace {
	size := float64(max(p.Size, 1))
	work := float64(p.Rows+3*p.Classes*p.TestPerClass) * size
	return op.Pace{Work: work, Volume: work * size}
}
