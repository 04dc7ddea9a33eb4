package lost

import (
	"strings"
	"testing"
)

func TestCount(t *testing.T) {
	undecodable := Count{Of: 24}
	undecodable.Add(Undecodable, "row 0: shard a.tar: key 0: starts with \"<!DOCTY\"")
	undecodable.AddN(Undecodable, 5, "row 4")
	mixed := Count{Of: 100}
	mixed.AddN(NotDownloaded, 20, "")
	mixed.AddN(NoShard, 3, "row 7")
	mixed.AddN(NoSample, 5, "row 9")
	dead := Count{Of: 10}
	dead.AddN(NotDownloaded, 9, "")
	set := Count{What: "set birds", Of: 40}
	set.Add(NoBytes, "key 3")
	for _, tc := range []struct {
		name        string
		count       Count
		text, error string
		remark      string
	}{
		{"none", Count{Of: 7}, "nothing is lost", "", ""},
		{"one cause", undecodable, "6 of 24 images (25.0 %) do not decode",
			"6 of 24 images (25.0 %) do not decode, over maxBadShare 0.05; the first: row 0: shard a.tar: key 0: starts with \"<!DOCTY\"",
			"Warning: 6 of 24 images (25.0 %) do not decode."},
		{"several", mixed,
			"20 of 100 rows (20.0 %) were not downloaded, as their status says, 3 (3.0 %) are of a shard whose tar is not there, 5 (5.0 %) have an image that is not in the tars",
			": 8 (10.0 % of what was downloaded), over maxBadShare 0.05; the first: row 9", "Warning: "},
		{"dead links", dead, "9 of 10 rows (90.0 %) were not downloaded, as their status says", "", "9 of 10 rows (90.0 %)"},
		{"few of a set", set, "set birds: 1 of 40 images (2.5 %) have no bytes", "", "Set birds: 1 of 40 images (2.5 %) have no bytes."},
	} {
		if got := tc.count.String(); got != tc.text {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.text)
		}
		err := tc.count.Check(0.05)
		if (err != nil) != (tc.error != "") || err != nil && !strings.HasSuffix(err.Error(), tc.error) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.error)
		}
		if got := tc.count.Remark(); !strings.HasPrefix(got, tc.remark) || (got == "") != (tc.remark == "") {
			t.Errorf("%s: remark %q, want %q", tc.name, got, tc.remark)
		}
	}
	if err := undecodable.Check(0.25); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if err := undecodable.Check(0.24); err == nil {
		t.Error("over the limit: no error")
	}
}

// TestEveryCauseHasWords: a cause that is not listed would be left out of what is said.
func TestEveryCauseHasWords(t *testing.T) {
	for _, cause := range []Cause{NotDownloaded, NoCaption, NoShard, NoSample, Repeated, OtherCaption, NotThere, NoBytes, Undecodable} {
		c := Count{Of: 2}
		c.Add(cause, "")
		if !strings.HasPrefix(c.String(), "1 of 2 ") {
			t.Errorf("%s: %s", cause, &c)
		}
	}
}
