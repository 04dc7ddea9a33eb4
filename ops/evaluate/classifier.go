package evaluate

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"math"
	"os"
	"path/filepath"
	"strings"

	"react/data/tokenizer"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/op"
)

// classifierID stands beside it: a tuned model whose text tower is the base's takes the base's
// classifier.
const classifierID = "classifier.json"

// classifierKey is classifier.json.
type classifierKey struct {
	Made string `json:"made"` // sha256 of the text tower's weights and of the prompts
}

// cachedHead embeds the prompts of each class, or takes what the base's evaluation made of the same
// text tower and prompts. What it gives is kept in the stage.
func cachedHead(ctx context.Context, run *op.Run, b *backbone.Backbone, prompts [][]string) (blas.Matrix, error) {
	key := classifierKey{Made: textDigest(b, prompts)}
	head, ok, err := baseHead(run, key, len(prompts), b.Checkpoint.Config.Dim())
	if err != nil {
		return head, err
	}
	if !ok {
		if head, err = b.Average(ctx, prompts); err != nil {
			return head, err
		}
	}
	run.Fact("classifier", map[bool]string{true: "the base's", false: "made"}[ok])
	if err := op.WriteMatrix(run.Path(backbone.ClassifierFile), head); err != nil {
		return head, err
	}
	return head, run.WriteJSON(classifierID, key)
}

// baseHead reads the base's classifier where it is the one that is wanted.
func baseHead(run *op.Run, want classifierKey, classes, dim int) (blas.Matrix, bool, error) {
	dir, ok := run.In["base"]
	if !ok {
		return blas.Matrix{}, false, nil
	}
	var have classifierKey
	raw, err := os.ReadFile(filepath.Join(dir, classifierID))
	if err != nil || json.Unmarshal(raw, &have) != nil || have != want {
		return blas.Matrix{}, false, nil
	}
	head, err := op.ReadMatrix(filepath.Join(dir, backbone.ClassifierFile))
	if err == nil && (head.Rows != classes || head.Cols != dim) {
		err = fmt.Errorf("%s: shape [%d %d], want [%d %d]", filepath.Join(dir, backbone.ClassifierFile), head.Rows, head.Cols, classes, dim)
	}
	return head, err == nil, err
}

// textDigest identifies what embeds the prompts: every parameter that is not of the image tower,
// and the prompts.
func textDigest(b *backbone.Backbone, prompts [][]string) string {
	h := sha256.New()
	for _, name := range b.Checkpoint.Weights.Names() {
		if strings.HasPrefix(name, "visual.") || name == "logit_scale" {
			continue
		}
		fmt.Fprintln(h, name)
		hashFloats(h, b.Checkpoint.Weights.At(name).Data)
	}
	if b.Truncation != tokenizer.KeepEOT {
		fmt.Fprintln(h, "truncation", b.Truncation)
	}
	for _, list := range prompts {
		fmt.Fprintf(h, "%q\n", list)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashFloats(h hash.Hash, values []float32) {
	buf := make([]byte, 0, 1<<16)
	for len(values) > 0 {
		n := min(len(values), cap(buf)/4)
		buf = buf[:0]
		for _, v := range values[:n] {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		h.Write(buf)
		values = values[n:]
	}
}
