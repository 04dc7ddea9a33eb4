package retrieved

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"react/data/words"
	"react/ops/audit"
	"react/ops/pairs"
	"react/runner/browse"
	"react/runner/cli"
	"react/runner/record"
)

func decodeParams(stage record.Stage, into any) error {
	if err := json.Unmarshal(stage.Params, into); err != nil {
		return fmt.Errorf("stage %s %s: params: %w", stage.Op, cli.Short(stage.Key), err)
	}
	return nil
}

// describe gives the page its title and facts.
func (b *Browser) describe(what *browsed, name string) {
	b.Site.Title, b.Site.Subtitle = "index "+name, what.plan.Experiment
	if what.trial != nil {
		b.Site.Title = "trial " + what.trial.Name
	}
	if what.plan.Question != "" {
		b.Site.Subtitle += ": " + what.plan.Question
	}
	fact := func(name, value string) {
		b.Site.Facts = append(b.Site.Facts, browse.Fact{Name: name, Value: value})
	}
	fact("experiment", what.plan.Experiment)
	for _, role := range slices.Sorted(maps.Keys(what.run)) {
		fact(role, cli.Short(what.run[role]))
	}
	for _, role := range slices.Sorted(maps.Keys(what.files)) {
		fact(role, fmt.Sprintf("%s below %s", words.Plural(len(what.files[role].Paths), "file"), what.files[role].Root))
	}
	if what.trial == nil {
		return
	}
	for _, path := range slices.Sorted(maps.Keys(what.trial.Params)) {
		if section, _, _ := strings.Cut(path, "."); section == "retrieve" || section == "pairs" || section == "index" {
			fact(path, cli.JSONText(what.trial.Params[path]))
		}
	}
}

// search encodes a text and searches each side that is asked for.
func (b *Browser) search(ctx context.Context, q browse.Query) (map[string][]browse.Pair, error) {
	vector, err := b.finder.Encode(q.Text)
	if err != nil {
		return nil, fmt.Errorf("encode the text: %w", err)
	}
	out := map[string][]browse.Pair{}
	for _, by := range q.By {
		found, err := b.finder.Find(ctx, vector, by, q.K)
		if err != nil {
			return nil, err
		}
		for _, n := range found {
			out[by] = append(out[by], browse.Pair{Row: n.Meta.Row, Rank: n.Rank, Score: n.Score, Modality: by, Caption: n.Meta.Caption, URL: n.Meta.URL,
				Key: b.imageKey(n.Meta.Key, n.Meta.URL, n.Meta.Caption), Label: n.Meta.Label})
		}
	}
	return out, nil
}

// imageKey is the key in the tars of a row's image, "" where there is none.
func (b *Browser) imageKey(key, url, caption string) string {
	set := b.finder.Images()
	if set == nil {
		return ""
	}
	sample, ok := set.Match(key, url, caption)
	if !ok {
		return ""
	}
	return sample.Key
}

func (b *Browser) image(key string) ([]byte, string, error) {
	set := b.finder.Images()
	sample, ok := set.Find(key)
	if !ok {
		return nil, "", fmt.Errorf("no image has key %q", key)
	}
	data, err := set.Read(sample, nil)
	return data, sample.Ext, err
}

// openPairs reads a trial's pairs and sorts them by class.
func (b *Browser) openPairs(what *browsed) error {
	entry, ok, err := record.LookupResults(b.store, what.pairs.Key)
	if err == nil && !ok {
		err = fmt.Errorf("the pairs of trial %s, stage %s, are not in the store (runner reproduce %s makes them)", what.trial.Name, cli.Short(what.pairs.Key), what.trial.ID)
	}
	if err != nil {
		return err
	}
	list, err := pairs.Read(entry.Dir)
	if err != nil {
		return err
	}
	b.Site.Facts = append(b.Site.Facts, browse.Fact{Name: "pairs", Value: cli.Thousands(len(list))})
	leaks, err := b.leaksOf(what)
	if err != nil {
		return err
	}
	classes, err := classNames(entry.Dir)
	if err != nil {
		return err
	}
	b.showClasses(list, classes, leaks)
	passed, err := pairs.ReadPassed(entry.Dir)
	if err != nil {
		return err
	}
	return b.showPassed(passed)
}

// leaksOf are the pairs that audits found in their datasets, by row of the embeddings.
func (b *Browser) leaksOf(what *browsed) (map[int64][]browse.Mark, error) {
	marks := map[int64][]browse.Mark{}
	for _, name := range slices.Sorted(maps.Keys(what.trial.Stages)) {
		stage := what.plan.Stage(what.trial.Stages[name])
		if stage == nil || stage.Op != "audit" {
			continue
		}
		entry, ok, err := record.LookupResults(b.store, stage.Key)
		if err != nil || !ok {
			continue // it says so in status; the pairs stand without
		}
		list, err := pairs.ReadPassed(entry.Dir)
		if err != nil {
			return nil, err
		}
		audit, err := audit.Read(entry.Dir)
		if err != nil {
			return nil, err
		}
		// the op's version did not change when it came to name them
		if n := audit.Leaks["any"]; n > 0 && len(list) == 0 {
			b.Site.Facts = append(b.Site.Facts, browse.Fact{Name: "leaks", Value: fmt.Sprintf("%s, which %s counted before audits named them", cli.Thousands(n), strings.TrimPrefix(name, "evaluate/"))})
		}
		for _, p := range list {
			marks[p.Index] = append(marks[p.Index], browse.Mark{Kind: "leak", Text: fmt.Sprintf("leak: %s, %s", p.Of, p.By)})
		}
	}
	return marks, nil
}

// mostPassed is how many rows of one reason are shown.
const mostPassed = 1000

// showPassed lists what curation kept out, by reason, below the classes.
func (b *Browser) showPassed(passed []pairs.Passed) error {
	byWhy := map[string][]pairs.Passed{}
	for _, p := range passed {
		byWhy[p.Why] = append(byWhy[p.Why], p)
	}
	kinds := map[string]string{"near": "copy", "collision": "class"}
	for _, why := range slices.Sorted(maps.Keys(byWhy)) {
		list := byWhy[why]
		name := fmt.Sprintf("(kept out: %s)", why)
		rows := make([]int64, min(len(list), mostPassed))
		for i := range rows {
			rows[i] = list[i].Index
		}
		meta, err := b.finder.Describe(rows)
		if err != nil {
			return err
		}
		var pairs []browse.Pair
		for i := range rows {
			p := list[i]
			mark := browse.Mark{Kind: cmp.Or(kinds[why], why), Text: fmt.Sprintf("%s: %s, %s %.3g", why, p.Of, p.By, p.Value)}
			pairs = append(pairs, browse.Pair{Row: p.Row, Caption: meta[i].Caption, URL: meta[i].URL, Label: meta[i].Label,
				Key: b.imageKey(meta[i].Key, meta[i].URL, meta[i].Caption), Marks: []browse.Mark{mark}})
		}
		b.Site.Classes = append(b.Site.Classes, browse.Class{Name: name, Pairs: len(list), Marked: len(list)})
		b.Site.SetPairs(name, pairs)
	}
	return nil
}

// controlClass is what a trial's pairs stand under that were found for no class: a control's.
const controlClass = "(no class: rows of a control)"

// classNames are the classes that were searched for, those for which nothing is left too.
func classNames(dir string) ([]string, error) {
	name := filepath.Join(dir, "report.json")
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var report struct {
		Classes []struct{ Class string }
	}
	if err := json.Unmarshal(data, &report); err != nil {
		return nil, fmt.Errorf("file %s: %w", name, err)
	}
	var names []string
	for _, c := range report.Classes {
		names = append(names, c.Class)
	}
	return names, nil
}

// showClasses makes the lists of the page: of every class where pairs were found for any.
func (b *Browser) showClasses(list []pairs.Pair, classes []string, leaks map[int64][]browse.Mark) {
	known := marksOf(list)
	byClass := map[string][]browse.Pair{}
	var names []string
	if slices.ContainsFunc(list, func(p pairs.Pair) bool { return len(p.Found) > 0 }) {
		for _, class := range classes {
			byClass[class], names = []browse.Pair{}, append(names, class)
		}
	}
	for i, pair := range list {
		for _, class := range classesOf(pair) {
			if _, ok := byClass[class]; !ok {
				names = append(names, class)
			}
			byClass[class] = append(byClass[class], b.shown(pair, class, append(slices.Clone(leaks[pair.Index]), known[i]...)))
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(strings.ToLower(a), strings.ToLower(b)) })
	for _, name := range names {
		pairs := byClass[name]
		slices.SortStableFunc(pairs, func(x, y browse.Pair) int { return cmp.Compare(x.Rank, y.Rank) })
		b.Site.Classes = append(b.Site.Classes, summary(name, pairs))
		b.Site.SetPairs(name, pairs)
	}
}

func summary(name string, pairs []browse.Pair) browse.Class {
	class := browse.Class{Name: name, Pairs: len(pairs)}
	labelled, right := 0, 0
	for _, pair := range pairs {
		if len(pair.Marks) > 0 {
			class.Marked++
		}
		if pair.Label != "" {
			labelled++
		}
		if pair.Right {
			right++
		}
	}
	if labelled > 0 && name != controlClass {
		share := float64(right) / float64(labelled)
		class.Precision = &share
	}
	return class
}

// classesOf are the classes that a pair was found for, each once.
func classesOf(pair pairs.Pair) []string {
	var names []string
	for _, f := range pair.Found {
		if !slices.Contains(names, f.Class) {
			names = append(names, f.Class)
		}
	}
	if len(names) == 0 {
		names = []string{controlClass}
	}
	return names
}

// shown is a pair as one class sees it: with the best hit of that class.
func (b *Browser) shown(pair pairs.Pair, class string, marks []browse.Mark) browse.Pair {
	out := browse.Pair{Row: pair.Row, Caption: pair.Caption, URL: pair.URL, Label: pair.Label, Right: pair.Label == class,
		Key: b.imageKey(pair.Key, pair.URL, pair.Caption), Marks: slices.Clone(marks)}
	var others []string
	for _, f := range pair.Found {
		out.Found = append(out.Found, browse.Found{Class: f.Class, Prompt: f.Prompt, Modality: f.Modality, Rank: int(f.Rank), Score: f.Score})
		if f.Class != class {
			if !slices.Contains(others, f.Class) {
				others = append(others, f.Class)
			}
			continue
		}
		if out.Rank == 0 || int(f.Rank) < out.Rank {
			out.Rank, out.Score, out.Modality = int(f.Rank), f.Score, f.Modality
			out.Query = f.Query()
		}
	}
	if len(others) > 0 {
		out.Marks = append(out.Marks, browse.Mark{Kind: "class", Text: "also " + cli.ShortList(others)})
	}
	return out
}

// marksOf says which pairs are the same image, or have the same caption, as others of the list.
func marksOf(list []pairs.Pair) [][]browse.Mark {
	images, captions := map[string]int{}, map[string]int{}
	for _, pair := range list {
		images[pair.SHA256]++
		captions[pair.Caption]++
	}
	marks := make([][]browse.Mark, len(list))
	for i, pair := range list {
		if n := images[pair.SHA256]; n > 1 && pair.SHA256 != "" {
			marks[i] = append(marks[i], browse.Mark{Kind: "copy", Text: fmt.Sprintf("same image × %d", n)})
		}
		if n := captions[pair.Caption]; n > 1 && pair.Caption != "" {
			marks[i] = append(marks[i], browse.Mark{Kind: "copy", Text: fmt.Sprintf("same caption × %d", n)})
		}
	}
	return marks
}
