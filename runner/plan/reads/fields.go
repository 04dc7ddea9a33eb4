// Written by TestReads of runner/spec; not by hand.

package reads

import "react/runner/spec"

func (v Params) Pool(name string) (Pool, bool) {
	o, ok := v.of.Pool[name]
	return Pool{v.in("pool").in(name), &o}, ok
}
func (v Params) Backbone() Backbone { return Backbone{v.in("backbone"), &v.of.Backbone} }
func (v Params) Task() Task         { return Task{v.in("task"), &v.of.Task} }
func (v Params) Index() Index       { return Index{v.in("index"), &v.of.Index} }
func (v Params) Retrieve() Retrieve { return Retrieve{v.in("retrieve"), &v.of.Retrieve} }
func (v Params) Pairs() Pairs       { return Pairs{v.in("pairs"), &v.of.Pairs} }
func (v Params) Tune() Tune         { return Tune{v.in("tune"), &v.of.Tune} }
func (v Params) Evaluate(name string) (Evaluate, bool) {
	o, ok := v.of.Evaluate[name]
	return Evaluate{v.in("evaluate").in(name), &o}, ok
}

// Pool is that of package spec, whose readers are noted.
type Pool struct {
	at
	of *spec.Pool
}

func (v Pool) World() *spec.World   { v.note("world", whole); return v.of.World }
func (v Pool) LAION() string        { v.note("laion", asGiven); return v.of.LAION }
func (v Pool) Shards() string       { v.note("shards", asGiven); return v.of.Shards }
func (v Pool) Embeddings() string   { v.note("embeddings", asGiven); return v.of.Embeddings }
func (v Pool) MaxBad() int          { v.note("maxBad", asGiven); return v.of.MaxBad }
func (v Pool) MaxBadShare() float64 { v.note("maxBadShare", asGiven); return v.of.MaxBadShare }
func (v Pool) Filter() *spec.Filter { v.note("filter", whole); return v.of.Filter }
func (v Pool) Rows() int            { v.note("rows", asGiven); return v.of.Rows }

// Backbone is that of package spec, whose readers are noted.
type Backbone struct {
	at
	of *spec.Backbone
}

func (v Backbone) Arch() string    { v.note("arch", asGiven); return v.of.Arch }
func (v Backbone) Weights() string { v.note("weights", asGiven); return v.of.Weights }
func (v Backbone) Pretrain() (Pretrain, bool) {
	v.note("pretrain", asGiven)
	return Pretrain{v.in("pretrain"), v.of.Pretrain}, v.of.Pretrain != nil
}
func (v Backbone) ImageSize() int    { v.note("imageSize", asGiven); return v.of.ImageSize }
func (v Backbone) Precision() string { return v.text("precision", v.of.Precision, "f32") }

// Pretrain is that of package spec, whose readers are noted.
type Pretrain struct {
	at
	of *spec.Pretrain
}

func (v Pretrain) Pool() string           { v.note("pool", asGiven); return v.of.Pool }
func (v Pretrain) Steps() int             { v.note("steps", asGiven); return v.of.Steps }
func (v Pretrain) Checkpoint() Checkpoint { return Checkpoint{v.in("checkpoint"), &v.of.Checkpoint} }
func (v Pretrain) Batch() int             { v.note("batch", asGiven); return v.of.Batch }
func (v Pretrain) LR() float64            { v.note("lr", asGiven); return v.of.LR }
func (v Pretrain) Warmup() int            { v.note("warmup", asGiven); return v.of.Warmup }
func (v Pretrain) WeightDecay() float64   { v.note("weightDecay", asGiven); return v.of.WeightDecay }
func (v Pretrain) GradClip() float64      { v.note("gradClip", asGiven); return v.of.GradClip }
func (v Pretrain) Vocab() int             { v.note("vocab", asGiven); return v.of.Vocab }
func (v Pretrain) Seed() int64            { v.note("seed", asGiven); return v.of.Seed }
func (v Pretrain) Precision() string      { v.note("precision", asGiven); return v.of.Precision }
func (v Pretrain) Augment() spec.Augment  { return *v.augment("augment", &v.of.Augment, "off") }

// Checkpoint is that of package spec, whose readers are noted.
type Checkpoint struct {
	at
	of *spec.Checkpoint
}

func (v Checkpoint) Every() int { v.note("every", asGiven); return v.of.Every }

// Task is that of package spec, whose readers are noted.
type Task struct {
	at
	of *spec.Task
}

func (v Task) Classes() string   { v.note("classes", asGiven); return v.of.Classes }
func (v Task) Prompts() []string { v.note("prompts", asGiven); return v.of.Prompts }
func (v Task) Synonyms() string  { v.note("synonyms", asGiven); return v.of.Synonyms }

// Index is that of package spec, whose readers are noted.
type Index struct {
	at
	of *spec.Index
}

func (v Index) Kind() string        { v.note("kind", asGiven); return v.of.Kind }
func (v Index) M() int              { v.note("m", asGiven); return v.of.M }
func (v Index) EfConstruction() int { v.note("efConstruction", asGiven); return v.of.EfConstruction }
func (v Index) EfSearch() int       { v.note("efSearch", asGiven); return v.of.EfSearch }
func (v Index) NList() int          { v.note("nlist", asGiven); return v.of.NList }
func (v Index) NProbe() int         { v.note("nprobe", asGiven); return v.of.NProbe }
func (v Index) TrainSize() int      { v.note("trainSize", asGiven); return v.of.TrainSize }
func (v Index) Seed() int64         { v.note("seed", asGiven); return v.of.Seed }
func (v Index) Code() int           { v.note("code", asGiven); return v.of.Code }
func (v Index) Factory() string     { v.note("factory", asGiven); return v.of.Factory }
func (v Index) MemoryGiB() float64  { v.note("memoryGiB", asGiven); return v.of.MemoryGiB }
func (v Index) ShardRows() int64    { v.note("shardRows", asGiven); return v.of.ShardRows }
func (v Index) Recall() float64     { v.note("recall", asGiven); return v.of.Recall }

// Retrieve is that of package spec, whose readers are noted.
type Retrieve struct {
	at
	of *spec.Retrieve
}

func (v Retrieve) Pool() string     { v.note("pool", asGiven); return v.of.Pool }
func (v Retrieve) By() []string     { v.note("by", unordered); return v.of.By }
func (v Retrieve) K() int           { v.note("k", asGiven); return v.of.K }
func (v Retrieve) Per() string      { v.note("per", asGiven); return v.of.Per }
func (v Retrieve) Overfetch() int   { v.note("overfetch", asGiven); return v.of.Overfetch }
func (v Retrieve) Fuse() string     { return v.text("fuse", v.of.Fuse, "union") }
func (v Retrieve) Prompts() string  { return v.text("prompts", v.of.Prompts, "union") }
func (v Retrieve) MinT2T() *float64 { v.note("minT2T", asGiven); return v.of.MinT2T }
func (v Retrieve) MinT2I() *float64 { v.note("minT2I", asGiven); return v.of.MinT2I }
func (v Retrieve) Budget() int      { v.note("budget", asGiven); return v.of.Budget }

// Pairs is that of package spec, whose readers are noted.
type Pairs struct {
	at
	of *spec.Pairs
}

func (v Pairs) Dedup() bool         { v.note("dedup", asGiven); return v.of.Dedup }
func (v Pairs) Source() string      { v.note("source", asGiven); return v.of.Source }
func (v Pairs) Seed() int64         { v.note("seed", asGiven); return v.of.Seed }
func (v Pairs) Draw() string        { return v.text("draw", v.of.Draw, "each") }
func (v Pairs) NearHash() *int      { v.note("nearHash", asGiven); return v.of.NearHash }
func (v Pairs) NearCosine() float64 { v.note("nearCosine", asGiven); return v.of.NearCosine }
func (v Pairs) Collisions() string  { return v.text("collisions", v.of.Collisions, "keep") }
func (v Pairs) Leaks() string       { return v.text("leaks", v.of.Leaks, "keep") }
func (v Pairs) LeakHash() *int      { v.note("leakHash", asGiven); return v.of.LeakHash }
func (v Pairs) LeakCosine() float64 { v.note("leakCosine", asGiven); return v.of.LeakCosine }

// Tune is that of package spec, whose readers are noted.
type Tune struct {
	at
	of *spec.Tune
}

func (v Tune) Mode() string          { v.note("mode", asGiven); return v.of.Mode }
func (v Tune) Gamma() spec.Gamma     { v.note("gamma", asGiven); return v.of.Gamma }
func (v Tune) PositivesFrom() string { v.note("positivesFrom", asGiven); return v.of.PositivesFrom }
func (v Tune) Steps() int            { v.note("steps", asGiven); return v.of.Steps }
func (v Tune) Batch() int            { v.note("batch", asGiven); return v.of.Batch }
func (v Tune) LR() float64           { v.note("lr", asGiven); return v.of.LR }
func (v Tune) Warmup() int           { v.note("warmup", asGiven); return v.of.Warmup }
func (v Tune) WeightDecay() float64  { v.note("weightDecay", asGiven); return v.of.WeightDecay }
func (v Tune) GradClip() float64     { v.note("gradClip", asGiven); return v.of.GradClip }
func (v Tune) GatedDepth() int       { v.note("gatedDepth", asGiven); return v.of.GatedDepth }
func (v Tune) AlphaLRScale() float64 { v.note("alphaLRScale", asGiven); return v.of.AlphaLRScale }
func (v Tune) Precision() string     { v.note("precision", asGiven); return v.of.Precision }
func (v Tune) Augment() spec.Augment { return *v.augment("augment", &v.of.Augment, "off") }
func (v Tune) Captions() string      { return v.text("captions", v.of.Captions, "all") }
func (v Tune) Objective() string     { return v.text("objective", v.of.Objective, "contrastive") }
func (v Tune) After() string         { v.note("after", asGiven); return v.of.After }
func (v Tune) Threshold() float64    { v.note("threshold", asGiven); return v.of.Threshold }
func (v Tune) PerClass() int         { v.note("perClass", asGiven); return v.of.PerClass }
func (v Tune) Soft() bool            { v.note("soft", asGiven); return v.of.Soft }
func (v Tune) Temperature() float64  { v.note("temperature", asGiven); return v.of.Temperature }
func (v Tune) Labelled() string      { v.note("labelled", asGiven); return v.of.Labelled }
func (v Tune) Benchmark() string     { v.note("benchmark", asGiven); return v.of.Benchmark }
func (v Tune) Shots() int            { v.note("shots", asGiven); return v.of.Shots }
func (v Tune) Context() int          { v.note("context", asGiven); return v.of.Context }
func (v Tune) Contexts() string      { v.note("contexts", asGiven); return v.of.Contexts }
func (v Tune) Position() string      { v.note("position", asGiven); return v.of.Position }
func (v Tune) ContextInit() string   { v.note("contextInit", asGiven); return v.of.ContextInit }
func (v Tune) Ending() string        { return v.text("ending", v.of.Ending, "stop") }

// Evaluate is that of package spec, whose readers are noted.
type Evaluate struct {
	at
	of *spec.Evaluate
}

func (v Evaluate) Kind() string        { v.note("kind", asGiven); return v.of.Kind }
func (v Evaluate) Dataset() string     { v.note("dataset", asGiven); return v.of.Dataset }
func (v Evaluate) Prompts() []string   { v.note("prompts", asGiven); return v.of.Prompts }
func (v Evaluate) Train() string       { v.note("train", asGiven); return v.of.Train }
func (v Evaluate) TrainList() string   { v.note("trainList", asGiven); return v.of.TrainList }
func (v Evaluate) Method() string      { v.note("method", asGiven); return v.of.Method }
func (v Evaluate) Init() string        { v.note("init", asGiven); return v.of.Init }
func (v Evaluate) Shots() int          { v.note("shots", asGiven); return v.of.Shots }
func (v Evaluate) Samples() int        { v.note("samples", asGiven); return v.of.Samples }
func (v Evaluate) Best() string        { v.note("best", asGiven); return v.of.Best }
func (v Evaluate) Benchmark() string   { v.note("benchmark", asGiven); return v.of.Benchmark }
func (v Evaluate) PromptsFile() string { v.note("promptsFile", asGiven); return v.of.PromptsFile }
func (v Evaluate) Of() []string        { v.note("of", unordered); return v.of.Of }
func (v Evaluate) Knowledge() []string { v.note("knowledge", asGiven); return v.of.Knowledge }
func (v Evaluate) WordNet() string     { v.note("wordnet", asGiven); return v.of.WordNet }
func (v Evaluate) Wiktionary() string  { v.note("wiktionary", asGiven); return v.of.Wiktionary }
func (v Evaluate) Protocol() string    { v.note("protocol", asGiven); return v.of.Protocol }
func (v Evaluate) Truncate() string    { return v.text("truncate", v.of.Truncate, "keep-eot") }
func (v Evaluate) Training() (Training, bool) {
	v.note("training", asGiven)
	return Training{v.in("training"), v.of.Training}, v.of.Training != nil
}
func (v Evaluate) Scores() bool         { v.note("scores", asGiven); return v.of.Scores }
func (v Evaluate) MaxBadShare() float64 { v.note("maxBadShare", asGiven); return v.of.MaxBadShare }
func (v Evaluate) Images() string       { v.note("images", asGiven); return v.of.Images }
func (v Evaluate) Proposals() string    { v.note("proposals", asGiven); return v.of.Proposals }
func (v Evaluate) Objectness() string   { v.note("objectness", asGiven); return v.of.Objectness }
func (v Evaluate) Features() string     { v.note("features", asGiven); return v.of.Features }
func (v Evaluate) Side() []int          { v.note("side", asGiven); return v.of.Side }
func (v Evaluate) Margin() float64      { v.note("margin", asGiven); return v.of.Margin }
func (v Evaluate) Stride() int          { v.note("stride", asGiven); return v.of.Stride }
func (v Evaluate) Regions() int         { v.note("regions", asGiven); return v.of.Regions }
func (v Evaluate) Temperature() float64 { v.note("temperature", asGiven); return v.of.Temperature }
func (v Evaluate) NMS() float64         { v.note("nms", asGiven); return v.of.NMS }
func (v Evaluate) SoftNMS() float64     { v.note("softNMS", asGiven); return v.of.SoftNMS }
func (v Evaluate) MinScore() float64    { v.note("minScore", asGiven); return v.of.MinScore }
func (v Evaluate) Top() int             { v.note("top", asGiven); return v.of.Top }
func (v Evaluate) PromptDenoising() float64 {
	v.note("promptDenoising", asGiven)
	return v.of.PromptDenoising
}
func (v Evaluate) KeySmoothing() float64 { v.note("keySmoothing", asGiven); return v.of.KeySmoothing }
func (v Evaluate) Keys() string          { v.note("keys", asGiven); return v.of.Keys }

// Training is that of package spec, whose readers are noted.
type Training struct {
	at
	of *spec.Training
}

func (v Training) Optimizer() string      { v.note("optimizer", asGiven); return v.of.Optimizer }
func (v Training) LR() []float64          { v.note("lr", asGiven); return v.of.LR }
func (v Training) WeightDecay() []float64 { v.note("weightDecay", asGiven); return v.of.WeightDecay }
func (v Training) Epochs() int            { v.note("epochs", asGiven); return v.of.Epochs }
func (v Training) SearchEpochs() int      { v.note("searchEpochs", asGiven); return v.of.SearchEpochs }
func (v Training) Batch() int             { v.note("batch", asGiven); return v.of.Batch }
func (v Training) Warmup() float64        { v.note("warmup", asGiven); return v.of.Warmup }
func (v Training) TowerLRScale() float64  { v.note("towerLRScale", asGiven); return v.of.TowerLRScale }
func (v Training) Normalization() string  { v.note("normalization", asGiven); return v.of.Normalization }
func (v Training) GradClip() float64      { v.note("gradClip", asGiven); return v.of.GradClip }
func (v Training) Precision() string      { v.note("precision", asGiven); return v.of.Precision }
func (v Training) Augment() *spec.Augment { return v.augment("augment", v.of.Augment, "off") }
