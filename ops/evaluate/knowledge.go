package evaluate

import (
	"context"
	"fmt"
	"path/filepath"

	"react/data/knowledge"
	"react/ops/backbone"
	"react/ops/embed"
	"react/ops/op"
)

// KnowledgeParams are the params of knowledge.
type KnowledgeParams struct {
	From    []string `json:"from"`    // wordnet, wordnet-path, wiktionary, in this order
	Prompts []string `json:"prompts"` // templates with one {}; none: the set's own
}

// Sources of knowledge, as params name them.
const (
	fromWordNet     = "wordnet"      // the definition of the first sense
	fromWordNetPath = "wordnet-path" // what it is a kind of, 3 steps
	fromWiktionary  = "wiktionary"
)

// pathSteps is the part of WordNet's hierarchy that K-LITE takes.
const pathSteps = 3

// promptsFile is prompts for each class, in CuPL's form.
const promptsFile = "prompts.json"

// knowledgeReport is knowledge.json.
type knowledgeReport struct {
	Found map[string]int `json:"found"` // by source: names with knowledge
	Names int            `json:"names"` // of all classes
	// names of which no source knows anything; their prompts are the plain ones
	Unknown []string            `json:"unknown"`
	Texts   map[string][]string `json:"texts"` // by name
}

// KnowledgeOp makes prompts that say what their class is, as K-LITE does: template " ; name ,
// knowledge", for every template, name and source. Where nothing is known of a name the template
// stands alone. In: "features" (whose classes, names and templates they are), files "wordnet" and
// "wiktionary". Out: prompts.json ({class: [prompts]}), knowledge.json.
//
//	1: first
var KnowledgeOp = op.OnOneCore(op.Define(1, "knowledge", runKnowledge,
	op.Says[KnowledgeParams](op.NoWork, op.SameParams, op.NoMemory, op.NoCheck)))

func runKnowledge(_ context.Context, run *op.Run, p KnowledgeParams) error {
	dir, err := run.Input("features")
	if err != nil {
		return err
	}
	var set embed.FeatureSet
	if err := op.ReadJSON(filepath.Join(dir, embed.FeatureSetFile), &set); err != nil {
		return err
	}
	templates := p.Prompts
	if len(templates) == 0 {
		templates = set.Templates
	}
	if len(templates) == 0 {
		return fmt.Errorf("set %s has no prompts of its own (evaluate.NAME.prompts)", set.Dir)
	}
	sources, err := knowledgeSources(run, p.From, set)
	if err != nil {
		return err
	}
	prompts, report := knowing(set, templates, p.From, sources)
	if 2*len(report.Unknown) > report.Names {
		run.Warn("nothing is known of %d of %d class names, the first %q: their prompts are the plain ones", len(report.Unknown), report.Names, report.Unknown[0])
	}
	if err := run.WriteJSON("knowledge.json", report); err != nil {
		return err
	}
	return run.WriteJSON(promptsFile, prompts)
}

// knowledgeSources opens what params name.
func knowledgeSources(run *op.Run, from []string, set embed.FeatureSet) ([]knowledge.Source, error) {
	var names []string
	for _, n := range set.Names {
		names = append(names, n...)
	}
	var out []knowledge.Source
	for _, kind := range from {
		role := fromWordNet
		if kind == fromWiktionary {
			role = fromWiktionary
		}
		files, ok := run.Files[role]
		if !ok || len(files.Paths) == 0 {
			return nil, fmt.Errorf("no files for role %q", role)
		}
		if role == fromWiktionary {
			w, err := knowledge.OpenWiktionary(files.Paths[0], names)
			if err != nil {
				return nil, err
			}
			out = append(out, w)
			continue
		}
		w, err := knowledge.OpenWordNet(filepath.Dir(files.Paths[0]))
		if err != nil {
			return nil, err
		}
		out = append(out, map[string]knowledge.Source{fromWordNet: knowledge.Definitions{WordNet: w}, fromWordNetPath: knowledge.Paths{WordNet: w, Steps: pathSteps}}[kind])
	}
	return out, nil
}

// knowing makes the prompts of each class.
func knowing(set embed.FeatureSet, templates, from []string, sources []knowledge.Source) (map[string][]string, knowledgeReport) {
	report := knowledgeReport{Found: map[string]int{}, Unknown: []string{}, Texts: map[string][]string{}}
	prompts := map[string][]string{}
	for c, class := range set.Classes {
		for _, name := range set.Names[c] {
			report.Names++
			var known []string
			for i, s := range sources {
				if text, ok := s.Look(name); ok && text != "" {
					known = append(known, text)
					report.Found[from[i]]++
				}
			}
			if len(known) == 0 {
				report.Unknown = append(report.Unknown, name)
			} else {
				report.Texts[name] = known
			}
			for _, t := range templates {
				prompts[class] = append(prompts[class], knowingPrompts(backbone.FillPrompt(t, name), name, known)...)
			}
		}
	}
	return prompts, report
}

// knowingPrompts is a prompt with each text of knowledge behind it, or alone where there is none.
func knowingPrompts(prompt, name string, known []string) []string {
	if len(known) == 0 {
		return []string{prompt}
	}
	var out []string
	for _, text := range known {
		out = append(out, prompt+" ; "+name+" , "+text)
	}
	return out
}
