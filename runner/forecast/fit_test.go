package forecast

import (
	"encoding/json"
	"strings"
	"testing"

	"react/runner/plan"
)

func TestPrecisionIsCheckedBeforeStagesRun(t *testing.T) {
	stage := &plan.Stage{Op: "tune", Params: json.RawMessage(`{"precision":"bf16"}`)}
	if err := checkPrecision(stage, "onnx"); err == nil || !strings.Contains(err.Error(), "tune: precision bf16: the engine onnx would compute in f32") {
		t.Errorf("bf16 on onnx: %v", err)
	}
	for _, name := range []string{"go", "xla:cuda"} {
		if err := checkPrecision(stage, name); err != nil {
			t.Error(err)
		}
	}
	if err := checkPrecision(&plan.Stage{Op: "embed", Params: json.RawMessage(`{"maxBad":0}`)}, "onnx"); err != nil {
		t.Error(err)
	}
}
