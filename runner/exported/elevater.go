package exported

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"react/data/datasets/catalogue"
	"react/data/npy"
	"react/data/words"
	"react/ops/clip"
	"react/ops/clip/layout"
	"react/ops/evaluate"
	"react/ops/train"
	"react/results/evaluation"
	"react/results/export"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/store"
)

// submissions are those of one track: one model, one way of learning, so many shots.
type submissions struct {
	folder string
	all    []export.Submission
}

// writeElevater writes a folder for each model and track, with a zip that the leaderboard takes.
// Evaluations without scores or without the name of a benchmark are left out.
func writeElevater(e *experiment.Experiment, dir string, entries map[string]store.Entry) (string, error) {
	tracks := map[string]*submissions{}
	for i := range e.Plan.Trials {
		t := &e.Plan.Trials[i]
		for _, name := range t.StageNames() {
			evaluation, ok := strings.CutPrefix(name, "evaluate/")
			if !ok {
				continue
			}
			s, track, err := submissionOf(e, t, evaluation, entries)
			if err != nil {
				return "", fmt.Errorf("trial %s: evaluation %s: %w", experiment.TrialName(*t), evaluation, err)
			}
			if s == nil {
				continue
			}
			if tracks[track] == nil {
				tracks[track] = &submissions{folder: filepath.Join(dir, track)}
			}
			tracks[track].add(*s)
		}
	}
	if len(tracks) == 0 {
		return "", errors.New("no evaluation keeps its scores and names a benchmark (scores: true and benchmark, in the experiment)")
	}
	for _, track := range slices.Sorted(maps.Keys(tracks)) {
		if err := export.Elevater(tracks[track].folder, tracks[track].all); err != nil {
			return "", err
		}
	}
	return words.Plural(len(tracks), "submission"), nil
}

// add puts the draws of another of the trial's seeds behind those of a benchmark that is there.
func (t *submissions) add(s export.Submission) {
	i := slices.IndexFunc(t.all, func(o export.Submission) bool { return o.Dataset == s.Dataset })
	if i < 0 {
		t.all = append(t.all, s)
		return
	}
	t.all[i].Seeds = append(t.all[i].Seeds, s.Seeds...)
	t.all[i].Predictions = append(t.all[i].Predictions, s.Predictions...)
}

// submissionOf is what an evaluation of a trial adds to a track; nil for nothing.
func submissionOf(e *experiment.Experiment, t *plan.Trial, name string, entries map[string]store.Entry) (*export.Submission, string, error) {
	param := func(field string) any { return t.Params["evaluate."+name+"."+field] }
	stage := t.Stages["evaluate/"+name]
	entry, done := entries[stage.Key]
	benchmark, named := param("benchmark").(string)
	if !done || !named || param("scores") != true {
		return nil, "", nil
	}
	if err := record.CheckNamed(e.Store, entry, evaluate.ScoresFile); err != nil {
		return nil, "", err
	}
	shape, values, err := npy.Read(filepath.Join(entry.Dir, evaluate.ScoresFile))
	if err != nil {
		return nil, "", err
	}
	found, err := catalogue.Find(benchmark)
	if err != nil {
		return nil, "", err
	}
	if want := found.Splits["test"].Images; want > 0 && shape[1] != want {
		return nil, "", fmt.Errorf("%d images were scored, the test split of %s has %d", shape[1], benchmark, want)
	}
	of, _ := param("kind").(string)
	kind := evaluation.Of(of)
	s := &export.Submission{Model: modelName(t), Dataset: toolkitName(found), Images: shape[1], Classes: shape[2], Predictions: values}
	if err := learnt(s, kind, param("shots"), entry.Dir); err != nil {
		return nil, "", err
	}
	if err := countParams(s, stage, kind, entries); err != nil {
		return nil, "", err
	}
	return s, track(t, kind.Name, s.Shots, param("samples") == nil && kind.Learns), nil
}

// learnt notes shots and seeds, as the toolkit calls them.
func learnt(s *export.Submission, kind evaluation.Kind, shots any, dir string) error {
	s.Seeds = []int{0}
	if !kind.Learns {
		return nil
	}
	s.Shots = -1
	if n, ok := shots.(int64); ok && n > 0 {
		s.Shots = int(n)
	}
	var report struct{ Runs []struct{ Seed int } }
	raw, err := os.ReadFile(filepath.Join(dir, kind.Report))
	if err == nil {
		err = json.Unmarshal(raw, &report)
	}
	if err != nil {
		return err
	}
	s.Seeds = nil
	for _, r := range report.Runs {
		s.Seeds = append(s.Seeds, r.Seed)
	}
	return nil
}

// countParams counts parameters, by which the leaderboard ranks too.
func countParams(s *export.Submission, stage *plan.Stage, kind evaluation.Kind, entries map[string]store.Entry) error {
	model := modelOf(stage)
	if model == nil {
		return errors.New("its model is not known")
	}
	s.Backbone, s.Visual, s.Params = model.Parameters(), model.VisualParameters(), model.Parameters()
	head := int64(s.Classes * (model.Dim() + 1))
	switch prompt := stage.In["prompt"]; {
	case kind.TrainsTower:
		s.Params, s.Trainable = s.Params+head, float64(s.Visual+head)
	case kind.Learns:
		s.Params, s.Trainable = s.Params+head, float64(head)
	case prompt != nil:
		w, err := layout.ReadSafetensors(filepath.Join(entries[prompt.Key].Dir, train.LearnedPromptFile))
		if err != nil {
			return err
		}
		for _, name := range w.Names() {
			s.Trainable += float64(len(w.At(name).Data))
		}
		s.Params += int64(s.Trainable)
	}
	return nil
}

// modelOf is the model that a stage, or what it is made from, runs.
func modelOf(stage *plan.Stage) *clip.Config {
	if stage.Model != nil {
		return stage.Model
	}
	for _, role := range slices.Sorted(maps.Keys(stage.In)) {
		if model := modelOf(stage.In[role]); model != nil {
			return model
		}
	}
	return nil
}

// toolkitName is what ELEVATER calls a benchmark.
func toolkitName(e *catalogue.Entry) string {
	for _, alias := range e.Aliases {
		if slices.Contains(e.Suites, "elevater") && !strings.HasPrefix(alias, "wds_") {
			return alias
		}
	}
	return e.Name
}

func modelName(t *plan.Trial) string {
	if t.Label != "" {
		return t.Label
	}
	return t.ID
}

// unfit are characters that a folder's name does without.
var unfit = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// track is a folder's name: the trial, how it learns, and shots. Draws that are of the trials' own
// seeds go into one folder.
func track(t *plan.Trial, kind string, shots int, ownSeeds bool) string {
	id := t.ID
	if ownSeeds {
		id, _, _ = strings.Cut(id, "-s")
	}
	if t.Label != "" {
		id = unfit.ReplaceAllString(t.Label, "-") + "-" + id
	}
	switch {
	case shots < 0:
		kind += "-full"
	case shots > 0:
		kind = fmt.Sprintf("%s-%d", kind, shots)
	}
	return filepath.Join(id, kind)
}
