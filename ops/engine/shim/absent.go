package shim

/*
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"
)

// Absent are devices that are not there. Programs are compiled for them, and cannot run.
type Absent struct {
	Plugin  string // name of the one that compiles, which was opened
	Target  string // XLA's description of a device: the text of its GpuTargetConfigProto
	Devices int    // on one machine

	mu   sync.Mutex
	made []Compiled
}

// Compiled says what a program takes of a device, in bytes, as the compiler has it.
type Compiled struct {
	Inputs, Outputs, Temporary int64
	Aliases                    int64  // of the outputs, in the memory of inputs
	Program                    []byte // as the plugin would load it; none where it has no such form
}

// Made are the programs that were compiled, in their order.
func (a *Absent) Made() []Compiled {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.made
}

// standIn is compiled in the place of a program for devices that are not there: go-xla wants one
// that could run.
const standIn = `module @absent { func.func public @main() -> tensor<f32> {
  %0 = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  "func.return"(%0) : (tensor<f32>) -> ()
} }`

// compile compiles the program that a plugin is asked to compile.
func (a *Absent) compile(asked *C.shim_compile) error {
	loading.Lock()
	slot := numberOf(a.Plugin)
	loading.Unlock()
	if slot < 0 {
		return fmt.Errorf("plugin %s is not open", a.Plugin)
	}
	var pins runtime.Pinner
	defer pins.Unpin()
	options := [2]C.shim_named_value{
		named(&pins, "target_config", a.Target),
		named(&pins, "topology", fmt.Sprintf("1x1x%d", a.Devices)),
	}
	args := C.shim_compile_for{program: asked.program,
		compile_options: asked.compile_options, compile_options_size: asked.compile_options_size}
	var memory C.shim_memory
	var program C.shim_serialize
	if why := C.shim_compile_absent(C.int(slot), &options[0], &args, &memory, &program); why != nil {
		defer C.free(unsafe.Pointer(why))
		return fmt.Errorf("for a device that is not there: %s", strings.TrimSpace(C.GoString(why)))
	}
	defer C.shim_free_serialized(&program)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.made = append(a.made, Compiled{
		Inputs: int64(memory.argument_size_in_bytes), Outputs: int64(memory.output_size_in_bytes),
		Temporary: int64(memory.temp_size_in_bytes), Aliases: int64(memory.alias_size_in_bytes),
		Program: bytes.Clone(bytesOf(program.serialized_bytes, program.serialized_bytes_size))})
	return nil
}

// named is an option that is a text; its bytes are pinned.
func named(pins *runtime.Pinner, name, value string) C.shim_named_value {
	n, v := unsafe.StringData(name), unsafe.StringData(value)
	pins.Pin(n)
	pins.Pin(v)
	return C.shim_named_value{name: (*C.char)(unsafe.Pointer(n)), name_size: C.size_t(len(name)),
		string_value: (*C.char)(unsafe.Pointer(v)), value_size: C.size_t(len(value))}
}
