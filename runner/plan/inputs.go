package plan

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"react/data/caught"
	"react/data/datasets"
	"react/data/datasets/catalogue"
	"react/data/datasets/classnames"
	"react/data/embeddings"
	"react/data/laion"
	"react/ops"
	"react/ops/backbone"
	"react/ops/clip"
	"react/ops/evaluate"
	"react/ops/knn"
	"react/ops/op"
	"react/ops/train"
)

// archiveLimit is the size in bytes up to which images in archives are read to find those that
// training and test share. Beyond it they are compared when features are made of them, which reads
// them anyway.
const archiveLimit = 4 << 30

// CheckInputs opens the outside data of the stages that will run, each once, before anything is
// computed: class names and their synonyms, tokenizers, sets of images and captions, files of
// prompts, shots, and images that are both learned from and tested on. It lists and counts; images
// are not decoded. Sets of generated pools are looked at when they are there. The error has a line
// for each fault, with the field of the spec that names the data. What may mean something else than
// it seems to is added to the plan's Warnings.
func (p *Plan) CheckInputs(ctx context.Context, runs func(stage int) bool, digest func(path string) (string, error)) error {
	c := &inputCheck{plan: p, digest: digest, seen: map[string]bool{}, sets: map[string]*datasets.Set{}, learned: learnedFrom(p.Stages)}
	defer c.close()
	for i, s := range p.Stages {
		if err := ctx.Err(); err != nil {
			return err
		}
		if runs(i) {
			c.caught(s, func() { c.stage(ctx, s) })
		}
	}
	if len(c.faults) > 0 {
		return c.faults
	}
	c.worlds()
	c.untested()
	c.named()
	return nil
}

// Faults are what is wrong with data outside, each with the place in the spec that names the data.
type Faults []error

// Error is one line a fault.
func (f Faults) Error() string { return errors.Join(f...).Error() }

// Unwrap returns the faults.
func (f Faults) Unwrap() []error { return f }

// inputCheck keeps what is open, and what was said.
type inputCheck struct {
	plan    *Plan
	digest  func(path string) (string, error)
	seen    map[string]bool          // faults, and what needs no second look
	sets    map[string]*datasets.Set // by setID
	learned map[*Stage]bool          // whose images some stage learns from
	faults  Faults

	tasks    map[string][]string // see taskClasses
	compared []comparison
}

func (c *inputCheck) close() {
	for _, s := range c.sets {
		if s != nil {
			s.Close()
		}
	}
}

// fault notes what is wrong with the data of a field, once.
func (c *inputCheck) fault(field string, err error) {
	if err == nil || c.seen[field+err.Error()] {
		return
	}
	c.seen[field+err.Error()] = true
	c.faults = append(c.faults, fmt.Errorf("%s: %s: %w", c.plan.Experiment.Place(field), field, err))
}

// once says whether a look is the first of its kind.
func (c *inputCheck) once(kind string, f op.Files) bool {
	if len(f.Paths) == 0 {
		return false
	}
	key := strings.Join([]string{kind, f.Root, f.Paths[0], fmt.Sprint(len(f.Paths))}, "\x00")
	if c.seen[key] {
		return false
	}
	c.seen[key] = true
	return true
}

// caught looks at a stage's inputs. Outside data reach parsers that may panic: that is a fault of
// the files of this stage, and no end to the looks at others.
func (c *inputCheck) caught(s *Stage, look func()) {
	err := caught.Do("", func() error { look(); return nil })
	if err == nil {
		return
	}
	files := map[string]bool{}
	// a classifier's images are those of its features
	for _, of := range append(slices.Collect(maps.Values(s.In)), s) {
		for _, f := range of.Files {
			name := f.Root
			if len(f.Paths) == 1 {
				name = f.Paths[0]
			}
			files[name] = true
		}
	}
	c.fault(s.Op, fmt.Errorf("%s: %w", strings.Join(slices.Sorted(maps.Keys(files)), ", "), err))
}

func (c *inputCheck) stage(ctx context.Context, s *Stage) {
	if f := s.Files["classes"]; c.once("classes", f) {
		_, err := classnames.Read(f.Paths[0])
		c.fault("task.classes", err)
	}
	op := ops.All[s.Op]
	if f := s.Files["checkpoint"]; s.Model != nil && !op.NoText && c.once("tokenizer", f) {
		_, err := backbone.Tokenizer(f.Root, *s.Model)
		c.fault("backbone.weights", err)
	}
	op.Check(s.Params, inspector{c, ctx, s})
	c.synonyms(s)
	c.metadata(s, s.Files["pool.laion"], laion.Options{})
}

// inspector is an inputCheck at a stage.
type inspector struct {
	*inputCheck
	ctx context.Context
	s   *Stage
}

func (i inspector) Files(role string) op.Files {
	if f, ok := i.s.Files[role]; ok {
		return f
	}
	for _, in := range slices.Sorted(maps.Keys(i.s.In)) {
		if f, ok := i.s.In[in].Files[role]; ok {
			return f
		}
	}
	return op.Files{}
}

func (i inspector) Look(what, role string, look func(op.Files) error) {
	if f := i.Files(role); i.once(what, f) {
		i.fault(i.placesField(role, f), look(f))
	}
}

func (i inspector) Images(role string) op.Images {
	if role == "" {
		return i.setOf(i.s)
	}
	if in := i.s.In[role]; in != nil {
		return i.setOf(in)
	}
	return op.Images{}
}

func (i inspector) Labelled(of op.Images) { i.classNames(of, i.labelled(of)) }

func (i inspector) Captioned(of op.Images) { i.captions(of) }

func (i inspector) Training(learned, test op.Images, shots int) {
	i.training(i.ctx, learned, test, shots)
}

func (i inspector) Prompt(test op.Images) {
	if prompt := i.s.In["prompt"]; prompt != nil {
		i.shared(i.ctx, i.setOf(prompt.In["train"]), test)
		i.contexts(prompt, test)
	}
}

func (i inspector) Prompts(of op.Images) {
	f := i.s.Files["prompts"]
	if !i.once("prompts of "+setID(of), f) {
		return
	}
	if set := i.labelled(of); set != nil {
		_, err := evaluate.ReadPrompts(f.Paths[0], set.Classes, set.Names)
		i.fault(i.field("promptsFile", of, f), err)
	}
}

func (i inspector) Index(p knn.Params, shardRows int64) {
	i.fault("index.kind", i.index(i.s, p, shardRows))
}

func (i inspector) Metadata(columns []string) { i.columns(i.s, columns) }

func (i inspector) Shards(maxBad int, maxBadShare float64) {
	i.metadata(i.s, i.s.Files["pool.laion"], laion.Options{})
	i.lacking(i.ctx, i.s, maxBad, maxBadShare)
}

// index says what is wrong with an index of so many rows of such a length, as far as that is known
// before the embeddings are made.
func (c *inputCheck) index(s *Stage, p knn.Params, shardRows int64) error {
	rows, dim := int64(s.Rows), 0
	if s.Model != nil {
		dim = s.Model.Dim()
	}
	if f, ok := s.Files["embeddings"]; ok {
		folder, err := embeddings.Open(f.Root)
		if err != nil {
			return nil // the stage that reads it says what is wrong
		}
		rows, dim = folder.Rows(), folder.Dim()
		if err := folder.Close(); err != nil {
			return nil
		}
	}
	err := p.Check(rows, shardRows, dim)
	if p.Kind == "auto" && p.Check(rows*9/10, shardRows, dim) == nil {
		return nil // rows that cannot be read leave more memory to the others
	}
	return err
}

// contexts of their own have only the classes that a prompt is learned for.
func (c *inputCheck) contexts(prompt *Stage, tested op.Images) {
	var p train.PromptTuneParams
	if json.Unmarshal(prompt.Params, &p) != nil || p.Contexts != clip.ClassContext {
		return
	}
	learned, test := c.labelled(c.setOf(prompt.In["train"])), c.labelled(tested)
	if learned == nil || test == nil {
		return
	}
	for _, class := range test.Classes {
		if !slices.Contains(learned.Classes, class) {
			c.fault(c.datasetField(tested), fmt.Errorf("class %q has no context: tune.labelled has %d other classes (tune.contexts: \"shared\" serves any)", class, len(learned.Classes)))
			return
		}
	}
}

// setID tells sets of images apart.
func setID(s op.Images) string {
	return strings.Join([]string{s.Files.Root, s.Split, s.Benchmark, strings.Join(s.List.Paths, " ")}, "\x00")
}

// setOf is the set of a stage that reads one.
func (c *inputCheck) setOf(s *Stage) op.Images {
	out := op.Images{Files: s.Files["dataset"], List: s.Files["list"]}
	if json.Unmarshal(s.Params, &out) != nil {
		return op.Images{}
	}
	out.Learned = c.learned[s]
	return out
}

// learnedFrom are the stages whose images others learn from, found in one pass: a plan may have
// tens of thousands of stages, each of which asks.
func learnedFrom(stages []*Stage) map[*Stage]bool {
	learned := map[*Stage]bool{}
	for _, reader := range stages {
		if train := reader.In["train"]; train != nil {
			learned[train] = true
		}
	}
	return learned
}

func setOptions(s op.Images) (datasets.Options, error) {
	o := datasets.Options{Split: s.Split, MaxBadShare: s.MaxBadShare}
	var err error
	if s.Benchmark != "" {
		o.Entry, err = catalogue.Find(s.Benchmark)
	}
	return o, err
}

func (c *inputCheck) synonyms(s *Stage) {
	f, names := s.Files["synonyms"], s.Files["classes"]
	if !c.once("synonyms", f) || len(names.Paths) == 0 {
		return
	}
	classes, err := classnames.Read(names.Paths[0])
	if err != nil {
		return // said of task.classes
	}
	_, err = classnames.ReadSynonyms(f.Paths[0], classes)
	c.fault("task.synonyms", err)
}

// labelled opens a set, nil where it is not there yet or has a fault.
func (c *inputCheck) labelled(s op.Images) *datasets.Set {
	if set, ok := c.sets[setID(s)]; ok {
		return set
	}
	o, err := setOptions(s)
	if err != nil || len(s.Files.Paths) == 0 {
		return nil
	}
	c.sets[setID(s)] = nil
	set, err := datasets.OpenSplit(s.Files.Root, o)
	if err != nil {
		c.fault(c.datasetField(s), err)
		return nil
	}
	if len(s.List.Paths) > 0 {
		if err := set.Keep(s.List.Paths[0]); err != nil {
			set.Close()
			c.fault(c.field("trainList", s, s.List), err)
			return nil
		}
	}
	c.sets[setID(s)] = set
	return set
}

func (c *inputCheck) captions(s op.Images) {
	o, err := setOptions(s)
	if err != nil || !c.once("captions", s.Files) {
		return
	}
	set, err := datasets.OpenCaptions(s.Files.Root, o)
	if err != nil {
		c.fault(c.datasetField(s), err)
		return
	}
	set.Close()
}

// training looks at images to learn from: the classes of the test images, enough of each, and none
// of the test images.
func (c *inputCheck) training(ctx context.Context, train, test op.Images, shots int) {
	set := c.labelled(train)
	if set == nil {
		return
	}
	if tested := c.labelled(test); tested != nil && !slices.Equal(tested.Classes, set.Classes) {
		c.fault(c.datasetField(train), fmt.Errorf("%d classes (the first %q), and the test images of %s have %d (the first %q): not the same task",
			len(set.Classes), set.Classes[0], tested.Dir, len(tested.Classes), tested.Classes[0]))
	}
	counts, err := set.Support()
	for class, n := range counts {
		if err == nil && n < shots {
			err = fmt.Errorf("set %s: class %d (%q) has %d images, fewer than %d shots", set.Dir, class, set.Classes[class], n, shots)
		}
	}
	c.fault(c.datasetField(train), err)
	c.shared(ctx, train, test)
}

// shared compares the images of two sets by their bytes.
func (c *inputCheck) shared(ctx context.Context, train, test op.Images) {
	pair := "shared " + setID(train) + setID(test)
	a, b := c.labelled(train), c.labelled(test)
	if c.seen[pair] || a == nil || b == nil || a == b || tooLarge(a, train.Files) || tooLarge(b, test.Files) {
		return
	}
	c.seen[pair] = true
	at := map[string]int{}
	err := c.digests(ctx, b, func(i int, digest string) { at[digest] = i })
	n, first := 0, ""
	if err == nil {
		err = c.digests(ctx, a, func(i int, digest string) {
			if other, ok := at[digest]; ok {
				if n++; n == 1 {
					first = fmt.Sprintf("%s is %s", a.Items[i].Key, b.Items[other].Key)
				}
			}
		})
	}
	if err == nil && n > 0 {
		err = fmt.Errorf("images shared with the test images: %d (%s); a model would be tested on what it learned from (runner data check names them)", n, first)
	}
	c.fault(c.datasetField(train), err)
}

// tooLarge says whether a set lies in archives of more bytes than are read for a plan.
func tooLarge(s *datasets.Set, f op.Files) bool {
	if s.File(0) != "" {
		return false
	}
	total := int64(0)
	for _, path := range f.Paths {
		if info, err := os.Stat(path); err == nil {
			total += info.Size()
		}
	}
	return total > archiveLimit
}

// digests gives the sha256 of each image: that of its file, which the store remembers, or of its
// bytes in an archive.
func (c *inputCheck) digests(ctx context.Context, s *datasets.Set, each func(i int, digest string)) error {
	for i := range s.Items {
		if err := ctx.Err(); err != nil {
			return err
		}
		var digest string
		var err error
		if path := s.File(i); path != "" {
			digest, err = c.digest(path)
		} else if raw, readErr := s.Read(i); datasets.LostCause(readErr) != "" {
			continue // the stage that reads it counts it
		} else if readErr != nil {
			err = readErr
		} else {
			sum := sha256.Sum256(raw)
			digest = hex.EncodeToString(sum[:])
		}
		if err != nil {
			return err
		}
		each(i, digest)
	}
	return nil
}

// datasetField is the field that names a set.
func (c *inputCheck) datasetField(s op.Images) string {
	return c.field(map[bool]string{true: "train", false: "dataset"}[s.Learned], s, s.Files)
}

// field finds the field of the spec that names files of a set: evaluate.NAME.KEY by the path that
// it gives and the benchmark, for "train" also what stands in its place.
func (c *inputCheck) field(key string, s op.Images, f op.Files) string {
	keys := []string{key}
	if key == "train" {
		keys = []string{"train", "labelled", "dataset"}
	}
	for _, key := range keys {
		for _, t := range c.plan.Experiment.Trials {
			if key == "labelled" && isPath(t.Params.Tune.Labelled, f) {
				return "tune.labelled"
			}
			for _, name := range slices.Sorted(maps.Keys(t.Params.Evaluate)) {
				e := t.Params.Evaluate[name]
				ref := map[string]string{"dataset": e.Dataset, "train": e.Train, "trainList": e.TrainList, "promptsFile": e.PromptsFile}[key]
				if isPath(ref, f) && sameBenchmark(e.Benchmark, s.Benchmark) {
					return "evaluate." + name + "." + key
				}
			}
		}
	}
	return "evaluate"
}

// sameBenchmark compares a name or an alias of the catalogue with a name.
func sameBenchmark(given, name string) bool {
	if e, err := catalogue.Find(given); err == nil {
		given = e.Name
	}
	return given == name
}

// isPath says whether a reference of the spec is what files were found by.
func isPath(ref string, f op.Files) bool {
	if ref == "" {
		return false
	}
	abs, err := filepath.Abs(ref)
	return err == nil && (abs == f.Root || len(f.Paths) == 1 && abs == f.Paths[0])
}
