package layout

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/ops/clip"
)

// piece is a tensor of a file, under the name it has there.
type piece struct {
	file tensorFile
	tensorInfo
}

// origin says where a parameter of open_clip's name comes from: pieces joined
// along their first axis, transposed when transpose is set.
type origin struct {
	pieces    []piece
	transpose bool
}

func (o origin) shape() []int {
	shape := slices.Clone(o.pieces[0].shape)
	for _, p := range o.pieces[1:] {
		if len(shape) > 0 && len(p.shape) > 0 {
			shape[0] += p.shape[0]
		}
	}
	if o.transpose {
		slices.Reverse(shape)
	}
	return shape
}

// read gives the parameter's values; without joining or transposing they are
// the file's own.
func (o origin) read() ([]float32, error) {
	var data []float32
	for _, p := range o.pieces {
		part, err := p.file.float32(p.name)
		if err != nil {
			return nil, err
		}
		if len(o.pieces) == 1 {
			data = part
			break
		}
		data = append(data, part...)
	}
	if o.transpose {
		rows, columns := o.pieces[0].shape[0], o.pieces[0].shape[1]
		return transposed(data, rows, columns), nil
	}
	return data, nil
}

func transposed(data []float32, rows, columns int) []float32 {
	out := make([]float32, len(data))
	for i := range rows {
		for j := range columns {
			out[j*rows+i] = data[i*columns+j]
		}
	}
	return out
}

// wrappers are what stands in the names of models that were wrapped for
// distributed, compiled or sharded training, at the beginning and inside, in
// whatever order they were wrapped.
var wrappers = []string{"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}

// unwrap takes the wrappers' names away, and any other beginning that all names
// share where CLIP's own names follow it (Lightning's "model.clip.").
func unwrap(pieces []piece) map[string]piece {
	names := make([]string, len(pieces))
	for i, p := range pieces {
		parts := strings.Split(p.name, ".")
		names[i] = strings.Join(slices.DeleteFunc(parts[:len(parts):len(parts)], func(part string) bool { return slices.Contains(wrappers, part) }), ".")
	}
	prefix := sharedPrefix(names)
	for prefix != "" && !slices.ContainsFunc(names, func(name string) bool { return isCLIP(strings.TrimPrefix(name, prefix)) }) {
		cut := strings.LastIndex(strings.TrimSuffix(prefix, "."), ".")
		prefix = prefix[:cut+1]
	}
	if slices.ContainsFunc(names, isCLIP) { // a tower alone: visual. is no wrapper
		prefix = ""
	}
	named := map[string]piece{}
	for i, p := range pieces {
		named[strings.TrimPrefix(names[i], prefix)] = p
	}
	return named
}

// sharedPrefix is the beginning that all names share, up to a dot.
func sharedPrefix(names []string) string {
	if len(names) == 0 {
		return ""
	}
	first, last := slices.Min(names), slices.Max(names)
	n := 0
	for n < len(first) && n < len(last) && first[n] == last[n] {
		n++
	}
	return first[:strings.LastIndex(first[:n], ".")+1]
}

// isCLIP says whether a name is of a CLIP model in any layout.
func isCLIP(name string) bool {
	return slices.ContainsFunc(layouts, func(l *Layout) bool { return begins(name, l.image, l.text, l.other) })
}

// begins says whether a name begins with one of some beginnings.
func begins(name string, beginnings ...[]string) bool {
	return slices.ContainsFunc(slices.Concat(beginnings...), func(start string) bool { return strings.HasPrefix(name, start) })
}

// checkTowers says in a sentence what a whole list of missing parameters would:
// that the names are another model's, or those of one tower.
func checkTowers(named map[string]piece) error {
	names := slices.Sorted(maps.Keys(named))
	has := func(of func(l *Layout) []string) bool {
		return slices.ContainsFunc(layouts, func(l *Layout) bool {
			return slices.ContainsFunc(names, func(name string) bool { return begins(name, of(l)) })
		})
	}
	image := has(func(l *Layout) []string { return l.image })
	text := has(func(l *Layout) []string { return l.text })
	some := strings.Join(names[:min(3, len(names))], ", ")
	prefix := sharedPrefix(names)
	switch {
	case image && text:
		return nil
	case image && slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "text.") }):
		return fmt.Errorf("its text tower has names that begin with \"text.\": a model of open_clip's custom_text, which is not supported")
	case image:
		return fmt.Errorf("there is no text tower among its %d tensors (no name begins with %s); a CLIP model has both", len(names), firstOf(func(l *Layout) []string { return l.text }))
	case text:
		return fmt.Errorf("there is no image tower among its %d tensors (no name begins with %s); a CLIP model has both", len(names), firstOf(func(l *Layout) []string { return l.image }))
	case prefix != "":
		return fmt.Errorf("all %d names begin with %q, and what follows is not a CLIP model's (the first: %s)", len(names), prefix, some)
	}
	return fmt.Errorf("none of its %d tensors has a name of a CLIP model (the first: %s)", len(names), some)
}

// firstOf are the first beginnings of each layout, as an error lists them.
func firstOf(of func(l *Layout) []string) string {
	var all []string
	for _, l := range layouts {
		all = append(all, of(l)[0])
	}
	return strings.Join(all, " or ")
}

// layoutOf tells the layout by the names.
func layoutOf(named map[string]piece) *Layout {
	for _, l := range layouts[1:] {
		for name := range named {
			if begins(name, l.image, l.text) {
				return l
			}
		}
	}
	return layouts[0]
}

// plainOrigins are of parameters that have open_clip's names. What has no such
// name comes under its own, to be found left over.
func plainOrigins(named map[string]piece) map[string]origin {
	out := map[string]origin{}
	for name, p := range named {
		if !isBuffer(name) {
			out[name] = origin{pieces: []piece{p}}
		}
	}
	return out
}

// isBuffer says whether a checkpoint carries the name and no model needs it.
func isBuffer(name string) bool {
	return clip.IsLeftOut(name) || strings.HasSuffix(name, ".position_ids")
}
