package engine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// span are devices of a plugin that follow one another.
type span struct{ first, count int }

// takeSpan takes devices=N and first=I out of the options of an engine.
func takeSpan(options string) (rest string, s span, err error) {
	s.count = 1
	var others []string
	for _, option := range strings.Split(options, ",") {
		key, value, _ := strings.Cut(option, "=")
		switch n, bad := strconv.Atoi(value); key {
		case "devices":
			if s.count = n; bad != nil || n < 1 {
				return "", s, fmt.Errorf("option %s: a number of devices from 1", option)
			}
		case "first":
			if s.first = n; bad != nil || n < 0 {
				return "", s, fmt.Errorf("option %s: the number of a device from 0", option)
			}
		default:
			others = append(others, option)
		}
	}
	return strings.Join(others, ","), s, nil
}

// WithDevices is the spec of an engine that has count devices of a plugin, of which the first has a
// number.
func WithDevices(spec string, first, count int) string {
	if first == 0 && count == 1 {
		return spec
	}
	if spec == "auto" || spec == "" { // nothing else that it takes has several
		spec = "xla:cuda"
	}
	return fmt.Sprintf("%s,devices=%d,first=%d", spec, count, first)
}

// rowsAxis is the axis of the mesh over which the rows of a batch are spread.
const rowsAxis = "rows"

// spreadOver makes the engine's programs run on several devices at once.
func (e *Engine) spreadOver(count int) (err error) {
	if has := e.Backend.NumDevices(); count > has {
		return fmt.Errorf("%s has %d devices, not %d", e.name, has, count)
	}
	if count == 1 {
		return nil
	}
	e.facts[DevicesFact] = strconv.Itoa(count)
	e.mesh, err = distributed.NewDeviceMesh([]int{count}, []string{rowsAxis})
	own := &programs{}
	for i := range count {
		one := *e
		one.mesh, one.each, one.device, one.programs = nil, nil, compute.DeviceNum(i), own
		e.each = append(e.each, &one)
	}
	return err
}

// DevicesFact is the entry of Describe that says how many devices there are; it is not there for
// one. Losses depend on it, by rounding; embeddings do not.
const DevicesFact = "devices"

// Devices is how many devices a program runs on at once. A number of rows that InputRows spreads
// must be a multiple of it.
func (e *Engine) Devices() int { return max(1, len(e.each)) }

// Each gives the engine's devices, each as an engine by itself, for work that needs no exchange
// between them. What is compiled for one serves all. They are closed with the engine.
func (e *Engine) Each() []*Engine {
	if e.mesh == nil {
		return []*Engine{e}
	}
	return e.each
}

// InputRows is an Input of which each device has its share of the first axis.
func InputRows(g *graph.Graph, name string, shape shapes.Shape) *graph.Node {
	return input(g, name, shape, distributed.AxisSpec{rowsAxis})
}

// input is an input of which the first axis is spread over the graph's devices, or each has all.
func input(g *graph.Graph, name string, shape shapes.Shape, first distributed.AxisSpec) *graph.Node {
	called, alias := fmt.Sprintf("p%d", g.NumParameters()), "/"+name
	meshes := g.DeviceMeshes()
	if len(meshes) == 0 {
		return graph.Parameter(g, called, shape).WithAlias(alias)
	}
	axes := make([]distributed.AxisSpec, shape.Rank())
	if len(axes) > 0 {
		axes[0] = first
	}
	return graph.ShardedParameter(g, called, shape, &distributed.ShardingSpec{Mesh: meshes[0], Axes: axes}).WithAlias(alias)
}

// whole says that every device has the outputs of a graph whole; nil for one device.
func (e *Engine) whole(outputs []*graph.Node) []*distributed.ShardingSpec {
	if e.mesh == nil {
		return nil
	}
	specs := make([]*distributed.ShardingSpec, len(outputs))
	for i, o := range outputs {
		specs[i] = &distributed.ShardingSpec{Mesh: e.mesh, Axes: make([]distributed.AxisSpec, o.Rank())}
	}
	return specs
}

// spread is one value on several devices: whole on each, or by rows.
type spread struct {
	parts  []compute.Buffer // by device
	byRows bool
}

var errSpread = errors.New("a value on several devices has no one place")

// Backend is that of the parts.
func (s *spread) Backend() compute.Backend { return s.parts[0].Backend() }

// Shape is that of the part on a device.
func (s *spread) Shape() (shapes.Shape, error) { return s.parts[0].Shape() }

// DeviceNum has no answer.
func (s *spread) DeviceNum() (compute.DeviceNum, error) { return 0, errSpread }

// Data has no answer.
func (s *spread) Data() (any, error) { return nil, errSpread }

// CopyToDevice has no answer.
func (s *spread) CopyToDevice(compute.DeviceNum) (compute.Buffer, error) { return nil, errSpread }

// Finalize frees the parts.
func (s *spread) Finalize() error {
	var errs []error
	for _, p := range s.parts {
		errs = append(errs, p.Finalize())
	}
	return errors.Join(errs...)
}

// ToFlatData copies a value that each device has whole.
func (s *spread) ToFlatData(flat any) error {
	if s.byRows {
		return errSpread
	}
	return s.parts[0].ToFlatData(flat)
}

// UploadRows copies values to the devices as InputRows has them: each gets its share of the first
// dimension. On one device it is Upload.
func (e *Engine) UploadRows(flat any, dims ...int) (compute.Buffer, error) {
	if e.mesh == nil {
		return e.Upload(flat, dims...)
	}
	n := e.Devices()
	if dims[0]%n != 0 {
		return nil, fmt.Errorf("%d rows cannot be shared out evenly among %d devices", dims[0], n)
	}
	share := append([]int{dims[0] / n}, dims[1:]...)
	return e.onEach(true, func(one *Engine, i int) (compute.Buffer, error) {
		switch v := flat.(type) {
		case []float32:
			return one.Upload(v[i*len(v)/n:(i+1)*len(v)/n], share...)
		case []int64:
			return one.Upload(v[i*len(v)/n:(i+1)*len(v)/n], share...)
		}
		return one.Upload(flat, share...) // says what it takes
	})
}

// onEach makes a value of a part on each device.
func (e *Engine) onEach(byRows bool, upload func(one *Engine, i int) (compute.Buffer, error)) (compute.Buffer, error) {
	s := &spread{byRows: byRows}
	for i, one := range e.each {
		part, err := upload(one, i)
		if err != nil {
			_ = s.Finalize()
			return nil, err
		}
		s.parts = append(s.parts, part)
	}
	return s, nil
}

// partsOf are inputs as a program on several devices takes them: those of the first device, then
// those of the second, with what is donated.
func partsOf(devices int, inputs []compute.Buffer, donate []bool) (parts []compute.Buffer, donated []bool, err error) {
	for device := range devices {
		for i, in := range inputs {
			s, ok := in.(*spread)
			if !ok || len(s.parts) != devices {
				return nil, nil, fmt.Errorf("input %d is not on the %d devices of the program", i, devices)
			}
			parts = append(parts, s.parts[device])
		}
	}
	return parts, slices.Repeat(donate, devices), nil
}

// gathered are the outputs of such a program, each on all devices.
func gathered(devices int, parts []compute.Buffer) []compute.Buffer {
	outputs := make([]compute.Buffer, len(parts)/devices)
	for i := range outputs {
		s := &spread{}
		for device := range devices {
			s.parts = append(s.parts, parts[device*len(outputs)+i])
		}
		outputs[i] = s
	}
	return outputs
}
