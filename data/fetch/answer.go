package fetch

import "time"

// The states of img2dataset.
const (
	success        = "success"
	failedDownload = "failed_to_download"
	failedResize   = "failed_to_resize"
)

// answer is what became of an item: a row of the parquet file, and the .json of a
// success.
type answer struct {
	URL            string `json:"url"`
	Caption        string `json:"caption"`
	Key            string `json:"key"`
	Status         string `json:"status"`
	Error          string `json:"error_message,omitempty"`
	Width          int    `json:"width,omitempty"`
	Height         int    `json:"height,omitempty"`
	OriginalWidth  int    `json:"original_width,omitempty"`
	OriginalHeight int    `json:"original_height,omitempty"`
	EXIF           string `json:"exif,omitempty"`   // a JSON object
	SHA256         string `json:"sha256,omitempty"` // of the body as it came
	HTTP           int    `json:"http_status,omitempty"`
	Attempts       int    `json:"attempts,omitempty"`
	Temporary      bool   `json:"temporary,omitempty"`
	Fetched        int64  `json:"fetched,omitempty"` // when, Unix seconds

	asked      bool          // the origin was asked
	silent     bool          // it gave no answer
	pause      time.Duration // that it asks for
	crawlDelay time.Duration // of its robots.txt
}

// silence is the answer for what is left of an origin that gives none.
var silence = answer{Status: failedDownload, Error: "host did not answer", Temporary: true}
