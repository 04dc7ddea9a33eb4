// Package evaluation is the table of the kinds of evaluation: what the rest of the program asks of
// a kind, so that nothing else tells kinds apart by name. It lies below all that ask.
//
// What a kind's fields are, which of them it reads or needs, and its figures stand in
// schema/evaluate.cue; how it is planned in runner/plan/evaluate.go; how it is scored, and what work
// that is, in ops. Tests of those packages fail for a kind of this table that they do not know.
package evaluation

// Kind is one kind of evaluation. Its images come from the field dataset unless Combines says
// otherwise, and what is not said of it is false.
type Kind struct {
	Name string

	// Classifies: each image gets a class, so that there are prompts, and a score.
	Classifies bool
	// Protocols: its figures follow a benchmark's rules where the field protocol asks for it.
	Protocols bool
	// Learns: it trains on labelled images first, in draws of some shots.
	Learns bool
	// TrainsTower: the image tower learns too, and not only a head.
	TrainsTower bool
	// Captions: its images have captions in place of labels; a benchmark must have them.
	Captions bool
	// JudgesPairs: it looks at what was retrieved, so that a trial retrieves without tuning.
	JudgesPairs bool
	// Combines: it is made of other evaluations' scores, and reads no images itself.
	Combines bool

	// Op makes its rows.
	Op string
	// Report is the file of its output that names the seeds of its draws.
	Report string
}

// Kinds are all kinds, in the schema's order.
func Kinds() []Kind {
	return []Kind{
		{Name: "zeroshot", Classifies: true, Protocols: true, Op: "evaluate"},
		{Name: "retrieval", Captions: true, Op: "evaluate"},
		{Name: "probe", Classifies: true, Learns: true, Op: "evaluate", Report: "probe.json"},
		{Name: "finetune", Classifies: true, Learns: true, TrainsTower: true, Op: "evaluate",
			Report: "finetune.json"},
		{Name: "pairs", JudgesPairs: true, Op: "audit"},
		{Name: "mean", Combines: true, Op: "evaluate"},
	}
}

// Of is the kind of a name; the zero Kind where there is none, which the schema refuses.
func Of(name string) Kind {
	for _, k := range Kinds() {
		if k.Name == name {
			return k
		}
	}
	return Kind{}
}
