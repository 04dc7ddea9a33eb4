package results

// Prediction is what a trial said of one test image.
type Prediction struct {
	Key       string `json:"key"`
	Label     int    `json:"label"`     // true class
	Predicted int    `json:"predicted"` // class
	Correct   bool   `json:"correct"`   // Predicted equals Label
	Rank      int    `json:"rank"`      // of the true class, 1-based; 0: not known
}

// Query is one caption of an image-text retrieval, with the image that it is of.
type Query struct {
	Image string // key
	// rank of the caption among those that the image finds, 1-based; 0: below all that were looked
	// at
	I2T int
	T2I int // rank of the image among those that the caption finds, likewise
}

// How many ranges of areas (all, small, medium, large) and thresholds of overlap (0.5, 0.55, ...
// 0.95) a finding is judged at.
const (
	Areas      = 4
	Thresholds = 10
)

// Found is what a trial found of one category in one picture, boxes or masks, and how many objects
// of it are there. A picture without either has one row with no category.
type Found struct {
	Image    string // key
	Category string
	// of the category, where groups have figures of their own: base, novel; of LVIS r, c, f
	Group    string
	Objects  [Areas]int // that count, in each range of areas
	Findings []Finding  // scores downwards
}

// Finding is a box or mask with its score. A bit for each range of areas and threshold (Bit) says
// whether it hits an object, or is neutral: neither right nor wrong.
type Finding struct {
	Score         float64
	Hits, Neutral uint64
}

// Bit is the one of a range of areas and a threshold.
func Bit(area, threshold int) uint64 { return 1 << (area*Thresholds + threshold) }

// Pixels is what a trial made of one class in one picture, in pixels; those without a true class
// are left out of all. A picture without any has one row with no class.
type Pixels struct {
	Image                 string // key
	Class                 string
	Right, Predicted, All int // both said and true; said; true
}
