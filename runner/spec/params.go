package spec

// Params are the values of one trial: every section of the spec with its defaults filled in. JSON
// field names are the spec's own, so that a path such as "tune.gamma" names the same value in the
// file, in a table and here.
type Params struct {
	Pool     map[string]Pool     `json:"pool"`
	Backbone Backbone            `json:"backbone"`
	Task     Task                `json:"task"`
	Index    Index               `json:"index"`
	Retrieve Retrieve            `json:"retrieve"`
	Pairs    Pairs               `json:"pairs"`
	Tune     Tune                `json:"tune"`
	Evaluate map[string]Evaluate `json:"evaluate"`
}

// Pool is a corpus to retrieve from: a procedural world, LAION metadata with webdataset shards, or
// a clip-retrieval folder of embeddings.
type Pool struct {
	World  *World `json:"world,omitempty"`
	LAION  string `json:"laion,omitempty"`  // glob of parquet files
	Shards string `json:"shards,omitempty"` // glob of webdataset tars, img2dataset layout
	// clip-retrieval folder made with the same backbone
	Embeddings string `json:"embeddings,omitempty"`
	// rows that may be unreadable before a stage fails
	MaxBad int `json:"maxBad"`

	// of the rows that were downloaded: those that may have no image or caption that can be used
	MaxBadShare float64 `json:"maxBadShare"`

	Filter *Filter `json:"filter,omitempty"`
	Rows   int     `json:"rows,omitempty"` // expected, for estimates without the files
}

// Filter drops rows of a pool, field for field as data/pool has it; lists are globs.
type Filter struct {
	MinSimilarity *float64 `json:"minSimilarity,omitempty"`
	MaxSimilarity *float64 `json:"maxSimilarity,omitempty"`
	MinSide       int      `json:"minSide,omitempty"`
	MaxAspect     float64  `json:"maxAspect,omitempty"`
	NSFW          []string `json:"nsfw,omitempty"`
	MaxUnsafe     *float64 `json:"maxPunsafe,omitempty"`
	MaxWatermark  *float64 `json:"maxPwatermark,omitempty"`
	MinAesthetic  *float64 `json:"minAesthetic,omitempty"`
	Language      []string `json:"language,omitempty"`
	License       []string `json:"license,omitempty"`
	MinWords      int      `json:"minWords,omitempty"`
	MinChars      int      `json:"minChars,omitempty"`
	MaxChars      int      `json:"maxChars,omitempty"`
	Fraction      float64  `json:"fraction,omitempty"`
	Seed          int64    `json:"seed,omitempty"`
	Blocklist     []string `json:"blocklist,omitempty"` // globs of lists of row hashes
	Within        []string `json:"within,omitempty"`    // folders of manifests
	Unknown       string   `json:"unknown,omitempty"`   // drop, keep
}

// World holds the parameters of the procedural pool, field for field those of data/world.
type World struct {
	Seed         uint64  `json:"seed"`         // of everything but the classes
	Rows         int     `json:"rows"`         // of the pool
	Classes      int     `json:"classes"`      // of the task
	TestPerClass int     `json:"testPerClass"` // images per class in each evaluation set
	Named        float64 `json:"named"`        // share of rows that show a kind of the task
	Irrelevant   float64 `json:"irrelevant"`   // share of rows without any object
	// share of rows that repeat an earlier image, exactly or nearly
	Duplicates float64 `json:"duplicates"`
	Wrong      float64 `json:"wrong"` // share of captions that describe another picture
	Vague      float64 `json:"vague"` // share of captions that are vague, partial or noisy
	Photo      float64 `json:"photo"` // share of rows in the style of the task's set
	Size       int     `json:"size"`  // pixels
	Scenes     int     `json:"scenes,omitempty"`
}

// Backbone names an architecture and says where its weights come from: a checkpoint folder, or
// pretraining on a pool.
type Backbone struct {
	Arch     string    `json:"arch,omitempty"`
	Weights  string    `json:"weights,omitempty"`
	Pretrain *Pretrain `json:"pretrain,omitempty"`
	// side in pixels that the base is resized to; 0 keeps its own
	ImageSize int    `json:"imageSize,omitempty"`
	Precision string `json:"precision,omitempty"` // of embedding: f32, bf16; "" is f32
}

// Pretrain is plain InfoNCE training from random weights.
type Pretrain struct {
	Pool        string     `json:"pool"`
	Steps       int        `json:"steps"`
	Checkpoint  Checkpoint `json:"checkpoint,omitzero"`
	Batch       int        `json:"batch"`
	LR          float64    `json:"lr"` // peak
	Warmup      int        `json:"warmup"`
	WeightDecay float64    `json:"weightDecay"`
	GradClip    float64    `json:"gradClip"` // global gradient norm; 0 is off
	Vocab       int        `json:"vocab"`    // tokens of the BPE tokenizer trained on the pool
	Seed        int64      `json:"seed"`
	Precision   string     `json:"precision"`
	Augment     Augment    `json:"augment"`
}

// Checkpoint says which checkpoints of pretraining are kept, and which one serves.
type Checkpoint struct {
	Every int `json:"every,omitempty"` // steps between kept checkpoints; 0 keeps the last only
	Step  int `json:"step,omitempty"`  // of the checkpoint that serves; 0 is the last
}

// Augment is the training augmentation of images.
type Augment struct {
	Crop  [2]float64 `json:"crop"`  // area range of the random resized crop
	Ratio [2]float64 `json:"ratio"` // aspect range
	Flip  float64    `json:"flip"`  // probability of a horizontal flip
	Color float64    `json:"color"` // strength of brightness, contrast and saturation jitter

	RandAugment string  `json:"randAugment,omitempty"` // timm's notation; "off" or empty is none
	Erasing     float64 `json:"erasing,omitempty"`     // probability of random erasing
}

// Task gives the class names and the prompt templates that make the queries.
type Task struct {
	Classes string   `json:"classes"` // a file (.json, .txt), or "pool:NAME/SET"
	Prompts []string `json:"prompts"` // each with one {}

	Synonyms string `json:"synonyms,omitempty"` // a file: class → other names
}

// Index is the kind and the parameters of the FAISS index.
type Index struct {
	Kind           string `json:"kind"` // flat, hnsw, ivf-flat
	M              int    `json:"m"`
	EfConstruction int    `json:"efConstruction"`
	EfSearch       int    `json:"efSearch"`
	NList          int    `json:"nlist"`
	NProbe         int    `json:"nprobe"`
	TrainSize      int    `json:"trainSize"`
	Seed           int64  `json:"seed"`

	Code      int     `json:"code,omitempty"`      // ivf-pq, opq-ivf-pq: bytes a row
	Factory   string  `json:"factory,omitempty"`   // factory: FAISS's name
	MemoryGiB float64 `json:"memoryGiB,omitempty"` // auto
	ShardRows int64   `json:"shardRows,omitempty"` // rows of a shard; 0 is one index of all
	Recall    float64 `json:"recall,omitempty"`    // target of tuning; 0 is none
}

// Retrieve says from which pool, by which modalities and how many rows for each query.
type Retrieve struct {
	Pool string   `json:"pool"`
	By   []string `json:"by"` // t2t, t2i, text-match
	K    int      `json:"k"`
	// "prompt": K for each (class, prompt, modality); "class": K for each (class, modality)
	Per string `json:"per"`
	// search depth is K times this, so that dropped duplicates can be refilled
	Overfetch int `json:"overfetch"`

	Fuse    string   `json:"fuse,omitempty"`    // union, sum, rrf; "" is union
	Weight  *float64 `json:"weight,omitempty"`  // sum: of T2T; nil is half
	Prompts string   `json:"prompts,omitempty"` // union, mean; "" is union
	MinT2T  *float64 `json:"minT2T,omitempty"`  // least score of a hit
	MinT2I  *float64 `json:"minT2I,omitempty"`  //
	Budget  int      `json:"budget,omitempty"`  // most pairs; 0 is no bound
}

// Pairs says how hits become training pairs.
type Pairs struct {
	Dedup  bool   `json:"dedup"`
	Source string `json:"source"` // retrieved, random, caption-match, pool, oracle
	Seed   int64  `json:"seed"`   // of the draws of random, caption-match and oracle

	Draw string `json:"draw,omitempty"` // each, one: whether each seed draws; "" is each

	NearHash   *int    `json:"nearHash,omitempty"`   // bits; nil: hashes are not compared
	NearCosine float64 `json:"nearCosine,omitempty"` // 0: embeddings are not compared
	Collisions string  `json:"collisions,omitempty"` // keep, best, first, drop; "" is keep
	Leaks      string  `json:"leaks,omitempty"`      // keep, drop; "" is keep
	LeakHash   *int    `json:"leakHash,omitempty"`   // bits
	LeakCosine float64 `json:"leakCosine,omitempty"` //
}

// Tune is the customization of the backbone on the pairs (REACT eq. 4-6).
type Tune struct {
	// none, full, locked-image, locked-text, gated-image
	Mode          string  `json:"mode"`
	Gamma         Gamma   `json:"gamma"`         // "off" or a cosine similarity
	PositivesFrom string  `json:"positivesFrom"` // current, base
	Steps         int     `json:"steps"`
	Batch         int     `json:"batch"`
	LR            float64 `json:"lr"` // peak; the default depends on the mode
	Warmup        int     `json:"warmup"`
	WeightDecay   float64 `json:"weightDecay"`
	GradClip      float64 `json:"gradClip"`
	GatedDepth    int     `json:"gatedDepth"`   // gated blocks before the last k vision blocks
	AlphaLRScale  float64 `json:"alphaLRScale"` // multiplier on lr for the gates' alpha
	Precision     string  `json:"precision"`
	Augment       Augment `json:"augment"`

	Captions string `json:"captions,omitempty"` // all, one; "" is all
	// contrastive, self-training, retrieved-class; "" is contrastive
	Objective string `json:"objective,omitempty"`
	After     string `json:"after,omitempty"` // an objective that goes before; "" is none
	// self-training: least probability of a label
	Threshold float64 `json:"threshold,omitempty"`
	// self-training: surest pairs of each class; 0 is all
	PerClass    int     `json:"perClass,omitempty"`
	Soft        bool    `json:"soft,omitempty"`        // self-training: probabilities as targets
	Temperature float64 `json:"temperature,omitempty"` // self-training; 0 is 1
	Rounds      int     `json:"rounds,omitempty"`      // self-training; 0 is 1
	Labelled    string  `json:"labelled,omitempty"`    // prompt: a folder, or "pool:NAME/SET"
	Benchmark   string  `json:"benchmark,omitempty"`   // prompt: entry of the catalogue
	Shots       int     `json:"shots,omitempty"`       // prompt: 0 is all
	Context     int     `json:"context,omitempty"`     // prompt: vectors
	Contexts    string  `json:"contexts,omitempty"`    // prompt: shared, class, image
	Position    string  `json:"position,omitempty"`    // prompt: end, middle, front
	ContextInit string  `json:"contextInit,omitempty"` // prompt: words
	Ending      string  `json:"ending,omitempty"`      // prompt: stop, none; "" is stop
}

// Training is how an evaluation of kind finetune trains.
type Training struct {
	Optimizer     string    `json:"optimizer"` // sgd, adamw
	LR            []float64 `json:"lr"`
	WeightDecay   []float64 `json:"weightDecay,omitempty"` // none: ELEVATER's search
	Epochs        int       `json:"epochs"`
	SearchEpochs  int       `json:"searchEpochs"`
	Batch         int       `json:"batch"`
	Warmup        float64   `json:"warmup"` // epochs
	TowerLRScale  float64   `json:"towerLRScale"`
	Normalization string    `json:"normalization"` // batch, length, none
	GradClip      float64   `json:"gradClip"`
	Precision     string    `json:"precision"`
	Augment       *Augment  `json:"augment,omitempty"` // nil: none
}

// Evaluate is one named evaluation.
type Evaluate struct {
	Kind    string   `json:"kind"`              // one of results/evaluation
	Dataset string   `json:"dataset,omitempty"` // a folder or file, or "pool:NAME/SET"; none of kind mean
	Prompts []string `json:"prompts"`           // default: the benchmark's, else the task's

	// probe, finetune: training images; "" is the dataset's train split
	Train string `json:"train,omitempty"`
	// probe, finetune: file of names of the training images that are used
	TrainList string `json:"trainList,omitempty"`
	Method    string `json:"method,omitempty"` // probe: sgd, logistic, prototypes
	Init      string `json:"init,omitempty"`   // probe, finetune: language, random
	Shots     int    `json:"shots,omitempty"`  // probe, finetune: 0 is all
	// probe, finetune: draws of the shots; 0: one, of the trial's seed
	Samples int    `json:"samples,omitempty"`
	Best    string `json:"best,omitempty"` // probe, finetune: last, test

	Benchmark   string `json:"benchmark,omitempty"`   // entry of the catalogue
	PromptsFile string `json:"promptsFile,omitempty"` // JSON: class → prompts

	Of []string `json:"of,omitempty"` // mean: names of evaluations

	Knowledge  []string `json:"knowledge,omitempty"`  // wordnet, wordnet-path, wiktionary
	WordNet    string   `json:"wordnet,omitempty"`    // folder
	Wiktionary string   `json:"wiktionary,omitempty"` // file

	// openai, elevater, clip_benchmark; "" for a set that is none of the catalogue: version 1's
	// rows
	Protocol string `json:"protocol,omitempty"`

	// keep-eot, elevater-compat, error; "" is keep-eot
	Truncate string    `json:"truncate,omitempty"`
	Training *Training `json:"training,omitempty"` // finetune
	Scores   bool      `json:"scores,omitempty"`   // keep the probabilities of all classes

	MaxBadShare float64 `json:"maxBadShare"` // of the images of a set that cannot be read

	Images      string  `json:"images,omitempty"`      // detection, segmentation: folder of pictures
	Proposals   string  `json:"proposals,omitempty"`   // detection: truth, grid, a file
	Objectness  string  `json:"objectness,omitempty"`  // detection: none, probability, sigmoid, raw
	Features    string  `json:"features,omitempty"`    // auto, c4, value, tokens, crop, window
	Side        []int   `json:"side,omitempty"`        // of pictures, shorter and longer
	Margin      float64 `json:"margin,omitempty"`      // detection by crops
	Stride      int     `json:"stride,omitempty"`      // of windows, pixels
	Regions     int     `json:"regions,omitempty"`     // detection: of a picture, at most
	Temperature float64 `json:"temperature,omitempty"` // detection
	NMS         float64 `json:"nms,omitempty"`         // detection: overlap
	SoftNMS     float64 `json:"softNMS,omitempty"`     // detection: width; 0 is plain NMS
	MinScore    float64 `json:"minScore,omitempty"`    // detection
	Top         int     `json:"top,omitempty"`         // detection: boxes of a picture that count

	PromptDenoising float64 `json:"promptDenoising,omitempty"` // segmentation
	KeySmoothing    float64 `json:"keySmoothing,omitempty"`    // segmentation
	Keys            string  `json:"keys,omitempty"`            // segmentation: released, paper
}
