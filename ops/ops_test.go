package ops

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"react/ops/internal/optest"
	"react/ops/knn"
	"react/ops/op"
)

// do runs an op of the list.
func do(t *testing.T, name string, params any, in map[string]string, files map[string]op.Files) (*optest.Run, string) {
	t.Helper()
	return optest.Do(t, All[name], params, in, files)
}

func try(r *optest.Run, name string, params any) error { return optest.Try(r, All[name], params) }

func TestParamsAreDecodedStrictly(t *testing.T) {
	r := optest.New(t, nil, nil)
	err := All["pairs"].Run(context.Background(), &r.Run, json.RawMessage(`{"k":1,"kk":2}`))
	if err == nil || !strings.Contains(err.Error(), `params of pairs: json: unknown field "kk"`) {
		t.Errorf("got %v, want an error that names the unknown field", err)
	}
}

// nothing is an Inspector of a stage without inputs.
type nothing struct{ op.Inspector }

func (nothing) Files(string) op.Files   { return op.Files{} }
func (nothing) Images(string) op.Images { return op.Images{} }

func (nothing) Look(string, string, func(op.Files) error) {}

func (nothing) Labelled(op.Images)                 {}
func (nothing) Captioned(op.Images)                {}
func (nothing) Training(op.Images, op.Images, int) {}
func (nothing) Prompts(op.Images)                  {}
func (nothing) Index(knn.Params, int64)            {}
func (nothing) Metadata([]string)                  {}
func (nothing) Shards(int, float64)                {}

// TestEveryOpSpeaksOfItsStages: what nothing is known of is no work and takes no memory, and is no
// fault.
func TestEveryOpSpeaksOfItsStages(t *testing.T) {
	for name, listed := range All {
		if listed.Name != name {
			t.Errorf("op %q is listed as %q", listed.Name, name)
		}
		raw := json.RawMessage("{}")
		if w := listed.Work(raw, op.Known{}); w != (op.Work{}) {
			t.Errorf("%s: %+v", name, w)
		}
		listed.Pace(raw, op.Known{})
		listed.Check(raw, nothing{})
		if _, err := listed.Memory(json.RawMessage("[]"), op.Place{}); err == nil || !strings.Contains(err.Error(), "params of "+name) {
			t.Errorf("%s: params that are a list: %v", name, err)
		}
	}
}
