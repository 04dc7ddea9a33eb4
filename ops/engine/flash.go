package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gomlx/gomlx/core/graph"
)

// flash is what an engine knows of flash attention: it does not write the scores of a sequence to
// memory, which take more the longer that is.
type flash struct {
	refused atomic.Bool // the compiler has not taken it

	mu    sync.Mutex
	notes []string
}

// note says why there is none.
func (f *flash) note(why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	const what = "flash attention is not used, which takes longer and more memory: "
	f.notes = append(f.notes, what+why.Error())
}

// flashOption is the option of an engine, and the entry of Describe, that says whether flash
// attention is used where it can be: "true" or "false" on GPUs, which alone have it.
const flashOption = "flash"

// takeFlash takes flash=false out of the options of an engine.
func takeFlash(options string) (rest string, f *flash, err error) {
	f = &flash{}
	var others []string
	for _, option := range strings.Split(options, ",") {
		key, value, _ := strings.Cut(option, "=")
		if key != flashOption {
			others = append(others, option)
			continue
		}
		switch on, bad := strconv.ParseBool(value); {
		case bad != nil:
			return "", nil, fmt.Errorf("option %s: true or false", option)
		case !on:
			f = nil
		}
	}
	return strings.Join(others, ","), f, nil
}

// FlashAttention says whether graphs are best built with attention.Core where it is of one of the
// types and shapes that a GPU's library has. Not where a graph is spread over devices: XLA would
// gather all of it on each.
func (e *Engine) FlashAttention() bool {
	return e != nil && e.mesh == nil && e.flash != nil && !e.flash.refused.Load()
}

// flashCalls are the functions of cuDNN that a graph calls.
func flashCalls(g *graph.Graph) (calls []string) {
	for _, n := range g.Nodes() {
		switch n.Type() {
		case graph.NodeTypeFusedScaledDotProductAttention:
			calls = append(calls, "__cudnn$fmhaSoftmax")
		case graph.NodeTypeFusedScaledDotProductAttentionVJP:
			calls = append(calls, "__cudnn$fmhaSoftmaxBackward")
		}
	}
	slices.Sort(calls)
	return slices.Compact(calls)
}

// Notes are lines that a stage should warn with, of what was found out since the engine was opened
// or Notes was called.
func (e *Engine) Notes() []string {
	if e == nil || e.flash == nil {
		return nil
	}
	e.flash.mu.Lock()
	defer e.flash.mu.Unlock()
	notes := e.flash.notes
	e.flash.notes = nil
	return notes
}
