package spec

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"react/ops/clip"
)

// scene is one assignment over the file's values, as the rules that span fields see it.
type scene struct {
	*checker
	base  *assignment
	a     assignment
	v     values          // with defaults
	swept map[string]bool // paths that some assignment sets
}

// place is where a field was set last, and how it is called there: by the sweep, by the file, or else where its group begins.
func (s scene) place(path string) (Pos, string) {
	for p := path; p != ""; p = parent(p) {
		if at, ok := s.a.pos[p]; ok && at.File != "" {
			return at, join(s.prefix(), path)
		}
		if at, ok := s.base.pos[p]; ok {
			return at, path
		}
	}
	return s.start(), path
}

// prefix is where the assignment stands in the file.
func (s scene) prefix() string {
	if s.a.prefix == "" {
		return "sweep.grid"
	}
	return s.a.prefix
}

func parent(path string) string {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return ""
	}
	return path[:i]
}

// check applies every rule. A rule that touches a field already reported says nothing.
func (s scene) check() {
	for _, n := range s.params.fields {
		s.section(n)
		s.eachField(n, n.name, s.checkConditions)
	}
	s.checkNames()
	s.checkBackbone()
	s.checkTune()
	s.checkRetrieve()
	for _, name := range s.v.names("pool") {
		s.checkPool("pool." + name)
	}
	for small, large := range s.checker.atMost {
		s.bound(small, large)
	}
	for _, p := range []string{"tune.augment", "backbone.pretrain.augment"} {
		s.ordered(p + ".crop")
		s.ordered(p + ".ratio")
	}
}

// section reports what is missing in a section, in one line where the whole section is.
func (s scene) section(n *node) {
	var missing []*node
	var paths []string
	s.missing(n, n.name, func(n *node, path string) { missing, paths = append(missing, n), append(paths, path) })
	if len(missing) > 0 && !s.v.has(n.name) && !s.isBad(n.name) {
		s.report(n.name, "missing (needs %s)", strings.Join(lastSteps(paths), ", "))
		return
	}
	for i, m := range missing {
		s.report(paths[i], "missing (%s)", m.form)
	}
}

func lastSteps(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = p[strings.LastIndexByte(p, '.')+1:]
	}
	return out
}

// report places a missing field: at the case that lacks it where others set it, else at its section.
func (s scene) report(path, format string, args ...any) {
	if s.isBad(path) {
		return
	}
	if s.swept[path] && s.a.prefix != "" {
		s.errs.add(s.a.start, s.a.prefix+"."+path, format, args...)
		return
	}
	at, shown := s.place(path)
	s.errs.add(at, shown, format, args...)
}

// missing finds required fields that have no value, groups with no alternative or several, and names of pools that are not there.
func (s scene) missing(n *node, path string, found func(n *node, path string)) {
	switch {
	case !s.v.reads(n, path):
	case n.elem != nil:
		for _, name := range s.v.names(path) {
			s.missing(n.elem, join(path, name), found)
		}
	case n.isLeaf():
		if s.needs(n) && !s.v.has(path) {
			found(n, path)
			return
		}
		s.checkRefs(n, path)
	case !n.absent() || s.v.has(path):
		s.oneOf(n, path)
		for _, f := range n.fields {
			s.missing(f, join(path, f.name), found)
		}
	}
}

// eachField visits what is below a node, and the node, as often as there are names for it.
func (s scene) eachField(n *node, path string, visit func(n *node, path string)) {
	visit(n, path)
	if n.elem != nil {
		for _, name := range s.v.names(path) {
			s.eachField(n.elem, join(path, name), visit)
		}
	}
	if n.absent() && !s.v.has(path) {
		return
	}
	for _, f := range n.fields {
		s.eachField(f, join(path, f.name), visit)
	}
}

func (s scene) needs(n *node) bool {
	mode := s.v.text("tune.mode")
	tunes := mode != "none" && !s.isBad("tune.mode")
	switch n.required {
	case "tune":
		return tunes
	case "pairs":
		return tunes && mode != "prompt" || s.v.judgesPairs()
	}
	return n.required == "always"
}

func (s scene) oneOf(n *node, path string) {
	var all, given []string
	for _, f := range n.fields {
		if f.oneof == "" {
			continue
		}
		all = append(all, f.name)
		if s.v.has(join(path, f.name)) {
			given = append(given, f.name)
		}
	}
	if len(all) == 0 || s.isBad(path) {
		return
	}
	if len(given) == 0 && !s.v.has(path) {
		s.report(path, "missing (exactly one of %s)", strings.Join(all, ", "))
	} else if len(given) == 0 {
		s.report(path, "gives no source (exactly one of %s)", strings.Join(all, ", "))
	}
	if len(given) > 1 {
		p := join(path, given[1])
		s.report(p, "given beside %s (exactly one of %s)", given[0], strings.Join(all, ", "))
	}
}

// checkRefs checks the name of a pool, also inside "pool:NAME/SET".
func (s scene) checkRefs(n *node, path string) {
	name, set, ok := s.v.text(path), "", n.ref == "pool"
	if s.checkBenchmarkClasses(n, path) {
		return
	}
	if n.set {
		name, ok = strings.CutPrefix(name, "pool:")
		if name, set, _ = strings.Cut(name, "/"); ok && (name == "" || set == "") {
			s.report(path, "%q is not a set of a pool (\"pool:NAME/SET\", such as \"pool:world/task\")", s.v.text(path))
			return
		}
	}
	if !ok || !s.v.has(path) || s.isBad(path) {
		return
	}
	if !s.v.has("pool." + name) {
		pools := s.v.names("pool")
		if len(pools) == 0 {
			return // reported once
		}
		s.report(path, "no pool %q%s", name, didYouMean(name, pools, "pools"))
		return
	}
	if n.set && !s.isBad("pool."+name) && (s.v.has("pool."+name+".world") || s.v.has("pool."+name+".laion") || s.v.has("pool."+name+".embeddings")) {
		s.checkSet(path, name, set)
	}
}

func (s scene) checkSet(path, pool, set string) {
	if !s.v.has("pool." + pool + ".world") {
		s.report(path, "pool %q has no evaluation sets (only a world pool makes them; give a path)", pool)
		return
	}
	if !contains(s.worldSets, set) {
		s.report(path, "pool %q has no set %q%s", pool, set, didYouMean(set, s.worldSets, "sets"))
	}
}

func (s scene) checkNames() {
	for section, what := range map[string]string{"pool": "a pool, such as pool: world: world: seed: 0", "evaluate": "an evaluation, such as evaluate: task: {kind: \"zeroshot\", dataset: \"DIR\"}"} {
		if len(s.v.names(section)) == 0 && !s.isBad(section) {
			s.report(section, "missing (at least one: %s)", what)
		}
	}
	for _, name := range s.v.names("evaluate") {
		if _, taken := s.figures[name]; taken {
			s.report("evaluate."+name, "the name is taken by a stage whose figures tables show (another name)")
		}
		s.checkEvaluation("evaluate." + name)
	}
}

func (s scene) checkBackbone() {
	if s.v.has("backbone.pretrain") && !s.v.has("backbone.arch") {
		s.report("backbone.arch", "missing (pretrain needs an architecture, such as \"tiny\")")
	}
	s.checkSnapshot()
	s.checkGates()
	pool := s.v.text("backbone.pretrain.pool")
	if s.v.has("pool."+pool+".embeddings") && !s.v.has("pool."+pool+".shards") {
		s.report("backbone.pretrain.pool", "pool %q has embeddings but no images to train on (shards, or another pool)", pool)
	}
}

// checkGates refuses gated blocks that a model has no place for. Of weights that are loaded the
// architecture is not known here; the plan reads it.
func (s scene) checkGates() {
	arch := s.v.text("backbone.arch")
	mode, err := clip.ModeOf(s.v.text("tune.mode"))
	if err != nil || !mode.Gates || s.isBad("tune.mode") || !s.v.has("backbone.pretrain") {
		return
	}
	model, err := clip.Arch(arch)
	if err != nil {
		return // said of backbone.arch
	}
	if path, why := GatesError(&model, int(s.v.number("tune.gatedDepth")), fmt.Sprintf("backbone.arch %q", arch)); why != "" {
		s.report(path, "%s", why)
	}
}

// GatesError says why a model, called what, cannot have that many gated blocks, and of which field;
// "" where it can.
func GatesError(model *clip.Config, depth int, what string) (path, why string) {
	blocks := model.Model.Vision.Layers
	switch {
	case model.ResNet():
		return "tune.mode", fmt.Sprintf("gated blocks need a transformer, and %s is a ResNet (%s)", what, listed(clip.UngatedModes(), "or"))
	case depth > blocks:
		return "tune.gatedDepth", fmt.Sprintf("%d is over the %d blocks of the image tower of %s (at most that)", depth, blocks, what)
	}
	return "", ""
}

// checkSnapshot looks for the step that serves among those that are kept.
func (s scene) checkSnapshot() {
	const step, every = "backbone.pretrain.checkpoint.step", "backbone.pretrain.checkpoint.every"
	if !s.v.has(step) || s.isBad(step) || s.isBad(every) || s.isBad("backbone.pretrain.steps") {
		return
	}
	at, apart := s.v.number(step), s.v.number(every)
	switch {
	case !s.v.has(every):
		s.report(every, "missing (step needs the steps between kept checkpoints)")
	case math.Mod(at, apart) != 0:
		s.report(step, "no checkpoint is kept after step %g (a multiple of every, %g)", at, apart)
	}
}

func (s scene) checkPool(path string) {
	switch {
	case s.isBad(path):
	case s.v.has(path+".laion") && !s.v.has(path+".shards"):
		s.report(path+".shards", "missing (a glob of the tars that hold the images of laion)")
	case s.v.has(path+".world") && s.v.has(path+".shards"):
		s.report(path+".shards", "given beside world (a world makes its own images)")
	case s.v.has(path + ".world"):
		s.sumUpToOne(path+".world", "named", "irrelevant", "duplicates")
		s.sumUpToOne(path+".world", "wrong", "vague")
	}
	s.checkFilter(path + ".filter")
}

// checkFilter compares the ends of ranges.
func (s scene) checkFilter(path string) {
	if !s.v.has(path) || s.isBad(path) {
		return
	}
	for _, ends := range [][2]string{{"minSimilarity", "maxSimilarity"}, {"minChars", "maxChars"}} {
		if low, high := s.v.number(join(path, ends[0])), s.v.number(join(path, ends[1])); low > high {
			s.report(join(path, ends[0]), "%g is over %s %g (no row would be left)", low, ends[1], high)
		}
	}
	if s.v.has(join(path, "seed")) && !s.v.has(join(path, "fraction")) {
		s.report(join(path, "seed"), "given without fraction (the seed chooses a fraction of the rows)")
	}
}

// sumUpToOne checks shares of the same whole.
func (s scene) sumUpToOne(group string, fields ...string) {
	sum, last := 0.0, group
	for _, f := range fields {
		p := join(group, f)
		sum += s.v.number(p)
		if s.given(p) {
			last = p
		}
	}
	if sum > 1+1e-9 {
		s.report(last, "%s are %.6g of the whole together (at most 1)", strings.Join(fields, ", "), sum)
	}
}

// given reports whether the file or the assignment has the field.
func (s scene) given(path string) bool { return s.base.set.has(path) || s.a.set.has(path) }

// bound compares two numbers of the same trial, unless the trial does not use them.
func (s scene) bound(small, large string) {
	n, _ := s.find(small)
	of, _ := s.find(large)
	unused := func(c condition) bool { return !s.v.met(c, small) }
	if slices.ContainsFunc(n.of, unused) || of.required != "" && !s.needs(of) && !s.isBad("tune.mode") || s.isBad(small) || s.isBad(large) || !(s.v.number(small) > s.v.number(large)) {
		return
	}
	path := small
	if s.a.set.has(large) && !s.a.set.has(small) {
		path = large
	}
	at, shown := s.place(path)
	if path == large {
		s.errs.add(at, shown, "%s is under %s %s (at least that)", s.v[large], small, s.v[small])
		return
	}
	s.errs.add(at, shown, "%s is over %s %s (at most that)", s.v[small], large, s.v[large])
}

// ordered checks [smallest, largest].
func (s scene) ordered(path string) {
	var ends []float64
	if s.isBad(path) || json.Unmarshal(s.v[path], &ends) != nil || len(ends) != 2 || ends[0] <= ends[1] {
		return
	}
	s.report(path, "%s is not [smallest, largest] (%s)", s.v[path], fmt.Sprintf("[%g, %g]", ends[1], ends[0]))
}
