// Package shim stands between go-xla and the plugins of PJRT: go-xla is given a table of functions
// in which some are ours, which go on to the plugin's. It has what go-xla v0.4.1 lacks: programs
// that are compiled are kept, and loaded where the same is to be compiled again; outputs take the
// memory of inputs that are donated; a run goes on while its caller does other things; a program is
// compiled for a device that is not there.
//
// It is meant to go: each part is one that go-xla could have, a few dozen lines there. Until then
// this is less than a fork of it, which would be fourteen thousand.
//
// Words: a plugin is a shared library with PJRT's table of functions; a program is a graph that is
// compiled; the programs that are kept lie in a folder (Programs).
//
// Not here: which plugins there are, and which are refused (engine).
package shim

/*
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"runtime"
	"runtime/cgo"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/gomlx/go-xla/pjrt"

	"react/data/caught"
)

// plugin is a library that was loaded. Its number is its place in plugins.
type plugin struct {
	name   string   // by which go-xla knows it
	file   *os.File // as it was when it was loaded, whatever becomes of its path
	digest func() (string, error)
	flags  []string // of the environment when it was loaded, which is when XLA reads them
}

var (
	loading sync.Mutex // go-xla's list of plugins is not locked where shim adds to it
	plugins []*plugin
)

// Open loads the plugin of a path, once, and calls open, which opens it with go-xla by a name. The
// name is the path, or another absolute path: go-xla takes what has "cuda" in it for a GPU's, and
// the plugin then stands in for one.
func Open(name, path string, open func() error) error {
	loading.Lock()
	defer loading.Unlock()
	if numberOf(name) < 0 {
		if err := load(name, path); err != nil {
			return err
		}
	}
	return open()
}

// numberOf is the number of the plugin of a name, -1 where it is not loaded.
func numberOf(name string) int {
	return slices.IndexFunc(plugins, func(p *plugin) bool { return p.name == name })
}

func load(name, path string) error {
	if len(plugins) == C.SHIM_SLOTS {
		return fmt.Errorf("%d plugins are loaded, which is all that a process may load", len(plugins))
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	p := &plugin{name: name, file: file, flags: flags()}
	p.digest = sync.OnceValues(func() (string, error) { return digestOf(file) })
	of := C.CString(path)
	defer C.free(unsafe.Pointer(of))
	standsIn := C.int(0)
	if name != path {
		standsIn = 1
	}
	var table *C.shim_api
	if why := C.shim_open(C.int(len(plugins)), of, standsIn, &table); why != nil {
		file.Close()
		return fmt.Errorf("does not load: %s", C.GoString(why))
	}
	plugins = append(plugins, p)
	return pjrt.RegisterPreloadedPlugin(name, uintptr(unsafe.Pointer(table)))
}

// Caller calls plugins for an engine. It may be used by several goroutines; its fields are
// set before.
type Caller struct {
	Programs *Programs // that are kept; nil for none
	Beside   []string  // libraries that the plugin uses, by name and version
	Devices  int       // that the engine has
	Absent   *Absent   // for which is compiled in place of the plugin's devices; nil for those

	compiled, loaded atomic.Int64

	once  sync.Once
	ahead chan struct{} // holds one for each run that has begun and not ended
}

// mostRuns is how many runs a device may have that have begun and not ended: one computes while the
// next waits for it with its inputs. More would only take memory.
const mostRuns = 2

// Asked is what is asked of a program that is compiled.
type Asked struct {
	// of its inputs, which must be named p0, p1, ...: whether a run may be given it for good, so that
	// outputs take its memory
	Donated []bool
	// what the compiled program must call of libraries, by the beginnings of their names
	Calls []string
}

// NotCalled is a call of a library that the compiler has not kept.
type NotCalled string

// Error names the call.
func (n NotCalled) Error() string {
	return fmt.Sprintf("the compiled program has no call of %s", string(n))
}

// compilation is one program that is compiled.
type compilation struct {
	*Caller
	asked Asked
	err   error // in place of what go-xla hears
}

// Compile calls compile, in which go-xla compiles a program: one that is kept is loaded in its
// place, and one that is not is kept.
func (c *Caller) Compile(asked Asked, compile func() error) error {
	if c == nil { // another engine than XLA
		return compile()
	}
	of := &compilation{Caller: c, asked: asked}
	handle := cgo.NewHandle(of)
	defer handle.Delete()
	// The plugin is called by this thread, which says by itself what for.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.shim_enter(C.uintptr_t(handle))
	defer C.shim_enter(0)
	err := compile()
	return cmp.Or(of.err, err)
}

// Run calls run, in which go-xla runs a program on one device. It waits for the end of the run
// before the last one, and not for that of its own: ended is called then, and who reads an output
// waits for it, and hears what went wrong.
func (c *Caller) Run(run func() error, ended func()) error {
	if c == nil { // another engine than XLA
		defer ended()
		return run()
	}
	c.runs() <- struct{}{}
	ends := func() {
		ended()
		<-c.ahead
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var slot C.int
	C.shim_run()
	err := run()
	event := C.shim_ran(&slot)
	if event == nil {
		ends()
		return err
	}
	go func() {
		_ = caught.Do("the end of a run", func() error { // there is nobody to tell
			C.shim_await(slot, event)
			ends()
			return nil
		})
	}()
	return err
}

// runs are the places for those that have begun and not ended.
func (c *Caller) runs() chan struct{} {
	c.once.Do(func() { c.ahead = make(chan struct{}, mostRuns*max(1, c.Devices)) })
	return c.ahead
}

// Wait waits for the end of all runs.
func (c *Caller) Wait() {
	if c == nil {
		return
	}
	for range cap(c.runs()) {
		c.ahead <- struct{}{}
	}
	for range cap(c.ahead) {
		<-c.ahead
	}
}

// Counts says how many programs were compiled anew, and how many were loaded.
func (c *Caller) Counts() (compiled, loaded int) {
	return int(c.compiled.Load()), int(c.loaded.Load())
}

// shimCompile compiles in the place of a plugin, or loads what is kept.
//
//export shimCompile
func shimCompile(call C.uintptr_t, slot C.int, args unsafe.Pointer) unsafe.Pointer {
	return cgo.Handle(call).Value().(*compilation).compile(slot, (*C.shim_compile)(args))
}

func (c *compilation) compile(slot C.int, args *C.shim_compile) (failure unsafe.Pointer) {
	if slices.Contains(c.asked.Donated, true) {
		program := donate(bytesOf(args.program.code, args.program.code_size), c.asked.Donated)
		defer C.free(replace(args, program))
	}
	if c.Absent != nil {
		c.err = c.Absent.compile(args)
		program := []byte(standIn)
		defer C.free(replace(args, program))
		return C.shim_compile_anew(slot, args)
	}
	defer func() {
		if failure == nil {
			c.err = c.asked.check(slot, args.executable)
		}
	}()
	key, ok := c.key(slot, args)
	if !ok {
		c.compiled.Add(1)
		return C.shim_compile_anew(slot, args)
	}
	if kept := c.Programs.get(key); len(kept) > 0 {
		code := (*C.char)(unsafe.Pointer(&kept[0]))
		args.executable = C.shim_load_bytes(slot, args.client, code, C.size_t(len(kept)))
		if args.executable != nil {
			c.loaded.Add(1)
			return nil
		}
		c.Programs.drop(key)
	}
	c.compiled.Add(1)
	if failure = C.shim_compile_anew(slot, args); failure != nil {
		return failure
	}
	var made C.shim_serialize
	if C.shim_serialize_loaded(slot, args.executable, &made) != 0 {
		defer C.shim_free_serialized(&made)
		c.Programs.put(key, bytesOf(made.serialized_bytes, made.serialized_bytes_size))
	}
	return nil
}

// replace gives a compilation another program, which free frees.
func replace(args *C.shim_compile, program []byte) unsafe.Pointer {
	code := C.CBytes(program)
	args.program.code, args.program.code_size = (*C.char)(code), C.size_t(len(program))
	return code
}

// check says which of the calls a compiled program lacks. One that the plugin does not show has
// them.
func (a Asked) check(slot C.int, loaded unsafe.Pointer) error {
	if len(a.Calls) == 0 {
		return nil
	}
	var size C.size_t
	text := C.shim_read_loaded(slot, loaded, &size)
	if text == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(text))
	for _, call := range a.Calls {
		if !bytes.Contains(bytesOf(text, size), []byte(call)) {
			return NotCalled(call)
		}
	}
	return nil
}

// key is what a program is kept by; not ok where none may be kept.
func (c *Caller) key(slot C.int, args *C.shim_compile) (key string, ok bool) {
	if c.Programs == nil {
		return "", false
	}
	var made C.shim_made
	if C.shim_describe(slot, args.client, &made) == 0 {
		return "", false
	}
	loading.Lock()
	p := plugins[slot]
	loading.Unlock()
	digest, err := p.digest()
	processor := processor()
	// XLA has read the flags that were, and would not hear of others.
	if err != nil || processor == nil || !slices.Equal(p.flags, flags()) {
		return "", false
	}
	return recipe{
		Program:    bytesOf(args.program.code, args.program.code_size),
		Format:     string(bytesOf(args.program.format, args.program.format_size)),
		Options:    bytesOf(args.compile_options, args.compile_options_size),
		Plugin:     digest,
		Version:    string(bytesOf(made.version, made.version_size)),
		Device:     string(bytesOf(made.kind, made.kind_size)),
		Devices:    int(made.devices),
		Beside:     c.Beside,
		Flags:      p.flags,
		Processor:  processor,
		Processors: runtime.NumCPU(),
	}.key(), true
}

// bytesOf are the bytes of C's at a place, not copied.
func bytesOf(at *C.char, n C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(at)), int(n))
}
