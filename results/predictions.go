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
