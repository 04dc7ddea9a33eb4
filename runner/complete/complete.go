// Package complete finds what TAB completes on a command line: experiments, sweeps, trials
// and their stages as the store has them, fields and choices of --set, engines. It reads the
// usage lines of the commands, so that a new command is completed by how it is called.
package complete

import (
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"react/data/glob"
	"react/ops/engine"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/spec"
	"react/runner/spec/contract"
	"react/runner/store"
)

// Register gives a command, and those below it, the values of the words in its usage line:
// FILE, SWEEP, TRIAL, STAGE, PATH. A command says no more than that.
func Register(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		Register(sub)
	}
	if words := argWords(cmd); len(words) > 0 && cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 {
		cmd.ValidArgsFunction = func(cmd *cobra.Command, given []string, part string) ([]string, cobra.ShellCompDirective) {
			return completeArg(cmd, words, given, part)
		}
	}
	for flag, complete := range map[string]cobra.CompletionFunc{"engine": completeEngine, "set": completeSet} {
		if cmd.Flags().Lookup(flag) != nil {
			cmd.RegisterFlagCompletionFunc(flag, complete)
		}
	}
	for _, flag := range []string{"store", "tables", "tensorboard", "to", "from"} {
		if f := cmd.Flags().Lookup(flag); f != nil && strings.Contains(f.Usage, "`directory`") {
			cmd.MarkFlagDirname(flag)
		}
	}
}

// argWords are the words of a usage line that stand for values; what A and B
// are, depends on the command.
func argWords(cmd *cobra.Command) []string {
	_, rest, _ := strings.Cut(cmd.Use, " ")
	rest, _, _ = strings.Cut(rest, " --")
	words := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(rest))
	if cmd.Parent() == nil || cmd.Parent().Name() != "runner" {
		return words
	}
	switch cmd.Name() {
	case "diff":
		return []string{"TRIAL|SWEEP", "TRIAL|SWEEP"}
	case "compare":
		return []string{"FILE|SWEEP..."}
	}
	return words
}

// completeArg completes the word of the usage line that stands there; the last
// of one that ends with "..." repeats. A FILE that may be left out is left out
// when what is there is no file.
func completeArg(cmd *cobra.Command, words, given []string, part string) ([]string, cobra.ShellCompDirective) {
	if len(words) > 1 && words[0] == "FILE" && strings.Contains(cmd.Use, "[FILE]") && len(given) > 0 && !strings.HasSuffix(given[0], ".cue") {
		words = words[1:]
	}
	at := len(given)
	if last := words[len(words)-1]; at >= len(words) && strings.HasSuffix(last, "...") {
		at = len(words) - 1
	}
	if at >= len(words) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c := &completer{cmd: cmd, given: given, part: part}
	var found []string
	directive := cobra.ShellCompDirectiveNoFileComp
	for _, word := range strings.Split(strings.TrimSuffix(words[at], "..."), "|") {
		values, d := c.values(word)
		found, directive = append(found, values...), directive&d
		if d&cobra.ShellCompDirectiveNoSpace != 0 {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
	}
	if at == 0 && strings.Contains(cmd.Use, "[FILE] TRIAL") {
		trials, _ := c.values("TRIAL")
		found = append(found, trials...)
	}
	return found, directive
}

// completer finds values for one word. What cannot be read completes to nothing:
// nobody wants an error for a TAB.
type completer struct {
	cmd   *cobra.Command
	given []string
	part  string
}

func (c *completer) values(word string) ([]string, cobra.ShellCompDirective) {
	const none, files = cobra.ShellCompDirectiveNoFileComp, cobra.ShellCompDirectiveDefault
	switch word {
	case "FILE":
		return experiments(c.part)
	case "SWEEP":
		return c.sweeps(), none
	case "TRIAL":
		return c.trials(), none
	case "STAGE":
		return c.stages(), none
	case "PATH":
		return fieldPaths(c.part), none
	case "N", "NAME":
		return nil, none
	}
	return nil, files
}

// experiments are the .cue files where the word is, and the folders on the way;
// with nothing typed, those below experiments/ too.
func experiments(part string) ([]string, cobra.ShellCompDirective) {
	dir, base := filepath.Split(part)
	entries, err := os.ReadDir(filepath.Join(".", dir))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found, folders []string
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, base) || strings.HasPrefix(name, ".") {
			continue
		}
		if e.IsDir() {
			folders = append(folders, dir+name+"/")
		} else if strings.HasSuffix(name, ".cue") && name != spec.Common {
			found = append(found, dir+name)
		}
	}
	if part == "" {
		more, _ := glob.In(".", "experiments/*.cue")
		found = append(found, slices.DeleteFunc(more, func(file string) bool { return filepath.Base(file) == spec.Common })...)
	}
	if len(found) > 0 && part == "" {
		return found, cobra.ShellCompDirectiveNoFileComp
	}
	if found = append(found, folders...); len(folders) > 0 {
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// recorded are the sweeps of the store that --store or RUNNER_STORE names.
func (c *completer) recorded() []*store.Sweep {
	flag := c.cmd.Flags().Lookup("store")
	if flag == nil {
		return nil
	}
	s, err := store.Open(flag.Value.String())
	if err != nil {
		return nil
	}
	sweeps, err := s.Sweeps()
	if err != nil {
		return nil
	}
	return sweeps
}

// sweeps are names, and NAME/HASH once the name is there, with when it was planned and what --set
// gave.
func (c *completer) sweeps() []string {
	var names []string
	for _, w := range c.recorded() {
		name := w.Name
		if strings.HasPrefix(c.part, w.Name+"/") {
			name += "/" + w.Hash
		}
		if !strings.HasPrefix(name, c.part) {
			continue
		}
		if name != w.Name {
			name = cobra.CompletionWithDesc(name, sweepWords(w))
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func sweepWords(w *store.Sweep) string {
	var sets []string
	_ = w.ReadJSON("overrides.json", &sets) // without it: the date alone
	info, err := os.Stat(w.Path(record.PlanFile))
	if err != nil {
		return strings.Join(sets, " ")
	}
	return strings.Join(append([]string{info.ModTime().Format("2006-01-02 15:04")}, sets...), " ")
}

// completedSweeps is how many sweeps are searched for trials, the newest first:
// a TAB has to be quick.
const completedSweeps = 5

// eachTrial reads the trials of the newest sweeps, or of a FILE's alone.
func (c *completer) eachTrial(visit func(w *store.Sweep, t *record.Trial)) {
	sweeps := c.recorded()
	for _, w := range sweeps[:min(len(sweeps), completedSweeps)] {
		trials, err := store.ReadLines[record.Trial](w, record.TrialsFile)
		if err != nil {
			continue
		}
		for i := range trials {
			visit(w, &trials[i])
		}
	}
}

// trials are ids and labels of cases, with their sweep and what tells them apart; behind "SWEEP:"
// those of that sweep.
func (c *completer) trials() []string {
	of, part, isOf := strings.Cut(c.part, ":")
	prefix := of + ":"
	if !isOf {
		of, part, prefix = "", c.part, ""
	}
	byName := map[string][]*record.Trial{} // of all sweeps of a name
	var names []string
	c.eachTrial(func(w *store.Sweep, t *record.Trial) {
		if of != "" && w.Name != of && !strings.HasPrefix(w.Name+"/"+w.Hash, of+"/") && w.Name+"/"+w.Hash != of {
			return
		}
		if byName[w.Name] == nil {
			names = append(names, w.Name)
		}
		byName[w.Name] = append(byName[w.Name], t)
	})
	var found []string
	seen := map[string]bool{}
	for _, name := range names {
		words := distinct(byName[name])
		for i, t := range byName[name] {
			for _, value := range []string{t.Label, t.ID} {
				if value == "" || seen[value] || !strings.HasPrefix(value, part) {
					continue
				}
				seen[value] = true
				what := words[i]
				if value == t.Label {
					what = ""
				}
				found = append(found, cobra.CompletionWithDesc(prefix+value, strings.TrimSpace(name+" "+what)))
			}
		}
	}
	return found
}

// distinct says in words what tells each trial from the others: what its sweep varies, and where
// trials of several sweeps share that, the first params that differ.
func distinct(trials []*record.Trial) []string {
	p := &plan.Plan{}
	for _, t := range trials {
		p.Trials = append(p.Trials, plan.Trial{ID: t.ID, Label: t.Label, Axes: t.Axes, Seed: t.Seed, Params: t.Params})
	}
	alike := map[string][]*record.Trial{}
	words := make([]string, len(trials))
	for i, varied := range experiment.VariedParams(p) {
		words[i] = varied.Words
		alike[words[i]] = append(alike[words[i]], trials[i])
	}
	const most = 2
	differ := map[string][]string{}
	for text, same := range alike {
		for _, path := range slices.Sorted(maps.Keys(same[0].Params)) {
			other := func(t *record.Trial) bool { return cli.JSONText(t.Params[path]) != cli.JSONText(same[0].Params[path]) }
			if len(differ[text]) < most && slices.ContainsFunc(same, other) {
				differ[text] = append(differ[text], path)
			}
		}
	}
	for i, t := range trials {
		parts := []string{words[i]}
		for _, path := range differ[words[i]] {
			parts = append(parts, path+"="+cli.JSONText(t.Params[path]))
		}
		words[i] = strings.TrimPrefix(strings.Join(parts, ", "), ", ")
	}
	return words
}

// stages are the names of the stages of the trial that was given, and the ops of
// all stages before them.
func (c *completer) stages() []string {
	if len(c.given) == 0 {
		return nil
	}
	trial := c.given[len(c.given)-1]
	names := map[string]bool{}
	c.eachTrial(func(_ *store.Sweep, t *record.Trial) {
		if t.Label != trial && !strings.HasPrefix(t.ID, trial) {
			return
		}
		for name := range t.Stages {
			names[name] = true
		}
		if t.Stages["pairs"] != "" {
			for _, op := range []string{"embed", "queries", "index", "retrieve"} {
				names[op] = true
			}
		}
	})
	return startingWith(maps.Keys(names), c.part)
}

// startingWith are the names that begin with part, sorted.
func startingWith(names iter.Seq[string], part string) []string {
	return slices.DeleteFunc(slices.Sorted(names), func(name string) bool { return !strings.HasPrefix(name, part) })
}

// completeEngine knows names; what is installed takes longer to find out than a
// TAB may.
func completeEngine(_ *cobra.Command, _ []string, part string) ([]string, cobra.ShellCompDirective) {
	var found []string
	for _, name := range strings.Split(strings.ReplaceAll(engine.Choices, " or ", ", "), ", ") {
		name, _, _ = strings.Cut(name, " ")
		if strings.HasPrefix(name, part) && name != "xla:PLUGIN" && engine.Known(name) {
			found = append(found, name)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeSet completes PATH= and, behind it, the choices of the field. Names of
// pools and evaluations are the file's own, and left to who types.
func completeSet(_ *cobra.Command, _ []string, part string) ([]string, cobra.ShellCompDirective) {
	paths, err := contract.FieldPaths()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if path, _, ok := strings.Cut(part, "="); ok {
		var found []string
		for _, choice := range paths[path] {
			found = append(found, fmt.Sprintf("%s=%s", path, choice))
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
	var found []string
	for path := range paths {
		if strings.HasPrefix(path, part) && !strings.Contains(path, "NAME") {
			found = append(found, path+"=")
		}
	}
	sort.Strings(found)
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// fieldPaths are those of explain.
func fieldPaths(part string) []string {
	paths, err := contract.FieldPaths()
	if err != nil {
		return nil
	}
	seen := map[string]bool{}
	for path := range paths {
		for ; path != ""; path = parentPath(path) { // sections and groups too
			seen[path] = true
		}
	}
	return startingWith(maps.Keys(seen), part)
}

func parentPath(path string) string {
	return path[:max(0, strings.LastIndexByte(path, '.'))]
}
